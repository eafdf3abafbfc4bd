//! The rows that controllers read, and what else of a resource the translation decides.

use model::{BindingType, Id, Object, PortBinding, RowId, Table, Topic, UniqueKey};
use nb::{CLAIMS, Key, Require};
use serde_json::Value;

use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::translate::{
    Attributes, Network, Port, QosPolicy, Segment, SegmentError, SegmentPool, SegmentRequest, SegmentType,
    Subnet, TranslateError,
};
use crate::write::{Decision, Draft};

impl Attributes for Document {
    fn attribute(&self, name: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.resource().slot(name).map_or(&NULL, |slot| self.at(slot))
    }
}

impl From<TranslateError> for ApiError {
    fn from(error: TranslateError) -> Self {
        let fault = error.fault();
        Self::new(fault.status, fault.exception, error.to_string())
    }
}

impl From<SegmentError> for ApiError {
    fn from(error: SegmentError) -> Self {
        let fault = error.fault();
        Self::new(fault.status, fault.exception, error.to_string())
    }
}

/// What is said of the segment of a network.
fn segment_request(said: &Said, is_external: bool) -> SegmentRequest {
    let text = |name| said.filled(name).and_then(Value::as_str).map(str::to_owned);
    SegmentRequest {
        network_type: text("provider:network_type"),
        physical_network: text("provider:physical_network"),
        segmentation_id: said.filled("provider:segmentation_id").and_then(Value::as_i64),
        is_external,
    }
}

/// The segment that a network has.
fn segment_of(document: &Document) -> Option<Segment> {
    let kind = SegmentType::from_text(document.text("provider:network_type"))?;
    let physical_network = || document.filled("provider:physical_network").map(str::to_owned);
    let id = || document.number("provider:segmentation_id").and_then(|id| u32::try_from(id).ok());
    Some(match kind {
        SegmentType::Local => Segment::Local,
        SegmentType::Flat => Segment::Flat { physical_network: physical_network()? },
        SegmentType::Vlan => Segment::Vlan { physical_network: physical_network()?, id: id()? },
        SegmentType::Gre | SegmentType::Vxlan | SegmentType::Geneve => Segment::Tunnel { kind, id: id()? },
    })
}

fn set_segment(document: &mut Document, segment: &Segment) {
    document.set("provider:network_type", segment.kind().as_str());
    document.set("provider:physical_network", segment.physical_network());
    document.set("provider:segmentation_id", segment.segmentation_id());
}

/// Gives a new network its segment and the length of its packets.
pub(super) fn choose_segment(draft: &mut Draft<'_>, document: &mut Document, said: &Said) -> Decision<()> {
    let core = draft.core();
    let request = segment_request(said, document.is("router:external"));
    let plan = draft.state().segments().create(&request, &mut || core.chance.next())?;
    set_segment(document, &plan.segment);
    super::port::claim(draft, document.id(), &plan.claims)?;
    set_mtu(draft, document, &plan.segment, said.filled("mtu"))
}

/// Changes the segment of a network and the length of its packets, as far as they can be.
pub(super) fn change_segment(draft: &mut Draft<'_>, document: &mut Document, said: &Said) -> Decision<()> {
    let Some(segment) = segment_of(document) else {
        return Ok(());
    };
    let names = ["provider:network_type", "provider:physical_network", "provider:segmentation_id"];
    if names.iter().any(|name| said.get(name).is_some_and(|value| value != document.get(name))) {
        let plan = draft.state().segments().change(&segment, &segment_request(said, false))?;
        set_segment(document, &plan.segment);
        super::port::claim(draft, document.id(), &plan.claims)?;
    }
    match said.filled("mtu") {
        Some(mtu) => set_mtu(draft, document, &segment, Some(mtu)),
        None => Ok(()),
    }
}

fn set_mtu(
    draft: &Draft<'_>,
    document: &mut Document,
    segment: &Segment,
    said: Option<&Value>,
) -> Decision<()> {
    let asked = said.and_then(Value::as_u64).and_then(|mtu| u32::try_from(mtu).ok());
    let mtu = draft.core().settings.mtu.choose(segment, asked).map_err(SegmentError::from)?;
    document.set("mtu", mtu);
    Ok(())
}

