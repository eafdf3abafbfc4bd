use net_types::OfPort;
use openflow::action::{Action, Ct};
use openflow::{Field, Flow, Match};

use crate::environment::Assumed;
use crate::key::Key;
use crate::packet::Packet;
use crate::switch::Switch;

#[test]
fn a_trace_reads_like_the_story_of_the_packet() {
    let ip = Match::new().with(Field::EthType, 0x0800_u16);
    let mut switch = Switch::new();
    let flows = [
        Flow::new(0, 100).matching(ip.clone()).cookie(0x12).set(Field::Reg0, 7_u32).goto(2),
        Flow::new(2, 5).matching(ip.clone()).action(Action::Ct(Ct { table: Some(3), ..Ct::default() })),
        Flow::new(3, 1).matching(ip).set(Field::EthDst, 5_u64).action(Action::output(OfPort::new(2))),
    ];
    assert!(switch.install(&flows).is_empty());
    let mut key = Key::new(OfPort::new(1));
    key.set(Field::EthType, 0x0800);
    let trace = crate::trace(&switch, Packet::of_key(key), &mut Assumed::new());
    let wanted = "\
received: ip,in_port=1
0. priority 100, ip, cookie 0x12
    set_field:0x7->reg0
    goto_table:2
    2. priority 5, ip
        ct(table=3)
        -> the packet is untracked from here on
=> tracked in zone 0, to table 3

tracked in zone 0, goes on in table 3: ct_state=new|trk,ip,reg0=0x7,in_port=1
3. priority 1, ip
    set_field:00:00:00:00:00:05->eth_dst
    output:2
=> out of port 2 with dl_dst=00:00:00:00:00:05
";
    assert_eq!(trace.to_string(), wanted);
}

#[test]
fn a_drop_is_said_at_the_end() {
    let trace = crate::trace(&Switch::new(), Packet::of_key(Key::new(OfPort::new(1))), &mut Assumed::new());
    assert_eq!(
        trace.to_string(),
        "received: in_port=1\n0. no match\n\ndropped: no flow of table 0 matches\n"
    );
}
