//! Packets at random, most of them almost right: each field is what the sender should say, or somebody else's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use net_types::MacAddr;
use packet::arp::{Arp, ArpOperation};
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Transport, Udp};
use packet::headers::VlanTag;
use packet::icmp::Message;
use packet::nd::{Advertisement, Neighbor, Solicitation, solicited_node};
use proptest::prelude::*;

use super::routing::{Leg, ROUTERS};
use super::world::{NETWORKS, PORTS_OF_NETWORK, Port, World, ipv4, ipv6, mac};

/// What packets have to live, if nobody says otherwise.
pub(super) const DEFAULT_HOPS: u8 = 64;

/// Who an address is of.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// The sender's; one of them.
    Own(usize),
    /// That of some port, or of nobody: the number of an address.
    Other(u8),
    /// The one that follows from the MAC address with this number; for what is no IPv6 address, that of [`Whose::Other`].
    LinkLocal(u8),
    /// The same of another network.
    Far(usize, u8),
    /// That of a router in the network of the sender.
    Leg(usize),
    /// Zero.
    None,
    /// Everybody's.
    All,
}

/// A packet before it has a sender.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    sender: usize,
    src: Whose,
    dst: Whose,
    kind: Kind,
    is_tagged: bool,
    hops: u8,
}

#[derive(Debug, Clone)]
enum Kind {
    Ipv4 {
        src: Whose,
        dst: Whose,
        payload: Payload,
    },
    Ipv6 {
        src: Whose,
        dst: Whose,
        payload: Payload,
    },
    Arp {
        operation: u16,
        sha: Whose,
        spa: Whose,
        tpa: Whose,
    },
    /// Perhaps to the group of those that may have the target.
    Solicitation {
        src: Whose,
        target: Whose,
        link: Option<Whose>,
        is_to_group: bool,
    },
    Advertisement {
        src: Whose,
        target: Whose,
        link: Option<Whose>,
    },
    Other,
}

/// What is in an IP packet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload {
    Udp(u16, u16),
    Icmp(u8),
    /// The second part of something.
    Fragment,
}

/// A packet with all its addresses.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) src: MacAddr,
    pub(crate) dst: MacAddr,
    pub(crate) body: Body,
    pub(crate) is_tagged: bool,
    /// What an IP packet has to live.
    pub(crate) hops: u8,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Ip { src: IpAddr, dst: IpAddr, payload: Payload },
    Arp(Arp),
    Neighbor(Ipv6Addr, Neighbor),
    Other,
}

// Strategies are boxed: a packet that is not decided yet is larger than a stack otherwise, where nothing is optimised.

/// Somebody's, for the place of a destination.
fn any_address() -> BoxedStrategy<Whose> {
    prop_oneof![
        10 => (0..PORTS_OF_NETWORK).prop_map(Whose::Other),
        2 => prop::sample::select(vec![10_u8, 12, 20, 21, 99]).prop_map(Whose::Other),
        2 => (0..NETWORKS.len(), 0..PORTS_OF_NETWORK).prop_map(|(network, number)| Whose::Far(network, number)),
        2 => (0..ROUTERS).prop_map(Whose::Leg),
        1 => (0_usize..3).prop_map(Whose::Own),
        1 => Just(Whose::None),
        4 => Just(Whose::All),
    ]
    .boxed()
}

/// Almost always the sender's, and then mostly the first.
fn own_address() -> BoxedStrategy<Whose> {
    prop_oneof![10 => Just(Whose::Own(0)), 2 => (1_usize..3).prop_map(Whose::Own), 1 => any_address()].boxed()
}

/// One that is asked for, or said to be the sender's: any port's, its own, or one that follows from a MAC address.
fn any_target() -> BoxedStrategy<Whose> {
    let link_local = prop_oneof![8 => 0..PORTS_OF_NETWORK, 2 => 10..10 + PORTS_OF_NETWORK, 1 => Just(99_u8)];
    prop_oneof![4 => own_address(), 4 => any_address(), 2 => link_local.prop_map(Whose::LinkLocal)].boxed()
}

