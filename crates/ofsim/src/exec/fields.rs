//! Actions that change the packet.

use openflow::Field;
use openflow::action::Action;
use openflow::field::{Prereq, Subfield};

use super::Machine;
use super::list::Flow;
use super::{Run, STACK_BYTES_MAX};
use crate::key::MplsPopped;
use crate::trace::{Failure, Note, Reason};

impl Machine<'_> {
    /// Executes an action that changes fields, layers or the stack.
    pub(super) fn change(&mut self, action: &Action) {
        match *action {
            Action::SetField { field, value } => self.set_bits(field, value, field.full_mask()),
            Action::Load { dst, value } => {
                self.set_bits(dst.field, u128::from(value) << dst.ofs, dst.mask());
            }
            Action::Load2 { field, value, mask } => self.set_bits(field, value, mask),
            Action::Move { src, dst } => self.copy(src, dst),
            Action::StackPush(src) => self.stack.push(self.packet.key.get_part(src), src.n_bits),
            Action::StackPop(dst) => match self.stack.pop() {
                Some(value) => self.packet.key.set_part(dst, value),
                None => self.note(Note::StackUnderflow),
            },
            Action::SetTtl(ttl) => self.set_bits(Field::IpTtl, ttl.into(), Field::IpTtl.full_mask()),
            Action::SetMplsTtl(ttl) => self.set_bits(Field::MplsTtl, ttl.into(), Field::MplsTtl.full_mask()),
            Action::PushVlan(tpid) => self.packet.push_vlan(tpid),
            Action::PopVlan => self.packet.pop_vlan(),
            Action::PushMpls(ethertype) => self.push_mpls(ethertype),
            Action::PopMpls(ethertype) => self.pop_mpls(ethertype),
            Action::DeleteField(field) => self.delete_option(field),
            _ => {}
        }
    }

    fn set_bits(&mut self, field: Field, value: u128, mask: u128) {
        if self.packet.key.meets(field.def().prereq) {
            self.packet.key.set_masked(field, value, mask);
        } else {
            self.note(Note::MissingLayer(field));
        }
    }

    fn copy(&mut self, src: Subfield, dst: Subfield) {
        let key = &mut self.packet.key;
        match [src, dst].into_iter().find(|part| !key.meets(part.field.def().prereq)) {
            None => key.set_part(dst, key.get_part(src)),
            Some(missing) => self.note(Note::MissingLayer(missing.field)),
        }
    }

    fn push_mpls(&mut self, ethertype: u16) {
        if !self.packet.push_mpls(ethertype) {
            self.fail(Failure::TooManyLabels);
        }
    }

    fn pop_mpls(&mut self, ethertype: u16) {
        if self.packet.pop_mpls(ethertype) == MplsPopped::TooDeep {
            self.fail(Failure::TooManyLabels);
        }
    }

    fn delete_option(&mut self, field: Field) {
        let options = &mut self.packet.key.tunnel.metadata;
        let place = field.index().checked_sub(Field::TunMetadata0.index());
        if let Some(option) = place.and_then(|place| options.get_mut(place)) {
            *option = None;
        }
    }

    pub(super) fn dec_ttl(&mut self, controllers: &[u16], run: &Run) -> Flow {
        if !self.packet.key.meets(Prereq::Ip) {
            self.note(Note::MissingLayer(Field::IpTtl));
            return Flow::Continue;
        }
        let ttl = &mut self.packet.key.net.ttl;
        if *ttl > 1 {
            *ttl -= 1;
            return Flow::Continue;
        }
        for &id in controllers {
            self.expired(id, run);
        }
        self.note(Note::TtlExpired);
        Flow::EndList
    }

    pub(super) fn dec_mpls_ttl(&mut self, run: &Run) -> Flow {
        let key = &mut self.packet.key;
        if !key.is_mpls() {
            self.note(Note::NoLabel);
            return Flow::EndList;
        }
        match u8::try_from(key.mpls_ttl()).ok().and_then(|ttl| ttl.checked_sub(1)) {
            Some(ttl) if ttl > 0 => {
                key.set_mpls_ttl(ttl);
                Flow::Continue
            }
            _ => {
                self.expired(0, run);
                self.note(Note::TtlExpired);
                Flow::EndList
            }
        }
    }

    fn expired(&mut self, controller_id: u16, run: &Run) {
        let controller = openflow::action::Controller { id: controller_id, ..Default::default() };
        self.packet_in(Reason::InvalidTtl, controller, run);
    }

    /// Whether look-ups and groups may go on.
    pub(super) fn has_resources(&mut self) -> bool {
        let failure = if self.depth >= super::DEPTH_MAX {
            Failure::TooDeep
        } else if self.resubmits >= super::RESUBMITS_MAX {
            Failure::TooManyResubmits
        } else if self.stack.bytes >= STACK_BYTES_MAX {
            Failure::StackTooLarge
        } else {
            return true;
        };
        self.fail(failure);
        false
    }
}
