//! A guest that moves: both nodes get its frames, its first frame at the destination decides, and a move that is given up leaves nothing.

use engine::{Input, PacketIn, Reply};
use model::{MigrationStatus, Object, Table};
use net_types::MacAddr;
use packet::build::Ethernet;
use pipeline::{regs, userdata};

use crate::support::{Cloud, Walk, arp_request, mac, ping};

const VM: &str = "02:00:00:00:00:01";
const NEAR: &str = "02:00:00:00:00:02";
const FAR: &str = "02:00:00:00:00:03";
/// vm runs on a and is on its way to b, where nothing else of its network is; c has another port of it.
const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    node c 192.0.2.3 geneve
    network red 1 geneve
    port vm 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port near 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2
    port far 13 red on=c:3 mac=02:00:00:00:00:03 ip=10.0.0.3
";

fn moving(status: &str) -> Cloud {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put(&format!("moving vm b {status}"));
    cloud.plug("b", "vm", 9);
    cloud
}

/// The nodes on which guests got it, with the guests.
fn heard(walk: &Walk) -> Vec<(&str, &str)> {
    let mut all: Vec<(&str, &str)> =
        walk.deliveries.iter().map(|delivery| (delivery.node.as_str(), delivery.port.as_str())).collect();
    all.sort_unstable();
    all
}

fn from_vm(cloud: &Cloud, node: &str, plug: u32, frame: &[u8]) -> Walk {
    cloud.inject(node, ofsim::Packet::of_frame(net_types::OfPort::new(plug), frame))
}

fn to_far() -> Vec<u8> {
    ping((mac(VM), "10.0.0.1"), (mac(FAR), "10.0.0.3"))
}

fn to_vm(from: &str, ip: &str) -> Vec<u8> {
    ping((mac(from), ip), (mac(VM), "10.0.0.1"))
}

#[test]
fn frames_go_to_both_nodes_until_the_guest_runs_at_its_destination_and_then_there_only() {
    let mut cloud = moving("dest_plug");
    let both = [("a", "vm"), ("b", "vm")];
    assert_eq!(heard(&cloud.send("far", &to_vm(FAR, "10.0.0.3"))), both);
    assert_eq!(heard(&cloud.send("near", &to_vm(NEAR, "10.0.0.2"))), both);
    let asked = cloud.send("far", &arp_request((mac(FAR), "10.0.0.3"), "10.0.0.99"));
    assert_eq!(heard(&asked), [("a", "near"), ("a", "vm"), ("b", "vm")]);
    // It is heard where it runs, and not where it does not.
    assert_eq!(heard(&from_vm(&cloud, "a", 1, &to_far())), [("c", "far")]);
    assert_eq!(heard(&from_vm(&cloud, "b", 9, &to_far())), []);

    cloud.put("moving vm b src_unplug");
    for frame in [cloud.send("far", &to_vm(FAR, "10.0.0.3")), cloud.send("near", &to_vm(NEAR, "10.0.0.2"))] {
        assert_eq!(heard(&frame), [("b", "vm")]);
    }
    assert_eq!(heard(&from_vm(&cloud, "b", 9, &to_far())), [("c", "far")]);
    from_vm(&cloud, "a", 1, &to_far()).assert_nowhere();
    let asked = cloud.send("far", &arp_request((mac(FAR), "10.0.0.3"), "10.0.0.99"));
    assert_eq!(heard(&asked), [("a", "near"), ("b", "vm")]);

    // Bound anew, the row says nothing any more, and may go.
    cloud.put("port vm 11 red on=b mac=02:00:00:00:00:01 ip=10.0.0.1");
    let bound = |cloud: &Cloud| {
        assert_eq!(heard(&cloud.send("near", &to_vm(NEAR, "10.0.0.2"))), [("b", "vm")]);
        assert_eq!(heard(&from_vm(cloud, "b", 9, &to_far())), [("c", "far")]);
    };
    bound(&cloud);
    cloud.put("moving vm b rebound");
    bound(&cloud);
    cloud.delete(Table::Migration, "vm");
    bound(&cloud);
}

/// What the controller of a node makes of a frame that came up.
fn told(cloud: &mut Cloud, walk: &Walk) -> Vec<Reply> {
    let ups: Vec<(String, PacketIn)> = walk
        .to_controller
        .iter()
        .filter(|up| up.packet_in.controller.userdata.first() == Some(&userdata::FIRST_FRAME))
        .map(|up| {
            let packet = PacketIn {
                frame: vec![],
                in_port: 9,
                network: 1,
                ingress: u32::try_from(up.packet_in.key.get_part(regs::INGRESS_PORT.bits)).expect("a key"),
                userdata: up.packet_in.controller.userdata.clone(),
                at_ms: 0,
                ..PacketIn::default()
            };
            (up.node.clone(), packet)
        })
        .collect();
    ups.into_iter()
        .flat_map(|(node, packet)| cloud.node(&node).step(vec![Input::Packet(packet)]).replies)
        .collect()
}

