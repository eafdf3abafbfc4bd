//! The state behind the events, kept incrementally.
//!
//! ```text
//!   rows --candidate()--> candidates --lowest port number of each iface-id--> reported, findings
//! ```
//!
//! A batch marks interfaces as affected: those whose row changed, those of ports whose row changed, those of ports
//! that entered or left the bridge. Affected candidates are computed anew, and the id groups that they were or are in
//! are decided anew; whatever differs from what was reported becomes an event.

use std::collections::{BTreeMap, BTreeSet};

use net_types::{MacAddr, OfPort};
use ovsdb::Uuid;
use ovsdb::row::{Batch, Change};
use ovsdb::typed::Table;
use ovsdb::vswitch;

use super::{ATTACHED_MAC_KEY, Finding, IFACE_ID_KEY, Interface, InterfaceEvent, Role, Unclaimed, UpDown};
use crate::bridge::{self, TunnelKind};
use crate::configuration::Configuration;

/// What one row amounts to.
#[derive(Debug)]
enum Candidate {
    /// Could be reported.
    Usable(Interface, Option<Finding>),
    /// Cannot be used, and Open vSwitch said so.
    Failed(Finding),
}

impl Candidate {
    fn interface(&self) -> Option<&Interface> {
        match self {
            Self::Usable(interface, _) => Some(interface),
            Self::Failed(_) => None,
        }
    }

    fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Usable(_, finding) => finding.as_ref(),
            Self::Failed(finding) => Some(finding),
        }
    }

    /// The port id that it claims, and its rank among those who do.
    fn claim(&self) -> Option<(&str, (OfPort, Uuid))> {
        let interface = self.interface()?;
        match &interface.role {
            Role::Vif { iface_id, .. } => Some((iface_id, (interface.ofport, interface.row))),
            _ => None,
        }
    }
}

/// What a finding is about; each subject has one at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Interface(Uuid),
    IfaceId(String),
}

/// Follows the interfaces of one bridge. See the [module](super) for what it guarantees.
#[derive(Debug)]
pub struct InterfaceWatch {
    bridge: String,
    unclaimed: Unclaimed,
    configuration: Configuration,
    /// The ports of the bridge, as of the last batch.
    ports: BTreeSet<Uuid>,
    /// The ports that each interface is in: one, unless somebody made a mess.
    ports_of: BTreeMap<Uuid, BTreeSet<Uuid>>,
    candidates: BTreeMap<Uuid, Candidate>,
    claims: BTreeMap<String, BTreeSet<(OfPort, Uuid)>>,
    reported: BTreeMap<Uuid, Interface>,
    findings: BTreeMap<Subject, Finding>,
}

impl InterfaceWatch {
    /// A watch on the bridge of this name, which need not exist yet.
    #[must_use]
    pub fn new(bridge: &str, unclaimed: Unclaimed) -> Self {
        Self {
            bridge: bridge.to_owned(),
            unclaimed,
            configuration: Configuration::default(),
            ports: BTreeSet::new(),
            ports_of: BTreeMap::new(),
            candidates: BTreeMap::new(),
            claims: BTreeMap::new(),
            reported: BTreeMap::new(),
            findings: BTreeMap::new(),
        }
    }

