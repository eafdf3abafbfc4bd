//! Actions.

use super::*;
use crate::action::{ACTIONS, Kind};

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
        "ct(commit,nat(src=::1)),ct(commit,nat(src=::1-::2,hash)),ct(commit,nat(dst=[::1.2.3.4]:80))",
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

/// Flows, and their actions in our words; nothing where the text is refused.
const TRANSLATED: &[(&str, &str)] = &[
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
    ("actions=mod_nw_src:1.2.3.4,mod_nw_dst:4.3.2.1", "set_field:1.2.3.4->ip_src,set_field:4.3.2.1->ip_dst"),
    (
        "actions=mod_nw_tos:32,mod_nw_ecn:1,set_nw_ttl:3",
        "set_field:8->ip_dscp,set_field:1->nw_ecn,mod_nw_ttl:3",
    ),
    ("actions=set_tunnel:5,set_tunnel64:0x500000000", "set_field:0x5->tun_id,set_field:0x500000000->tun_id"),
    ("actions=set_mpls_label(5),set_mpls_tc:1", "set_field:5->mpls_label,set_field:1->mpls_tc"),
    ("actions=enqueue:1:2,enqueue(LOCAL,3)", "set_queue:2,output:1,pop_queue,set_queue:3,LOCAL,pop_queue"),
    (
        "actions=1,Output:2,local,controller,controller:9,CONTROLLER(max_len=9)",
        "output:1,output:2,LOCAL,CONTROLLER:65535,CONTROLLER:9,CONTROLLER:9",
    ),
    ("actions=output:reg0[0..15],output_reg:NXM_NX_REG1[]", "output:NXM_NX_REG0[0..15],output:NXM_NX_REG1[]"),
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
        "actions=ct(commit,nat(src=1.1.1.1-1.1.1.1:5-5)),ct(commit,nat(dst=[::1]-[::1]))",
        "ct(commit,nat(src=1.1.1.1:5)),ct(commit,nat(dst=::1))",
    ),
    ("actions=ct(commit,nat(src=0.0.0.0)),ct(commit,nat(dst=::))", "ct(commit,nat(src)),ct(commit,nat(dst))"),
    ("actions=check_pkt_larger:1500->reg0[3]", "check_pkt_larger(1500)->NXM_NX_REG0[3]"),
    ("actions=output:xxreg0[64..127]", "output:NXM_NX_XXREG0[64..127]"),
    (
        "actions=learn(eth_dst=eth_src,reg0[0..3]=5)",
        "learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],NXM_NX_REG0[0..3]=0x5)",
    ),
];

#[test]
fn actions_become_what_openflow_1_3_has() {
    for &(text, canonical) in TRANSLATED {
        let printed = parse_flow(text).map(|flow| print::Actions(&flow.instructions.apply).to_string());
        match canonical {
            "" => assert!(printed.is_err(), "{text}"),
            _ => assert_eq!(printed.as_deref(), Ok(canonical), "{text}"),
        }
    }
}
