//! What guests ask name servers by TCP, and what is answered in the place of these.

use std::net::IpAddr;

use engine::{Instead, Reply};
use model::Table;
use net_types::OfPort;
use openflow::action::Action;
use packet::Headers;
use packet::build::{Tcp, Transport, tcp_flags};
use packet::dns::kinds;
use packet::headers::NetworkKey;
use packet::tcp::Segment;
use pipeline::{regs, tables, userdata};

use crate::dns::{ONE, cloud, goes_on, query};
use crate::support::{Cloud, ask, ip, mac, v4, v6};

const PUSH: u16 = tcp_flags::PSH | tcp_flags::ACK;

fn stream(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a short question");
    [&length.to_be_bytes()[..], message].concat()
}

/// A segment of a connection with the server of the network.
fn frame(ends: [IpAddr; 2], flags: u16, payload: Vec<u8>) -> Vec<u8> {
    let segment = Tcp {
        src_port: 40_000,
        dst_port: 53,
        sequence: 1_000,
        acknowledgement: 7_000,
        flags,
        window: 100,
        timestamps: Some((11, 22)),
        payload,
    };
    ip((ONE, ends[0]), (mac("02:00:00:00:00:53"), ends[1]), &Transport::Tcp(segment))
}

fn by_v4(flags: u16, payload: Vec<u8>) -> Vec<u8> {
    frame([v4("10.0.0.1").into(), v4("10.0.0.53").into()], flags, payload)
}

fn asks(name: &str) -> Vec<u8> {
    by_v4(PUSH, stream(&query(name, kinds::A).emit()))
}

fn instead(cloud: &mut Cloud, frame: &[u8]) -> Instead {
    let (responder, reply) = ask(cloud, "red1", frame);
    assert_eq!(responder, userdata::DNS);
    let Reply::Instead(instead) = reply else { panic!("{reply:?}") };
    *instead
}

fn segment(frame: &[u8]) -> Segment<'_> {
    let layout = Headers::parse(frame).layout;
    let (start, end) = layout.transport.zip(layout.network_end).expect("a segment");
    Segment::parse(&frame[start..end]).expect("a segment")
}

#[test]
fn a_question_by_tcp_is_answered_in_its_connection_which_ends_on_both_sides() {
    let mut cloud = cloud();
    let asked = asks("db.cloud.example");
    let Instead { frame: answer, port, onwards } = instead(&mut cloud, &asked);
    assert_eq!(port, OfPort::new(1));
    let headers = Headers::parse(&answer);
    let ethernet = headers.ethernet.expect("a frame");
    assert_eq!((ethernet.src, ethernet.dst), (mac("02:00:00:00:00:53"), ONE));
    let Some(NetworkKey::Ipv4 { src, dst }) = headers.network else { panic!("an IPv4 packet") };
    assert_eq!((src, dst), (v4("10.0.0.53"), v4("10.0.0.1")));
    let read = segment(&answer);
    assert_eq!((read.src_port, read.dst_port, read.flags), (53, 40_000, PUSH | tcp_flags::FIN));
    let heard = u32::try_from(segment(&asked).payload.len()).expect("a short question");
    assert_eq!(
        (read.sequence, read.acknowledgement, read.timestamps),
        (7_000, 1_000 + heard, Some((22, 11)))
    );
    assert_eq!(read.payload[..4], [0, u8::try_from(read.payload.len() - 2).expect("a short answer"), 0, 7]);
    assert!(read.payload.ends_with(&[0, 4, 10, 0, 0, 2]), "{:?}", read.payload);

    // The server, which has not heard the question, hears that the guest broke the connection off, and so do the guest's groups, which have.
    let [to_server, to_groups] = onwards.as_slice() else { panic!("{onwards:?}") };
    assert_eq!((to_server.table, to_groups.table), (tables::L2.id, tables::EGRESS_TRACK.id));
    for (resume, sequence) in [(to_server, 1_000), (to_groups, 1_000 + heard)] {
        for (register, value) in [(&regs::NETWORK, 1), (&regs::INGRESS_PORT, 11)] {
            assert!(resume.registers.contains(&Action::load(register.bits, value)), "{:?}", resume.registers);
        }
        let end = segment(&resume.frame);
        assert_eq!((end.src_port, end.dst_port, end.flags), (40_000, 53, tcp_flags::RST | tcp_flags::ACK));
        assert_eq!((end.sequence, end.payload), (sequence, &[][..]));
        assert_eq!(cloud.send("red1", &resume.frame).receivers(), ["server"], "and nobody looks at it");
    }
    // Asked again, it is answered again.
    assert_eq!(instead(&mut cloud, &asked).frame, answer);
}

#[test]
fn what_a_guest_with_groups_breaks_off_passes_them() {
    let mut cloud = cloud();
    cloud.put("group g 5");
    cloud.put("port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 groups=g");
    let Reply::Instead(instead) = ask_past_groups(&mut cloud) else { panic!("it is not answered") };
    let loads = |register: &regs::Register| {
        let is_of = |action: &&Action| format!("{action:?}").contains(&format!("{:?}", register.bits.field));
        instead.onwards[1].registers.iter().filter(is_of).count()
    };
    assert!(loads(&regs::GROUPS[0]) > 0 && loads(&regs::ZONE) > 0, "{:?}", instead.onwards[1].registers);
}

/// The engine's answer to a question that groups have let pass.
fn ask_past_groups(cloud: &mut Cloud) -> Reply {
    let packet = engine::PacketIn {
        frame: asks("db"),
        in_port: 1,
        network: 1,
        ingress: 11,
        userdata: vec![userdata::DNS],
        ..engine::PacketIn::default()
    };
    cloud.node("a").step(vec![engine::Input::Packet(packet)]).replies.remove(0)
}

#[test]
fn by_ipv6_it_is_the_same() {
    let mut cloud = cloud();
    let asked =
        frame([v6("fd00::1").into(), v6("fd00::53").into()], PUSH, stream(&query("db", kinds::AAAA).emit()));
    let Instead { frame: answer, .. } = instead(&mut cloud, &asked);
    assert!(segment(&answer).payload.ends_with(&v6("fd00::2").octets()));
}

#[test]
fn everything_else_in_connections_goes_on_untouched() {
    let mut cloud = cloud();
    for name in ["example.org", "other.cloud.example"] {
        goes_on(&mut cloud, &asks(name));
    }
    let question = query("db", kinds::A).emit();
    for payload in [
        question.clone(),
        stream(&question)[..10].to_vec(),
        [stream(&question), stream(&question)].concat(),
        vec![0, 40],
        vec![0xff; 90],
        vec![],
    ] {
        goes_on(&mut cloud, &by_v4(PUSH, payload));
    }
    for flags in [tcp_flags::SYN, tcp_flags::FIN, tcp_flags::RST] {
        goes_on(&mut cloud, &by_v4(PUSH | flags, stream(&question)));
    }
    // Nobody looks at what has no data, and at nothing where no port has a name.
    for flags in [tcp_flags::SYN, tcp_flags::ACK, tcp_flags::ACK | tcp_flags::FIN] {
        let walk = cloud.send("red1", &by_v4(flags, vec![]));
        assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["server"], 0));
    }
    cloud.delete(Table::PortDns, "red2");
    cloud.delete(Table::PortDns, "red3");
    let walk = cloud.send("red1", &asks("db"));
    assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["server"], 0));
}
