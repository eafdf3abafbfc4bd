//! What is refused, and in which words.

use super::*;

type Cases = &'static [(&'static str, &'static str)];

const FLOWS: Cases = &[
    ("table=1", "at column 8: expected actions="),
    ("table=256 actions=drop", "at column 7: expected a table, a number of at most 8 bits, found \"256\""),
    (
        "priority=+1 actions=drop",
        "at column 10: expected a priority, a number of at most 16 bits, found \"+1\"",
    ),
    ("cookie=1/1 actions=drop", "at column 8: a flow has a cookie without a mask"),
    ("importance=1 actions=drop", "at column 12: OpenFlow 1.3 has no importance"),
    ("foo=1 actions=drop", "at column 1: expected a field or a keyword of a flow, found \"foo\""),
    ("reg0 actions=drop", "at column 5: expected reg0=, a value"),
    (
        "reg0=0x100000000 actions=drop",
        "at column 6: expected a value of reg0, a number that is at most 0xffffffff, found \"0x100000000\"",
    ),
    ("reg0=1,reg0=2 actions=drop", "at column 8: \"reg0\" contradicts what the match says already"),
    ("reg0=1/1,reg0=2/2 actions=drop", "at column 10: \"reg0\" contradicts what the match says already"),
    ("ip,ipv6 actions=drop", "at column 4: \"ipv6\" contradicts what the match says already"),
    ("nw_src=1.2.3.4 actions=drop", "at column 1: a match of ip_src needs ip"),
    (
        "tcp,udp_flags=1 actions=drop",
        "at column 5: expected a field or a keyword of a flow, found \"udp_flags\"",
    ),
    ("ct_zone=1/1 actions=drop", "at column 9: ct_zone cannot be masked"),
    (
        "tun_metadata0=0/0 actions=drop",
        "at column 15: whether a Geneve option is there cannot be matched: match some bits of it",
    ),
    (
        "vlan_tci=0x2000/0x2000 actions=drop",
        "at column 10: a VLAN priority can be matched only whole, and only where 0x1000 says that there is a tag",
    ),
    (
        "dl_vlan=4096 actions=drop",
        "at column 9: expected a VLAN below 4096, or 0xffff for none, found \"4096\"",
    ),
    ("ip,nw_tos=33 actions=drop", "at column 11: expected a value of nw_tos, found \"33\""),
    (
        "ip,nw_src=1.2.3.4/33 actions=drop",
        "at column 19: expected a prefix length of at most 32, or an IPv4 mask, found \"33\"",
    ),
    (
        "in_port=70000 actions=drop",
        "at column 9: expected a port number or a reserved port such as LOCAL, found \"70000\"",
    ),
    (
        "ct_state=+foo actions=drop",
        "at column 11: expected one of new, est, rel, rpl, inv, trk, snat, dnat, found \"foo\"",
    ),
    ("ct_state=+trk-trk actions=drop", "at column 15: trk is named twice"),
    ("reg0[40]=1 actions=drop", "at column 6: expected bits of reg0, which has 32, found \"40\""),
    ("reg0[3..1]=1 actions=drop", "at column 6: expected bits of reg0, which has 32, found \"3..1\""),
    (
        "unknown(00) actions=drop",
        "at column 9: these bytes are no field: at byte 0: a field header needs 2 bytes but only 1 are left",
    ),
    ("actions=drop,output:1", "at column 9: drop cannot be together with other actions"),
    (
        "actions=goto_table:1,output:1",
        "at column 22: output is executed before what stands before it: put it there",
    ),
    ("actions=goto_table:1,goto_table:2", "at column 22: goto_table can be there only once"),
    ("actions=apply_actions(drop)", "at column 9: actions are applied without saying apply_actions"),
    ("actions=fly", "at column 9: expected an action, found \"fly\""),
    ("actions=normal:3", "at column 16: normal takes no value"),
    ("actions=exit(1)", "at column 14: exit takes no value"),
    ("actions=ct(commit", "at column 12: the parenthesis before this is not closed"),
    ("actions=ct(force)", "at column 12: force needs commit"),
    (
        "actions=ct(nat(src=9.9.9.9-1.1.1.1))",
        "at column 28: expected no smaller address than the first, found \"1.1.1.1\"",
    ),
    (
        "actions=ct(commit,nat(src=0.0.0.0-1.1.1.1))",
        "at column 27: expected a first address that is not zero, found \"0.0.0.0-1.1.1.1\"",
    ),
    ("actions=resubmit()", "at column 18: expected a port, or PORT,TABLE of which one may be missing"),
    ("actions=ct(nat(src=1.1.1.1,dst=2.2.2.2))", "at column 28: only one of src and dst can be there"),
    ("actions=ct(zone=reg0)", "at column 17: a zone has 16 bits, and these are 32"),
    (
        "actions=output:xxreg0",
        "at column 16: expected a port or at most 64 bits that hold one, found \"xxreg0\"",
    ),
    ("actions=set_field:1->ct_state", "at column 22: ct_state is read-only"),
    ("actions=set_field:1/1->vlan_pcp", "at column 19: vlan_pcp cannot be written in part"),
    ("actions=set_field:1/0->reg0", "at column 19: a mask that is zero writes nothing"),
    (
        "actions=load:4->reg0[0..1]",
        "at column 14: expected a value of 2 bits, a number that is at most 0x3, found \"4\"",
    ),
    ("actions=move:reg0->reg1[0]", "at column 14: 32 bits do not go into 1 bits"),
    ("actions=mod_tp_dst:1", "at column 9: mod_tp_dst needs a match of tcp, udp or sctp"),
    ("actions=conjunction(1,3/2)", "at column 23: expected a clause from 1 to 2, found \"3\""),
    ("actions=note:abc", "at column 14: expected pairs of hex digits, found \"abc\""),
    ("actions=delete_field:reg0", "at column 22: expected tun_metadata0 to tun_metadata63, found \"reg0\""),
    (
        "actions=unknown(00 00 00 08 00 00 00 00)",
        "at column 17: these bytes are no action: at byte 8: output needs 2 bytes but only 0 are left",
    ),
    ("actions=unknown(00 16 00 08 00 00 00 01)", "at column 17: these bytes are an action that has a name"),
    ("actions=output(port=1,max_len=5)", "at column 16: max_len must be at least 14"),
];

