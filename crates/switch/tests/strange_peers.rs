//! Peers that no switch should be, and owners that no controller should have: nothing grows, nothing spins, nobody is blocked,
//! and as soon as the peer behaves the switch has what is desired.

mod common;
mod peer;

use std::time::{Duration, Instant};

use common::{PATIENCE, Switch, connect_to, flow, put, scope};
use net_types::OfPort;
use openflow::action::Action;
use openflow::delta::Delta;
use openflow::message::{PacketIn2, PacketOut};
use openflow::{Match, Message};
use peer::{LinesLogged, Peer, Place};
use switch::endpoint::Endpoint;
use switch::machine::{Event, MachineOptions};
use switch::{Scope, SendError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What may wait for a switch that does not read, and one message more.
const UNSENT_BYTES_MAX: usize = (16 << 20) + (64 << 10);

/// Silence is noticed soon.
fn impatient(scope: Scope) -> MachineOptions {
    MachineOptions { probe_after_ms: 500, silence_max_ms: 2_000, ..MachineOptions::new(scope) }
}

fn bytes_of(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(0, &mut bytes).expect("a short message"));
    bytes
}

fn given_up(event: &Event) -> Option<String> {
    match event {
        Event::Disconnected { reason } => Some(reason.clone()),
        _ => None,
    }
}

async fn unsent_bytes(switch: &Switch) -> usize {
    switch.handle.inspect(|machine| machine.unsent_bytes()).await.expect("the task runs")
}

#[tokio::test]
async fn garbage_costs_few_connections_and_few_lines_and_is_forgotten() {
    let lines = LinesLogged::count_here();
    let place = Place::new();
    let mut switch = connect_to(place.endpoint(), MachineOptions::new(scope()), put((0..10).map(flow)));
    let garbage: [&[u8]; 6] = [
        b"",
        b"HTTP/1.0 400 Bad Request\r\n\r\n",
        &[0; 100],
        &[0xff; 70_000],
        // The start of a message that never ends, and a header that lies.
        &[4, 0, 0, 100, 0, 0, 0, 1],
        &[4, 0, 0, 7, 0, 0, 0, 1],
    ];
    for bytes in garbage {
        let mut peer = place.accept().await;
        // It may be cut off before it has said everything.
        let _ = peer.stream.write_all(bytes).await;
    }
    let wait_before_this = Instant::now();
    let mut peer = place.accept().await;
    // 10 + 20 + ... + 160 ms are behind, 320 lie between the last two.
    assert!(wait_before_this.elapsed() > Duration::from_millis(100), "the waits become longer");
    peer.behave_until_commit().await;
    switch.synced().await;
    assert_eq!(peer.flows.len(), 10);
    assert!(lines.so_far() < 5 * garbage.len(), "{} lines", lines.so_far());
}

#[tokio::test]
async fn a_flood_of_nonsense_is_counted_and_not_written_line_by_line() {
    const NONSENSE: usize = 100_000;
    let lines = LinesLogged::count_here();
    let place = Place::new();
    let mut switch = connect_to(place.endpoint(), MachineOptions::new(scope()), Delta::default());
    let mut peer = place.accept().await;
    peer.behave_until_live().await;
    switch.synced().await;
    let started = Instant::now();
    // Features that are too short, and errors about messages that nobody sent.
    let nonsense = [[4, 6, 0, 8, 0, 0, 0, 9].as_slice(), &[4, 1, 0, 12, 0, 0, 0, 9, 0, 1, 0, 1]].concat();
    peer.stream.write_all(&nonsense.repeat(NONSENSE / 2)).await.expect("we read on");
    switch.handle.change(put([flow(1)])).await.expect("the task runs");
    peer.behave_until_commit().await;
    let seconds = usize::try_from(started.elapsed().as_secs()).expect("a short time");
    assert!(lines.so_far() < 40 + 2 * seconds, "{} lines for {NONSENSE} messages", lines.so_far());
}

#[tokio::test]
async fn a_switch_that_stops_reading_blocks_nobody_and_is_given_up() {
    let place = Place::new();
    let mut switch = connect_to(place.endpoint(), impatient(scope()), Delta::default());
    let mut stuck = place.accept().await;
    stuck.behave_until_live().await;
    switch.synced().await;

    // The owner goes on: a storm of changes of the same keys, and packets until it is told to stop.
    let packet = || Message::PacketOut(PacketOut::new(vec![0; 60_000], vec![Action::output(OfPort::new(1))]));
    let congested = loop {
        match switch.handle.send(packet()).await {
            Ok(()) => {}
            Err(error) => break error,
        }
        assert!(unsent_bytes(&switch).await <= UNSENT_BYTES_MAX);
    };
    assert!(matches!(congested, SendError::Congested { .. }), "{congested}");
    let mut last = 0;
    for round in 0..200_u32 {
        let storm = (0..100).map(|number| {
            let flow = flow(number).unpack();
            openflow::PackedFlow::new(&flow.cookie(round.into())).expect("a short flow")
        });
        last = switch.handle.change(put(storm)).await.expect("the task runs");
    }
    assert!(unsent_bytes(&switch).await <= 2 * UNSENT_BYTES_MAX);
    let reason = switch.until("the end of the connection", given_up).await;
    assert!(reason.contains("silent"), "{reason}");
    let mut peer = place.accept().await;
    let (confirmed, ()) = tokio::join!(switch.confirmed(last), peer.behave_until_commit());
    assert_eq!(confirmed, 100, "each flow is sent once, in its last form");
    assert!(peer.flows.iter().all(|flow| flow.unpack().cookie == 199));
    drop(stuck);
}

