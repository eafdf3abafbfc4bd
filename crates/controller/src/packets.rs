//! Packets on their way to the responders and back, on a connection of their own.
//!
//! ```text
//!   switch --- packet-ins ---> bucket of the port ---> queue (bounded) ---> engine
//!          <-- packet-outs ------------------------------- queue (bounded) ---'
//! ```
//! What is too much is lost here, as on a cable that is too slow: guests ask again. Flows travel on another connection, so
//! a storm of packets does not delay them. Both sides say to the switch what they want to hear.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use engine::{PacketIn, Resume};
use net_types::OfPort;
use openflow::action::Action;
use openflow::message::{AsyncConfig, AsyncMasks, PacketIn2, PacketOut};
use openflow::{Field, Message};
use packet::Headers;
use packet::headers::NetworkKey;
use pipeline::Register;
use switch::{Event, Handle};
use tokio::sync::mpsc;
use tracing::debug;

use crate::bucket::{Buckets, PacketLimits};
use crate::clock;

/// Answers that wait for the switch.
const ANSWERS_MAX: usize = 256;

/// A frame and what is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    frame: Vec<u8>,
    actions: Vec<Action>,
}

impl Answer {
    /// A frame that leaves by a port.
    pub(crate) fn send(frame: Vec<u8>, port: OfPort) -> Self {
        Self { frame, actions: vec![Action::output(port)] }
    }

    /// A frame that goes on in a table.
    pub(crate) fn resume(resume: Resume) -> Self {
        let Resume { frame, registers: mut actions, table } = resume;
        actions.push(Action::resubmit(table));
        Self { frame, actions }
    }
}

/// What a connection wants to hear unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hears {
    /// Packets alone.
    Packets,
    /// Everything but packets.
    Rest,
}

/// Tells a switch that has just connected what it should tell us.
pub(crate) async fn want(handle: &Handle, hears: Hears) {
    let all = AsyncMasks { packet_in: u32::MAX, port_status: u32::MAX, flow_removed: u32::MAX };
    let masks = match hears {
        Hears::Packets => AsyncMasks { port_status: 0, flow_removed: 0, ..all },
        Hears::Rest => AsyncMasks { packet_in: 0, ..all },
    };
    let message = Message::SetAsync(AsyncConfig { primary: masks, secondary: masks });
    if let Err(error) = handle.send(message).await {
        debug!(%error, "the switch was not told what to tell");
    }
}

/// Lets packets through to the engine, as many as a port may send.
#[derive(Debug)]
pub(crate) struct Filter {
    buckets: Buckets,
    dropped: u64,
}

impl Filter {
    pub(crate) fn new(limits: PacketLimits) -> Self {
        Self { buckets: Buckets::new(limits), dropped: 0 }
    }

    /// The packet as the engine takes it, if it is let through.
    pub(crate) fn take(&mut self, packet: PacketIn2) -> Option<PacketIn> {
        let at_ms = clock::now_ms();
        let in_port = packet.metadata.exact(Field::InPort).and_then(|port| u32::try_from(port).ok())?;
        if !self.buckets.admit(in_port, at_ms) {
            self.drop_one();
            return None;
        }
        Some(PacketIn {
            in_port,
            network: register(&packet, &pipeline::regs::NETWORK),
            ingress: register(&packet, &pipeline::regs::INGRESS_PORT),
            router: register(&packet, &pipeline::regs::ROUTER),
            next_hop: next_hop(&packet),
            userdata: packet.userdata,
            frame: packet.data,
            at_ms,
        })
    }

    fn drop_one(&mut self) {
        self.dropped += 1;
        // A storm must not fill the log: one line for each power of two.
        if self.dropped.is_power_of_two() {
            debug!(dropped = self.dropped, "packets of guests are dropped, they come too fast");
        }
    }
}

/// What a register said; fields that are zero are left out of a message.
fn register(packet: &PacketIn2, register: &Register) -> u32 {
    let bits = register.bits;
    let value = packet.metadata.get(bits.field).map_or(0, |entry| (entry.value & bits.mask()) >> bits.ofs);
    u32::try_from(value).unwrap_or_default()
}

/// The address that a router hands the packet to, which is of the version that the packet is of.
fn next_hop(packet: &PacketIn2) -> Option<IpAddr> {
    let part = |field| packet.metadata.get(field).map_or(0, |entry| entry.value & entry.mask);
    match Headers::parse(&packet.data).network? {
        NetworkKey::Ipv4 { .. } => {
            let ip = u32::try_from(part(pipeline::regs::NEXT_HOP.bits.field)).ok().filter(|ip| *ip != 0)?;
            Some(Ipv4Addr::from(ip).into())
        }
        NetworkKey::Ipv6 { .. } => {
            let ip = pipeline::regs::next_hop_v6(part);
            (ip != 0).then(|| Ipv6Addr::from(ip).into())
        }
        NetworkKey::Arp(_) => None,
    }
}