const GROUPS: Cases = &[
    ("type=all", "at column 1: expected group_id and type, found \"type=all\""),
    ("group_id=1,type=some", "at column 17: expected all, select, indirect or ff, found \"some\""),
    ("group_id=1,type=all,bucket=", "at column 28: expected actions of the bucket, or drop"),
    ("group_id=1,type=all,bucket=weight:1,1", "at column 28: only buckets of a select group have weights"),
    (
        "group_id=1,type=ff,bucket=output:1",
        "at column 27: a bucket of a fast failover group needs watch_port or watch_group",
    ),
    ("group_id=1,type=indirect", "at column 1: an indirect group has one bucket"),
    ("group_id=1,type=indirect,bucket=1,bucket=2", "at column 33: an indirect group has one bucket"),
];

const METERS: Cases = &[
    ("meter=1 pktps", "at column 1: expected bands=, found \"meter=1 pktps\""),
    (
        "meter=0 pktps bands=type=drop rate=1",
        "at column 7: expected a meter from 1 to 0xffff0000, found \"0\"",
    ),
    ("meter=1 pktps bands=rate=1", "at column 21: expected type=, which begins a band, found \"rate\""),
    ("meter=1 pktps bands=type=drop", "at column 21: this band needs a rate"),
    (
        "meter=1 pktps bands=type=drop rate=1 burst_size=2",
        "at column 21: burst_size goes with the flag burst: both or neither",
    ),
];

fn check<T: std::fmt::Display>(cases: Cases, parse: fn(&str) -> Result<T, TextError>) {
    for (text, message) in cases {
        match parse(text) {
            Err(error) => assert_eq!(error.to_string(), *message, "{text}"),
            Ok(value) => panic!("{text} was read as {value}"),
        }
    }
}

#[test]
fn errors_say_where_and_what() {
    check(FLOWS, parse_flow);
    check(GROUPS, parse_group);
    check(METERS, parse_meter);
}
