//! That the clouds and packets at random have in them what the properties are about: where a packet that is told apart by one field only is met
//! once in weeks, nobody learns whether it is treated right.

use std::collections::BTreeMap;
use std::net::IpAddr;

use packet::arp::ArpOperation;
use packet::nd::Neighbor;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

use super::frames::{Body, Frame, Payload};
use super::rules::{self, Delivery};
use super::world::Port;
use super::{PACKETS, any_packet, any_world};

/// As many clouds as are a quarter of a run.
const WORLDS: usize = 32;
/// How often each kind of packet has to be met in them.
const OFTEN: usize = 10;

/// Everything that has to be met.
const KINDS: [&str; 17] = [
    "ARP, answered",
    "ARP, heard by others",
    "neighbour solicitation, answered",
    "neighbour solicitation, answered for an address that follows from a MAC address",
    "neighbour solicitation, heard by others",
    "neighbour solicitation, for the sender's own address",
    "neighbour solicitation without an option, heard by others",
    "neighbour solicitation that lies, from a guest that must not",
    "neighbour advertisement, heard by others",
    "check for duplicates, heard by others",
    "routed, IPv4",
    "routed, IPv6",
    "routed, back to its sender",
    "ping of a router, IPv4",
    "ping of a router, IPv6",
    "switched, IPv4",
    "switched, IPv6",
];

/// What a packet is an example of.
fn kinds(sender: &Port, frame: &Frame, got: &[Delivery<'_>]) -> Vec<&'static str> {
    let is_back = got.iter().any(|delivery| delivery.is_to(sender));
    match &frame.body {
        Body::Arp(arp) if arp.operation == ArpOperation::REQUEST && is_back => vec!["ARP, answered"],
        Body::Arp(_) if !got.is_empty() => vec!["ARP, heard by others"],
        Body::Neighbor(src, Neighbor::Solicitation(question)) => {
            let is_link_local = question.target.is_unicast_link_local();
            let (has_option, is_own) =
                (question.source_link.is_some(), rules::is_own(sender, question.target.into()));
            match (is_back, got.is_empty()) {
                (true, _) if is_link_local => {
                    vec!["neighbour solicitation, answered for an address that follows from a MAC address"]
                }
                (true, _) => vec!["neighbour solicitation, answered"],
                (false, false) if src.is_unspecified() => vec!["check for duplicates, heard by others"],
                (false, false) if is_own => vec!["neighbour solicitation, for the sender's own address"],
                (false, false) if !has_option => {
                    vec!["neighbour solicitation without an option, heard by others"]
                }
                (false, false) => vec!["neighbour solicitation, heard by others"],
                (false, true) if sender.is_secured && !frame.is_tagged => {
                    vec!["neighbour solicitation that lies, from a guest that must not"]
                }
                _ => vec![],
            }
        }
        Body::Neighbor(_, Neighbor::Advertisement(_)) if !got.is_empty() => {
            vec!["neighbour advertisement, heard by others"]
        }
        Body::Ip { dst, payload, .. } if !got.is_empty() => {
            let is_routed = got.iter().any(|delivery| !delivery.is_as_sent(frame));
            let is_ping = matches!(payload, Payload::Icmp(8 | 128));
            let of_version = |v4, v6| if matches!(dst, IpAddr::V4(_)) { v4 } else { v6 };
            match (is_routed, is_back) {
                (true, true) if is_ping && !rules::is_own(sender, *dst) => {
                    vec![of_version("ping of a router, IPv4", "ping of a router, IPv6")]
                }
                (true, true) => vec!["routed, back to its sender"],
                (true, false) => vec![of_version("routed, IPv4", "routed, IPv6")],
                (false, _) => vec![of_version("switched, IPv4", "switched, IPv6")],
            }
        }
        _ => vec![],
    }
}

#[test]
fn each_run_meets_what_it_is_about() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<&str, usize> = KINDS.iter().map(|kind| (*kind, 0)).collect();
    let packets = prop::collection::vec(any_packet(), PACKETS);
    for _ in 0..WORLDS {
        let world = any_world().new_tree(&mut runner).expect("a world").current();
        for packet in packets.new_tree(&mut runner).expect("packets").current() {
            let Some((sender, frame)) = packet.sent_in(&world) else { continue };
            for kind in kinds(sender, &frame, &rules::deliveries(&world, sender, &frame)) {
                *met.get_mut(kind).expect("a kind") += 1;
            }
        }
    }
    assert!(met.values().all(|times| *times >= OFTEN), "{met:#?}");
}

#[test]
fn a_seed_makes_the_same_again() {
    let made = |seed| {
        let config = ProptestConfig { rng_seed: RngSeed::Fixed(seed), ..super::cases() };
        let mut runner = TestRunner::new(config);
        let world = any_world().new_tree(&mut runner).expect("a world").current();
        format!("{}{:?}", world.text(), any_packet().new_tree(&mut runner).expect("a packet").current())
    };
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
}
