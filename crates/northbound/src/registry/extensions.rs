//! What we tell clients that we can do: only what this server really does.
//!
//! Clients ask by alias before they use a feature, so the aliases and names are Neutron's; the descriptions are ours.

use serde_json::{Value, json};

/// An extension of the API.
#[derive(Debug, Clone, Copy)]
pub struct Extension {
    /// What clients ask for.
    pub alias: &'static str,
    name: &'static str,
    /// What it means here.
    pub description: &'static str,
    updated: &'static str,
}

impl Extension {
    const fn new(
        alias: &'static str,
        name: &'static str,
        updated: &'static str,
        description: &'static str,
    ) -> Self {
        Self { alias, name, description, updated }
    }

    /// As the API shows it.
    #[must_use]
    pub fn view(&self) -> Value {
        json!({
            "alias": self.alias,
            "name": self.name,
            "description": self.description,
            "updated": self.updated,
            "links": [],
        })
    }
}

/// The extension with this alias.
#[must_use]
pub fn find(alias: &str) -> Option<&'static Extension> {
    EXTENSIONS.iter().find(|extension| extension.alias == alias)
}

/// All extensions, by their aliases.
pub const EXTENSIONS: &[Extension] = &[
    Extension::new(
        "address-group",
        "Address group",
        "2020-07-15T10:00:00-00:00",
        "Addresses under a name, for rules of security groups",
    ),
    Extension::new(
        "agent",
        "agent",
        "2013-02-03T10:00:00-00:00",
        "The daemons of nodes: whether they are alive, and what they do",
    ),
    Extension::new(
        "agent-resources-synced",
        "Agent's Resource View Synced to Placement",
        "2018-12-19T00:00:00-00:00",
        "Agents have no resources in Placement, and say so",
    ),
    Extension::new(
        "allowed-address-pairs",
        "Allowed Address Pairs",
        "2013-07-23T10:00:00-00:00",
        "Ports may use more addresses than their own",
    ),
    Extension::new(
        "availability_zone",
        "Availability Zone",
        "2015-01-01T10:00:00-00:00",
        "Zones that resources are placed in",
    ),
    Extension::new(
        "binding",
        "Port Binding",
        "2014-02-03T10:00:00-00:00",
        "On which host a port is, and how it is attached there",
    ),
    Extension::new(
        "binding-extended",
        "Port Bindings Extended",
        "2017-07-17T10:00:00-00:00",
        "Ports can be bound to the host that their guest moves to",
    ),
    Extension::new(
        "data-plane-status",
        "Port data plane status extension",
        "2017-01-24T10:00:00-00:00",
        "What somebody outside observed of the data plane of a port",
    ),
    Extension::new(
        "default-subnetpools",
        "Default Subnetpools",
        "2016-02-18T18:00:00-00:00",
        "A subnet pool for those who name none",
    ),
    Extension::new(
        "df-discard-routes",
        "Routes to nowhere",
        "2026-11-30T00:00:00-00:00",
        "What routers send to a destination may be dropped: nexthop discard",
    ),
    Extension::new(
        "df-router-preference",
        "Preference of routers",
        "2026-11-30T00:00:00-00:00",
        "Which of several IPv6 routers hosts take: ipv6_router_preference of subnets",
    ),
    Extension::new(
        "dhcp_agent_scheduler",
        "DHCP Agent Scheduler",
        "2013-02-07T10:00:00-00:00",
        "Which nodes answer the DHCP of a network: all that have ports of it",
    ),
    Extension::new(
        "dns-domain-ports",
        "dns_domain for ports",
        "2017-04-24T10:00:00-00:00",
        "The domain of the name of a port",
    ),
    Extension::new(
        "dns-integration",
        "DNS Integration",
        "2015-08-15T18:00:00-00:00",
        "Names of ports, which nodes answer to the ports of the same network",
    ),
    Extension::new(
        "dvr",
        "Distributed Virtual Router",
        "2014-06-01T10:00:00-00:00",
        "Whether floating IPs of a router are translated on the nodes of their ports",
    ),
    Extension::new(
        "empty-string-filtering",
        "Empty String Filtering Extension",
        "2018-05-01T10:00:00-00:00",
        "Lists can be filtered by the empty text",
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
        "extra_dhcp_opt",
        "Neutron Extra DHCP options",
        "2013-03-17T12:00:00-00:00",
        "DHCP options of a single port",
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
        "filter-validation",
        "Filter parameters validation",
        "2018-07-04T10:00:00-00:00",
        "Filters that are not known are refused",
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
        "ip-substring-filtering",
        "IP address substring filtering",
        "2017-11-28T09:00:00-00:00",
        "Ports can be found by a part of an address",
    ),
    Extension::new(
        "ip_allocation",
        "IP Allocation",
        "2016-06-10T23:00:00-00:00",
        "Whether a port has its addresses yet",
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
    Extension::new("net-mtu", "Network MTU", "2015-03-25T10:00:00-00:00", "The longest packet of a network"),
    Extension::new(
        "net-mtu-writable",
        "Network MTU (writable)",
        "2017-07-12T00:00:00-00:00",
        "The longest packet of a network can be chosen",
    ),
    Extension::new(
        "network-ip-availability",
        "Network IP Availability",
        "2015-09-24T00:00:00-00:00",
        "How many addresses networks have and how many are taken",
    ),
    Extension::new(
        "network_availability_zone",
        "Network Availability Zone",
        "2015-01-01T10:00:00-00:00",
        "Zones of networks",
    ),
    Extension::new("pagination", "Pagination support", "2016-06-12T00:00:00-00:00", "Lists come in pages"),
    Extension::new(
        "port-mac-address-regenerate",
        "Neutron Port MAC address regenerate",
        "2018-05-03T10:00:00-00:00",
        "Ports get another MAC address when null is said",
    ),
    Extension::new(
        "port-resource-request",
        "Port Resource Request",
        "2018-05-08T10:00:00-00:00",
        "What a port asks Placement for",
    ),
    Extension::new(
        "port-resource-request-groups",
        "Port Resource Request Groups",
        "2021-08-20T10:00:00-00:00",
        "What a port asks Placement for, each kind of resource apart",
    ),
    Extension::new(
        "port-security",
        "Port Security",
        "2012-07-23T10:00:00-00:00",
        "Ports can be kept from using addresses of others, or freed of that",
    ),
    Extension::new(
        "port-security-groups-filtering",
        "Port filtering on security groups",
        "2018-01-09T09:00:00-00:00",
        "Ports can be found by their security groups",
    ),
    Extension::new(
        "project-id",
        "project_id field enabled",
        "2016-09-09T09:09:09-09:09",
        "Projects are named project_id besides tenant_id",
    ),
    Extension::new(
        "provider",
        "Provider Network",
        "2012-09-07T10:00:00-00:00",
        "How networks are made from physical ones",
    ),
    Extension::new(
        "qos",
        "Quality of Service",
        "2015-06-08T10:00:00-00:00",
        "Policies for the traffic of ports and networks",
    ),
    Extension::new(
        "qos-bw-limit-direction",
        "Direction for QoS bandwidth limit rule",
        "2017-04-10T10:00:00-00:00",
        "Bandwidth is limited from the port or to it",
    ),
    Extension::new(
        "qos-bw-minimum-ingress",
        "Ingress direction for QoS minimum bandwidth rule",
        "2018-07-09T10:00:00-00:00",
        "Placement can be asked for bandwidth to the port",
    ),
    Extension::new(
        "qos-default",
        "QoS default policy",
        "2017-04-06T10:00:00-00:00",
        "A policy for new networks of a project that name none",
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
        "qos-port-network-policy",
        "QoS port network policy",
        "2020-01-21T10:00:00-00:00",
        "Ports show the policy of their network",
    ),
    Extension::new(
        "qos-pps",
        "Quality of Service Packet Rate Limit",
        "2021-06-16T10:00:00-00:00",
        "Packets are limited as well as bandwidth",
    ),
    Extension::new(
        "qos-pps-minimum",
        "QoS minimum packet rate rule",
        "2021-07-05T10:00:00-00:00",
        "Placement can be asked for a rate of packets; no node enforces it",
    ),
    Extension::new(
        "qos-pps-minimum-rule-alias",
        "QoS minimum packet rate rule alias",
        "2021-11-15T10:00:00-00:00",
        "Rules for a rate of packets can be named without their policy",
    ),
    Extension::new(
        "qos-rule-type-details",
        "Details of QoS rule types",
        "2017-06-22T10:00:00-00:00",
        "What rules of a type may say",
    ),
    Extension::new(
        "qos-rule-type-filter",
        "Filter QoS rule types",
        "2022-11-22T10:00:00-00:00",
        "The types of rules can be had all, or those that are supported",
    ),
    Extension::new(
        "qos-rules-alias",
        "QoS rules alias",
        "2018-12-07T10:00:00-00:00",
        "Rules can be named without their policy",
    ),
    Extension::new(
        "quota-check-limit",
        "Quota engine limit check",
        "2021-09-08T16:00:00-00:00",
        "Quotas below what is in use are refused",
    ),
    Extension::new(
        "quota-check-limit-default",
        "Quota engine limit check by default",
        "2024-08-21T16:00:00-00:00",
        "They are refused unless a request says force",
    ),
    Extension::new(
        "quota_details",
        "Quota details management support",
        "2017-02-10T10:00:00-00:00",
        "How much of a quota is used",
    ),
    Extension::new(
        "quotas",
        "Quota management support",
        "2012-07-29T10:00:00-00:00",
        "How much a project may have",
    ),
    Extension::new(
        "revision-if-match",
        "If-Match constraints based on revision_number",
        "2016-12-11T00:00:00-00:00",
        "Changes that happen only if nobody was faster",
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
        "security-group",
        "security-group",
        "2012-10-05T10:00:00-00:00",
        "What ports may send and receive",
    ),
    Extension::new(
        "security-groups-default-rules",
        "Default rules for security groups",
        "2022-12-19T10:00:00-00:00",
        "The rules that new security groups begin with",
    ),
    Extension::new(
        "security-groups-normalized-cidr",
        "Normalized CIDR field for security group rules",
        "2020-07-28T10:00:00-00:00",
        "Rules show the range that they mean, without host bits",
    ),
    Extension::new(
        "security-groups-remote-address-group",
        "Remote address group id field for security group rules",
        "2020-08-25T10:00:00-00:00",
        "Rules may name an address group",
    ),
    Extension::new(
        "security-groups-rules-belongs-to-default-sg",
        "Security group rule belongs to the project's default security group",
        "2023-05-23T10:00:00-00:00",
        "Rules show whether their group is one that a project has anyway",
    ),
    Extension::new(
        "security-groups-shared-filtering",
        "Security group filtering on the shared field",
        "2021-10-05T09:00:00-00:00",
        "Security groups can be found by whether they are shared, which none is",
    ),
    Extension::new("sorting", "Sorting support", "2016-06-12T00:00:00-00:00", "Lists can be sorted"),
    Extension::new(
        "standard-attr-description",
        "standard-attr-description",
        "2016-02-10T10:00:00-00:00",
        "Descriptions of resources",
    ),
    Extension::new(
        "standard-attr-revisions",
        "Resource revision numbers",
        "2016-04-11T10:00:00-00:00",
        "How often resources were changed",
    ),
    Extension::new(
        "standard-attr-tag",
        "Tag support for resources with standard attribute: floatingip, network, policy, port, router, security_group, subnet, subnetpool, trunk",
        "2017-01-01T00:00:00-00:00",
        "Tags on resources",
    ),
    Extension::new(
        "standard-attr-timestamp",
        "Resource timestamps",
        "2016-09-12T10:00:00-00:00",
        "When resources were created and changed",
    ),
    Extension::new(
        "stateful-security-group",
        "Stateful security group",
        "2019-11-26T09:00:00-00:00",
        "Security groups may do without following connections",
    ),
    Extension::new(
        "subnet-external-network",
        "Subnet belongs to an external network",
        "2024-02-05T18:00:00-00:00",
        "Subnets show whether their network leads outside",
    ),
    Extension::new(
        "subnet-service-types",
        "Subnet service types",
        "2016-03-15T18:00:00-00:00",
        "Subnets for certain owners of devices",
    ),
    Extension::new(
        "subnet_allocation",
        "Subnet Allocation",
        "2015-03-30T10:00:00-00:00",
        "Subnets from pools",
    ),
    Extension::new(
        "subnetpool-prefix-ops",
        "Subnet Pool Prefix Operations",
        "2019-02-08T10:00:00-00:00",
        "Prefixes of pools come and go one by one",
    ),
    Extension::new(
        "tag-ports-during-bulk-creation",
        "Tag Ports During Bulk Creation",
        "2019-12-29T19:00:00-00:00",
        "Ports get their tags when they are created",
    ),
    Extension::new(
        "trunk",
        "Trunk Extension",
        "2016-01-01T10:00:00-00:00",
        "Ports that carry others, each in a VLAN",
    ),
    Extension::new(
        "trunk-details",
        "Trunk port details",
        "2016-01-01T10:00:00-00:00",
        "Ports show what they carry",
    ),
    Extension::new(
        "uplink-status-propagation",
        "Uplink status propagation extension",
        "2018-05-31T18:00:00-00:00",
        "Whether a port follows the state of the uplink",
    ),
    Extension::new(
        "vlan-transparent",
        "Vlantransparent",
        "2015-03-23T09:00:00-07:00",
        "Networks in tunnels can carry VLAN tags of guests",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_sorted_and_found() {
        assert!(EXTENSIONS.is_sorted_by(|first, second| first.alias < second.alias));
        assert_eq!(find("quotas").unwrap().view()["alias"], "quotas");
        assert!(find("quota").is_none());
    }
}
