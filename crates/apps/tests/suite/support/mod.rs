//! A cloud of a few nodes, in memory: rows, an engine and a simulated switch for each node, and a way to send packets
//! from guest to guest through all of them.
#![allow(dead_code, reason = "a library for all tests of the apps; each uses a part")]

mod ask;
mod cloud;
mod topology;
mod tracker;
mod walk;

pub(crate) use ask::ask;
pub(crate) use cloud::{Cloud, Node, interface, row_id};
pub(crate) use tracker::Tracker;
pub(crate) use walk::{Trackers, Walk};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Transport, Udp};
use packet::icmp::Message;

pub(crate) fn mac(text: &str) -> MacAddr {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// An echo request.
pub(crate) fn ping(src: (MacAddr, &str), dst: (MacAddr, &str)) -> Vec<u8> {
    let (src_ip, dst_ip): (IpAddr, IpAddr) = (address(src.1), address(dst.1));
    let message = match src_ip {
        IpAddr::V4(_) => Message::echo_request_v4(7, 1, b"echo".to_vec()),
        IpAddr::V6(_) => Message::echo_request_v6(7, 1, b"echo".to_vec()),
    };
    ip((src.0, src_ip), (dst.0, dst_ip), &Transport::Icmp(message))
}

/// A UDP datagram.
pub(crate) fn udp(src: (MacAddr, &str, u16), dst: (MacAddr, &str, u16)) -> Vec<u8> {
    let datagram = Udp { src_port: src.2, dst_port: dst.2, payload: b"datagram".to_vec() };
    ip((src.0, address(src.1)), (dst.0, address(dst.1)), &Transport::Udp(datagram))
}

pub(crate) fn ip(src: (MacAddr, IpAddr), dst: (MacAddr, IpAddr), transport: &Transport) -> Vec<u8> {
    let header = Ip::between(src.1, dst.1).expect("addresses of one family");
    Ethernet::new(src.0, dst.0).ip(&header, transport).expect("a small packet")
}

/// A broadcast request.
pub(crate) fn arp_request(src: (MacAddr, &str), target: &str) -> Vec<u8> {
    let request = Arp::request(src.0, v4(src.1), v4(target));
    Ethernet::new(src.0, MacAddr::BROADCAST).arp(&request)
}

pub(crate) fn v4(text: &str) -> Ipv4Addr {
    text.parse().expect("an IPv4 address")
}

pub(crate) fn v6(text: &str) -> Ipv6Addr {
    text.parse().expect("an IPv6 address")
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an IP address")
}

/// The fields of an IPv4 header for tests that change some.
pub(crate) fn ipv4_header(src: &str, dst: &str) -> Ipv4 {
    Ipv4::new(v4(src), v4(dst))
}

/// The fields of an IPv6 header for tests that change some.
pub(crate) fn ipv6_header(src: &str, dst: &str) -> Ipv6 {
    Ipv6::new(v6(src), v6(dst))
}

/// A request for an address that everybody gets.
pub(crate) fn dhcp_discover(src: MacAddr) -> Vec<u8> {
    udp((src, "0.0.0.0", 68), (MacAddr::BROADCAST, "255.255.255.255", 67))
}
