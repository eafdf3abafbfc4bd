mod actions;
mod errors;

use proptest::prelude::*;

use super::*;
use crate::Field;
use crate::field::Prereq;
use crate::wire::NESTED_ACTIONS_DEPTH_MAX;

/// Flows as we print them, but for `table=` and `actions=`; each must read back to what prints the same.
#[test]
fn canonical_matches_come_back() {
    for text in [
        "",
        "pkt_mark=0x1/0xff,conj_id=7,ct_state=+new-rpl+trk,ct_zone=5,ct_mark=0,ct_label=0x1/0x1,ip,reg0=0x5",
        "ct_state=est|trk,ct_nw_src=10.0.0.0/8,ct_nw_dst=10.0.0.1,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=0x0/0xff00,ip",
        "ct_state=-new+est+trk,ct_ipv6_src=fe80::/10,ct_ipv6_dst=::1,ct_nw_proto=17,ipv6",
        "actset_output=1,in_port=LOCAL",
        "reg3=0/0x1,reg15=0xffffffff,tun_id=0x5,tun_src=1.2.3.4,tun_dst=10.0.0.0/255.0.255.0,metadata=0xffffffffffffffff",
        "tun_ipv6_src=2001:db8::1,tun_ipv6_dst=2001:db8::/32,tun_gbp_id=9,tun_gbp_flags=0x8/0xc,tun_flags=-oam",
        "tun_flags=+oam,tun_metadata0=0,tun_metadata63=0x1/0x1",
        "dl_vlan=5",
        "dl_vlan=5,dl_vlan_pcp=3",
        "dl_vlan_pcp=0",
        "vlan_tci=0x0000/0x1fff",
        "vlan_tci=0x1000/0x1000",
        "vlan_tci=0x1005/0x1007",
        "dl_src=00:00:00:00:00:01,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,dl_type=0x88cc",
        "ipv6,ipv6_src=::1.2.3.4,ipv6_dst=ff00::ff/ff00::ff,ipv6_label=0x00005",
        "ipv6,ipv6_label=0x00100/0x00f00,nw_proto=0,nw_tos=252,nw_ecn=3,nw_ttl=255,nw_frag=not_later",
        "arp,arp_spa=1.2.3.4,arp_tpa=1.2.3.0/24,arp_op=1,arp_sha=00:00:00:00:00:01,arp_tha=00:00:00:00:00:02",
        "rarp,arp_op=3",
        "ip,nw_src=10.0.0.0/8,nw_dst=10.0.0.1,nw_proto=2",
        "tcp,tp_src=80,tp_dst=0x8000/0x8000,tcp_flags=+syn-ack",
        "tcp6,tcp_flags=syn|ack|[800]",
        "tcp,tcp_flags=0",
        "udp,tp_src=53",
        "udp6,nw_frag=first,tp_dst=53",
        "sctp,tp_src=1,tp_dst=2",
        "sctp6,tp_src=1",
        "icmp,icmp_type=8,icmp_code=0",
        "icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1,nd_sll=00:00:00:00:00:01",
        "icmp6,icmp_type=136,nd_target=fe80::/10,nd_tll=00:00:00:00:00:01,nd_reserved=1,nd_options_type=2",
        "mpls,mpls_label=5,mpls_tc=1,mpls_ttl=64,mpls_bos=1",
        "mplsm",
        "unknown(00.01.ee.02.ab.cd)",
    ] {
        let matching = parse_match(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(matching.to_string(), text);
    }
}

#[test]
fn matches_have_other_spellings() {
    for (text, canonical) in [
        ("ip4 , nw_src=10.1.2.3/8", "ip,nw_src=10.0.0.0/8"),
        ("tp_dst=53,udp", "udp,tp_dst=53"),
        ("udp,tcp_dst=53", "udp,tp_dst=53"),
        ("tcp_src=0x50,dl_type=0x86dd,nw_proto=6", "tcp6,tp_src=80"),
        (
            "icmpv6_type=135,icmpv6_code=0,icmp6,nd_target=fe80::1",
            "icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1",
        ),
        ("arp,nw_src=1.2.3.4,nw_proto=1", "arp,arp_spa=1.2.3.4,arp_op=1"),
        ("ip,ip_dscp=8,ip_ecn=1,ip_proto=17", "udp,nw_tos=32,nw_ecn=1"),
        ("ip,nw_tos=32,ip_frag=later", "ip,nw_tos=32,nw_frag=later"),
        ("vlan_tci=0x1005/0x1fff", "dl_vlan=5"),
        ("vlan_tci=0xf005", "dl_vlan=5,dl_vlan_pcp=7"),
        ("vlan_tci=0", "vlan_tci=0x0000/0x1fff"),
        ("dl_vlan=0xffff", "vlan_tci=0x0000/0x1fff"),
        ("vlan_vid=0x1005,vlan_pcp=2", "dl_vlan=5,dl_vlan_pcp=2"),
        ("vlan_vid=0x1000/0x1000", "vlan_tci=0x1000/0x1000"),
        ("xreg0=0x100000002", "reg0=0x1,reg1=0x2"),
        ("xxreg0=1/1,reg0=5", "reg0=0x5,reg3=0x1/0x1"),
        ("reg0[0..3]=5,NXM_NX_REG0[8]=1", "reg0=0x105/0x10f"),
        ("reg0=010,reg1=*", "reg0=0x8"),
        ("in_port_oxm=65534", "in_port=LOCAL"),
        ("in_port=controller", "in_port=CONTROLLER"),
        ("tunnel_id=5,eth", "tun_id=0x5"),
        ("ct_state=0x21/0x21", "ct_state=+new+trk"),
        ("tcp,tcp_flags=0x2/0x3", "tcp,tcp_flags=-fin+syn"),
        ("ipv6,ipv6_src=2001:DB8::1/ffff:ffff::", "ipv6,ipv6_src=2001:db8::/32"),
        ("ip,ip,dl_type=0x0800", "ip"),
        ("dl_src=AA:BB:CC:00:00:01", "dl_src=aa:bb:cc:00:00:01"),
    ] {
        let matching = parse_match(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(matching.to_string(), canonical, "{text}");
    }
}

#[test]
fn flows_and_instructions() {
    for (text, canonical) in [
        ("actions=drop", "table=0 actions=drop"),
        ("actions=", "table=0 actions=drop"),
        (
            "cookie=0x1, duration=5.1s, table=3, n_packets=0, n_bytes=0, idle_timeout=60, send_flow_rem \
             priority=100,ip actions=NORMAL",
            "cookie=0x1,table=3,idle_timeout=60,send_flow_rem,priority=100,ip actions=NORMAL",
        ),
        (
            "table=1,hard_timeout=5,check_overlap,reset_counts,no_packet_counts,no_byte_counts,flags=0x20 action=drop",
            "table=1,hard_timeout=5,check_overlap,reset_counts,no_packet_counts,no_byte_counts,flags=0x20 actions=drop",
        ),
        (
            "priority=32768 actions=meter:1,output:1,clear_actions,write_actions(group:1,output:2),\
             write_metadata:0x10/0xf0,goto_table:9",
            "table=0 actions=meter:1,output:1,clear_actions,write_actions(group:1,output:2),\
             write_metadata:0x10/0xf0,goto_table:9",
        ),
        ("actions=write_metadata:0", "table=0 actions=write_metadata:0"),
        (
            "actions=unknown_instruction(ff ff 00 08 00 00 00 01)",
            "table=0 actions=unknown_instruction(ff.ff.00.08.00.00.00.01)",
        ),
    ] {
        let flow = parse_flow(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(flow.to_string(), canonical, "{text}");
        assert_eq!(parse_flow(canonical), Ok(flow));
    }
}

#[test]
fn groups_and_meters() {
    for (text, canonical) in [
        ("group_id=1,type=all", "group_id=1,type=all"),
        (
            "group_id=1 type=all bucket=output:1 bucket=actions=output:2,output:3,bucket=drop",
            "group_id=1,type=all,bucket=actions=output:1,bucket=actions=output:2,output:3,bucket=actions=drop",
        ),
        (
            "group_id=0xffffff00,type=select,bucket=weight:5,actions=ct(commit),2,bucket=1",
            "group_id=4294967040,type=select,bucket=weight:5,actions=ct(commit),output:2,bucket=actions=output:1",
        ),
        (
            "group_id=2,type=fast_failover,bucket=watch_port:1,actions=output:1,bucket=watch_group=3,group:3",
            "group_id=2,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_group:3,actions=group:3",
        ),
    ] {
        let group = parse_group(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(group.to_string(), canonical);
        assert_eq!(parse_group(canonical), Ok(group));
    }
    for (text, canonical) in [
        ("meter=1 pktps bands=type=drop rate=5", "meter=1 pktps bands=type=drop rate=5"),
        (
            "meter=controller,kbps,burst,stats,band=type=drop,rate=5,burst_size=6,type=dscp_remark rate=7 burst_size=8 prec_level=1",
            "meter=controller kbps burst stats bands=type=drop rate=5 burst_size=6 \
             type=dscp_remark rate=7 burst_size=8 prec_level=1",
        ),
    ] {
        let meter = parse_meter(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(meter.to_string(), canonical);
        assert_eq!(parse_meter(canonical), Ok(meter));
    }
}

#[test]
fn a_file_has_comments_and_numbered_lines() {
    let flows =
        parse_flows("# nothing\n\ntable=1 actions=drop # ends here\n  table=2 actions=drop\n").unwrap();
    assert_eq!(flows.iter().map(|flow| flow.table).collect::<Vec<_>>(), [1, 2]);
    let error = parse_flows("table=1 actions=drop\n\ntable=x actions=drop").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3, at column 7: expected a table, a number of at most 8 bits, found \"x\""
    );
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| format!("{}exit{}", "clone(".repeat(depth), ")".repeat(depth));
    assert!(parse_actions(&nested(NESTED_ACTIONS_DEPTH_MAX)).is_ok());
    let error = parse_actions(&nested(NESTED_ACTIONS_DEPTH_MAX + 1)).unwrap_err();
    assert_eq!(error.problem, "actions are nested more than 32 deep");
    assert!(parse_actions(&nested(100_000)).is_err());
    assert!(parse_actions(&"clone(".repeat(100_000)).is_err());
}

#[test]
fn every_field_has_one_place_in_a_match() {
    for &field in Field::ALL {
        let mut matching = Match::new();
        matching.set(field, 1, field.full_mask());
        let printed = matching.to_string();
        let registers = crate::matching::registers_of(field).map_or(1, <[_]>::len);
        assert_eq!(printed.matches('=').count(), registers, "{}: {printed}", field.name());
    }
}

#[test]
fn every_prerequisite_is_in_words() {
    for &field in Field::ALL {
        let prereq = field.def().prereq;
        assert_eq!(reference::prereq_words(prereq).is_empty(), prereq == Prereq::Any);
    }
}

#[test]
fn the_reference_in_docs_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openflow-fields.md");
    let reference = field_reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &reference).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(checked_in == reference, "{path} is out of date: run UPDATE_GOLDEN=1 cargo test -p openflow");
}

proptest! {
    /// Whatever comes in, an error or a value comes out, and what the value prints is read to the same value.
    #[test]
    fn hostile_text_is_an_error_or_comes_back(words in prop::collection::vec(prop::sample::select(soup()), 0..12)) {
        let text = words.concat();
        if let Ok(flow) = parse_flow(&format!("{text},actions=drop")) {
            let printed = flow.to_string();
            prop_assert_eq!(parse_flow(&printed), Ok(flow), "{} was read from {}", printed, text);
        }
        if let Ok(actions) = parse_actions(&text) {
            let printed = print::Actions(&actions).to_string();
            let again = parse_actions(&printed).map(|actions| print::Actions(&actions).to_string());
            prop_assert_eq!(again, Ok(printed), "read from {}", text);
        }
        let _ = (parse_group(&text), parse_meter(&text), parse_match(&text), parse_flows(&text));
    }

    #[test]
    fn any_characters_at_all(text in "\\PC{0,60}") {
        let _ = (parse_flow(&text), parse_actions(&text), parse_group(&text), parse_meter(&text));
    }
}

/// The dictionary, and what glues its words together.
fn soup() -> Vec<String> {
    let glue = [
        ",", "=", ":", "(", ")", "/", "->", "-", "0", "1", "0x5", "5/5", "10.0.0.1", "fe80::1", "[0..7]", " ",
    ];
    let mut words = dictionary();
    words.extend(glue.iter().cycle().take(20 * words.len()).map(|word| (*word).to_owned()));
    words
}
