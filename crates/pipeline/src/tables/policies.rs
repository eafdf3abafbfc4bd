//! The tables of policies: what guests send and are sent is limited, counted and marked.

use openflow::Field;

use super::{DEPARTURE, PORT_SECURITY};
use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// Owner of the tables of policies for rates and marks.
pub const QOS_OWNER: AppId = AppId { number: 20, name: "qos" };

/// How much a guest may send.
pub static EGRESS_RATE: TableSpec = TableSpec {
    id: 4,
    name: "egress rate",
    owner: QOS_OWNER,
    purpose: "limits the bandwidth that a guest sends with",
    matches: &[],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&EGRESS_MARKS, &PORT_SECURITY],
    again: &[],
    may_output: false,
    miss: Miss::Goto(&PORT_SECURITY),
};

/// How many packets a guest may send, and what they are marked with.
pub static EGRESS_MARKS: TableSpec = TableSpec {
    id: 6,
    name: "egress marks",
    owner: QOS_OWNER,
    purpose: "limits how many packets a guest sends, and gives them its code point",
    matches: &[Field::EthType],
    reads: &[&regs::INGRESS_PORT],
    sets: &[Field::IpDscp],
    writes: &[],
    next: &[&PORT_SECURITY],
    again: &[],
    may_output: false,
    miss: Miss::Goto(&PORT_SECURITY),
};

/// How much a guest may be sent.
pub static INGRESS_RATE: TableSpec = TableSpec {
    id: 122,
    name: "ingress rate",
    owner: QOS_OWNER,
    purpose: "limits the bandwidth that a guest is sent with",
    matches: &[],
    reads: &[&regs::EGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&INGRESS_PACKETS, &DEPARTURE],
    again: &[],
    may_output: false,
    miss: Miss::Goto(&DEPARTURE),
};

/// How many packets a guest may be sent.
pub static INGRESS_PACKETS: TableSpec = TableSpec {
    id: 124,
    name: "ingress packets",
    owner: QOS_OWNER,
    purpose: "limits how many packets a guest is sent",
    matches: &[],
    reads: &[&regs::EGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&DEPARTURE],
    again: &[],
    may_output: false,
    miss: Miss::Goto(&DEPARTURE),
};
