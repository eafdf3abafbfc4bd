//! A flow in the text of `ovs-ofctl`, rendered from [`Headers`].
//!
//! The text has every field that OVS can match on in such a packet, with zero for what is absent. Fields of
//! NSH are left out on both sides: [`Headers`] does not read that header.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use packet::headers::{
    ArpKey, Fragment, Headers, IpKey, MPLS_ENTRIES_MAX, MplsEntry, NetworkKey, TransportKey,
};
use packet::{ethertype, ip_proto};

/// What OVS printed, with IPv6 addresses as the standard library prints them and without NSH.
pub(crate) fn canonical(flow: &str) -> String {
    let flow = flow.find(",nsh_").map_or(flow, |start| &flow[..start]);
    let field = |field: &str| match field.split_once('=') {
        Some((name @ ("ipv6_src" | "ipv6_dst" | "nd_target"), address)) => {
            let address: Ipv6Addr = address.parse().expect("OVS prints IPv6 addresses that parse");
            format!("{name}={address}")
        }
        _ => field.to_owned(),
    };
    flow.split(',').map(field).collect::<Vec<_>>().join(",")
}

/// What OVS should print.
pub(crate) fn of_headers(headers: &Headers) -> String {
    let mut text = String::new();
    render(&mut text, headers).expect("writing to a string cannot fail");
    text.trim_end_matches(',').to_owned()
}

fn render(out: &mut String, headers: &Headers) -> std::fmt::Result {
    let ethernet = headers.ethernet;
    let ethertype = ethernet.map_or(0, |ethernet| ethernet.ethertype);
    let ip = headers.ip.unwrap_or(IpKey { proto: 0, tos: 0, ttl: 0, fragment: Fragment::No });
    let name = protocol_name(ethertype, ip.proto);
    if let Some(name) = name {
        write!(out, "{name},")?;
    }
    write!(out, "in_port=ANY,")?;
    vlans(out, headers)?;
    let (src, dst) = ethernet.map_or((MacAddr::ZERO, MacAddr::ZERO), |ethernet| (ethernet.src, ethernet.dst));
    write!(out, "dl_src={src},dl_dst={dst},")?;
    if name.is_none() {
        write!(out, "dl_type=0x{ethertype:04x},")?;
    }
    match ethertype {
        ethertype::IPV4 => {
            let (src, dst) = match headers.network {
                Some(NetworkKey::Ipv4 { src, dst }) => (src, dst),
                _ => (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED),
            };
            write!(out, "nw_src={src},nw_dst={dst},")?;
            above_addresses(out, headers, ip, name == Some("ip"))
        }
        ethertype::IPV6 => {
            let (src, dst, label) = match headers.network {
                Some(NetworkKey::Ipv6 { src, dst, flow_label }) => (src, dst, flow_label),
                _ => (Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, 0),
            };
            write!(out, "ipv6_src={src},ipv6_dst={dst},ipv6_label=0x{label:05x},")?;
            above_addresses(out, headers, ip, name == Some("ipv6"))
        }
        ethertype::ARP | ethertype::RARP => arp(out, headers),
        ethertype::MPLS | ethertype::MPLS_MULTICAST => mpls(out, headers),
        _ => Ok(()),
    }
}

fn protocol_name(ethertype: u16, proto: u8) -> Option<&'static str> {
    Some(match (ethertype, proto) {
        (ethertype::IPV4, ip_proto::ICMP) => "icmp",
        (ethertype::IPV4, ip_proto::TCP) => "tcp",
        (ethertype::IPV4, ip_proto::UDP) => "udp",
        (ethertype::IPV4, ip_proto::SCTP) => "sctp",
        (ethertype::IPV4, _) => "ip",
        (ethertype::IPV6, ip_proto::ICMPV6) => "icmp6",
        (ethertype::IPV6, ip_proto::TCP) => "tcp6",
        (ethertype::IPV6, ip_proto::UDP) => "udp6",
        (ethertype::IPV6, ip_proto::SCTP) => "sctp6",
        (ethertype::IPV6, _) => "ipv6",
        (ethertype::ARP, _) => "arp",
        (ethertype::RARP, _) => "rarp",
        (ethertype::MPLS, _) => "mpls",
        (ethertype::MPLS_MULTICAST, _) => "mplsm",
        _ => return None,
    })
}

