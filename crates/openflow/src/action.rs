//! The table of the actions, and what an action is.
//!
//! # Guarantees
//! - Each value has one encoding, and it is the one that Open vSwitch uses for OpenFlow 1.3 when it dumps the action;
//!   so equal lists of actions are equal bytes, on either side of the connection.
//! - An action that the table does not know is kept as its bytes ([`Action::Unknown`]), so a dump never fails.
//! - Actions nest (`ct`, `clone`) at most [`crate::wire::NESTED_ACTIONS_DEPTH_MAX`] deep when they come from outside.

mod decode;
mod encode;
mod learn;
mod nat;
#[cfg(test)]
mod tests;

use std::fmt;

use net_types::OfPort;

pub use decode::decode_list;
pub(crate) use decode::read_property;
pub use encode::encode_list;
pub(crate) use encode::{NICIRA, property, property_u16};
pub use learn::{Learn, LearnDst, LearnFlags, LearnSpec, LearnSrc};
pub use nat::{Nat, NatAddrs, NatKind, NatMode};

use crate::field::{Field, FieldValue, Subfield};

/// Bytes of a packet that go to the controller when all of it should.
pub const MAX_LEN_ALL: u16 = 0xffff;

/// How an action is told from others on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A type of the OpenFlow 1.3 specification.
    Standard(u16),
    /// A subtype of the Nicira experimenter.
    Nicira(u16),
}

/// One row of the action table.
#[derive(Debug)]
pub struct ActionDef {
    /// The kind of action.
    pub kind: Kind,
    /// Name in `ovs-ofctl` text.
    pub name: &'static str,
    /// Code on the wire.
    pub code: Code,
}

