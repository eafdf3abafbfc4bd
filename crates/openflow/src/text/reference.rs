//! What can be read off the tables: tokens for fuzzers and a reference for people.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;

use net_types::OfPort;

use super::{flags, parse, print, protocol};
use crate::Field;
use crate::action::{
    ACTIONS, Action, ActionDef, Code, Controller, Ct, Learn, LearnDst, LearnSpec, LearnSrc, MAX_LEN_ALL, Nat,
    NatAddrs, NatKind, Resubmit, Zone,
};
use crate::field::{Format, Header, Prereq, Subfield};

/// Words of the language that no table has.
const KEYWORDS: &[&str] = &[
    "table=",
    "priority=",
    "cookie=",
    "idle_timeout=",
    "hard_timeout=",
    "actions=",
    "dl_vlan=",
    "dl_vlan_pcp=",
    "drop",
    "meter:",
    "clear_actions",
    "write_actions(",
    "write_metadata:",
    "goto_table:",
    "commit",
    "force",
    "zone=",
    "nat(",
    "src=",
    "dst=",
    "persistent",
    "hash",
    "random",
    "exec(",
    "alg=",
    "reason=",
    "max_len=",
    "id=",
    "userdata=",
    "pause",
    "meter_id=",
    "limit=",
    "result_dst=",
    "send_flow_rem",
    "delete_learned",
    "fin_idle_timeout=",
    "fin_hard_timeout=",
    "group_id=",
    "type=",
    "bucket=",
    "weight:",
    "watch_port:",
    "watch_group:",
    "meter=",
    "kbps",
    "pktps",
    "burst",
    "stats",
    "bands=",
    "rate=",
    "burst_size=",
    "prec_level=",
    "unknown(",
    "unknown_instruction(",
    "->",
    "[0..15]",
    "[]",
];

/// Every word of the language, for the dictionaries of fuzzers.
pub fn dictionary() -> Vec<String> {
    let fields = Field::ALL.iter().flat_map(|field| {
        let def = field.def();
        let headers = [def.nxm, def.oxm].into_iter().flatten().map(|header| header.name);
        std::iter::once(def.name).chain(def.aliases.iter().copied()).chain(headers)
    });
    let bits =
        [flags::CT_STATE, flags::TCP_FLAGS, flags::TUN_FLAGS].into_iter().flatten().map(|(_, name)| *name);
    let words: BTreeSet<&str> = fields
        .chain(KEYWORDS.iter().copied())
        .chain(ACTIONS.iter().map(|def| def.name))
        .chain(parse::words())
        .chain(protocol::WORDS.iter().map(|word| word.name))
        .chain(flags::FRAGMENTS.iter().map(|(name, ..)| *name))
        .chain(print::FLOW_FLAGS.iter().map(|(_, name)| *name))
        .chain(bits)
        .collect();
    words.into_iter().map(str::to_owned).collect()
}

/// Markdown tables of all fields and actions.
pub fn field_reference() -> String {
    let mut out = String::from(HEAD);
    for &field in Field::ALL {
        let def = field.def();
        let names: Vec<_> =
            std::iter::once(&def.name).chain(def.aliases).map(|name| format!("`{name}`")).collect();
        let header =
            |header: Option<Header>| header.map_or(String::new(), |header| format!("`{}`", header.name));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            names.join(", "),
            def.bits,
            format_words(def.format),
            if def.maskable { "yes" } else { "no" },
            if def.writable { "yes" } else { "no" },
            prereq_words(def.prereq),
            header(def.nxm),
            header(def.oxm),
        );
    }
    out.push_str(ACTIONS_HEAD);
    for def in ACTIONS {
        let code = match def.code {
            Code::Standard(number) => format!("OpenFlow {number}"),
            Code::Nicira(number) => format!("Nicira {number}"),
        };
        let _ = writeln!(out, "| `{}` | {code} | {} |", def.name, example(def));
    }
    let words: Vec<_> = parse::words().map(|word| format!("`{word}`")).collect();
    let _ = writeln!(out, "{INSTRUCTIONS}{}.", words.join(", "));
    out
}

const HEAD: &str = "\
# Fields and actions

Made from the tables in `crates/openflow` by `openflow::text::field_reference`; `UPDATE_GOLDEN=1 cargo test -p openflow`
writes this file anew.

## Fields

The rows have the order in which Open vSwitch writes the fields of a match on the wire. Text accepts every name in a row,
and for a part of a field the name of either header with a range: `NXM_NX_REG0[0..15]`.

| name | bits | written as | maskable | writable | needs | Nicira header | OpenFlow header |
|---|---|---|---|---|---|---|---|
";

const ACTIONS_HEAD: &str = "
## Actions

One row for each form that an action has on an OpenFlow 1.3 wire.

| action | code | example |
|---|---|---|
";

const INSTRUCTIONS: &str = "
Instructions stand in the same list, in this order: `meter:1`, actions that are applied at once, `clear_actions`,
`write_actions(output:1)`, `write_metadata:0x1/0xff`, `goto_table:5`.

Words that begin an action in text; those that have no row above become an action that has one: ";

fn format_words(format: Format) -> &'static str {
    match format {
        Format::Decimal => "decimal",
        Format::Hex => "hexadecimal",
        Format::Mac => "MAC address",
        Format::Ipv4 => "IPv4 address",
        Format::Ipv6 => "IPv6 address",
        Format::Port => "port",
        Format::Fragment => "fragment class",
        Format::CtState | Format::TcpFlags | Format::TunFlags => "flags",
    }
}

