//! `ct` and `ct_clear`.

use openflow::Field;
use openflow::action::{Action, Ct, Zone};

use super::{Machine, Pending};
use crate::trace::{Note, Outcome, Start, Tracking};

impl Machine<'_> {
    pub(super) fn ct(&mut self, ct: &Ct) {
        let zone = match ct.zone {
            Zone::Imm(zone) => zone,
            Zone::From(src) => u16::try_from(self.packet.key.get_part(src) & 0xffff).unwrap_or(0),
        };
        for action in &ct.actions {
            self.change(action);
        }
        let nat = ct.actions.iter().rev().find_map(|action| match action {
            Action::Nat(nat) => Some(*nat),
            _ => None,
        });
        let (mark_mask, label_mask) = written(&ct.actions);
        let key = &self.packet.key;
        let mark_mask = u32::try_from(mark_mask).unwrap_or(u32::MAX);
        let tracking = Tracking {
            zone,
            commit: ct.commit,
            force: ct.force,
            alg: ct.alg,
            mark: (mark_mask != 0).then_some((key.ct_mark & mark_mask, mark_mask)),
            label: (label_mask != 0).then_some((key.ct_label & label_mask, label_mask)),
            nat,
            table: ct.table,
            key: Box::new(key.clone()),
        };
        if let Some(table) = ct.table {
            let runs = self.freeze();
            let pending = Pending {
                start: Start::Tracked { table, zone },
                packet: self.packet.clone(),
                stack: self.stack.clone(),
                action_set: self.action_set.clone(),
                tracked: true,
                tracking: Some(tracking.clone()),
                runs,
            };
            if self.muted == 0 {
                self.more.push(pending);
            }
        }
        self.outcome(Outcome::Tracked(tracking));
        self.packet.key.clear_conntrack();
        self.tracked = false;
        self.note(Note::Untracked);
    }

    pub(super) fn ct_clear(&mut self) {
        if self.tracked {
            self.packet.key.clear_conntrack();
            self.tracked = false;
        }
    }
}

/// The bits of mark and label that actions write.
fn written(actions: &[Action]) -> (u128, u128) {
    let (mut mark, mut label) = (0, 0);
    for action in actions {
        let (field, mask) = match *action {
            Action::SetField { field, .. } => (field, field.full_mask()),
            Action::Load2 { field, mask, .. } => (field, mask),
            Action::Load { dst, .. } | Action::Move { dst, .. } => (dst.field, dst.mask()),
            _ => continue,
        };
        match field {
            Field::CtMark => mark |= mask,
            Field::CtLabel => label |= mask,
            _ => {}
        }
    }
    (mark, label)
}
