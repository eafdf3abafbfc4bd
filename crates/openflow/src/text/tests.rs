use proptest::prelude::*;

use super::*;
use crate::Field;
use crate::action::{ACTIONS, Kind};
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
fn every_kind_of_action_comes_back() {
    let examples = reference::examples();
    for action in &examples {
        assert_eq!(parse_actions(&action.to_string()), Ok(vec![action.clone()]), "{action}");
    }
    for def in ACTIONS {
        let written = examples.iter().any(|action| action.kind() == Some(def.kind));
        assert_eq!(
            written,
            def.kind != Kind::Resubmit,
            "only the old resubmit is read and never written: {def:?}"
        );
    }
}

#[test]
fn canonical_actions_come_back() {
    for text in [
        "CONTROLLER:65535,LOCAL,IN_PORT,FLOOD,ALL,NORMAL,output:1",
        "controller(reason=no_match,max_len=100,id=5,userdata=00.01,pause,meter_id=3)",
        "controller(reason=9)",
        "set_field:0->reg0,set_field:00:00:00:00:00:01->eth_src,set_field:4101->vlan_vid,set_field:7->vlan_pcp",
        "set_field:fe80::1->ipv6_dst,set_field:0x1->ct_mark,set_field:LOCAL->in_port_oxm,set_field:3->in_port",
        "set_field:oam->tun_flags,set_field:0x5->tun_metadata1,set_field:0x4/0xc->tun_metadata1",
        "load:0->OXM_OF_IN_PORT[],load:0x1->NXM_NX_REG0[31],load:0x5->OXM_OF_VLAN_VID[],load:0x1->NXM_OF_VLAN_TCI[12]",
        "move:NXM_OF_ETH_SRC[0..15]->NXM_NX_REG0[16..31],move:NXM_NX_TUN_METADATA0[0..31]->NXM_NX_REG1[]",
        "push:NXM_NX_REG0[],pop:OXM_OF_METADATA[0..31]",
        "resubmit(,),resubmit:1,resubmit(1,2),resubmit(,3,ct),resubmit(1,,ct)",
        "ct()",
        "ct(commit,force,table=1,zone=NXM_NX_REG0[0..15],nat(src=10.0.0.1),exec(set_field:0x1->ct_mark),alg=ftp)",
        "ct(commit,zone=5,nat(dst=[fe80::1]-[fe80::2]:80-90,persistent,hash),alg=7)",
        "ct(nat(src=fe80::1-fe80::2,random)),ct(nat),ct(nat(dst)),ct(nat(src=:80))",
        "ct(commit,exec(load:0x1->NXM_NX_CT_LABEL[64..127],move:NXM_NX_REG0[]->NXM_NX_CT_MARK[]))",
        "learn(table=1)",
        "learn(table=7,idle_timeout=1,hard_timeout=2,fin_idle_timeout=3,fin_hard_timeout=4,priority=5,send_flow_rem,\
         delete_learned,cookie=0x6,limit=7,result_dst=NXM_NX_REG0[8],eth_type=0x800,NXM_OF_VLAN_TCI[0..11],\
         NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],NXM_NX_REG0[0..3]=0x5,load:0->NXM_NX_REG1[],\
         load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],output:NXM_OF_IN_PORT[])",
        "clone(drop),clone(clone(output:1),ct_clear)",
        "dec_ttl,dec_ttl(1,2),push_vlan:0x88a8,push_mpls:0x8847,pop_mpls:0x0800,set_mpls_ttl(64)",
        "fin_timeout(),fin_timeout(hard_timeout=5)",
        "unknown(ff.ff.00.10.00.00.23.20.ff.00.00.00.00.00.00.01)",
        "check_pkt_larger(1500)->NXM_NX_REG0[0],exit",
    ] {
        let actions = parse_actions(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(print::Actions(&actions).to_string(), text);
    }
}

#[test]
fn actions_become_what_openflow_1_3_has() {
    for (text, canonical) in [
        ("tcp actions=mod_tp_src:1,mod_tp_dst:2", "set_field:1->tcp_src,set_field:2->tcp_dst"),
        ("udp6 actions=mod_tp_dst:2", "set_field:2->udp_dst"),
        ("sctp actions=mod_tp_dst:2", "set_field:2->sctp_dst"),
        (
            "actions=mod_vlan_vid:5,mod_vlan_pcp:3",
            "push_vlan:0x8100,set_field:4101->vlan_vid,set_field:3->vlan_pcp",
        ),
        ("dl_vlan=1 actions=mod_vlan_vid:5", "set_field:4101->vlan_vid"),
        ("dl_vlan=1 actions=strip_vlan,mod_vlan_pcp:1", "pop_vlan,push_vlan:0x8100,set_field:1->vlan_pcp"),
        (
            "actions=push_vlan:0x8100,set_vlan_vid:5,set_vlan_pcp:1",
            "push_vlan:0x8100,set_field:4101->vlan_vid,set_field:1->vlan_pcp",
        ),
        ("actions=mod_dl_src:0:0:0:0:0:1", ""),
        (
            "actions=mod_nw_src:1.2.3.4,mod_nw_dst:4.3.2.1",
            "set_field:1.2.3.4->ip_src,set_field:4.3.2.1->ip_dst",
        ),
        (
            "actions=mod_nw_tos:32,mod_nw_ecn:1,set_nw_ttl:3",
            "set_field:8->ip_dscp,set_field:1->nw_ecn,mod_nw_ttl:3",
        ),
        (
            "actions=set_tunnel:5,set_tunnel64:0x500000000",
            "set_field:0x5->tun_id,set_field:0x500000000->tun_id",
        ),
        ("actions=set_mpls_label(5),set_mpls_tc:1", "set_field:5->mpls_label,set_field:1->mpls_tc"),
        (
            "actions=enqueue:1:2,enqueue(LOCAL,3)",
            "set_queue:2,output:1,pop_queue,set_queue:3,LOCAL,pop_queue",
        ),
        (
            "actions=1,Output:2,local,controller,controller:9,CONTROLLER(max_len=9)",
            "output:1,output:2,LOCAL,CONTROLLER:65535,CONTROLLER:9,CONTROLLER:9",
        ),
        (
            "actions=output:reg0[0..15],output_reg:NXM_NX_REG1[]",
            "output:NXM_NX_REG0[0..15],output:NXM_NX_REG1[]",
        ),
        (
            "actions=set_field:5/7->reg0,set_field:0xff00ff/0xff00ff->reg1",
            "load:0x5->NXM_NX_REG0[0..2],load:0xff->NXM_NX_REG1[0..7],load:0xff->NXM_NX_REG1[16..23]",
        ),
        (
            "actions=set_field:5/0xffffffff->reg0,set_field:1.2.3.0/24->ip_src",
            "set_field:0x5->reg0,load:0x10203->NXM_OF_IP_SRC[8..31]",
        ),
        (
            "actions=set_field:0x1005/0x1fff->vlan_vid,set_field:+oam->tun_flags",
            "load:0x5->OXM_OF_VLAN_VID[],load:0x1->NXM_NX_TUN_FLAGS[]",
        ),
        (
            "actions=load:0x10000000000000002->NXM_NX_CT_LABEL[]",
            "load:0x2->NXM_NX_CT_LABEL[0..63],load:0x1->NXM_NX_CT_LABEL[64..127]",
        ),
        (
            "actions=load:5->tun_metadata0[0..7],load:6->tun_metadata0[]",
            "set_field:0x5/0xff->tun_metadata0,set_field:0x6->tun_metadata0",
        ),
        ("actions=move:reg0->NXM_NX_REG1_W[]", "move:NXM_NX_REG0[]->NXM_NX_REG1[]"),
        ("actions=resubmit(in_port,5),resubmit:3", "resubmit(,5),resubmit:3"),
        ("actions=note:ab", "note:ab.00.00.00.00.00"),
        ("actions=note:", "note:00.00.00.00.00.00"),
        (
            "actions=ct(zone=0,exec(load:1->ct_mark),table=5)output:1",
            "ct(table=5,exec(load:0x1->NXM_NX_CT_MARK[])),output:1",
        ),
        ("actions=dec_ttl()", "dec_ttl"),
        (
            "actions=learn(eth_dst=eth_src,reg0[0..3]=5)",
            "learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],NXM_NX_REG0[0..3]=0x5)",
        ),
    ] {
        let printed = parse_flow(text).map(|flow| print::Actions(&flow.instructions.apply).to_string());
        match canonical {
            "" => assert!(printed.is_err(), "{text}"),
            _ => assert_eq!(printed.as_deref(), Ok(canonical), "{text}"),
        }
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
fn errors_say_where_and_what() {
    for (text, message) in [
        ("table=1", "at column 8: expected actions="),
        (
            "table=256 actions=drop",
            "at column 7: expected a table, a number of at most 8 bits, found \"256\"",
        ),
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
        ("actions=ct(nat(src=1.1.1.1,dst=2.2.2.2))", "at column 28: only one of src and dst can be there"),
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
        (
            "actions=delete_field:reg0",
            "at column 22: expected tun_metadata0 to tun_metadata63, found \"reg0\"",
        ),
        (
            "actions=unknown(00 00 00 08 00 00 00 00)",
            "at column 17: these bytes are no action: at byte 8: output needs 2 bytes but only 0 are left",
        ),
        (
            "actions=unknown(00 16 00 08 00 00 00 01)",
            "at column 17: these bytes are an action that has a name",
        ),
        ("actions=output(port=1,max_len=5)", "at column 16: max_len must be at least 14"),
    ] {
        match parse_flow(text) {
            Err(error) => assert_eq!(error.to_string(), message, "{text}"),
            Ok(flow) => panic!("{text} was read as {flow}"),
        }
    }
    for (text, message) in [
        ("type=all", "at column 1: expected group_id and type, found \"type=all\""),
        ("group_id=1,type=some", "at column 17: expected all, select, indirect or ff, found \"some\""),
        ("group_id=1,type=all,bucket=", "at column 28: expected actions of the bucket, or drop"),
        (
            "group_id=1,type=all,bucket=weight:1,1",
            "at column 28: only buckets of a select group have weights",
        ),
        (
            "group_id=1,type=ff,bucket=output:1",
            "at column 27: a bucket of a fast failover group needs watch_port or watch_group",
        ),
        ("group_id=1,type=indirect,bucket=1,bucket=2", "at column 33: an indirect group has one bucket"),
    ] {
        assert_eq!(parse_group(text).unwrap_err().to_string(), message, "{text}");
    }
    for (text, message) in [
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
    ] {
        assert_eq!(parse_meter(text).unwrap_err().to_string(), message, "{text}");
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
