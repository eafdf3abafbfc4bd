//! What makes sense in a rule, and when two rules are the same.

use ipnet::IpNet;

use crate::error::ApiError;
use crate::registry::document::Document;
use crate::translate::protocol;

/// The largest type or code of ICMP.
const ICMP_MAX: u64 = 255;
/// All ports there are; 0 is none.
const ALL_PORTS: (u64, u64) = (1, 65_535);
/// Names of ICMPv6 that rules of IPv6 may use for `ipv6-icmp`.
const ICMPV6_ALIASES: [&str; 2] = ["icmp", "icmpv6"];
/// Protocols that are extensions of IPv6, by their names and numbers.
const OF_IPV6: [&str; 13] = [
    "ipv6-encap",
    "ipv6-frag",
    "ipv6-icmp",
    "icmpv6",
    "ipv6-nonxt",
    "ipv6-opts",
    "ipv6-route",
    "41",
    "44",
    "58",
    "59",
    "60",
    "43",
];

fn refused<T>(exception: &'static str, text: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::new(400, exception, text))
}

/// Brings what a rule says about traffic into one form, and checks that it makes sense.
///
/// # Errors
/// When it makes none.
pub(in crate::resources) fn settle(rule: &mut Document) -> Result<(), ApiError> {
    if rule.text("ethertype") == "IPv6" {
        if ICMPV6_ALIASES.contains(&rule.text("protocol")) {
            rule.set("protocol", "ipv6-icmp");
        } else if rule.text("protocol") == "1" {
            rule.set("protocol", "58");
        }
    }
    let ports = (rule.number("port_range_min"), rule.number("port_range_max"));
    if ports == (Some(ALL_PORTS.0), Some(ALL_PORTS.1)) {
        rule.set("port_range_min", serde_json::Value::Null);
        rule.set("port_range_max", serde_json::Value::Null);
    }
    check_ports(rule)?;
    check_ethertype(rule)?;
    let remotes = ["remote_ip_prefix", "remote_group_id", "remote_address_group_id"];
    if remotes.into_iter().filter(|name| rule.filled(name).is_some()).count() > 1 {
        return refused(
            "SecurityGroupMultipleRemoteEntites",
            "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.",
        );
    }
    Ok(())
}

fn check_ports(rule: &Document) -> Result<(), ApiError> {
    let (min, max) = (rule.number("port_range_min"), rule.number("port_range_max"));
    if min.is_none() && max.is_none() {
        return Ok(());
    }
    let Some(number) = rule.filled("protocol").and_then(protocol::number) else {
        let text = "Must also specify protocol if port range is given.";
        return refused("SecurityGroupProtocolRequiredWithPorts", text);
    };
    if protocol::has_ports(number) {
        if min == Some(0) || max == Some(0) {
            return refused("SecurityGroupInvalidPortValue", "Invalid value for port 0");
        }
        return match (min, max) {
            (Some(min), Some(max)) if min <= max => Ok(()),
            _ => refused(
                "SecurityGroupInvalidPortRange",
                "For TCP/UDP protocols, port_range_min must be <= port_range_max",
            ),
        };
    }
    if ![protocol::ICMP, protocol::ICMPV6].contains(&number) {
        let text = format!(
            "Ports cannot be specified for protocol {number}. Ports are only supported for DCCP, SCTP, TCP, UDP, \
             UDPLITE."
        );
        return refused("SecurityGroupInvalidProtocolForPort", text);
    }
    check_icmp(min, max)
}

fn check_icmp(min: Option<u64>, max: Option<u64>) -> Result<(), ApiError> {
    for (attribute, field, value) in [("port_range_min", "type", min), ("port_range_max", "code", max)] {
        if let Some(value) = value.filter(|value| *value > ICMP_MAX) {
            let text = format!("Invalid value for ICMP {field} ({attribute}) {value}. It must be 0 to 255.");
            return refused("SecurityGroupInvalidIcmpValue", text);
        }
    }
    match (min, max) {
        (None, Some(code)) => refused(
            "SecurityGroupMissingIcmpType",
            format!(
                "ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing."
            ),
        ),
        _ => Ok(()),
    }
}

/// The version of IP has to be that of the addresses and the protocol.
fn check_ethertype(rule: &Document) -> Result<(), ApiError> {
    let (ethertype, protocol) = (rule.text("ethertype"), rule.text("protocol"));
    if let Some(prefix) = rule.filled("remote_ip_prefix")
        && let Ok(net) = prefix.parse::<IpNet>()
        && ethertype != if net.addr().is_ipv4() { "IPv4" } else { "IPv6" }
    {
        let text = format!("Conflicting value ethertype {ethertype} for CIDR {prefix}");
        return refused("SecurityGroupRuleParameterConflict", text);
    }
    if ethertype == "IPv4" && OF_IPV6.contains(&protocol) {
        let text = format!("Invalid ethertype {ethertype} for protocol {protocol}.");
        return refused("SecurityGroupEthertypeConflictWithProtocol", text);
    }
    Ok(())
}

/// The range that a rule means, without host bits.
pub(in crate::resources) fn set_normalized_range(rule: &mut Document) {
    let net = rule.filled("remote_ip_prefix").and_then(|prefix| prefix.parse::<IpNet>().ok());
    rule.set("normalized_cidr", net.map(|net| net.trunc().to_string()));
}

/// What two rules have in common that say the same. A range of all addresses says nothing.
#[must_use]
pub(in crate::resources) fn key(rule: &Document) -> String {
    let prefix = rule.filled("remote_ip_prefix").filter(|prefix| !["0.0.0.0/0", "::/0"].contains(prefix));
    let protocol = rule.filled("protocol").and_then(protocol::number);
    let ports = (rule.number("port_range_min"), rule.number("port_range_max"));
    let remote = (rule.filled("remote_group_id"), rule.filled("remote_address_group_id"), prefix);
    format!("{} {} {protocol:?} {ports:?} {remote:?}", rule.text("direction"), rule.text("ethertype"))
}
