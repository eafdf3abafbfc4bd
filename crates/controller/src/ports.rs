//! Which ports are here, and which of them forward: a state machine without I/O.
//!
//! ```text
//!   interface appears, row changes, engine says ready, switch confirms
//!           |
//!           v                                  differs from what was last said
//!   plugged, place, ready as of a change  ------------------------------------->  wish for the store
//! ```
//! A port **forwards** when the engine says that it is ready and the switch has confirmed the change that made it so. Until
//! the switch has spoken for the first time nothing is known, and nothing is said: what an earlier run said stays.
//!
//! A port that nothing is plugged into and that is bound nowhere forwards as well where the engine says so: that of a floating IP or
//! gateway, which is translated here.

use std::collections::{BTreeMap, BTreeSet};

use engine::RowChange;
use model::{Chassis, Id, LogicalPort, Object, RowId, Table, Topic, Version};
use switch::ChangeId;

use crate::claims::{Forwarding, Here};

/// Where the row says that a port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// There is no row that we know of.
    Unknown,
    Nowhere,
    Here,
    Elsewhere,
}

/// What is to be told of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Where the row of the port is, in stores that ask for it.
    pub(crate) topic: Option<Topic>,
    pub(crate) here: Here,
}

/// A change, and the version of a port's row of which everything is in the switch once the change is confirmed.
type Carried = (ChangeId, Option<Version>);

#[derive(Debug)]
struct Port {
    is_plugged: bool,
    place: Place,
    topic: Option<Topic>,
    version: Option<Version>,
    is_ready: bool,
    /// The first change that the switch has not confirmed, and the last. Those between them are not kept: a row that is
    /// written more often than the switch confirms neither delays ACTIVE for ever nor fills the memory.
    first_awaited: Option<Carried>,
    last_awaited: Option<Carried>,
    /// The version as of which the switch confirmed it.
    confirmed: Option<Option<Version>>,
    /// Something that the port needs was refused by the switch.
    is_refused: bool,
    told: Option<Here>,
    /// Has to be looked at in the store whatever was told.
    is_due: bool,
}

impl Port {
    const fn new() -> Self {
        Self {
            is_plugged: false,
            place: Place::Unknown,
            topic: None,
            version: None,
            is_ready: false,
            first_awaited: None,
            last_awaited: None,
            confirmed: None,
            is_refused: false,
            told: None,
            is_due: false,
        }
    }

    fn awaits(&mut self, change: ChangeId) {
        let carried = Some((change, self.version));
        match self.first_awaited {
            Some((first, _)) if first < change => self.last_awaited = carried,
            _ => self.first_awaited = carried,
        }
    }

    /// Whether this confirms something of the port.
    fn is_confirmed(&mut self, up_to: ChangeId) -> bool {
        let is_in = |awaited: &mut Carried| awaited.0 <= up_to;
        let Some(first) = self.first_awaited.take_if(is_in) else { return false };
        let last = self.last_awaited.take_if(is_in);
        self.confirmed = Some(last.unwrap_or(first).1);
        self.first_awaited = self.last_awaited.take();
        true
    }

    fn loses_readiness(&mut self) {
        self.is_ready = false;
        (self.first_awaited, self.last_awaited, self.confirmed) = (None, None, None);
    }

    /// Whether what is sent to the port is translated here.
    fn is_translated(&self) -> bool {
        self.is_ready && !self.is_plugged && matches!(self.place, Place::Unknown | Place::Nowhere)
    }

    fn here(&self, is_synced: bool) -> Here {
        let forwarding = match (self.is_plugged || self.is_translated(), is_synced, self.confirmed) {
            (false, ..) => Forwarding::No,
            (true, false, _) => Forwarding::Unknown,
            (true, true, Some(version)) if !self.is_refused => Forwarding::Yes(version),
            (true, true, _) => Forwarding::No,
        };
        Here { is_plugged: self.is_plugged, forwarding }
    }
}

/// The ports that are plugged in here, or bound to us.
#[derive(Debug)]
pub(crate) struct Ports {
    us: Id<Chassis>,
    ports: BTreeMap<RowId, Port>,
    /// The last change that the switch confirmed; none before it spoke.
    confirmed_up_to: Option<ChangeId>,
    /// Ports whose readiness waits for the switch.
    waiting: BTreeSet<RowId>,
    /// Ports with a version that no step has taken in yet.
    new_versions: BTreeSet<RowId>,
    /// Ports of which something changed.
    changed: BTreeSet<RowId>,
}

impl Ports {
    pub(crate) fn new(us: Id<Chassis>) -> Self {
        let (ports, waiting, new_versions, changed) = Default::default();
        Self { us, ports, confirmed_up_to: None, waiting, new_versions, changed }
    }

    /// How many forward.
    pub(crate) fn active(&self) -> usize {
        let is_synced = self.confirmed_up_to.is_some();
        let forwards =
            |port: &&Port| port.is_plugged && matches!(port.here(is_synced).forwarding, Forwarding::Yes(_));
        self.ports.values().filter(forwards).count()
    }

    /// Whether a port is plugged in here and bound to us.
    pub(crate) fn is_served(&self, id: &RowId) -> bool {
        self.ports.get(id).is_some_and(|port| port.is_plugged && port.place == Place::Here)
    }

    /// How many are plugged in.
    pub(crate) fn plugged(&self) -> usize {
        self.ports.values().filter(|port| port.is_plugged).count()
    }