/// The tags, and one absent tag if there are fewer than two.
fn vlans(out: &mut String, headers: &Headers) -> std::fmt::Result {
    for (suffix, tag) in ["", "1"].iter().zip(headers.vlans) {
        match tag {
            Some(tag) => {
                write!(out, "dl_vlan{suffix}={},dl_vlan_pcp{suffix}={},", tag.vid(), tag.pcp())?;
            }
            None => return write!(out, "vlan_tci{suffix}=0x0000,"),
        }
    }
    Ok(())
}

fn arp(out: &mut String, headers: &Headers) -> std::fmt::Result {
    let unread = ArpKey {
        operation: None,
        spa: Ipv4Addr::UNSPECIFIED,
        tpa: Ipv4Addr::UNSPECIFIED,
        sha: MacAddr::ZERO,
        tha: MacAddr::ZERO,
    };
    let ArpKey { operation, spa, tpa, sha, tha } = match headers.network {
        Some(NetworkKey::Arp(arp)) => arp,
        _ => unread,
    };
    let operation = operation.unwrap_or(0);
    write!(out, "arp_spa={spa},arp_tpa={tpa},arp_op={operation},arp_sha={sha},arp_tha={tha}")
}

/// The entries down to the bottom of the stack, the first one in parts.
fn mpls(out: &mut String, headers: &Headers) -> std::fmt::Result {
    for index in 0..MPLS_ENTRIES_MAX {
        let entry = headers.mpls[index].unwrap_or(MplsEntry(0));
        if index == 0 {
            let (label, class, ttl) = (entry.label(), entry.traffic_class(), entry.ttl());
            let bottom = u8::from(entry.is_bottom());
            write!(out, "mpls_label={label},mpls_tc={class},mpls_ttl={ttl},mpls_bos={bottom},")?;
        } else {
            write!(out, "mpls_lse{index}={},", entry.0)?;
        }
        if entry.is_bottom() {
            break;
        }
    }
    Ok(())
}

fn above_addresses(
    out: &mut String,
    headers: &Headers,
    ip: IpKey,
    is_proto_unnamed: bool,
) -> std::fmt::Result {
    if is_proto_unnamed {
        write!(out, "nw_proto={},", ip.proto)?;
    }
    let fragment = match ip.fragment {
        Fragment::No => "no",
        Fragment::First => "first",
        Fragment::Later => "later",
    };
    let (dscp, ecn) = (ip.tos & 0xfc, ip.tos & 3);
    write!(out, "nw_tos={dscp},nw_ecn={ecn},nw_ttl={},nw_frag={fragment},", ip.ttl)?;
    if ip.fragment == Fragment::Later { Ok(()) } else { transport(out, headers, ip.proto) }
}

fn transport(out: &mut String, headers: &Headers, proto: u8) -> std::fmt::Result {
    let is_ipv6 = matches!(headers.network, Some(NetworkKey::Ipv6 { .. }));
    let has_ports =
        [ip_proto::ICMP, ip_proto::IGMP, ip_proto::TCP, ip_proto::UDP, ip_proto::ICMPV6, ip_proto::SCTP];
    if !has_ports.contains(&proto) {
        return Ok(());
    }
    let (src, dst) = headers.transport.map_or((0, 0), TransportKey::ports);
    if proto == (if is_ipv6 { ip_proto::ICMPV6 } else { ip_proto::ICMP }) {
        write!(out, "icmp_type={src},icmp_code={dst},")?;
    } else {
        write!(out, "tp_src={src},tp_dst={dst},")?;
    }
    match headers.transport {
        Some(TransportKey::Icmpv6 { nd: Some(nd), .. }) if is_ipv6 => {
            write!(out, "nd_target={},nd_sll={},nd_tll={}", nd.target, nd.sll, nd.tll)
        }
        Some(TransportKey::Tcp { flags, .. }) => write!(out, "tcp_flags={}", tcp_flags(flags)),
        None if proto == ip_proto::TCP => write!(out, "tcp_flags=0"),
        _ => Ok(()),
    }
}

fn tcp_flags(flags: u16) -> String {
    const NAMES: [&str; 12] =
        ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];
    let names: Vec<_> =
        NAMES.iter().enumerate().filter(|(bit, _)| flags & (1 << bit) != 0).map(|(_, name)| *name).collect();
    if names.is_empty() { "0".to_owned() } else { names.join("|") }
}
