//! A hundred thousand flows: what gets in is what was desired, byte for byte, and nothing is sent twice.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use common::{BRIDGE, connect, flow, ovs, put, scope};
use openflow::Message;
use openflow::delta::Delta;
use openflow::flow::{FlowSet, PackedFlow};
use openflow::message::multipart::{FlowRequest, Multipart, Reply, Request};
use openflow::message::{Hello, frame};
use testkit::Ovs;

const FLOWS: u32 = 100_000;

/// What the switch holds, in the bytes that it writes.
fn dump(ovs: &Ovs) -> FlowSet {
    let mut stream = UnixStream::connect(ovs.mgmt_socket(BRIDGE)).expect("the bridge listens");
    let mut out = Vec::new();
    Message::Hello(Hello::of13()).encode(1, &mut out).expect("a short message");
    let request = Request::Flow(FlowRequest::all());
    Message::MultipartRequest(Multipart::last(request)).encode(2, &mut out).expect("a short message");
    stream.write_all(&out).expect("the bridge reads");
    let (mut flows, mut bytes, mut chunk) = (FlowSet::new(), Vec::new(), vec![0; 1 << 16]);
    loop {
        while let Some(len) = frame(&bytes).expect("whole messages") {
            let (_, message) = Message::decode(&bytes[..len]).expect("messages that make sense");
            bytes.drain(..len);
            let Message::MultipartReply(Multipart { more, part: Reply::Flow(entries) }) = message else {
                continue;
            };
            flows.extend(entries.iter().map(|entry| entry.packed()));
            if !more {
                return flows;
            }
        }
        let read = stream.read(&mut chunk).expect("the bridge answers");
        assert_ne!(read, 0, "the bridge hung up");
        bytes.extend_from_slice(&chunk[..read]);
    }
}

fn same(one: &FlowSet, other: &FlowSet) -> bool {
    one.len() == other.len() && one.iter().all(|flow| other.get(flow.key_bytes()) == Some(flow))
}

#[tokio::test]
async fn a_hundred_thousand_flows() {
    let ovs = ovs();
    let flows: Vec<PackedFlow> = (0..FLOWS).map(flow).collect();
    let mut desired: FlowSet = flows.iter().cloned().collect();
    let mut switch = connect(&ovs, scope(), Delta::default());
    switch.synced().await;
    assert_eq!(switch.commit(put(flows.clone())).await, FLOWS as usize);
    assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    assert!(same(&dump(&ovs), &desired), "the dump is what was desired, byte for byte");
    drop(switch);

    let mut again = connect(&ovs, scope(), put(flows));
    let report = again.synced().await;
    assert_eq!(report.found.adopted_flows, FLOWS as usize);
    assert_eq!(again.counters().await.flow_mods, 0, "nothing changed, nothing is sent");

    let ten: Vec<_> = (0..10)
        .map(|number| {
            let mut flow = flow(number * 9_999).unpack();
            flow.instructions.goto = Some(70);
            PackedFlow::new(&flow).expect("a short flow")
        })
        .collect();
    desired.extend(ten.iter().cloned());
    assert_eq!(again.commit(put(ten)).await, 10);
    assert_eq!(again.counters().await.flow_mods, 10);
    assert!(same(&dump(&ovs), &desired));
}
