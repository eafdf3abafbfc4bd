//! What the store should say of a port that is, was or might be ours: pure.
//!
//! Three rows speak of a port:
//!
//! | row | says | who writes it |
//! |---|---|---|
//! | `lport` | its binding: the node that it is on | whoever owns the port; we, when it is unbound and plugged in here |
//! | `port_claim` | that the binding in `lport` was written by this node | we, with the binding |
//! | `port_status` | whether it forwards | the node that it is bound to |
//!
//! - A port that is **bound to another node** is not ours, whatever is plugged in.
//! - A port that is **unbound** is claimed by the node where its interface appears. Two nodes that try at once write over
//!   the same state of the row, so the store lets one of them succeed.
//! - On **unplugging**, a binding that we wrote is taken back, so that the port may be plugged in elsewhere; one that its
//!   owner wrote (Neutron's `binding:host_id`) stays. The row `port_claim` tells the two apart: the original's rows have no
//!   room for it, and it has to survive us.
//! - `generation` of a status counts the nodes that the port was on. A node takes the next number when it takes over, so
//!   what an earlier one still says is void.
//! - What the store says already is not written again: a restart with nothing changed writes nothing.

use model::lifecycle::on_update;
use model::{
    BindingType, Chassis, Id, LogicalPort, Object, PortBinding, PortState, PortStatus, Timestamp, Version,
};
use nb::{Claim, Key, Require, Stamp, Txn};

/// Whether a port forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarding {
    /// We have just started, and the switch has not said yet.
    Unknown,
    No,
    /// As the port was in this version.
    Yes(Option<Version>),
}

/// What is the case here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Here {
    /// Whether the port's interface is on this node.
    pub(crate) is_plugged: bool,
    pub(crate) forwarding: Forwarding,
}

/// A row as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Stored<T> {
    pub(crate) key: Key,
    /// The row; nothing, where there is none or it makes no sense.
    pub(crate) row: Option<T>,
    /// Its state; nothing, where there is none.
    pub(crate) stamp: Option<Stamp>,
}

impl<T> Stored<T> {
    fn get(&self) -> Option<&T> {
        self.row.as_ref()
    }

    /// That nobody wrote the row since it was read.
    fn unchanged(&self) -> Require {
        match self.stamp {
            Some(stamp) => Require::Unchanged(self.key.clone(), stamp),
            None => Require::Absent(self.key.clone()),
        }
    }
}

/// The rows that speak of one port.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) lport: Stored<LogicalPort>,
    pub(crate) claim: Stored<Claim>,
    pub(crate) status: Stored<PortStatus>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Decision {
    /// What to write, if anything.
    pub(crate) txn: Txn,
    /// What of it is worth a line in the log.
    pub(crate) event: Option<ClaimEvent>,
    /// The node that has the port although it is plugged in here.
    pub(crate) elsewhere: Option<Id<Chassis>>,
}

/// What became of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimEvent {
    /// The port was unbound and is ours now.
    Claimed,
    /// The port was ours and is unbound now.
    Released,
}

/// Says what to write so that the store says what is the case.
pub(crate) fn decide(us: &Id<Chassis>, here: &Here, rows: &Rows, now: &Timestamp) -> Decision {
    let mut decision = Decision::default();
    let we_claimed = rows.claim.get().is_some_and(|claim| claim.chassis == *us);
    let bound = rows.lport.get().map(|lport| lport.binding.clone());
    let is_ours = match &bound {
        Some(binding) if here.is_plugged && is_unbound(binding.as_ref()) => {
            decision.claim(us, rows, now);
            true
        }
        Some(Some(binding)) if is_bound_to(binding, us) => {
            if !here.is_plugged && we_claimed {
                decision.release(rows, now);
            }
            here.is_plugged
        }
        // What is sent to the port is translated here, and nobody has to be bound for that.
        Some(binding) if here.forwarding != Forwarding::No && is_unbound(binding.as_ref()) => {
            if here.forwarding == Forwarding::Unknown {
                return decision;
            }
            true
        }
        other => {
            if here.is_plugged {
                let binding = other.as_ref().and_then(Option::as_ref);
                decision.elsewhere = binding.and_then(|binding| binding.chassis.clone());
            }
            // The owner of the port has decided otherwise since, or it is gone.
            if we_claimed {
                decision.forget_claim(rows);
            }
            false
        }
    };
    match (rows.lport.get(), is_ours) {
        (Some(lport), true) => decision.report(us, here.forwarding, lport, rows, now),
        (Some(_), false) => decision.withdraw(us, rows, now),
        (None, _) => {
            if rows.status.get().is_some_and(|status| status.chassis == *us) {
                decision.require(rows.lport.unchanged());
                decision.require(rows.status.unchanged());
                decision.txn.ops.push(nb::Op::Delete(rows.status.key.clone()));
            }
        }
    }
    decision
}

