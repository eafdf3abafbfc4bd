//! Open vSwitch judges our flow extraction: thousands of frames, well-formed, damaged and random, go through
//! `ovs-ofctl parse-pcap`, and every line it prints must be the one that [`Headers`] renders to.

mod frames;
mod text;

use std::path::PathBuf;
use std::process::Command;

use packet::headers::{Fragment, NetworkKey, TransportKey};
use packet::pcap::PcapWriter;
use packet::{Headers, VlanLimit};

const FRAMES: usize = 20_000;
/// Every kind of packet must be met at least this often, or the comparison proves nothing about it.
const FRAMES_OF_EACH_KIND_MIN: usize = 50;

/// A capture file that is removed at the end, also of a failed test.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str, contents: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}.pcap", std::process::id()));
        std::fs::write(&path, contents).expect("the temporary directory is writable");
        Self(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Nothing is lost when this fails but a file in the temporary directory.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The flow that OVS extracts from each frame.
fn flows_of_ovs(name: &str, frames: &[Vec<u8>]) -> Vec<String> {
    let mut pcap = PcapWriter::new();
    for frame in frames {
        assert!((1..=0xffff).contains(&frame.len()), "ovs-ofctl cannot read frames of {} bytes", frame.len());
        pcap.push(0, 0, frame).expect("the frame is shorter than the limit");
    }
    let file = TemporaryFile::new(name, &pcap.finish());
    let output = Command::new("ovs-ofctl")
        .arg("parse-pcap")
        .arg(&file.0)
        .output()
        .expect("ovs-ofctl must be installed (Debian package openvswitch-switch)");
    assert!(output.status.success(), "ovs-ofctl failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("ovs-ofctl prints ASCII");
    text.lines().map(str::to_owned).collect()
}

fn assert_same_flows(name: &str, frames: &[Vec<u8>]) {
    let flows = flows_of_ovs(name, frames);
    assert_eq!(flows.len(), frames.len(), "one line for each frame");
    for (index, (frame, flow)) in frames.iter().zip(&flows).enumerate() {
        let headers = Headers::parse_with_vlan_limit(frame, VlanLimit::Two);
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text::of_headers(&headers), text::canonical(flow), "frame {index}: {hex}");
    }
}

/// How often something was met, by what it is.
fn count(headers: &[Headers], is: impl Fn(&Headers) -> bool) -> usize {
    headers.iter().filter(|headers| is(headers)).count()
}

fn assert_every_kind_is_there(frames: &[Vec<u8>]) {
    use TransportKey::{Icmpv4, Icmpv6, Igmp, Sctp, Tcp, Udp};

    let headers: Vec<_> =
        frames.iter().map(|frame| Headers::parse_with_vlan_limit(frame, VlanLimit::Two)).collect();
    let fragment = |headers: &Headers, wanted| headers.ip.is_some_and(|ip| ip.fragment == wanted);
    let kinds = [
        ("no Ethernet", count(&headers, |h| h.ethernet.is_none())),
        ("one tag", count(&headers, |h| matches!(h.vlans, [Some(_), None]))),
        ("two tags", count(&headers, |h| h.vlans[1].is_some())),
        ("no EtherType", count(&headers, |h| h.ethernet.is_some_and(|e| e.ethertype == 0x05ff))),
        ("one label", count(&headers, |h| matches!(h.mpls, [Some(_), None, _]))),
        ("three labels", count(&headers, |h| h.mpls[2].is_some())),
        ("ARP", count(&headers, |h| matches!(h.network, Some(NetworkKey::Arp(a)) if a.operation.is_some()))),
        (
            "odd ARP",
            count(&headers, |h| matches!(h.network, Some(NetworkKey::Arp(a)) if a.operation.is_none())),
        ),
        ("IPv4", count(&headers, |h| matches!(h.network, Some(NetworkKey::Ipv4 { .. })))),
        (
            "broken IPv6",
            count(&headers, |h| matches!(h.network, Some(NetworkKey::Ipv6 { .. })) && h.ip.is_none()),
        ),
        ("first fragment", count(&headers, |h| fragment(h, Fragment::First))),
        ("later fragment", count(&headers, |h| fragment(h, Fragment::Later))),
        ("TCP", count(&headers, |h| matches!(h.transport, Some(Tcp { .. })))),
        ("UDP", count(&headers, |h| matches!(h.transport, Some(Udp { .. })))),
        ("SCTP", count(&headers, |h| matches!(h.transport, Some(Sctp { .. })))),
        ("ICMP", count(&headers, |h| matches!(h.transport, Some(Icmpv4 { .. })))),
        ("IGMP", count(&headers, |h| matches!(h.transport, Some(Igmp { .. })))),
        ("ICMPv6", count(&headers, |h| matches!(h.transport, Some(Icmpv6 { nd: None, .. })))),
        ("ND", count(&headers, |h| matches!(h.transport, Some(Icmpv6 { nd: Some(_), .. })))),
    ];
    for (kind, met) in kinds {
        assert!(met >= FRAMES_OF_EACH_KIND_MIN, "{kind}: only {met} frames, in {kinds:?}");
    }
}

#[test]
fn flows_of_random_frames_are_those_of_ovs() {
    let frames = frames::many(FRAMES);
    assert_every_kind_is_there(&frames);
    assert_same_flows("packet-random-frames", &frames);
}

#[test]
fn flows_of_every_truncation_are_those_of_ovs() {
    let frames: Vec<_> = frames::samples()
        .into_iter()
        .flat_map(|frame| (1..=frame.len()).map(move |length| frame[..length].to_vec()))
        .collect();
    assert_same_flows("packet-truncations", &frames);
}

/// IPv4 and IPv6 lengths decide what is padding, and 16 bits of it is all that OVS keeps.
#[test]
fn flows_of_padded_frames_are_those_of_ovs() {
    let mut frames = Vec::new();
    for frame in frames::samples() {
        let padded = |length: usize| {
            let mut padded = frame.clone();
            padded.resize(length, 0);
            padded
        };
        frames.extend([padded(frame.len() + 1), padded(frame.len() + 46), padded(0xffff)]);
    }
    assert_same_flows("packet-padding", &frames);
}