macro_rules! actions {
    ($($(#[$doc:meta])+ $kind:ident $name:literal $space:ident $number:literal,)+) => {
        /// The kinds of action that the table knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])+ $kind,)+
        }

        /// Every row of the action table.
        pub static ACTIONS: &[ActionDef] = &[
            $(ActionDef { kind: Kind::$kind, name: $name, code: Code::$space($number) },)+
        ];
    };
}

actions! {
    /// Sends the packet out of a port.
    Output "output" Standard 0,
    /// Sets the TTL of the outermost MPLS label.
    SetMplsTtl "set_mpls_ttl" Standard 15,
    /// Decrements the TTL of the outermost MPLS label.
    DecMplsTtl "dec_mpls_ttl" Standard 16,
    /// Pushes a VLAN tag.
    PushVlan "push_vlan" Standard 17,
    /// Removes the outermost VLAN tag.
    PopVlan "pop_vlan" Standard 18,
    /// Pushes an MPLS label.
    PushMpls "push_mpls" Standard 19,
    /// Removes the outermost MPLS label.
    PopMpls "pop_mpls" Standard 20,
    /// Chooses the queue for later outputs.
    SetQueue "set_queue" Standard 21,
    /// Hands the packet to a group.
    Group "group" Standard 22,
    /// Sets the IP TTL.
    SetTtl "mod_nw_ttl" Standard 23,
    /// Decrements the IP TTL; a packet whose TTL runs out goes to the controller.
    DecTtl "dec_ttl" Standard 24,
    /// Writes a whole field.
    SetField "set_field" Standard 25,
    /// Continues in the same table as if the packet had come from another port.
    Resubmit "resubmit" Nicira 1,
    /// Ends the effect of `set_queue`.
    PopQueue "pop_queue" Nicira 5,
    /// Copies bits between fields.
    Move "move" Nicira 6,
    /// Writes bits of a field.
    Load "load" Nicira 7,
    /// Carries bytes for readers of the flow table.
    Note "note" Nicira 8,
    /// Continues in another table, then comes back.
    ResubmitTable "resubmit" Nicira 14,
    /// Sends the packet out of the port that a field names.
    OutputReg "output" Nicira 15,
    /// Adds a flow made from the packet.
    Learn "learn" Nicira 16,
    /// Stops processing.
    Exit "exit" Nicira 17,
    /// Shortens the flow's timeouts when a TCP connection closes.
    FinTimeout "fin_timeout" Nicira 19,
    /// Sends the packet to a certain controller, giving a reason.
    Controller "controller" Nicira 20,
    /// Decrements the IP TTL; names the controllers that hear of a TTL that runs out.
    DecTtlIds "dec_ttl" Nicira 21,
    /// Pushes bits of a field on the stack.
    StackPush "push" Nicira 27,
    /// Pops bits of a field from the stack.
    StackPop "pop" Nicira 28,
    /// `output` of a register, for fields with an experimenter header.
    OutputReg2 "output" Nicira 32,
    /// Writes bits of a field, for fields that `load` cannot name.
    Load2 "set_field" Nicira 33,
    /// Contributes one dimension to a conjunctive match.
    Conjunction "conjunction" Nicira 34,
    /// Sends the packet through the connection tracker.
    Ct "ct" Nicira 35,
    /// Translates addresses; only inside `ct`.
    Nat "nat" Nicira 36,
    /// Sends the packet to the controller with user data, or pauses it there.
    Controller2 "controller" Nicira 37,
    /// Sends only the start of the packet out of a port.
    OutputTrunc "output" Nicira 39,
    /// Runs actions on a copy of the packet.
    Clone "clone" Nicira 42,
    /// Forgets the packet's connection-tracking state.
    CtClear "ct_clear" Nicira 43,
    /// `resubmit` that looks flows up by the original direction's tuple.
    ResubmitTableCt "resubmit" Nicira 44,
    /// `learn` with a limit on the number of flows.
    Learn2 "learn" Nicira 45,
    /// Says whether the packet is larger than a length.
    CheckPktLarger "check_pkt_larger" Nicira 49,
    /// Removes a Geneve option.
    DeleteField "delete_field" Nicira 50,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `output`, with the bytes that a controller gets of the packet.
    Output {
        /// Where to.
        port: OfPort,
        /// Bytes for a controller; irrelevant for other ports.
        max_len: u16,
    },
    /// `output:reg0[0..15]`.
    OutputReg {
        /// Holds the port number.
        src: Subfield,
        /// Bytes for a controller.
        max_len: u16,
    },
    /// `output(port=1,max_len=100)`.
    OutputTrunc {
        /// Where to.
        port: OfPort,
        /// Bytes that go out.
        max_len: u32,
    },
    /// `controller(...)` in either of its forms.
    Controller(Controller),
    /// `group:1`.
    Group(u32),
    /// `set_queue:1`.
    SetQueue(u32),
    /// `pop_queue`.
    PopQueue,
    /// `set_field:1->reg0`, always of the whole field. A masked one is [`Action::Load`] on an OpenFlow 1.3 wire.
    SetField {
        /// The field.
        field: Field,
        /// Its new value.
        value: u128,
    },
    /// `load:1->NXM_NX_REG0[0..3]`.
    Load {
        /// The bits that are written; at most 64 of them.
        dst: Subfield,
        /// Their new value.
        value: u64,
    },
    /// `set_field:1/3->nd_reserved`, where [`Action::Load`] cannot name the field.
    Load2 {
        /// The field.
        field: Field,
        /// Its new value.
        value: u128,
        /// The bits that are written.
        mask: u128,
    },
    /// `move:src->dst`.
    Move {
        /// The bits that are copied.
        src: Subfield,
        /// Where they go; as many.
        dst: Subfield,
    },
    /// `push:field`.
    StackPush(Subfield),
    /// `pop:field`.
    StackPop(Subfield),
    /// `resubmit(port,table)`.
    Resubmit(Resubmit),
    /// `ct(...)`.
    Ct(Ct),
    /// `nat(...)`, inside `ct`.
    Nat(Nat),
    /// `ct_clear`.
    CtClear,
    /// `learn(...)`.
    Learn(Box<Learn>),
    /// `conjunction(id,clause/n_clauses)`.
    Conjunction {
        /// The conjunctive match.
        id: u32,
        /// Which dimension this flow satisfies, from 1.
        clause: u8,
        /// Number of dimensions, 2 to 64.
        n_clauses: u8,
    },
    /// `note:00.01`.
    Note(Vec<u8>),
    /// `mod_nw_ttl:64`.
    SetTtl(u8),
    /// `dec_ttl`.
    DecTtl,
    /// `dec_ttl(id1,id2)`.
    DecTtlIds(Vec<u16>),
    /// `set_mpls_ttl`.
    SetMplsTtl(u8),
    /// `dec_mpls_ttl`.
    DecMplsTtl,
    /// `push_vlan:0x8100`.
    PushVlan(u16),
    /// `pop_vlan`.
    PopVlan,
    /// `push_mpls:0x8847`.
    PushMpls(u16),
    /// `pop_mpls:0x0800`.
    PopMpls(u16),
    /// `check_pkt_larger(1500)->reg0[0]`.
    CheckPktLarger {
        /// Length of the frame without its FCS.
        len: u16,
        /// One bit that says the result.
        dst: Subfield,
    },
    /// `clone(...)`.
    Clone(Vec<Action>),
    /// `exit`.
    Exit,
    /// `fin_timeout(idle_timeout=1,hard_timeout=2)`.
    FinTimeout {
        /// New idle timeout in seconds, unless zero.
        idle_s: u16,
        /// New hard timeout in seconds, unless zero.
        hard_s: u16,
    },
    /// `delete_field:tun_metadata0`.
    DeleteField(Field),
    /// An action that the table does not know: all its bytes, header included.
    Unknown(Vec<u8>),
}

/// `controller(...)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Controller {
    /// Bytes of the packet that the controller gets.
    pub max_len: u16,
    /// Which controller, by the id that it chose; 0 is the default.
    pub id: u16,
    /// Reason that the packet-in gives.
    pub reason: u8,
    /// Bytes that the packet-in repeats.
    pub userdata: Vec<u8>,
    /// Whether the packet waits for the controller to resume it.
    pub pause: bool,
    /// Meter that limits these packets.
    pub meter: Option<u32>,
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            max_len: MAX_LEN_ALL,
            id: 0,
            reason: REASON_ACTION,
            userdata: vec![],
            pause: false,
            meter: None,
        }
    }
}