fn any_payload(icmp: Vec<u8>) -> BoxedStrategy<Payload> {
    let port = prop::sample::select(vec![67_u16, 68, 546, 547, 1000]);
    prop_oneof![
        3 => (port.clone(), port).prop_map(|(src, dst)| Payload::Udp(src, dst)),
        1 => Just(Payload::Udp(68, 67)),
        3 => prop::sample::select(icmp).prop_map(Payload::Icmp),
        1 => Just(Payload::Fragment),
    ]
    .boxed()
}

fn any_ipv4() -> BoxedStrategy<Kind> {
    (own_address(), any_address(), any_payload(vec![0, 3, 8]))
        .prop_map(|(src, dst, payload)| Kind::Ipv4 { src, dst, payload })
        .boxed()
}

fn any_ipv6() -> BoxedStrategy<Kind> {
    // Solicitations and advertisements among them are too short for their options.
    let icmp = vec![128, 129, 131, 133, 134, 135, 136, 137, 143];
    (own_address(), any_address(), any_payload(icmp))
        .prop_map(|(src, dst, payload)| Kind::Ipv6 { src, dst, payload })
        .boxed()
}

fn any_kind() -> BoxedStrategy<Kind> {
    let operation = prop_oneof![6 => Just(1_u16), 3 => Just(2), 1 => any::<u16>()];
    let link = || prop::option::weighted(0.7, own_address());
    let asker = prop_oneof![8 => own_address(), 2 => Just(Whose::None)];
    prop_oneof![
        4 => any_ipv4(),
        4 => any_ipv6(),
        4 => (operation, own_address(), own_address(), any_target())
            .prop_map(|(operation, sha, spa, tpa)| Kind::Arp { operation, sha, spa, tpa }),
        4 => (asker, any_target(), link(), any::<bool>())
            .prop_map(|(src, target, link, is_to_group)| Kind::Solicitation { src, target, link, is_to_group }),
        2 => (own_address(), any_target(), link())
            .prop_map(|(src, target, link)| Kind::Advertisement { src, target, link }),
        1 => Just(Kind::Other),
    ]
    .boxed()
}

/// Something for a router, or for whoever is behind it.
fn any_routed() -> BoxedStrategy<(Whose, Kind)> {
    let far = (0..NETWORKS.len(), 0..PORTS_OF_NETWORK);
    let dst = || {
        let far = far.clone().prop_map(|(network, number)| Whose::Far(network, number));
        prop_oneof![5 => far, 3 => (0..ROUTERS).prop_map(Whose::Leg), 1 => any_address()]
    };
    let payload = |ping, icmp| prop_oneof![1 => Just(Payload::Icmp(ping)), 1 => any_payload(icmp)];
    let kind = prop_oneof![
        (own_address(), dst(), payload(8, vec![0, 3])).prop_map(|(src, dst, payload)| Kind::Ipv4 {
            src,
            dst,
            payload
        }),
        (own_address(), dst(), payload(128, vec![129, 3])).prop_map(|(src, dst, payload)| Kind::Ipv6 {
            src,
            dst,
            payload
        }),
    ];
    ((0..ROUTERS).prop_map(Whose::Leg), kind).boxed()
}

/// Anybody's, nobody's and everybody's alike.
fn anybodys() -> BoxedStrategy<Whose> {
    prop_oneof![
        (0_usize..5).prop_map(Whose::Own),
        (0..PORTS_OF_NETWORK).prop_map(Whose::Other),
        (0..PORTS_OF_NETWORK).prop_map(Whose::LinkLocal),
        prop::sample::select(vec![Whose::None, Whose::All, Whose::Other(99), Whose::Leg(0), Whose::Leg(1)]),
    ]
    .boxed()
}

/// What says who has an address, each part of it from whom it may be: two things that are rare are met together.
fn any_claim() -> BoxedStrategy<(Whose, Kind)> {
    let operation = prop_oneof![4 => Just(1_u16), 3 => Just(2), 1 => any::<u16>()];
    let link = || prop::option::weighted(0.8, anybodys());
    let kind =
        prop_oneof![
            (operation, anybodys(), anybodys(), anybodys())
                .prop_map(|(operation, sha, spa, tpa)| Kind::Arp { operation, sha, spa, tpa }),
            (anybodys(), anybodys(), link(), any::<bool>()).prop_map(|(src, target, link, is_to_group)| {
                Kind::Solicitation { src, target, link, is_to_group }
            }),
            (anybodys(), anybodys(), link()).prop_map(|(src, target, link)| Kind::Advertisement {
                src,
                target,
                link
            }),
        ];
    (anybodys(), kind).boxed()
}