#[test]
fn the_first_frame_at_the_destination_says_that_the_guest_runs_there() {
    let rarp = Ethernet::new(mac(VM), MacAddr::BROADCAST).frame(0x8035, &[0; 46]);
    for frame in [rarp, to_far(), arp_request((mac(VM), "10.0.0.1"), "10.0.0.1")] {
        let mut cloud = moving("dest_plug");
        let walk = from_vm(&cloud, "b", 9, &frame);
        let replies = told(&mut cloud, &walk);
        let [Reply::Write(write)] = replies.as_slice() else { panic!("{replies:?}") };
        let Some(Object::Migration(row)) = &write.wanted else { panic!("{write:?}") };
        assert_eq!(row.status, MigrationStatus::SrcUnplug);
        assert_eq!(write.seen.as_ref(), Some(cloud.row(Table::Migration, "vm")));
        let row = write.wanted.clone().expect("a row");
        cloud.put_row(row);
        assert_eq!(heard(&cloud.send("near", &to_vm(NEAR, "10.0.0.2"))), [("b", "vm")]);
        // A frame that was on its way to the controller meanwhile says nothing new.
        let late = told(&mut cloud, &walk);
        assert!(matches!(late.as_slice(), [Reply::Ignore(_)]), "{late:?}");
    }
}

#[test]
fn a_move_that_is_given_up_leaves_the_destination_as_it_was() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.plug("b", "vm", 9);
    let before: Vec<_> = ["a", "b", "c"].map(|node| cloud.node(node).engine.desired()).into();
    for status in ["dest_plug", "src_unplug", "rebound"] {
        cloud.put(&format!("moving vm b {status}"));
        cloud.delete(Table::Migration, "vm");
        let after: Vec<_> = ["a", "b", "c"].map(|node| cloud.node(node).engine.desired()).into();
        assert_eq!(after, before, "{status}");
    }
    // Nor does a row that makes no sense do anything.
    for row in ["moving vm a dest_plug", "moving nobody b dest_plug"] {
        cloud.put(row);
    }
    let after: Vec<_> = ["a", "b", "c"].map(|node| cloud.node(node).engine.desired()).into();
    assert_eq!(after, before);
}

#[test]
fn the_destination_filters_as_the_source_does_and_limits_hold() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("group web 1 in:udp:80 out:any\npolicy slow in=1000");
    cloud.put("port vm 11 red on=a mac=02:00:00:00:00:01 ip=10.0.0.1 groups=web policy=slow");
    cloud.put("moving vm b dest_plug");
    cloud.plug("b", "vm", 9);
    let flows = |cloud: &mut Cloud, node: &str| {
        let table = pipeline::tables::INGRESS_TRACK.id;
        cloud.node(node).engine.desired().flows.iter().filter(|flow| flow.unpack().table == table).count()
    };
    assert_eq!(flows(&mut cloud, "a"), flows(&mut cloud, "b"));
    assert_eq!(cloud.node("b").engine.desired().meters.len(), 2, "one for its rate, one for its first frame");
}

