//! What was known of a packet when it was dropped: the registers, by the objects whose numbers they held.
//!
//! A trace keeps the packet at the start and at the end of a pass; in between, what was written is followed step by step.
//! Each copy of a group begins with what the packet had before it.

use std::collections::BTreeMap;

use model::{Id, LogicalPort, PortState, PortStatus, Table};
use ofsim::Key;
use ofsim::trace::{Event, Step};
use openflow::action::Action;
use pipeline::regs;

use crate::cloud::Cloud;
use crate::report::About;
use crate::words::{Holds, Words, holds};

/// The packet as far as it is known.
pub(crate) struct Noted {
    key: Key,
    /// The packet before each group of copies, by the depth of the copies.
    before: BTreeMap<usize, Key>,
}

impl Noted {
    pub(crate) fn of(key: &Key) -> Self {
        Self { key: key.clone(), before: BTreeMap::new() }
    }

    /// Takes notice of a step.
    pub(crate) fn note(&mut self, step: &Step) {
        match &step.event {
            Event::Bucket { .. } => {
                // Copies inside of an earlier copy are over.
                self.before.retain(|depth, _| *depth <= step.depth);
                self.key = self.before.entry(step.depth).or_insert_with(|| self.key.clone()).clone();
            }
            // Those of an earlier group at this place.
            Event::Action(Action::Group(_)) => self.before.retain(|depth, _| *depth < step.depth),
            Event::Action(action) => self.action(action),
            Event::WriteMetadata(value, mask) => {
                self.key.metadata = self.key.metadata & !mask | value & mask;
            }
            _ => {}
        }
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::SetField { field, value } => self.key.set(*field, *value),
            Action::Load { dst, value } => self.key.set_part(*dst, (*value).into()),
            Action::Load2 { field, value, mask } => self.key.set_masked(*field, *value, *mask),
            Action::Move { src, dst } => {
                let value = self.key.get_part(*src);
                self.key.set_part(*dst, value);
            }
            _ => {}
        }
    }

    /// The objects that the tables had found out.
    pub(crate) fn objects(&self, words: &Words<'_>) -> Vec<About> {
        let cloud = words.cloud;
        let mut about = Vec::new();
        for register in regs::ALL {
            let Ok(number) = u64::try_from(self.key.get_part(register.bits)) else { continue };
            let object = words.object(register, number);
            if let Some(object) = object.filter(|_| number != 0) {
                let is_port = holds(register) == Some(Holds::Key(Table::LogicalPort));
                let state = object.id.parse().ok().filter(|_| is_port);
                let state = state.and_then(|id: Id<LogicalPort>| state_of(cloud, &id));
                about.push(About { what: register.name, object, state });
            }
        }
        // What no table knows yet came from whoever is plugged in.
        let guest = words.host.guest_at(self.key.in_port);
        if let Some(guest) = guest.filter(|_| about.is_empty()) {
            let (object, state) = (cloud.name(Table::LogicalPort, guest.row()), state_of(cloud, &guest));
            about.push(About { what: "plugged in", object, state });
        }
        about
    }
}

/// Why nothing can be sent to a port or from it, as far as its rows say.
fn state_of(cloud: &Cloud, id: &Id<LogicalPort>) -> Option<String> {
    let Some(port) = cloud.get(id) else { return Some("is not there any more".to_owned()) };
    if port.enabled == Some(false) {
        return Some("is disabled (admin_state_up is false)".to_owned());
    }
    let Some(chassis) = port.chassis() else { return Some("is bound to no host".to_owned()) };
    let status = cloud.get(&PortStatus::id_of(id))?;
    (status.state == PortState::Down)
        .then(|| format!("is DOWN on host {chassis}: nothing is plugged in, or its flows are not in force"))
}
