//! What a switch holds, in the bytes that it writes.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use openflow::Message;
use openflow::flow::FlowSet;
use openflow::group::Group;
use openflow::message::multipart::{FlowRequest, Multipart, Reply, Request};
use openflow::message::{Hello, frame};
use testkit::Ovs;

pub(super) fn flows(ovs: &Ovs, bridge: &str) -> FlowSet {
    let parts = ask(ovs, bridge, Request::Flow(FlowRequest::all()));
    let entries = parts.into_iter().filter_map(|part| match part {
        Reply::Flow(entries) => Some(entries),
        _ => None,
    });
    let entries: Vec<_> = entries.collect();
    entries.iter().flat_map(|entries| entries.iter()).map(|entry| entry.packed()).collect()
}

/// In the order of their ids.
pub(super) fn groups(ovs: &Ovs, bridge: &str) -> Vec<Group> {
    let parts = ask(ovs, bridge, Request::GroupDesc);
    let groups = parts.into_iter().filter_map(|part| match part {
        Reply::GroupDesc(groups) => Some(groups),
        _ => None,
    });
    let mut groups: Vec<Group> = groups.flatten().map(|shown| shown.0).collect();
    groups.sort_unstable_by_key(|group| group.id);
    groups
}

/// All parts of the answer to a request.
fn ask(ovs: &Ovs, bridge: &str, request: Request) -> Vec<Reply> {
    let mut stream = UnixStream::connect(ovs.mgmt_socket(bridge)).expect("the bridge listens");
    let mut out = Vec::new();
    Message::Hello(Hello::of13()).encode(1, &mut out).expect("a short message");
    Message::MultipartRequest(Multipart::last(request)).encode(2, &mut out).expect("a short message");
    stream.write_all(&out).expect("the bridge reads");
    let (mut parts, mut bytes, mut chunk) = (Vec::new(), Vec::new(), vec![0; 1 << 16]);
    loop {
        while let Some(len) = frame(&bytes).expect("whole messages") {
            let (_, message) = Message::decode(&bytes[..len]).expect("messages that make sense");
            bytes.drain(..len);
            if let Message::MultipartReply(Multipart { more, part }) = message {
                parts.push(part);
                if !more {
                    return parts;
                }
            }
        }
        let read = stream.read(&mut chunk).expect("the bridge answers");
        assert_ne!(read, 0, "the bridge hung up");
        bytes.extend_from_slice(&chunk[..read]);
    }
}