#[tokio::test]
async fn an_owner_that_does_not_listen_stops_the_switch_and_loses_nothing() {
    let place = Place::new();
    let options = MachineOptions { silence_max_ms: 500, ..impatient(scope()) };
    let mut switch = connect_to(place.endpoint(), options, Delta::default());
    let mut peer = place.accept().await;
    peer.behave_until_live().await;
    // Numbered packets, until our side takes no more for twice the time that a silent switch has.
    let mut sent = 0_u32;
    loop {
        let data = [&sent.to_be_bytes()[..], &[0; 996]].concat();
        let packet = bytes_of(&[Message::PacketIn2(PacketIn2::new(data, Match::new()))]);
        match timeout(Duration::from_secs(1), peer.stream.write_all(&packet)).await {
            Ok(written) => written.expect("we are still connected"),
            Err(_) => break,
        }
        sent += 1;
        assert!(sent < 100_000, "there is a limit to what is taken");
    }
    assert!(sent > 1_000);
    // The last one was cut: the numbers of all others come in order, on the same connection.
    for expected in 0..sent {
        let number = switch
            .until("a packet", |event| match event {
                Event::PacketIn(packet) => packet.data.first_chunk::<4>().copied().map(u32::from_be_bytes),
                Event::Disconnected { reason } => panic!("{reason}"),
                _ => None,
            })
            .await;
        assert_eq!(number, expected);
    }
}

#[tokio::test]
async fn confirmations_that_nobody_takes_are_added_up() {
    let place = Place::new();
    let mut switch = connect_to(place.endpoint(), MachineOptions::new(scope()), put([flow(1)]));
    let mut peer = place.accept().await;
    peer.behave_until_commit().await;
    switch.synced().await;
    let mut last = 0;
    for _ in 0..20_000 {
        // It changes nothing, and is confirmed all the same.
        last = switch.handle.change(put([flow(1)])).await.expect("the task runs");
    }
    let queued = switch.handle.inspect(|machine| machine.queued_events()).await.expect("the task runs");
    assert!(queued <= 1, "{queued} events");
    assert_eq!(switch.confirmed(last).await, 0);
}

#[tokio::test]
async fn a_switch_that_speaks_one_byte_at_a_time_is_understood() {
    let place = Place::new();
    let mut switch = connect_to(place.endpoint(), MachineOptions::new(scope()), put((0..100).map(flow)));
    let mut peer = place.accept().await;
    peer.bytes_at_once = 1;
    peer.behave_until_commit().await;
    switch.synced().await;
    assert_eq!(peer.flows.len(), 100);
}

#[tokio::test]
async fn a_switch_that_greets_and_falls_silent_is_given_up() {
    let place = Place::new();
    let mut switch = connect_to(place.endpoint(), impatient(scope()), Delta::default());
    let mut peer = place.accept().await;
    peer.send(0, &Message::Hello(openflow::message::Hello::of13())).await;
    let reason = switch.until("the end of the connection", given_up).await;
    assert!(reason.contains("silent"), "{reason}");
}

fn listening() -> (Switch, std::net::SocketAddr) {
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let address = address.expect("a free port");
    let switch = connect_to(Endpoint::Listen(address), MachineOptions::new(scope()), put([flow(1)]));
    (switch, address)
}

/// A switch that comes to us, as soon as we listen.
async fn come(address: std::net::SocketAddr) -> Peer<TcpStream> {
    let came = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(stream) => return Peer::new(stream),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, came).await.expect("we listen")
}

#[tokio::test]
async fn a_switch_that_comes_again_after_a_power_failure_replaces_itself() {
    let (mut switch, address) = listening();
    let mut before = come(address).await;
    before.behave_until_commit().await;
    switch.synced().await;
    // The old connection is still open, and nobody is at its other end.
    let mut after = come(address).await;
    after.behave_until_commit().await;
    assert_eq!(after.flows.len(), 1);
    let mut reasons = Vec::new();
    let report = switch
        .until("another synchronisation", |event| match event {
            Event::Disconnected { reason } => {
                reasons.push(reason.clone());
                None
            }
            Event::Synced { report, .. } => Some(*report),
            _ => None,
        })
        .await;
    assert_eq!((report.flows_put, reasons), (1, vec!["the switch has connected again".to_owned()]));
    drop(before);
}

#[tokio::test]
async fn somebody_else_does_not_take_the_place_of_a_switch_that_lives() {
    let (mut switch, address) = listening();
    let mut ours = come(address).await;
    ours.behave_until_commit().await;
    switch.synced().await;
    let mut stranger = come(address).await;
    // The connection is asked whether it lives, answers, and the stranger is hung up on.
    tokio::select! {
        () = ours.behave() => panic!("we hung up on the switch that lives"),
        () = stranger.behave() => {}
    }
    switch.handle.change(put([flow(2)])).await.expect("the task runs");
    ours.behave_until_commit().await;
    assert_eq!(ours.flows.len(), 2);
    assert!(stranger.flows.is_empty());
}
