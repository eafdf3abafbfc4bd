//! Random flow tables and packets, and a real switch to ask about them.

mod answer;
mod fields;
mod flows;
mod frames;
mod rng;

pub(crate) use answer::{Answer, describe};
pub(crate) use fields::{PORTS, random_key, stated};
pub(crate) use flows::FlowSet;
pub(crate) use frames::frame_of;
pub(crate) use rng::Rng;
