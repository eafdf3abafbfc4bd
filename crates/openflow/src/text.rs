//! `ovs-ofctl` syntax in both directions.

mod flags;
pub(crate) mod print;
mod protocol;
mod value;