    /// The interface of a port appeared or is gone.
    pub(crate) fn interface(&mut self, id: &RowId, is_plugged: bool) {
        if !is_plugged && !self.ports.contains_key(id) {
            return;
        }
        let port = self.ports.entry(id.clone()).or_insert_with(Port::new);
        port.is_due |= port.is_plugged != is_plugged;
        port.is_plugged = is_plugged;
        self.changed.insert(id.clone());
    }

    /// A row changed.
    pub(crate) fn row(&mut self, change: &RowChange) {
        match change {
            RowChange::Put(Object::LogicalPort(lport)) => self.lport(lport),
            RowChange::Delete(Table::LogicalPort, id) => self.lport_gone(id),
            _ => {}
        }
    }

    /// These are all rows that there are.
    pub(crate) fn snapshot(&mut self, rows: &[Object]) {
        let mut gone: BTreeSet<RowId> = self.ports.keys().cloned().collect();
        for row in rows {
            if let Object::LogicalPort(lport) = row {
                gone.remove(lport.id.row());
                self.lport(lport);
            }
        }
        for id in gone {
            self.lport_gone(&id);
        }
    }

    fn lport(&mut self, lport: &LogicalPort) {
        let place = match &lport.binding {
            None => Place::Nowhere,
            Some(_) if lport.chassis() == Some(&self.us) => Place::Here,
            Some(binding) if lport.chassis().is_none() && binding.vtep_address.is_none() => Place::Nowhere,
            Some(_) => Place::Elsewhere,
        };
        let id = lport.id.row();
        if place == Place::Here && !self.ports.contains_key(id) {
            self.ports.insert(id.clone(), Port::new());
        }
        let Some(port) = self.ports.get_mut(id) else { return };
        port.is_due |= port.place != place;
        port.place = place;
        port.topic = Some(lport.topic.clone());
        if port.version != lport.version {
            port.version = lport.version;
            self.new_versions.insert(id.clone());
        }
        self.changed.insert(id.clone());
    }

    fn lport_gone(&mut self, id: &RowId) {
        let Some(port) = self.ports.get_mut(id) else { return };
        port.is_due |= port.place != Place::Unknown;
        port.place = Place::Unknown;
        self.changed.insert(id.clone());
    }

    /// The engine took all that was new; what it wants is in the switch as soon as `change` is confirmed.
    pub(crate) fn stepped(&mut self, change: ChangeId, ready: &[RowId], not_ready: &[RowId]) {
        for id in not_ready {
            let Some(port) = self.ports.get_mut(id) else { continue };
            port.loses_readiness();
            self.waiting.remove(id);
            self.changed.insert(id.clone());
        }
        for id in ready {
            let port = self.ports.entry(id.clone()).or_insert_with(Port::new);
            port.is_ready = true;
            port.awaits(change);
            self.waiting.insert(id.clone());
        }
        // A port that was ready before is so as of its new version once this step is confirmed.
        for id in std::mem::take(&mut self.new_versions) {
            if let Some(port) = self.ports.get_mut(&id).filter(|port| port.is_ready) {
                port.awaits(change);
                self.waiting.insert(id);
            }
        }
        self.look_at_waiting();
    }

    /// The switch holds everything up to this change.
    pub(crate) fn confirmed(&mut self, up_to: ChangeId) {
        if self.confirmed_up_to.is_none() {
            self.changed.extend(self.ports.keys().cloned());
        }
        self.confirmed_up_to = self.confirmed_up_to.max(Some(up_to));
        self.look_at_waiting();
    }

    /// The switch refuses something that each of these needs, and of no other port.
    pub(crate) fn refused(&mut self, ids: &BTreeSet<RowId>) {
        for (id, port) in &mut self.ports {
            let is_refused = ids.contains(id);
            if std::mem::replace(&mut port.is_refused, is_refused) != is_refused {
                self.changed.insert(id.clone());
            }
        }
    }

    /// Whether the switch refuses something of any port.
    pub(crate) fn has_refused(&self) -> bool {
        self.ports.values().any(|port| port.is_refused)
    }

    fn look_at_waiting(&mut self) {
        let Some(up_to) = self.confirmed_up_to else { return };
        let Self { ports, waiting, changed, .. } = self;
        waiting.retain(|id| {
            let Some(port) = ports.get_mut(id) else { return false };
            if port.is_confirmed(up_to) {
                changed.insert(id.clone());
            }
            port.first_awaited.is_some()
        });
    }

    /// Has the store looked at for every port that is translated here. While two nodes both took themselves for the one that has a
    /// gateway, the other may have had the last word, and then gone.
    pub(crate) fn look_again(&mut self) {
        for (id, port) in self.ports.iter_mut().filter(|(_, port)| port.is_translated()) {
            port.is_due = true;
            self.changed.insert(id.clone());
        }
    }

    /// What is to be told to the store, as it is now.
    pub(crate) fn take_wishes(&mut self) -> Vec<(RowId, Wish)> {
        let is_synced = self.confirmed_up_to.is_some();
        let mut wishes = Vec::new();
        for id in std::mem::take(&mut self.changed) {
            let Some(port) = self.ports.get_mut(&id) else { continue };
            let here = port.here(is_synced);
            if std::mem::take(&mut port.is_due) || port.told.as_ref() != Some(&here) {
                wishes.push((id.clone(), Wish { topic: port.topic.clone(), here: here.clone() }));
                port.told = Some(here);
            }
            if !port.is_plugged && !port.is_ready && port.place != Place::Here {
                self.ports.remove(&id);
            }
        }
        wishes
    }
}

#[cfg(test)]
mod tests;
