//! Questions for names.

use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// Owner of [`DNS`].
pub const DNS_OWNER: AppId = AppId { number: 41, name: "dns" };

/// What guests ask name servers.
pub static DNS: TableSpec = TableSpec {
    id: 86,
    name: "dns",
    owner: DNS_OWNER,
    purpose: "sends what guests ask name servers to their controller, at a limited rate, where ports of the network have names",
    matches: &[],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};
