//! What text can tell apart: the values of `openflow::arbitrary`, without the differences that `ovs-ofctl` does not print.

use std::net::Ipv6Addr;

use net_types::{OfPort, ipv6_prefix_len};
use openflow::action::{Controller, MAX_LEN_ALL, NatAddrs};
use openflow::arbitrary::{self, Scope};
use openflow::field::Format;
use openflow::group::Group;
use openflow::matching::Masked;
use openflow::{Action, Field, Flow, Match};
use proptest::prelude::*;

/// A flow that reads back as it was printed.
pub(crate) fn flow(scope: Scope) -> impl Strategy<Value = Flow> {
    arbitrary::flow(scope).prop_map(|mut flow| {
        flow.matching = matching(&flow.matching);
        flow.instructions.apply = actions(flow.instructions.apply);
        flow
    })
}

/// A group that reads back as it was printed.
pub(crate) fn group() -> impl Strategy<Value = Group> {
    arbitrary::group().prop_map(|mut group| {
        for bucket in &mut group.buckets {
            bucket.actions = actions(std::mem::take(&mut bucket.actions));
        }
        group
    })
}

/// Open vSwitch takes an IPv6 mask that begins with decimal digits for a prefix length, so those begin with a letter; and it
/// does not print the mask of `tun_gbp_flags`.
fn matching(matching: &Match) -> Match {
    let readable =
        |entry: &Masked| match (entry.field.def().format, ipv6_prefix_len(Ipv6Addr::from_bits(entry.mask))) {
            (Format::Ipv6, None) => entry.mask | 0xf << 124,
            _ if entry.field == Field::TunGbpFlags => entry.field.full_mask(),
            _ => entry.mask,
        };
    matching
        .fields()
        .iter()
        .fold(Match::new(), |out, entry| out.with_masked(entry.field, entry.value, readable(entry)))
}

fn actions(actions: Vec<Action>) -> Vec<Action> {
    actions.into_iter().map(action).collect()
}

fn action(action: Action) -> Action {
    match action {
        Action::Output { port, .. } if port != OfPort::CONTROLLER => Action::Output { port, max_len: 0 },
        Action::OutputReg { src, .. } => Action::OutputReg { src, max_len: MAX_LEN_ALL },
        Action::Controller(Controller { id: 0, reason: 1, userdata, pause: false, meter: None, max_len })
            if userdata.is_empty() =>
        {
            Action::Output { port: OfPort::CONTROLLER, max_len }
        }
        // A masked write in text is a `load` on the wire, and a whole one a `set_field`.
        Action::Load2 { field, value, mask } if mask == field.full_mask() || !field.is_tun_metadata() => {
            Action::SetField { field, value: value & mask }
        }
        Action::Nat(mut nat) => {
            nat.addrs = nat.addrs.map(|addrs| match addrs {
                NatAddrs::V4 { min, max } => NatAddrs::V4 { min, max: max.filter(|max| *max != min) },
                NatAddrs::V6 { min, max } => NatAddrs::V6 { min, max: max.filter(|max| *max != min) },
            });
            Action::Nat(nat)
        }
        Action::Ct(mut ct) => {
            ct.actions = actions(ct.actions);
            Action::Ct(ct)
        }
        Action::Clone(inner) => Action::Clone(actions(inner)),
        other => other,
    }
}