fn is_unbound(binding: Option<&PortBinding>) -> bool {
    binding.is_none_or(|binding| binding.kind == BindingType::Chassis && binding.chassis.is_none())
}

fn is_bound_to(binding: &PortBinding, node: &Id<Chassis>) -> bool {
    binding.kind == BindingType::Chassis && binding.chassis.as_ref() == Some(node)
}

impl Decision {
    fn require(&mut self, require: Require) {
        if !self.txn.require.contains(&require) {
            self.txn.require.push(require);
        }
    }

    fn put(&mut self, object: &Object) {
        let txn = std::mem::take(&mut self.txn);
        self.txn = txn.put_object(object);
    }

    fn rebind(&mut self, rows: &Rows, binding: Option<PortBinding>, now: &Timestamp) {
        let Some(lport) = rows.lport.get() else { return };
        let changed = LogicalPort { binding, ..lport.clone() };
        self.require(rows.lport.unchanged());
        self.require(rows.claim.unchanged());
        if let Some(changed) = on_update(lport, changed, now) {
            self.put(&changed.into());
        }
    }

    fn claim(&mut self, us: &Id<Chassis>, rows: &Rows, now: &Timestamp) {
        let chassis = Some(us.clone());
        self.rebind(rows, Some(PortBinding { chassis, kind: BindingType::Chassis, vtep_address: None }), now);
        let claim = Claim { id: Id::from_row(rows.lport.key.id.clone()), chassis: us.clone() };
        if rows.claim.get() != Some(&claim) {
            let text = serde_json::to_string(&claim).expect("a claim is two texts");
            let txn = std::mem::take(&mut self.txn);
            self.txn = txn.put(rows.claim.key.clone(), text);
        }
        self.event = Some(ClaimEvent::Claimed);
    }

    fn release(&mut self, rows: &Rows, now: &Timestamp) {
        self.rebind(rows, None, now);
        self.forget_claim(rows);
        self.event = Some(ClaimEvent::Released);
    }

    fn forget_claim(&mut self, rows: &Rows) {
        self.require(rows.lport.unchanged());
        self.require(rows.claim.unchanged());
        self.txn.ops.push(nb::Op::Delete(rows.claim.key.clone()));
    }

    /// Says what is the case with a port of ours.
    fn report(
        &mut self,
        us: &Id<Chassis>,
        forwarding: Forwarding,
        lport: &LogicalPort,
        rows: &Rows,
        now: &Timestamp,
    ) {
        let stored = rows.status.get();
        let (state, lport_version) = match (forwarding, stored) {
            (Forwarding::Yes(version), _) => (PortState::Active, version),
            // What we said before we were restarted may well be so still.
            (Forwarding::Unknown, Some(status)) if status.chassis == *us => return,
            (Forwarding::No, Some(status)) if status.chassis == *us => {
                (PortState::Down, status.lport_version)
            }
            // Somebody else's word, on a port that is ours now.
            (_, Some(_)) => (PortState::Down, None),
            // Nobody said that it forwards.
            (_, None) => return,
        };
        let generation = match stored {
            Some(status) if status.chassis == *us => status.generation,
            Some(status) => status.generation.saturating_add(1),
            None => 1,
        };
        let port = &rows.lport.key.id;
        let wanted = PortStatus {
            chassis: us.clone(),
            generation,
            id: PortStatus::id_of(&Id::from_row(port.clone())),
            lport: Id::from_row(port.clone()),
            lport_version,
            state,
            topic: lport.topic.clone(),
            version: stored.and_then(|status| status.version),
        };
        self.write_status(rows, wanted, now);
    }

    /// Says that a port does not forward here, where we said that it does.
    fn withdraw(&mut self, us: &Id<Chassis>, rows: &Rows, now: &Timestamp) {
        let active = |status: &&PortStatus| status.chassis == *us && status.state == PortState::Active;
        if let Some(status) = rows.status.get().filter(active) {
            self.write_status(rows, PortStatus { state: PortState::Down, ..status.clone() }, now);
        }
    }

    fn write_status(&mut self, rows: &Rows, wanted: PortStatus, now: &Timestamp) {
        let written = match rows.status.get() {
            Some(stored) => on_update(stored, wanted, now),
            None => Some(PortStatus { version: Some(Version::FIRST), ..wanted }),
        };
        if let Some(status) = written {
            self.require(rows.status.unchanged());
            // A status outlives its port for nobody: the port has to be there still, and bound as it was.
            self.require(rows.lport.unchanged());
            self.put(&status.into());
        }
    }
}

#[cfg(test)]
mod tests;
