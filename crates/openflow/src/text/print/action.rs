//! Actions.

use std::fmt::{Formatter, Result};
use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::OfPort;

use super::{Actions, List};
use crate::action::{
    Action, Controller, Ct, Learn, LearnDst, LearnSpec, LearnSrc, MAX_LEN_ALL, Nat, NatAddrs, NatKind,
    NatMode, REASON_ACTION, Resubmit, Zone,
};
use crate::flow::PRIORITY_DEFAULT;
use crate::text::value::{Dotted, Hex, Ipv6, Range, Value};

/// Names of packet-in reasons, by number.
pub(in crate::text) const REASONS: &[&str] =
    &["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"];

/// Protocol helpers of `ct` by the port that stands for them.
pub(in crate::text) const HELPERS: &[(u16, &str)] = &[(21, "ftp"), (69, "tftp")];

pub(crate) fn fmt_action(f: &mut Formatter<'_>, action: &Action) -> Result {
    match action {
        Action::Output { port: OfPort::CONTROLLER, max_len } => write!(f, "CONTROLLER:{max_len}"),
        Action::Output { port, .. } if port.reserved_name().is_some() => write!(f, "{port}"),
        Action::Output { port, .. } => write!(f, "output:{port}"),
        Action::OutputReg { src, .. } => write!(f, "output:{}", Range(*src)),
        Action::OutputTrunc { port, max_len } => write!(f, "output(port={port},max_len={max_len})"),
        Action::Controller(controller) => fmt_controller(f, controller),
        Action::Group(id) => write!(f, "group:{id}"),
        Action::SetQueue(queue) => write!(f, "set_queue:{queue}"),
        Action::PopQueue => f.write_str("pop_queue"),
        Action::SetField { field, value } => {
            write!(f, "set_field:{}->{}", Value::exact(*field, *value), field.name())
        }
        Action::Load { dst, value } => write!(f, "load:{}->{}", Hex((*value).into()), Range(*dst)),
        Action::Load2 { field, value, mask } => {
            let value = Value { field: *field, value: *value, mask: *mask };
            write!(f, "set_field:{value}->{}", field.name())
        }
        Action::Move { src, dst } => write!(f, "move:{}->{}", Range(*src), Range(*dst)),
        Action::StackPush(src) => write!(f, "push:{}", Range(*src)),
        Action::StackPop(dst) => write!(f, "pop:{}", Range(*dst)),
        Action::Resubmit(resubmit) => fmt_resubmit(f, *resubmit),
        Action::Ct(ct) => fmt_ct(f, ct),
        Action::Nat(nat) => fmt_nat(f, nat),
        Action::CtClear => f.write_str("ct_clear"),
        Action::Learn(learn) => fmt_learn(f, learn),
        Action::Conjunction { id, clause, n_clauses } => write!(f, "conjunction({id},{clause}/{n_clauses})"),
        Action::Note(bytes) => write!(f, "note:{}", Dotted(bytes)),
        Action::SetTtl(ttl) => write!(f, "mod_nw_ttl:{ttl}"),
        Action::DecTtl => f.write_str("dec_ttl"),
        Action::DecTtlIds(ids) => {
            let ids: Vec<_> = ids.iter().map(u16::to_string).collect();
            write!(f, "dec_ttl({})", ids.join(","))
        }
        Action::SetMplsTtl(ttl) => write!(f, "set_mpls_ttl({ttl})"),
        Action::DecMplsTtl => f.write_str("dec_mpls_ttl"),
        Action::PushVlan(ether) => write!(f, "push_vlan:{}", Hex((*ether).into())),
        Action::PopVlan => f.write_str("pop_vlan"),
        Action::PushMpls(ether) => write!(f, "push_mpls:{ether:#06x}"),
        Action::PopMpls(ether) => write!(f, "pop_mpls:{ether:#06x}"),
        Action::CheckPktLarger { len, dst } => write!(f, "check_pkt_larger({len})->{}", Range(*dst)),
        Action::Clone(actions) => write!(f, "clone({})", Actions(actions)),
        Action::Exit => f.write_str("exit"),
        Action::FinTimeout { idle_s, hard_s } => fmt_fin_timeout(f, *idle_s, *hard_s),
        Action::DeleteField(field) => write!(f, "delete_field:{}", field.name()),
        Action::Unknown(bytes) => write!(f, "unknown({})", Dotted(bytes)),
    }
}

