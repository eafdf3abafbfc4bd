//! Routers, gateways, floating IPs and forwarded ports.

use super::Extension;

pub(super) const EXTENSIONS: &[Extension] = &[
    Extension::new(
        "df-discard-routes",
        "Routes to nowhere",
        "2026-11-30T00:00:00-00:00",
        "What routers send to a destination may be dropped: nexthop discard",
    ),
    Extension::new(
        "dvr",
        "Distributed Virtual Router",
        "2014-06-01T10:00:00-00:00",
        "Whether floating IPs of a router are translated on the nodes of their ports",
    ),
    Extension::new(
        "expose-port-forwarding-in-fip",
        "Expose Floating IP port forwardings",
        "2018-06-28T16:00:00-00:00",
        "Floating IPs show which of their ports are forwarded",
    ),
    Extension::new(
        "ext-gw-mode",
        "Neutron L3 Configurable external gateway mode",
        "2013-03-28T10:00:00-00:00",
        "Whether addresses are hidden behind that of the gateway",
    ),
    Extension::new(
        "external-gateway-multihoming",
        "Neutron L3 External Gateway Multihoming",
        "2023-01-18T00:00:00-00:00",
        "Routers may have several gateways",
    ),
    Extension::new(
        "external-net",
        "Neutron external network",
        "2013-01-14T10:00:00-00:00",
        "Networks that lead outside",
    ),
    Extension::new(
        "extraroute",
        "Neutron Extra Route",
        "2013-02-01T10:00:00-00:00",
        "Routes of routers to elsewhere",
    ),
    Extension::new(
        "extraroute-atomic",
        "Atomically add/remove extra routes",
        "2019-07-10T00:00:00+00:00",
        "Some routes added or removed, whatever the others are meanwhile",
    ),
    Extension::new(
        "fip-port-details",
        "Floating IP Port Details Extension",
        "2018-04-09T10:00:00-00:00",
        "Floating IPs show what there is to know of the port that they stand for",
    ),
    Extension::new(
        "floating-ip-port-forwarding",
        "Floating IP Port Forwarding",
        "2018-01-19T10:00:00-00:00",
        "Ports of a floating IP stand for ports of guests",
    ),
    Extension::new(
        "floating-ip-port-forwarding-description",
        "Floating IP Port Forwarding new attribute description",
        "2019-11-01T10:00:00-00:00",
        "Descriptions of forwarded ports",
    ),
    Extension::new(
        "floating-ip-port-forwarding-detail",
        "Floating IP port forwarding detail",
        "2022-05-06T10:00:00-00:00",
        "What floating IPs show of forwarded ports has their ids and ports inside",
    ),
    Extension::new(
        "floating-ip-port-forwarding-port-ranges",
        "Floating IP Port Forwarding support port ranges",
        "2020-07-01T10:00:00-00:00",
        "Ranges of ports are forwarded side by side, or to one port",
    ),
    Extension::new(
        "floatingip-pools",
        "Floating IP Pools Extension",
        "2018-03-21T10:00:00-00:00",
        "The subnets that floating IPs come from",
    ),
    Extension::new(
        "l3-agent-scheduler-ha-chassis-priority",
        "L3 Agent Scheduler HA Chassis Priority",
        "2026-03-31T00:00:00-00:00",
        "In which order nodes take over the gateways of a router",
    ),
    Extension::new(
        "l3-ha",
        "HA Router extension",
        "2014-04-26T00:00:00-00:00",
        "Every gateway moves when its node fails; whether a router says so is kept and shown",
    ),
    Extension::new(
        "l3_agent_scheduler",
        "L3 Agent Scheduler",
        "2013-02-07T10:00:00-00:00",
        "Which nodes may have the gateways of a router, and moving them",
    ),
    Extension::new(
        "qos-fip",
        "Floating IP QoS",
        "2017-07-20T00:00:00-00:00",
        "Policies for the traffic of floating IPs",
    ),
    Extension::new(
        "qos-gateway-ip",
        "Router gateway IP QoS",
        "2018-02-24T00:00:00-00:00",
        "A policy for the traffic of a gateway",
    ),
    Extension::new(
        "router",
        "Neutron L3 Router",
        "2012-07-20T10:00:00-00:00",
        "What forwards between networks",
    ),
    Extension::new(
        "router-admin-state-down-before-update",
        "Enforce Router's Admin State Down Before Update Extension",
        "2019-07-02T15:56:00",
        "Routers become distributed or not only while they are down",
    ),
    Extension::new(
        "router_availability_zone",
        "Router Availability Zone",
        "2015-01-01T10:00:00-00:00",
        "Zones of routers",
    ),
    Extension::new(
        "subnet-external-network",
        "Subnet belongs to an external network",
        "2024-02-05T18:00:00-00:00",
        "Subnets show whether their network leads outside",
    ),
];