#[test]
fn ports_inside_a_guest_move_with_it() {
    let inside = |on: &str| format!("port inner 14 red on={on} mac=02:00:00:00:00:04 ip=10.0.0.4");
    let inner = "02:00:00:00:00:04";
    let tagged = |frame: &[u8]| [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
    let from_inner = tagged(&ping((mac(inner), "10.0.0.4"), (mac(FAR), "10.0.0.3")));
    let to_inner = ping((mac(FAR), "10.0.0.3"), (mac(inner), "10.0.0.4"));
    for (inner_moved_first, order) in [(false, "the guest is bound first"), (true, "both at once")] {
        let mut cloud = moving("dest_plug");
        cloud.put(&inside("a"));
        cloud.put("inside inner vm 7");
        assert_eq!(heard(&cloud.send("far", &to_inner)), [("a", "vm"), ("b", "vm")], "{order}");
        assert_eq!(heard(&from_vm(&cloud, "a", 1, &from_inner)), [("c", "far")]);
        // Its first frame is one of the guest.
        let first = from_vm(&cloud, "b", 9, &from_inner);
        assert_eq!(heard(&first), []);
        let replies = told(&mut cloud, &first);
        let [Reply::Write(write)] = replies.as_slice() else { panic!("{replies:?}") };
        let Some(Object::Migration(row)) = &write.wanted else { panic!("{write:?}") };
        assert_eq!((row.id.to_string().as_str(), row.status), ("vm", MigrationStatus::SrcUnplug));

        cloud.put("moving vm b src_unplug");
        let is_there = |cloud: &Cloud| {
            assert_eq!(heard(&cloud.send("far", &to_inner)), [("b", "vm")], "{order}");
            assert_eq!(heard(&from_vm(cloud, "b", 9, &from_inner)), [("c", "far")], "{order}");
            from_vm(cloud, "a", 1, &from_inner).assert_nowhere();
        };
        is_there(&cloud);
        if inner_moved_first {
            cloud.put(&inside("b"));
            is_there(&cloud);
        }
        cloud.put("port vm 11 red on=b mac=02:00:00:00:00:01 ip=10.0.0.1");
        is_there(&cloud);
        cloud.put("moving vm b rebound");
        is_there(&cloud);
        cloud.put(&inside("b"));
        cloud.delete(Table::Migration, "vm");
        is_there(&cloud);
    }
    // What has a plug of its own elsewhere stays there.
    let mut cloud = moving("src_unplug");
    cloud.put("port inner 14 red on=c:5 mac=02:00:00:00:00:04 ip=10.0.0.4\ninside inner vm 7");
    assert_eq!(
        heard(&cloud.send("near", &ping((mac(NEAR), "10.0.0.2"), (mac(inner), "10.0.0.4")))),
        [("c", "inner")]
    );
}

#[test]
fn a_guest_is_reached_from_both_nodes_wherever_it_is_plugged_in() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port there 15 red on=b:7 mac=02:00:00:00:00:05 ip=10.0.0.5");
    let to_vm = ping((mac("02:00:00:00:00:05"), "10.0.0.5"), (mac(VM), "10.0.0.1"));
    let asks = arp_request((mac("02:00:00:00:00:05"), "10.0.0.5"), "10.0.0.99");
    // Its destination is prepared before anything is plugged in there.
    cloud.put("moving vm b dest_plug");
    assert_eq!(heard(&cloud.send("there", &to_vm)), [("a", "vm")]);
    assert_eq!(heard(&cloud.send("there", &asks)), [("a", "near"), ("a", "vm"), ("c", "far")]);
    cloud.plug("b", "vm", 9);
    assert_eq!(heard(&cloud.send("there", &to_vm)), [("a", "vm"), ("b", "vm")]);
    // And it may be pulled out where it was before it says a word.
    cloud.unplug("a", "vm");
    assert_eq!(
        heard(&cloud.send("near", &ping((mac(NEAR), "10.0.0.2"), (mac(VM), "10.0.0.1")))),
        [("b", "vm")]
    );
    assert_eq!(heard(&cloud.send("there", &to_vm)), [("b", "vm")]);
}

#[test]
fn a_guest_that_moves_in_a_physical_network_is_heard_and_reached_where_it_is() {
    for (network, tag) in
        [("network red 1 vlan segment=100 in=public", Some(100)), ("network red 1 flat in=public", None)]
    {
        let cloud = CLOUD.replace("network red 1 geneve", network);
        let mut cloud = Cloud::new(&cloud);
        cloud.put("wire a public 90\nwire b public 90\nwire c public 90");
        cloud.put("port there 15 red on=b:7 mac=02:00:00:00:00:05 ip=10.0.0.5");
        let there = (mac("02:00:00:00:00:05"), "10.0.0.5");
        let (to_vm, to_there) = (ping(there, (mac(VM), "10.0.0.1")), ping((mac(VM), "10.0.0.1"), there));
        let on_wire = |walk: &Walk| -> Vec<(String, Option<u16>)> {
            let tag = |key: &ofsim::Key| {
                key.vlans.first().filter(|tag| tag.is_present()).map(|tag| tag.tci & 0xfff)
            };
            walk.on_wire.iter().map(|one| (one.from.clone(), tag(&one.key))).collect()
        };
        for is_plugged in [false, true] {
            cloud.put("moving vm b dest_plug");
            if is_plugged {
                cloud.plug("b", "vm", 9);
            }
            assert_eq!(heard(&from_vm(&cloud, "a", 1, &to_there)), [("b", "there")], "{is_plugged}");
            let walk = cloud.send("there", &to_vm);
            let both = [("a", "vm"), ("b", "vm")];
            let expected = if is_plugged { &both[..] } else { &both[..1] };
            assert_eq!((heard(&walk), on_wire(&walk)), (expected.to_vec(), vec![("b".to_owned(), tag)]));
        }
        cloud.put("moving vm b src_unplug");
        assert_eq!(heard(&cloud.send("there", &to_vm)), [("b", "vm")]);
        assert_eq!(heard(&from_vm(&cloud, "b", 9, &to_far())), [("c", "far")]);
        from_vm(&cloud, "a", 1, &to_there).assert_nowhere();
        let near = ping((mac(NEAR), "10.0.0.2"), (mac(VM), "10.0.0.1"));
        assert_eq!(heard(&cloud.send("near", &near)), [("b", "vm")]);
        // Where it is now, nobody else is heard in its name.
        let reflected = cloud.inject("b", ofsim::Packet::of_frame(net_types::OfPort::new(90), &to_there));
        assert_eq!(heard(&reflected), []);
    }
}