/// Packet-in reason "an action sent it".
pub const REASON_ACTION: u8 = 1;

/// `resubmit(...)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resubmit {
    /// Input port during the look-up; nothing keeps the present one.
    pub in_port: Option<OfPort>,
    /// Table; nothing stays in the present one.
    pub table: Option<u8>,
    /// Whether the look-up sees the tuple of the connection's original direction.
    pub ct: bool,
}

/// `ct(...)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ct {
    /// Remember the connection.
    pub commit: bool,
    /// Replace a connection that is remembered in the other direction.
    pub force: bool,
    /// Where it is tracked.
    pub zone: Zone,
    /// Table in which the tracked packet goes on.
    pub table: Option<u8>,
    /// Port of the protocol helper, 0 for none.
    pub alg: u16,
    /// `nat` first, then what is written to mark and label.
    pub actions: Vec<Action>,
}

/// Conntrack zone of a `ct` action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// A number.
    Imm(u16),
    /// Sixteen bits of a field.
    From(Subfield),
}

impl Default for Zone {
    fn default() -> Self {
        Self::Imm(0)
    }
}

impl Action {
    /// `output:port`, all of the packet.
    pub fn output(port: OfPort) -> Self {
        Self::Output { port, max_len: if port == OfPort::CONTROLLER { MAX_LEN_ALL } else { 0 } }
    }

    /// Writes a whole field.
    pub fn set(field: Field, value: impl FieldValue) -> Self {
        Self::SetField { field, value: value.into_bits() & field.full_mask() }
    }

    /// Writes some bits of a field.
    ///
    /// The bits of `value` beyond those of `dst` do not count, nor do bits of `dst` beyond 64: nothing that is loaded
    /// by number is wider. A tunnel option, whose length a `load` cannot say, gets the form in which Open vSwitch dumps it.
    pub fn load(dst: Subfield, value: u64) -> Self {
        let dst = Subfield { n_bits: dst.n_bits.min(64), ..dst };
        let value = value & (u64::MAX >> (64 - dst.n_bits));
        match dst.field.is_tun_metadata() {
            true => Self::Load2 { field: dst.field, value: u128::from(value) << dst.ofs, mask: dst.mask() },
            false => Self::Load { dst, value },
        }
    }

    /// Copies a field or a part of one.
    pub fn copy(src: impl Into<Subfield>, dst: impl Into<Subfield>) -> Self {
        Self::Move { src: src.into(), dst: dst.into() }
    }

    /// Continues in `table` and comes back.
    pub fn resubmit(table: u8) -> Self {
        Self::Resubmit(Resubmit { in_port: None, table: Some(table), ct: false })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::print::fmt_action(f, self)
    }
}
