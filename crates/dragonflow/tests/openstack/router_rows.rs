//! Whether what a store holds of routers fits together.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::checker::documents;
use crate::support::{Dump, text};

/// The ids in a list of a router, each the value itself or a member of it.
fn ids<'a>(router: &'a Value, list: &str, member: Option<&str>) -> Vec<&'a str> {
    let items = router[list].as_array().expect("a list").iter();
    items.map(|item| member.map_or(item, |name| &item[name]).as_str().expect("an id")).collect()
}

/// Asserts that each router has its rows, that these have its ports as the ports are, that its ports know it, and that nothing says
/// that it is a port of a router that the router does not know.
#[track_caller]
pub(crate) fn assert_routers(dump: &Dump) {
    let routers = documents(dump, "neutron_router");
    let ports = documents(dump, "neutron_port");
    let lports = documents(dump, "lport");
    let (rows, extras) = (documents(dump, "lrouter"), documents(dump, "lrouter_extra"));
    assert_eq!(routers.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>(), "lrouter");
    let mut of_routers: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, router) in &routers {
        let (interfaces, gateways) =
            (ids(router, "interfaces", None), ids(router, "gateways", Some("port_id")));
        for port in interfaces.iter().chain(&gateways) {
            assert_eq!(of_routers.insert(port, id), None, "port {port} is of two routers");
            assert_eq!(ports[port]["device_id"], *id, "port {port}");
        }
        let row = &rows[id];
        assert_eq!(ids(row, "ports", Some("id")), interfaces, "ports of {row}");
        for port in row["ports"].as_array().expect("a list") {
            let lport = &lports[text(&port["id"]).as_str()];
            assert_eq!((&port["mac"], &port["lswitch"]), (&lport["macs"][0], &lport["lswitch"]), "{row}");
            assert_eq!(port["unique_key"], lport["unique_key"], "{row}");
            let address = text(&port["network"]);
            assert_eq!(address.split('/').next(), lport["ips"][0].as_str(), "{row}");
        }
        assert_eq!(row["routes"], router["routes"], "routes of {row}");
        let extra = extras.get(id);
        let of_extra = extra.map_or(Vec::new(), |extra| ids(extra, "gateways", Some("port")));
        assert_eq!(of_extra, gateways, "gateways of {extra:?}");
        for (name, member) in [("admin_state_up", "enabled"), ("distributed", "distributed")] {
            let said = extra.map_or(&Value::Bool(true), |extra| &extra[member]);
            assert_eq!(said, &router[name], "{name} of router {id}");
        }
        let shown: Vec<&Value> = router["external_gateways"].as_array().expect("a list").iter().collect();
        assert_eq!(shown.len(), gateways.len(), "{router}");
        for (shown, port) in shown.into_iter().zip(gateways) {
            assert_eq!(shown["external_fixed_ips"], ports[port]["fixed_ips"], "{router}");
        }
    }
    assert!(extras.keys().all(|id| routers.contains_key(id)), "lrouter_extra without a router");
    for (id, port) in ports {
        if port["device_owner"] == "network:router_gateway" {
            assert!(of_routers.contains_key(id), "gateway {id} is of no router");
        }
    }
}
