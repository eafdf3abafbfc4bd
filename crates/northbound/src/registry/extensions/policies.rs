//! What is permitted, limited and guaranteed: security groups, QoS, quotas.

use super::Extension;

pub(super) const EXTENSIONS: &[Extension] = &[
    Extension::new(
        "address-group",
        "Address group",
        "2020-07-15T10:00:00-00:00",
        "Addresses under a name, for rules of security groups",
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
        "Placement can be asked for bandwidth to the port; only that from the port is kept by its node as well",
    ),
    Extension::new(
        "qos-default",
        "QoS default policy",
        "2017-04-06T10:00:00-00:00",
        "A policy for new networks of a project that name none",
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
    Extension::new(
        "stateful-security-group",
        "Stateful security group",
        "2019-11-26T09:00:00-00:00",
        "Security groups may do without following connections",
    ),
];