fn fmt_controller(f: &mut Formatter<'_>, controller: &Controller) -> Result {
    let Controller { max_len, id, reason, userdata, pause, meter } = controller;
    if *controller == (Controller { max_len: *max_len, ..Controller::default() }) {
        return write!(f, "CONTROLLER:{max_len}");
    }
    f.write_str("controller(")?;
    let mut list = List::new(f);
    if *reason != REASON_ACTION {
        match REASONS.get(usize::from(*reason)) {
            Some(name) => list.item(format_args!("reason={name}"))?,
            None => list.item(format_args!("reason={reason}"))?,
        }
    }
    list.item_if(*max_len != MAX_LEN_ALL, format_args!("max_len={max_len}"))?;
    list.item_if(*id != 0, format_args!("id={id}"))?;
    list.item_if(!userdata.is_empty(), format_args!("userdata={}", Dotted(userdata)))?;
    list.item_if(*pause, format_args!("pause"))?;
    if let Some(meter) = meter {
        list.item(format_args!("meter_id={meter}"))?;
    }
    f.write_str(")")
}

fn fmt_resubmit(f: &mut Formatter<'_>, resubmit: Resubmit) -> Result {
    let Resubmit { in_port, table, ct } = resubmit;
    if let (Some(port), None, false) = (in_port, table, ct) {
        return write!(f, "resubmit:{port}");
    }
    f.write_str("resubmit(")?;
    if let Some(port) = in_port {
        write!(f, "{port}")?;
    }
    f.write_str(",")?;
    if let Some(table) = table {
        write!(f, "{table}")?;
    }
    f.write_str(if ct { ",ct)" } else { ")" })
}

fn fmt_ct(f: &mut Formatter<'_>, ct: &Ct) -> Result {
    f.write_str("ct(")?;
    let mut list = List::new(f);
    list.item_if(ct.commit, format_args!("commit"))?;
    list.item_if(ct.force, format_args!("force"))?;
    if let Some(table) = ct.table {
        list.item(format_args!("table={table}"))?;
    }
    match ct.zone {
        Zone::Imm(zone) => list.item_if(zone != 0, format_args!("zone={zone}"))?,
        Zone::From(src) => list.item(format_args!("zone={}", Range(src)))?,
    }
    let exec = match ct.actions.split_first() {
        Some((nat @ Action::Nat(_), exec)) => {
            list.item(format_args!("{nat}"))?;
            exec
        }
        _ => &ct.actions,
    };
    list.item_if(!exec.is_empty(), format_args!("exec({})", Actions(exec)))?;
    if ct.alg != 0 {
        match HELPERS.iter().find(|(port, _)| *port == ct.alg) {
            Some((_, name)) => list.item(format_args!("alg={name}"))?,
            None => list.item(format_args!("alg={}", ct.alg))?,
        }
    }
    f.write_str(")")
}

fn fmt_nat(f: &mut Formatter<'_>, nat: &Nat) -> Result {
    let Some(kind) = nat.kind else { return f.write_str("nat") };
    f.write_str(match kind {
        NatKind::Src => "nat(src",
        NatKind::Dst => "nat(dst",
    })?;
    if nat.addrs.is_some() || nat.port_min != 0 {
        f.write_str("=")?;
    }
    let ports = nat.port_min != 0;
    match nat.addrs {
        None => {}
        Some(NatAddrs::V4 { min, max }) => fmt_nat_ipv4(f, min, max)?,
        Some(NatAddrs::V6 { min, max }) => fmt_nat_ipv6(f, min, max, ports)?,
    }
    if ports {
        write!(f, ":{}", nat.port_min)?;
        if !matches!(nat.port_max, 0) && nat.port_max != nat.port_min {
            write!(f, "-{}", nat.port_max)?;
        }
    }
    f.write_str(if nat.persistent { ",persistent" } else { "" })?;
    f.write_str(match nat.mode {
        None => ")",
        Some(NatMode::Hash) => ",hash)",
        Some(NatMode::Random) => ",random)",
    })
}

