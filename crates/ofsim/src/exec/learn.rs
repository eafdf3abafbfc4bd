//! `learn`: a flow that the switch makes of a packet.

use net_types::OfPort;
use openflow::action::{Action, Learn, LearnDst, LearnSrc};
use openflow::flow::FlowFlags;
use openflow::{Flow, Match};

use super::Machine;
use crate::key::Key;
use crate::trace::{Note, Outcome};

impl Machine<'_> {
    pub(super) fn learn(&mut self, learn: &Learn) {
        let flow = learned(learn, &self.packet.key);
        if !self.learns {
            self.outcome(Outcome::Learned(Box::new(flow)));
            self.note(Note::LearnNotExecuted);
            return;
        }
        let limit = usize::try_from(learn.limit).unwrap_or(usize::MAX);
        let fits = limit == 0 || self.is_installed(&flow) || self.learned_in_all(&flow) < limit;
        if let Some(result) = learn.result {
            self.packet.key.set_part(result, fits.into());
        }
        if fits {
            self.outcome(Outcome::Learned(Box::new(flow)));
        } else {
            self.note(Note::LearnLimit);
        }
    }

    fn is_installed(&self, flow: &Flow) -> bool {
        let same = |other: &Flow| {
            other.table == flow.table && other.priority == flow.priority && other.matching == flow.matching
        };
        self.switch.flows().any(same) || self.learned_now().any(same)
    }

    fn learned_now(&self) -> impl Iterator<Item = &Flow> {
        self.pass.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Learned(flow) => Some(flow.as_ref()),
            _ => None,
        })
    }

    /// Flows with the cookie of `flow` in its table, those of this pass included.
    fn learned_in_all(&self, flow: &Flow) -> usize {
        let now = self.learned_now().filter(|other| other.table == flow.table && other.cookie == flow.cookie);
        self.learned_count(flow.table, flow.cookie) + now.count()
    }
}

/// The flow that `learn` makes of a packet.
fn learned(learn: &Learn, key: &Key) -> Flow {
    let mut flow = Flow::new(learn.table, learn.priority).cookie(learn.cookie);
    (flow.idle_s, flow.hard_s) = (learn.idle_s, learn.hard_s);
    if learn.flags.send_flow_rem {
        flow.flags = FlowFlags::SEND_FLOW_REM;
    }
    let mut actions = Vec::new();
    if learn.fin_idle_s != 0 || learn.fin_hard_s != 0 {
        actions.push(Action::FinTimeout { idle_s: learn.fin_idle_s, hard_s: learn.fin_hard_s });
    }
    let mut matching = Match::new();
    for spec in &learn.specs {
        let value = match spec.src {
            LearnSrc::Field(src) => key.get_part(src),
            LearnSrc::Value(value) => value,
        };
        match spec.dst {
            LearnDst::Match(dst) => matching.set(dst.field, value << dst.ofs, dst.mask()),
            LearnDst::Load(dst) => actions.push(load(dst, value)),
            LearnDst::Output => actions.extend(learned_output(value)),
        }
    }
    flow.matching(matching).actions(actions)
}

fn load(dst: openflow::Subfield, value: u128) -> Action {
    if dst.is_all() {
        return Action::set(dst.field, value);
    }
    match u64::try_from(value) {
        Ok(value) if dst.n_bits <= 64 => Action::load(dst, value),
        _ => Action::Load2 { field: dst.field, value: value << dst.ofs & dst.mask(), mask: dst.mask() },
    }
}

/// Of the reserved ports only some make sense in a flow.
fn learned_output(value: u128) -> Option<Action> {
    let port = OfPort::from_of10(u16::try_from(value).ok()?);
    let allowed =
        port.is_physical() || matches!(port, OfPort::IN_PORT | OfPort::FLOOD | OfPort::LOCAL | OfPort::ALL);
    allowed.then(|| Action::output(port))
}