    /// The rows as of the last batch.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The interfaces that can be used, by row.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.reported.values()
    }

    /// The interface that has this port id.
    #[must_use]
    pub fn vif(&self, iface_id: &str) -> Option<&Interface> {
        let (_, row) = self.claims.get(iface_id)?.first()?;
        self.reported.get(row)
    }

    /// What is wrong at present.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values()
    }

    /// Takes a batch of changes of the [columns](crate::configuration::columns), the next in order.
    pub fn apply(&mut self, batch: &Batch) -> Vec<InterfaceEvent> {
        self.configuration.apply(batch);
        let mut affected = BTreeSet::new();
        let mut bridge_changed = false;
        for change in &batch.changes {
            match change.table() {
                <vswitch::Interface as Table>::NAME => drop(affected.insert(change.uuid)),
                <vswitch::Port as Table>::NAME => self.relate(change, &mut affected),
                <vswitch::Bridge as Table>::NAME => bridge_changed = true,
                _ => {}
            }
        }
        if bridge_changed {
            self.find_ports(&mut affected);
        }
        let claims = self.renew_candidates(&affected);
        let mut events = self.report(&claims, affected);
        events.sort_by_key(InterfaceEvent::rank);
        events
    }

    /// Keeps `ports_of` up to date with a change of a port.
    fn relate(&mut self, change: &Change, affected: &mut BTreeSet<Uuid>) {
        for interface in interfaces_of(change.old.as_deref()) {
            affected.insert(interface);
            if let Some(ports) = self.ports_of.get_mut(&interface) {
                ports.remove(&change.uuid);
                if ports.is_empty() {
                    self.ports_of.remove(&interface);
                }
            }
        }
        for interface in interfaces_of(change.new.as_deref()) {
            affected.insert(interface);
            self.ports_of.entry(interface).or_default().insert(change.uuid);
        }
    }

    /// Finds the bridge anew, which may be another row of the same name, and what entered or left it.
    fn find_ports(&mut self, affected: &mut BTreeSet<Uuid>) {
        let bridge = self.configuration.bridge(&self.bridge);
        let ports = bridge.map(|(_, bridge)| bridge.ports.clone()).unwrap_or_default();
        for port in self.ports.symmetric_difference(&ports) {
            let row = self.configuration.ports().get(port);
            affected.extend(row.iter().flat_map(|row| &row.interfaces));
        }
        self.ports = ports;
    }

    /// Computes affected candidates and returns the port ids to decide anew.
    fn renew_candidates(&mut self, affected: &BTreeSet<Uuid>) -> BTreeSet<String> {
        let mut claims = BTreeSet::new();
        for row in affected {
            if let Some(old) = self.candidates.remove(row)
                && let Some((iface_id, rank)) = old.claim()
            {
                claims.insert(iface_id.to_owned());
                if let Some(claimants) = self.claims.get_mut(iface_id) {
                    claimants.remove(&rank);
                    if claimants.is_empty() {
                        self.claims.remove(iface_id);
                    }
                }
            }
            let Some(new) = self.candidate(*row) else { continue };
            if let Some((iface_id, rank)) = new.claim() {
                claims.insert(iface_id.to_owned());
                self.claims.entry(iface_id.to_owned()).or_default().insert(rank);
            }
            self.candidates.insert(*row, new);
        }
        claims
    }

    /// Compares with what was reported, for the affected interfaces and the claimants of the port ids.
    fn report(&mut self, claims: &BTreeSet<String>, mut affected: BTreeSet<Uuid>) -> Vec<InterfaceEvent> {
        let mut events = Vec::new();
        for iface_id in claims {
            affected.extend(self.claims.get(iface_id).into_iter().flatten().map(|(_, row)| *row));
            let finding = self.duplicate(iface_id);
            self.report_finding(Subject::IfaceId(iface_id.clone()), finding, &mut events);
        }
        for row in affected {
            let finding = self.candidates.get(&row).and_then(Candidate::finding).cloned();
            self.report_finding(Subject::Interface(row), finding, &mut events);
            let new = self.chosen(row).cloned();
            let old = match &new {
                Some(new) => self.reported.insert(row, new.clone()),
                None => self.reported.remove(&row),
            };
            match (old, new) {
                (Some(old), Some(new)) if old == new => {}
                (Some(old), Some(new)) if old.role.is_same_thing(&new.role) => {
                    events.push(InterfaceEvent::Changed { old, new });
                }
                (old, new) => {
                    events.extend(old.map(InterfaceEvent::Gone));
                    events.extend(new.map(InterfaceEvent::Appeared));
                }
            }
        }
        events
    }

    fn report_finding(
        &mut self,
        subject: Subject,
        finding: Option<Finding>,
        events: &mut Vec<InterfaceEvent>,
    ) {
        if self.findings.get(&subject) == finding.as_ref() {
            return;
        }
        events.extend(self.findings.remove(&subject).map(InterfaceEvent::Cleared));
        if let Some(finding) = finding {
            self.findings.insert(subject, finding.clone());
            events.push(InterfaceEvent::Found(finding));
        }
    }

    /// The interface of this row if it is to be reported.
    fn chosen(&self, row: Uuid) -> Option<&Interface> {
        let candidate = self.candidates.get(&row)?;
        if let Some((iface_id, rank)) = candidate.claim()
            && self.claims.get(iface_id)?.first() != Some(&rank)
        {
            return None;
        }
        candidate.interface()
    }

    fn duplicate(&self, iface_id: &str) -> Option<Finding> {
        let claimants = self.claims.get(iface_id)?.iter();
        let mut names =
            claimants.filter_map(|(_, row)| Some(self.candidates.get(row)?.interface()?.name.clone()));
        let used = names.next()?;
        let ignored: Vec<String> = names.collect();
        let iface_id = iface_id.to_owned();
        (!ignored.is_empty()).then_some(Finding::DuplicateIfaceId { iface_id, used, ignored })
    }

    /// What the row amounts to at present; None if it is not in the bridge, of no interest or not ready.
    fn candidate(&self, row: Uuid) -> Option<Candidate> {
        let interface = self.configuration.interfaces().get(&row)?;
        let mut ports = self.ports_of.get(&row)?.iter().filter(|port| self.ports.contains(port)).peekable();
        ports.peek()?;
        let port = |port| self.configuration.ports().get(port);
        let mut ours =
            ports.filter_map(port).filter(|port| bridge::is_owned(&port.external_ids, &self.bridge));
        let (role, finding) = role_of(interface, ours.next().map(|port| &port.external_ids));
        if role == Role::Other && self.unclaimed == Unclaimed::Ignored {
            return None;
        }
        let name = interface.name.clone();
        if interface.ofport == Some(-1) {
            let error = interface.error.clone();
            return Some(Candidate::Failed(Finding::Failed { interface: name, role, error }));
        }
        let usable = Interface {
            row,
            name,
            role,
            kind: interface.r#type.clone(),
            ofport: port_number(interface.ofport?)?,
            link: up_down(interface.link_state.as_deref()),
            admin: up_down(interface.admin_state.as_deref()),
            mac_in_use: interface.mac_in_use.as_deref().and_then(|mac| mac.parse().ok()),
            mtu: interface.mtu.and_then(|mtu| u32::try_from(mtu).ok()),
            error: interface.error.clone(),
        };
        Some(Candidate::Usable(usable, finding))
    }
}