/// The number by which switches know a resource.
pub(super) fn unique_key(document: &Document) -> Result<UniqueKey, ApiError> {
    let number = document.number("unique_key").and_then(|number| u32::try_from(number).ok());
    number.and_then(UniqueKey::new).ok_or_else(|| {
        tracing::error!(?document, "a resource has no number for switches");
        ApiError::internal()
    })
}

pub(super) fn put_network(draft: &mut Draft<'_>, network: &Document) -> Decision<()> {
    let translated = Network::from_attributes(network)?;
    draft.put_object(&Object::from(translated.row(unique_key(network)?)));
    match translated.extra() {
        Some(extra) => draft.put_object(&Object::from(extra)),
        None => delete_network_extra(draft, network),
    }
    Ok(())
}

/// Takes back what a network said besides its row, if that was anything.
fn delete_network_extra(draft: &mut Draft<'_>, network: &Document) {
    let stored = draft.state().find(Kind::Network, network.id());
    let had_any = stored.is_some_and(|stored| {
        Network::from_attributes(&*stored.document).is_ok_and(|network| network.extra().is_some())
    });
    if had_any {
        delete(draft, Table::NetworkExtra, network, &Topic::new(network.project()));
    }
}

pub(super) fn delete_network(draft: &mut Draft<'_>, network: &Document) {
    if let Some(segment) = segment_of(network) {
        for key in SegmentPool::release(&segment).release {
            draft.delete_row(key);
        }
    }
    let topic = Topic::new(network.project());
    delete(draft, Table::LogicalSwitch, network, &topic);
    delete_network_extra(draft, network);
}

pub(super) fn put_subnet(draft: &mut Draft<'_>, subnet: &Document) -> Decision<()> {
    let translated = Subnet::from_attributes(subnet)?;
    draft.put_object(&Object::from(translated.row()));
    if let Some(row) = translated.ipv6_row() {
        draft.put_object(&Object::from(row));
    }
    Ok(())
}

pub(super) fn delete_subnet(draft: &mut Draft<'_>, subnet: &Document) {
    let topic = Topic::new(subnet.project());
    delete(draft, Table::Subnet, subnet, &topic);
    if subnet.number("ip_version") == Some(6) {
        delete(draft, Table::SubnetIpv6, subnet, &topic);
    }
}

/// What a port says, and of which project it is where it has none of its own.
fn translated(draft: &Draft<'_>, port: &Document) -> Result<Port, TranslateError> {
    let network = draft.get(Kind::Network, port.text("network_id"));
    Port::from_attributes(port, network.as_ref().map_or("", |network| network.project()))
}

pub(super) fn put_port(draft: &mut Draft<'_>, port: &Document) -> Decision<()> {
    let mut translated = translated(draft, port)?;
    super::behind::leave_out_named(draft, port, &mut translated);
    let mut row = translated.row(unique_key(port)?)?;
    if row.binding.is_none() {
        row.binding = binding_of_node(draft, port);
    }
    draft.put_object(&Object::from(row));
    match translated.address_ranges() {
        Some(ranges) => draft.put_object(&Object::from(ranges)),
        None => delete_address_ranges(draft, port, &translated.topic()),
    }
    match translated.dhcpv6_options() {
        Some(options) => draft.put_object(&Object::from(options)),
        None => delete_dhcpv6_options(draft, port, &translated.topic()),
    }
    match translated.name_row(draft.state().cloud_domain()) {
        Some(name) => draft.put_object(&Object::from(name)),
        None => delete_name(draft, port, &translated.topic()),
    }
    Ok(())
}

/// Whether a port is as the test says, as it was stored last.
fn was(draft: &Draft<'_>, port: &Document, test: impl Fn(&Port) -> bool) -> bool {
    draft
        .state()
        .find(Kind::Port, port.id())
        .is_some_and(|stored| Port::from_attributes(&*stored.document, "").is_ok_and(|port| test(&port)))
}