/// What text must say for a prerequisite to hold.
pub(super) fn prereq_words(prereq: Prereq) -> &'static str {
    match prereq {
        Prereq::Any => "",
        Prereq::Vlan => "dl_vlan, or vlan_tci with the bit 0x1000",
        Prereq::Mpls => "mpls or mplsm",
        Prereq::Ipv4 => "ip",
        Prereq::Ipv6 => "ipv6",
        Prereq::Ip => "ip or ipv6",
        Prereq::CtIpv4 => "ip with ct_state=+est or the like",
        Prereq::CtIpv6 => "ipv6 with ct_state=+est or the like",
        Prereq::CtIp => "ip or ipv6, with ct_state=+est or the like",
        Prereq::Arp => "arp or rarp",
        Prereq::Tcp => "tcp or tcp6",
        Prereq::Udp => "udp or udp6",
        Prereq::Sctp => "sctp or sctp6",
        Prereq::Icmp4 => "icmp",
        Prereq::Icmp6 => "icmp6",
        Prereq::Nd => "icmp6 with icmp_type=135 or 136",
        Prereq::NdSolicit => "icmp6 with icmp_type=135",
        Prereq::NdAdvert => "icmp6 with icmp_type=136",
        Prereq::CtTransport => "ip or ipv6, with ct_state=+est or the like and ct_nw_proto=6, 17 or 132",
    }
}

/// The example of a row: the first that is encoded under it. The old `resubmit` is read, but never written.
fn example(def: &ActionDef) -> String {
    let found = examples().into_iter().find(|action| action.kind() == Some(def.kind));
    found.map_or("only read".to_owned(), |action| format!("`{action}`"))
}

/// At least one action of each kind.
pub(super) fn examples() -> Vec<Action> {
    let port = OfPort::new(1);
    let bit = part(Field::Reg1, 3, 1);
    let mut examples = vec![
        Action::output(port),
        Action::OutputReg { src: part(Field::Reg0, 0, 16), max_len: MAX_LEN_ALL },
        Action::OutputReg { src: Field::ActsetOutput.into(), max_len: MAX_LEN_ALL },
        Action::OutputTrunc { port, max_len: 100 },
        Action::Controller(Controller { id: 3, max_len: 128, ..Controller::default() }),
        Action::Controller(Controller { userdata: vec![0, 1], pause: true, ..Controller::default() }),
        Action::Group(1),
        Action::SetQueue(1),
        Action::PopQueue,
        Action::set(Field::Reg0, 7_u32),
        Action::load(part(Field::Reg0, 0, 16), 7),
        Action::Load2 { field: Field::TunMetadata0, value: 1, mask: 0xff },
        Action::copy(Field::EthSrc, Field::EthDst),
        Action::StackPush(Field::Reg0.into()),
        Action::StackPop(Field::Reg0.into()),
        Action::resubmit(8),
        Action::Resubmit(Resubmit { in_port: None, table: Some(8), ct: true }),
        Action::CtClear,
        Action::Conjunction { id: 5, clause: 1, n_clauses: 2 },
        Action::Note(vec![0xab, 0xcd, 0, 0, 0, 0]),
        Action::SetTtl(64),
        Action::DecTtl,
        Action::DecTtlIds(vec![1, 2]),
        Action::SetMplsTtl(64),
        Action::DecMplsTtl,
        Action::PushVlan(0x8100),
        Action::PopVlan,
        Action::PushMpls(0x8847),
        Action::PopMpls(0x0800),
        Action::CheckPktLarger { len: 1500, dst: bit },
        Action::Clone(vec![Action::output(port)]),
        Action::Exit,
        Action::FinTimeout { idle_s: 1, hard_s: 2 },
        Action::DeleteField(Field::TunMetadata0),
    ];
    examples.extend(ct_examples());
    examples.extend(learn_examples(bit));
    examples
}

fn part(field: Field, ofs: u16, n_bits: u16) -> Subfield {
    Subfield { field, ofs, n_bits }
}

fn ct_examples() -> [Action; 2] {
    let nat = Nat {
        kind: Some(NatKind::Src),
        addrs: Some(NatAddrs::V4 { min: Ipv4Addr::new(10, 0, 0, 1), max: Some(Ipv4Addr::new(10, 0, 0, 9)) }),
        port_min: 1024,
        port_max: 2047,
        ..Nat::default()
    };
    let zone = Zone::From(part(Field::Reg0, 0, 16));
    let commit = Ct { commit: true, zone, actions: vec![Action::Nat(nat)], ..Ct::default() };
    [Action::Ct(commit), Action::Nat(nat)]
}

fn learn_examples(result: Subfield) -> [Action; 2] {
    let mac = LearnSpec {
        n_bits: 48,
        src: LearnSrc::Field(Field::EthSrc.into()),
        dst: LearnDst::Match(Field::EthDst.into()),
    };
    let output = LearnSpec { n_bits: 32, src: LearnSrc::Field(Field::Reg0.into()), dst: LearnDst::Output };
    let learn = Learn { table: 7, idle_s: 60, specs: vec![mac, output], ..Learn::default() };
    let limited = Learn { limit: 100, result: Some(result), ..learn.clone() };
    [Action::Learn(Box::new(learn)), Action::Learn(Box::new(limited))]
}