/// The shortest frame.
const GREETING_BYTES: usize = 60;
/// From a made-up station to another, of the type that is left for experiments.
const GREETING_HEADER: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];

/// The message that sends an answer.
pub(crate) fn packet_out(answer: Answer) -> Message {
    Message::PacketOut(PacketOut::new(answer.frame, answer.actions))
}

/// A frame of no network into a tunnel, which the other end drops. Open vSwitch's userspace datapath asks for the MAC address of a
/// tunnel's end when the first packet goes there, and loses that packet: it shall be this one and not a guest's.
pub(crate) fn greeting(port: OfPort, end: IpAddr) -> Message {
    let mut frame = vec![0; GREETING_BYTES];
    frame[..14].copy_from_slice(&GREETING_HEADER);
    let end = match end {
        IpAddr::V4(end) => Action::set(Field::TunDst, end),
        IpAddr::V6(end) => Action::set(Field::TunIpv6Dst, end),
    };
    Message::PacketOut(PacketOut::new(
        frame,
        vec![Action::set(Field::TunId, 0_u64), end, Action::output(port)],
    ))
}

/// The engine's ends of a connection for packets.
#[derive(Debug)]
pub(crate) struct Packets {
    pub(crate) incoming: mpsc::Receiver<PacketIn>,
    outgoing: mpsc::Sender<Answer>,
}

impl Packets {
    /// Where others may put frames to be sent.
    pub(crate) fn outgoing(&self) -> mpsc::Sender<Answer> {
        self.outgoing.clone()
    }

    /// Hands an answer over, or loses it when too many wait.
    pub(crate) fn answer(&self, answer: Answer) {
        if self.outgoing.try_send(answer).is_err() {
            debug!("an answer is dropped, the switch does not keep up");
        }
    }
}

/// Carries packets over a connection of their own, for as long as the other end is held.
pub(crate) fn carry(handle: Handle, limits: PacketLimits) -> (Packets, impl Future<Output = ()> + Send) {
    let (to_engine, incoming) = mpsc::channel(limits.waiting_max.max(1));
    let (outgoing, answers) = mpsc::channel(ANSWERS_MAX);
    (Packets { incoming, outgoing }, run(handle, Filter::new(limits), to_engine, answers))
}

async fn run(
    mut handle: Handle,
    mut filter: Filter,
    to_engine: mpsc::Sender<PacketIn>,
    mut answers: mpsc::Receiver<Answer>,
) {
    loop {
        tokio::select! {
            event = handle.next_event() => match event {
                Some(Event::Connected(_)) => want(&handle, Hears::Packets).await,
                Some(Event::PacketIn(packet)) => {
                    if let Some(packet) = filter.take(*packet)
                        && to_engine.try_send(packet).is_err()
                    {
                        filter.drop_one();
                    }
                }
                Some(_) => {}
                None => return,
            },
            answer = answers.recv() => {
                let Some(answer) = answer else { return };
                if let Err(error) = handle.send(packet_out(answer)).await {
                    debug!(%error, "an answer is dropped");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use openflow::Match;

    use super::*;

    fn packet(in_port: u32) -> PacketIn2 {
        let metadata = Match::new()
            .with(Field::InPort, in_port)
            .with(Field::Metadata, 0x0ab0_0000_0000_0007_u64)
            .with(Field::Reg6, 12_u32);
        PacketIn2 { userdata: vec![1, 2], ..PacketIn2::new(vec![9; 60], metadata) }
    }

    #[test]
    fn registers_are_read_where_the_pipeline_keeps_them() {
        let taken = Filter::new(PacketLimits::default()).take(packet(5)).unwrap();
        assert_eq!((taken.in_port, taken.network, taken.ingress), (5, 7, 12));
        assert_eq!((taken.frame.len(), taken.userdata), (60, vec![1, 2]));
        let bare = PacketIn2::new(vec![], Match::new().with(Field::InPort, 5_u32));
        let taken = Filter::new(PacketLimits::default()).take(bare).unwrap();
        assert_eq!((taken.network, taken.ingress), (0, 0));
    }

    #[test]
    fn a_storm_is_cut_and_counted() {
        let limits = PacketLimits { per_port_per_s: 1, per_port_burst: 10, waiting_max: 1 };
        let mut filter = Filter::new(limits);
        let let_through = (0..1_000).filter(|_| filter.take(packet(5)).is_some()).count();
        assert!((10..20).contains(&let_through), "{let_through}");
        assert_eq!(filter.dropped, 1_000 - u64::try_from(let_through).unwrap());
        assert!(filter.take(packet(6)).is_some(), "another port is not concerned");
    }

    #[test]
    fn a_packet_from_nowhere_is_not_taken() {
        let nowhere = PacketIn2::new(vec![1], Match::new());
        assert_eq!(Filter::new(PacketLimits::default()).take(nowhere), None);
    }
}