pub(crate) fn any_packet() -> impl Strategy<Value = Packet> {
    let hops = prop_oneof![12 => Just(DEFAULT_HOPS), 1 => 0_u8..4, 1 => any::<u8>()];
    let to = prop_oneof![8 => (any_address(), any_kind()), 4 => any_routed(), 2 => any_claim()];
    let src = prop_oneof![8 => own_address(), 1 => anybodys()];
    (any::<usize>(), src, to, prop::bool::weighted(0.05), hops).prop_map(
        |(sender, src, (dst, kind), is_tagged, hops)| Packet { sender, src, dst, kind, is_tagged, hops },
    )
}

impl Packet {
    /// The packet, sent by a port of the world that is plugged in.
    pub(crate) fn sent_in<'a>(&self, world: &'a World) -> Option<(&'a Port, Frame)> {
        let plugged: Vec<&Port> = world.ports.iter().filter(|port| port.plugged.is_some()).collect();
        let sender = *plugged.get(self.sender.checked_rem(plugged.len())?)?;
        let by = Addresses { sources: sender.sources(), sender, world };
        let mut dst = by.mac(self.dst);
        let body = match self.kind {
            Kind::Ipv4 { src, dst, payload } => {
                Body::Ip { src: by.ipv4(src).into(), dst: by.ipv4(dst).into(), payload }
            }
            Kind::Ipv6 { src, dst, payload } => {
                Body::Ip { src: by.ipv6(src).into(), dst: by.ipv6(dst).into(), payload }
            }
            Kind::Arp { operation, sha, spa, tpa } => Body::Arp(Arp {
                operation: ArpOperation(operation),
                sender_mac: by.mac(sha),
                sender_ip: by.ipv4(spa),
                target_mac: MacAddr::ZERO,
                target_ip: by.ipv4(tpa),
            }),
            Kind::Solicitation { src, target, link, is_to_group } => {
                let (target, source_link) = (by.ipv6(target), link.map(|link| by.mac(link)));
                if is_to_group {
                    dst = MacAddr::of_ipv6_multicast(solicited_node(target));
                }
                Body::Neighbor(by.ipv6(src), Neighbor::Solicitation(Solicitation { target, source_link }))
            }
            Kind::Advertisement { src, target, link } => {
                let claim = Advertisement {
                    is_router: false,
                    is_solicited: true,
                    is_override: true,
                    target: by.ipv6(target),
                    target_link: link.map(|link| by.mac(link)),
                };
                Body::Neighbor(by.ipv6(src), Neighbor::Advertisement(claim))
            }
            Kind::Other => Body::Other,
        };
        let frame = Frame { src: by.mac(self.src), dst, body, is_tagged: self.is_tagged, hops: self.hops };
        Some((sender, frame))
    }
}

/// As many addresses of a range are used.
const OF_A_RANGE: usize = 3;

/// What addresses mean to a sender.
struct Addresses<'a> {
    sources: Vec<(MacAddr, IpNet)>,
    sender: &'a Port,
    world: &'a World,
}