/// Takes back the name that a port had, if it had one.
fn delete_name(draft: &mut Draft<'_>, port: &Document, topic: &Topic) {
    if was(draft, port, |port| port.dns_name.as_deref().is_some_and(|name| !name.is_empty())) {
        delete(draft, Table::PortDns, port, topic);
    }
}

/// Takes back what a port was told by DHCPv6 besides, if it was anything.
fn delete_dhcpv6_options(draft: &mut Draft<'_>, port: &Document, topic: &Topic) {
    if was(draft, port, |port| port.dhcpv6_options().is_some()) {
        delete(draft, Table::PortDhcpv6, port, topic);
    }
}

/// Takes back the ranges of addresses that a port had, if it had any.
fn delete_address_ranges(draft: &mut Draft<'_>, port: &Document, topic: &Topic) {
    if was(draft, port, |port| port.address_ranges().is_some()) {
        delete(draft, Table::PortAddressRanges, port, topic);
    }
}

/// Where a port is of which its owner does not say it: where a node found it, which stays so until that node takes it back.
fn binding_of_node(draft: &mut Draft<'_>, port: &Document) -> Option<PortBinding> {
    // A new port cannot have been found yet.
    draft.state().find(Kind::Port, port.id())?;
    let key = Key::new(CLAIMS, RowId::new(port.id()).ok()?);
    let Some((chassis, stamp)) = draft.state().bound_by_node(port.id()).cloned() else {
        draft.require(Require::Absent(key));
        return None;
    };
    draft.require(Require::Unchanged(key, stamp));
    Some(PortBinding { chassis: Some(chassis), kind: BindingType::Chassis, vtep_address: None })
}

pub(super) fn delete_port(draft: &mut Draft<'_>, port: &Document) {
    let topic =
        translated(draft, port).map_or_else(|_| Topic::new(port.project()), |translated| translated.topic());
    delete(draft, Table::LogicalPort, port, &topic);
    delete_address_ranges(draft, port, &topic);
    delete_dhcpv6_options(draft, port, &topic);
    delete_name(draft, port, &topic);
    // What nodes said of it; they may not be there any more to take it back.
    if draft.state().port_state(port.id()).is_some() {
        delete(draft, Table::PortStatus, port, &topic);
    }
    if draft.state().bound_by_node(port.id()).is_some()
        && let Ok(id) = RowId::new(port.id())
    {
        draft.delete_row(Key::new(CLAIMS, id));
    }
}

pub(super) fn put_qos_policy(draft: &mut Draft<'_>, policy: &Document) -> Decision<()> {
    let translated = QosPolicy::from_attributes(policy)?;
    draft.put_object(&Object::from(translated.row()));
    match translated.extra() {
        Some(extra) => draft.put_object(&Object::from(extra)),
        None => delete_qos_extra(draft, policy),
    }
    Ok(())
}

pub(super) fn delete_qos_policy(draft: &mut Draft<'_>, policy: &Document) {
    delete(draft, Table::QosPolicy, policy, &Topic::new(policy.project()));
    delete_qos_extra(draft, policy);
}

/// Takes back the rules that the original knows none of, if the policy had any.
fn delete_qos_extra(draft: &mut Draft<'_>, policy: &Document) {
    let had_any = draft.state().find(Kind::QosPolicy, policy.id()).is_some_and(|stored| {
        QosPolicy::from_attributes(&*stored.document).is_ok_and(|policy| policy.extra().is_some())
    });
    if had_any {
        delete(draft, Table::QosPolicyExtra, policy, &Topic::new(policy.project()));
    }
}

/// Deletes the row of a resource where it is: stores keep the rows of each project apart.
pub(super) fn delete(draft: &mut Draft<'_>, table: Table, document: &Document, topic: &Topic) {
    if let Ok(id) = Id::<model::LogicalPort>::new(document.id()) {
        let key = Key::new(table, id.row().clone()).with_topic(topic.clone());
        draft.delete_row(key);
    }
}
