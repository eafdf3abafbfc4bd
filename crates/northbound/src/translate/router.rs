//! A router, and its rows: the original's, with its ports and routes, and one of ours with the rest.

use std::net::IpAddr;

use ipnet::IpNet;
use model::{
    Chassis, Id, LogicalRouter, LogicalRouterPort, LogicalSwitch, RouterChassis, RouterExtra, RouterGateway,
    Topic, UniqueKey, Version,
};
use net_types::MacAddr;
use serde_json::Value;

use super::attributes::{Attributes, Reader, id, number};
use super::error::TranslateError;
use crate::ipam::{HostRoute, PortId};

/// The next hop of a route that leads nowhere.
pub const DISCARD: &str = "discard";

/// What of a router its rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// Its id.
    pub id: Id<LogicalRouter>,
    /// The project, `project_id`.
    pub project_id: String,
    /// A name for people.
    pub name: Option<String>,
    /// Whether it forwards, `admin_state_up`.
    pub enabled: bool,
    /// Whether floating IPs are translated on the nodes of their ports.
    pub distributed: bool,
    /// Its routes to elsewhere.
    pub routes: Vec<HostRoute>,
    /// Its routes to nowhere.
    pub discards: Vec<IpNet>,
    /// Its ports in external networks.
    pub gateways: Vec<RouterGateway>,
    /// The nodes that somebody chose for its gateway.
    pub chassis: Vec<RouterChassis>,
    /// The availability zones that its gateways are to be in, `availability_zone_hints`.
    pub zones: Vec<String>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

/// A port of a router in a network that it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterPort {
    /// The port.
    pub id: PortId,
    /// Its network.
    pub network_id: Id<LogicalSwitch>,
    /// Its MAC address.
    pub mac: MacAddr,
    /// Its first address, and the prefix length of the subnet; none while it has no address.
    pub address: Option<(IpAddr, u8)>,
    /// Its number.
    pub unique_key: UniqueKey,
}

impl Router {
    /// The router that attributes of the API say, with those that we keep for ourselves.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(attributes: &(impl Attributes + ?Sized)) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        let routes = reader.list("routes", "a list of routes, each with destination and nexthop", route)?;
        let (routes, discards): (Vec<_>, Vec<_>) =
            routes.into_iter().partition(|route| route.nexthop.is_some());
        let gateways = reader.list("gateways", "a list of ports in external networks", gateway)?;
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            project_id: reader.project()?,
            name: reader.text("name")?,
            enabled: reader.flag("admin_state_up")?,
            distributed: reader.flag("distributed")?,
            routes: routes.into_iter().filter_map(Route::into_hop).collect(),
            discards: discards.into_iter().map(|route| route.destination).collect(),
            gateways,
            chassis: reader.list("chassis", "a list of nodes, each with chassis and priority", chassis)?,
            zones: reader.list("availability_zone_hints", "a list of names of zones", zone)?,
            revision: reader.revision()?,
        })
    }

    /// The row that controllers read. The number is the one that was allocated when the router was created.
    #[must_use]
    pub fn row(&self, unique_key: UniqueKey, ports: &[RouterPort]) -> LogicalRouter {
        let topic = Topic::new(&self.project_id);
        let port = |port: &RouterPort| LogicalRouterPort {
            id: port.id.clone(),
            lswitch: Some(port.network_id.clone()),
            mac: Some(port.mac),
            network: port.address.and_then(|(address, length)| IpNet::new(address, length).ok()),
            topic: topic.clone(),
            unique_key: port.unique_key,
        };
        let route =
            |route: &HostRoute| model::HostRoute { destination: route.destination, nexthop: route.nexthop };
        LogicalRouter {
            id: self.id.clone(),
            name: self.name.clone(),
            ports: ports.iter().map(port).collect(),
            routes: self.routes.iter().map(route).collect(),
            topic: topic.clone(),
            unique_key,
            version: Some(Version(self.revision)),
        }
    }

    /// The row with what the first one has no room for, if the router says any of it.
    #[must_use]
    pub fn extra(&self) -> Option<RouterExtra> {
        let is_plain = self.enabled
            && self.distributed
            && self.gateways.is_empty()
            && self.chassis.is_empty()
            && self.discards.is_empty()
            && self.zones.is_empty();
        (!is_plain).then(|| RouterExtra {
            chassis: self.chassis.clone(),
            discards: self.discards.clone(),
            distributed: Some(self.distributed),
            enabled: Some(self.enabled),
            gateways: self.gateways.clone(),
            id: RouterExtra::id_of(&self.id),
            lrouter: self.id.clone(),
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
            zones: self.zones.clone(),
        })
    }
}

