//! Every option, declared once. See [`crate::table`] for what a declaration says.
//!
//! The table knows each option that any release of the original had, under each name that it had there, and the few options of
//! OpenStack services that belong to what we do in their stead.

mod apps;
mod chassis;
mod openstack;
mod server;

pub use apps::{
    DfActivePortDetection, DfBgp, DfDhcpApp, DfDnatApp, DfL2App, DfL3App, DfLoadbalancer, DfMetadata,
    DfProviderNetworks, DfSnatApp,
};
pub use chassis::{Df, DfOpenFlow, DfRedis, DfZmq};
pub(crate) use openstack::Profiler;
pub use openstack::{
    Agent, DefaultSection, KeystoneAuthtoken, Ml2, Ml2TypeFlat, Ml2TypeGeneve, Ml2TypeGre, Ml2TypeVlan,
    Ml2TypeVxlan, Ovs, Quotas,
};
pub use server::{DfApi, DfStore};
pub(crate) use server::{DfCassandra, DfRethinkdb, DfSkydive};