fn fmt_nat_ipv4(f: &mut Formatter<'_>, min: Ipv4Addr, max: Option<Ipv4Addr>) -> Result {
    write!(f, "{min}")?;
    match max.filter(|max| *max != min) {
        Some(max) => write!(f, "-{max}"),
        None => Ok(()),
    }
}

/// Brackets keep the colons of an address apart from that of a port.
fn fmt_nat_ipv6(f: &mut Formatter<'_>, min: Ipv6Addr, max: Option<Ipv6Addr>, brackets: bool) -> Result {
    let (open, close) = if brackets { ("[", "]") } else { ("", "") };
    write!(f, "{open}{}{close}", Ipv6(min))?;
    match max.filter(|max| *max != min) {
        Some(max) => write!(f, "-{open}{}{close}", Ipv6(max)),
        None => Ok(()),
    }
}

fn fmt_learn(f: &mut Formatter<'_>, learn: &Learn) -> Result {
    f.write_str("learn(")?;
    let mut list = List::new(f);
    list.item(format_args!("table={}", learn.table))?;
    for (name, seconds) in [
        ("idle_timeout", learn.idle_s),
        ("hard_timeout", learn.hard_s),
        ("fin_idle_timeout", learn.fin_idle_s),
        ("fin_hard_timeout", learn.fin_hard_s),
    ] {
        list.item_if(seconds != 0, format_args!("{name}={seconds}"))?;
    }
    list.item_if(learn.priority != PRIORITY_DEFAULT, format_args!("priority={}", learn.priority))?;
    list.item_if(learn.flags.send_flow_rem, format_args!("send_flow_rem"))?;
    list.item_if(learn.flags.delete_learned, format_args!("delete_learned"))?;
    list.item_if(learn.cookie != 0, format_args!("cookie={:#x}", learn.cookie))?;
    list.item_if(learn.limit != 0, format_args!("limit={}", learn.limit))?;
    if let Some(result) = learn.result {
        list.item(format_args!("result_dst={}", Range(result)))?;
    }
    learn.specs.iter().try_for_each(|spec| learn_spec(&mut list, spec))?;
    f.write_str(")")
}

fn learn_spec(list: &mut List<'_, '_>, spec: &LearnSpec) -> Result {
    match (spec.src, spec.dst) {
        (LearnSrc::Value(value), LearnDst::Match(dst)) if dst.is_all() => {
            list.item(format_args!("{}={}", dst.field.name(), Value::exact(dst.field, value)))
        }
        (LearnSrc::Value(value), LearnDst::Match(dst)) => {
            list.item(format_args!("{}={}", Range(dst), Hex(value)))
        }
        (LearnSrc::Field(src), LearnDst::Match(dst)) if src == dst => {
            list.item(format_args!("{}", Range(dst)))
        }
        (LearnSrc::Field(src), LearnDst::Match(dst)) => {
            list.item(format_args!("{}={}", Range(dst), Range(src)))
        }
        (LearnSrc::Value(value), LearnDst::Load(dst)) => {
            list.item(format_args!("load:{}->{}", Hex(value), Range(dst)))
        }
        (LearnSrc::Field(src), LearnDst::Load(dst)) => {
            list.item(format_args!("load:{}->{}", Range(src), Range(dst)))
        }
        (LearnSrc::Field(src), LearnDst::Output) => list.item(format_args!("output:{}", Range(src))),
        (LearnSrc::Value(value), LearnDst::Output) => list.item(format_args!("output:{}", Hex(value))),
    }
}

fn fmt_fin_timeout(f: &mut Formatter<'_>, idle_s: u16, hard_s: u16) -> Result {
    f.write_str("fin_timeout(")?;
    let mut list = List::new(f);
    list.item_if(idle_s != 0, format_args!("idle_timeout={idle_s}"))?;
    list.item_if(hard_s != 0, format_args!("hard_timeout={hard_s}"))?;
    f.write_str(")")
}