impl Addresses<'_> {
    fn site(&self) -> u8 {
        self.world.sites[self.sender.network]
    }

    fn v4(&self, number: u8) -> Ipv4Addr {
        ipv4(self.site(), number)
    }

    fn leg(&self, router: usize) -> Option<&Leg> {
        self.world.routers[router].leg_in(self.sender.network)
    }

    fn mac(&self, whose: Whose) -> MacAddr {
        match whose {
            Whose::Own(which) => {
                let pairs = self.sender.pairs.iter().map(|(mac, _)| *mac);
                let own: Vec<MacAddr> = self.sender.macs.iter().copied().chain(pairs).collect();
                own[which % own.len()]
            }
            Whose::Other(number) | Whose::LinkLocal(number) | Whose::Far(_, number) => mac(number),
            Whose::Leg(router) => self.leg(router).map_or(mac(99), |leg| leg.mac),
            Whose::None => MacAddr::ZERO,
            Whose::All => MacAddr::BROADCAST,
        }
    }

    fn ipv4(&self, whose: Whose) -> Ipv4Addr {
        let nets = self.sources.iter();
        let nets = nets.filter_map(|(_, net)| if let IpNet::V4(net) = net { Some(*net) } else { None });
        let own: Vec<Ipv4Addr> = nets.flat_map(|net| net.hosts().take(OF_A_RANGE)).collect();
        match whose {
            Whose::Own(which) => own.get(which % own.len().max(1)).copied().unwrap_or(self.v4(77)),
            Whose::Other(number) | Whose::LinkLocal(number) => self.v4(number),
            Whose::Far(network, number) => ipv4(self.world.sites[network], number),
            Whose::Leg(router) => self.leg(router).and_then(Leg::v4).unwrap_or(self.v4(99)),
            Whose::None => Ipv4Addr::UNSPECIFIED,
            Whose::All => Ipv4Addr::BROADCAST,
        }
    }

    fn ipv6(&self, whose: Whose) -> Ipv6Addr {
        let nets = self.sources.iter();
        let nets = nets.filter_map(|(_, net)| if let IpNet::V6(net) = net { Some(*net) } else { None });
        let mut own: Vec<Ipv6Addr> = nets.flat_map(|net| net.hosts().take(OF_A_RANGE)).collect();
        own.extend(self.sender.macs.iter().map(|mac| mac.link_local()));
        match whose {
            Whose::Own(which) => own[which % own.len()],
            Whose::Other(number) => ipv6(self.site(), number),
            Whose::LinkLocal(number) => mac(number).link_local(),
            Whose::Far(network, number) => ipv6(self.world.sites[network], number),
            Whose::Leg(router) => self.leg(router).map_or(ipv6(self.site(), 99), Leg::v6_or_link_local),
            Whose::None => Ipv6Addr::UNSPECIFIED,
            Whose::All => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
        }
    }
}

impl Frame {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut ethernet = Ethernet::new(self.src, self.dst);
        if self.is_tagged {
            ethernet = ethernet.tagged(VlanTag::customer(7, 0));
        }
        match &self.body {
            Body::Ip { src, dst, payload } => ip(&ethernet, (*src, *dst), self.hops, *payload),
            Body::Arp(arp) => ethernet.arp(arp),
            Body::Neighbor(src, message) => {
                let dst = match message {
                    Neighbor::Solicitation(question) if self.dst != MacAddr::BROADCAST => {
                        solicited_node(question.target)
                    }
                    _ => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
                };
                ethernet.neighbor(*src, dst, message).expect("a small packet")
            }
            Body::Other => ethernet.frame(0x88cc, &[0; 46]),
        }
    }
}

fn ip(ethernet: &Ethernet, ends: (IpAddr, IpAddr), hops: u8, payload: Payload) -> Vec<u8> {
    let header = match ends {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Ip::V4(Ipv4 { ttl: hops, ..Ipv4::new(src, dst) }),
        (IpAddr::V6(src), IpAddr::V6(dst)) => Ip::V6(Ipv6 { hop_limit: hops, ..Ipv6::new(src, dst) }),
        _ => unreachable!("addresses of one family"),
    };
    let datagram = |src_port, dst_port| Transport::Udp(Udp { src_port, dst_port, payload: vec![0; 64] });
    match payload {
        Payload::Udp(src, dst) => ethernet.ip(&header, &datagram(src, dst)).expect("a small packet"),
        Payload::Icmp(kind) => {
            let message = Message { kind, code: 0, rest: [0; 4], payload: vec![0; 24] };
            ethernet.ip(&header, &Transport::Icmp(message)).expect("a small packet")
        }
        Payload::Fragment => {
            let fragments = ethernet.ip_fragments(&header, &datagram(67, 68), 40).expect("small packets");
            fragments.into_iter().next_back().expect("the last one")
        }
    }
}