/// A route as the API says it.
struct Route {
    destination: IpNet,
    /// None for a route to nowhere.
    nexthop: Option<IpAddr>,
}

impl Route {
    fn into_hop(self) -> Option<HostRoute> {
        Some(HostRoute { destination: self.destination, nexthop: self.nexthop? })
    }
}

fn route(route: &Value) -> Option<Route> {
    let parsed = |name| route.attribute(name).as_str();
    let nexthop = match parsed("nexthop")? {
        DISCARD => None,
        address => Some(address.parse().ok()?),
    };
    Some(Route { destination: parsed("destination")?.parse().ok()?, nexthop })
}

fn zone(zone: &Value) -> Option<String> {
    zone.as_str().map(str::to_owned)
}

fn gateway(gateway: &Value) -> Option<RouterGateway> {
    Some(RouterGateway {
        enable_snat: gateway.attribute("enable_snat").as_bool(),
        lswitch: id(gateway.attribute("network_id"))?,
        port: id(gateway.attribute("port_id"))?,
    })
}

fn chassis(chosen: &Value) -> Option<RouterChassis> {
    let chassis: Id<Chassis> = id(chosen.attribute("chassis"))?;
    Some(RouterChassis { chassis, priority: number(chosen.attribute("priority"))? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn router(changes: Value) -> Router {
        let mut attributes = json!({"id": "r", "name": "r1", "project_id": "t", "revision_number": 5,
            "admin_state_up": true, "distributed": true});
        for (name, value) in changes.as_object().unwrap() {
            attributes[name] = value.clone();
        }
        Router::from_attributes(&attributes).unwrap()
    }

    #[test]
    fn the_row_is_the_originals() {
        let router = router(json!({"routes": [{"destination": "30.0.0.0/24", "nexthop": "10.0.0.9"}]}));
        let port = RouterPort {
            id: Id::new("p").unwrap(),
            network_id: Id::new("n").unwrap(),
            mac: "fa:16:3e:11:22:33".parse().unwrap(),
            address: Some(("10.0.0.1".parse().unwrap(), 24)),
            unique_key: UniqueKey::new(31).unwrap(),
        };
        let row = model::Object::from(router.row(UniqueKey::new(2).unwrap(), &[port]));
        assert_eq!(
            row.to_text(),
            r#"{"id": "r", "name": "r1", "ports": [{"id": "p", "lswitch": "n", "mac": "fa:16:3e:11:22:33", "network": "10.0.0.1/24", "topic": "t", "unique_key": 31}], "routes": [{"destination": "30.0.0.0/24", "nexthop": "10.0.0.9"}], "topic": "t", "unique_key": 2, "version": 5}"#
        );
        assert_eq!(router.extra(), None, "a plain router says nothing besides");
    }

    #[test]
    fn a_route_to_nowhere_is_not_in_the_originals_row() {
        let router = router(json!({"routes": [{"destination": "30.0.0.0/24", "nexthop": "discard"},
            {"destination": "30.0.0.0/8", "nexthop": "10.0.0.9"}]}));
        let row = router.row(UniqueKey::new(2).unwrap(), &[]);
        assert_eq!(row.routes.len(), 1);
        assert_eq!(router.extra().unwrap().discards, ["30.0.0.0/24".parse::<IpNet>().unwrap()]);
    }

    #[test]
    fn what_the_original_does_not_know_is_elsewhere() {
        for change in [
            json!({"admin_state_up": false}),
            json!({"distributed": false}),
            json!({"gateways": [{"port_id": "g", "network_id": "e", "enable_snat": false}]}),
            json!({"chassis": [{"chassis": "host-1", "priority": 3}]}),
            json!({"routes": [{"destination": "30.0.0.0/24", "nexthop": "discard"}]}),
            json!({"availability_zone_hints": ["east"]}),
        ] {
            assert!(router(change.clone()).extra().is_some(), "{change}");
        }
        let extra = router(json!({
            "gateways": [{"port_id": "g", "network_id": "e", "enable_snat": false}],
            "chassis": [{"chassis": "host-1", "priority": 3}],
        }))
        .extra()
        .unwrap();
        assert_eq!((extra.enabled, extra.distributed), (Some(true), Some(true)));
        let gateway = &extra.gateways[0];
        assert_eq!((gateway.enable_snat, gateway.port.to_string()), (Some(false), "g".to_owned()));
        assert_eq!(
            (extra.chassis[0].chassis.to_string(), extra.chassis[0].priority),
            ("host-1".to_owned(), 3)
        );
    }
}