fn interfaces_of(port: Option<&ovsdb::row::Row>) -> BTreeSet<Uuid> {
    port.and_then(|port| port.get(&vswitch::Port::INTERFACES)).unwrap_or_default()
}

/// The role of an interface, and what is wrong with how it is said. `marks` are those of its port, if that is ours.
fn role_of(
    interface: &vswitch::Interface,
    marks: Option<&BTreeMap<String, String>>,
) -> (Role, Option<Finding>) {
    let ids = &interface.external_ids;
    if let Some(marks) = marks {
        if let Some(peer) = marks.get(bridge::PEER_KEY) {
            return (Role::Session { peer: peer.clone() }, None);
        }
        if let Some(peer) = marks.get(bridge::SPEAKER_KEY) {
            return (Role::Speaker { peer: peer.clone() }, None);
        }
        if let Some(kind) = TunnelKind::from_ovs(&interface.r#type) {
            return (Role::Tunnel(kind), None);
        }
        if interface.r#type == bridge::PATCH_TYPE {
            let peer = interface.options.get(bridge::PEER_OPTION).cloned().unwrap_or_default();
            return (Role::Patch { peer }, None);
        }
        if interface.r#type == bridge::INTERNAL_TYPE {
            return (Role::Internal, None);
        }
    }
    let Some(iface_id) = ids.get(IFACE_ID_KEY).filter(|id| !id.is_empty()) else {
        return (Role::Other, None);
    };
    let text = ids.get(ATTACHED_MAC_KEY);
    let attached_mac = text.and_then(|text| text.parse::<MacAddr>().ok());
    let finding = text
        .filter(|_| attached_mac.is_none())
        .map(|text| Finding::MalformedAttachedMac { interface: interface.name.clone(), text: text.clone() });
    (Role::Vif { iface_id: iface_id.clone(), attached_mac }, finding)
}

/// The port number, if it is one that Open vSwitch gives to interfaces.
fn port_number(ofport: i64) -> Option<OfPort> {
    let port = OfPort::from_of10(u16::try_from(ofport).ok()?);
    let is_usable = port == OfPort::LOCAL || (port.is_physical() && port != OfPort::new(0));
    is_usable.then_some(port)
}

fn up_down(state: Option<&str>) -> Option<UpDown> {
    match state? {
        "up" => Some(UpDown::Up),
        "down" => Some(UpDown::Down),
        _ => None,
    }
}
