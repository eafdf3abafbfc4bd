//! Text: what our own printer writes, and what people write.

use openflow::arbitrary::{self, Scope};

use crate::openflow_bytes::samples;
use crate::{Seeds, numbered};

/// A printed value that is longer is left out.
const PRINTED_BYTES_MAX: usize = 400;

/// Old names, shorthands, blanks and comments that the printer never writes.
const FLOWS: &[&str] = &[
    "table=0 priority=100,in_port=1,dl_src=fa:16:3e:00:00:01/ff:ff:ff:00:00:00 actions=strip_vlan,NORMAL",
    "dl_type=0x0800,nw_proto=6,tp_dst=0x50/0xfff0,nw_src=10.0.0.0/8 actions=drop",
    "ip,nw_tos=32,nw_ecn=1,nw_ttl=64,nw_frag=not_later actions=mod_nw_src:10.0.0.1,mod_nw_tos:4,dec_ttl,output:2",
    "tcp6,ipv6_src=fd00::/8,tcp_flags=+syn-ack actions=mod_tp_dst:8080,enqueue:3:1",
    "cookie=0x1f idle_timeout=60 hard_timeout=0 send_flow_rem arp,arp_op=1 actions=load:2->NXM_OF_ARP_OP[],IN_PORT",
    "dl_vlan=5,dl_vlan_pcp=3 actions=mod_vlan_vid:6,mod_vlan_pcp:1,pop_vlan,push_vlan:0x8100",
    "vlan_tci=0x1000/0x1000 actions=resubmit(,10),resubmit:3,resubmit(4,5,ct)",
    "ct_state=+trk+est,ip actions=ct(commit,force,zone=NXM_NX_REG5[0..15],table=9,alg=ftp,exec(set_field:1->ct_mark))",
    "ct_state=-trk,ip actions=ct(zone=7,table=1,nat(src=10.0.0.1-10.0.0.9:1024-2048,random))",
    "icmp6,icmp_type=135,nd_target=fe80::1,nd_sll=fa:16:3e:00:00:01 actions=controller(userdata=00.01,pause,max_len=64)",
    "conj_id=7,ip actions=conjunction(1,2/3),conjunction(2,1/2)",
    "reg0=0x7,xreg1=5,xxreg2=::1,metadata=1/0xff actions=move:NXM_NX_REG0[0..7]->NXM_NX_REG1[8..15],push:reg0,pop:reg1",
    "actions=learn(table=1,priority=5,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])",
    "actions=learn(limit=9,result_dst=reg1[3],delete_learned,reg2[0..3]=5,load:7->reg3[])",
    "mpls,mpls_label=9,mpls_tc=1,mpls_bos=1 actions=dec_mpls_ttl,pop_mpls:0x0800,set_mpls_ttl(3)",
    "sctp,sctp_dst=1 actions=set_field:1/3->sctp_src,clone(ct_clear,output:1),exit",
    "tun_id=0x5,tun_src=1.2.3.4,tun_metadata0=0x7/0xff,tun_flags=+oam actions=set_field:0x1->tun_metadata1,delete_field:tun_metadata0",
    "actions=note:01.02,fin_timeout(idle_timeout=5),check_pkt_larger(1500)->reg0[1],output(port=1,max_len=100)",
    "actions=meter:3,clear_actions,write_actions(group:5,output:LOCAL),write_metadata:0x1/0xf,goto_table:7",
    "actions=set_queue:4,pop_queue,FLOOD,ALL,LOCAL,CONTROLLER:128,output:NXM_NX_REG0[],dec_ttl(1,2)",
    "duration=1.5s, n_packets=3, n_bytes=9, idle_age=2, table=4, priority=7,igmp actions=drop",
    "# two flows\ntable=1,udp,udp_src=53 actions=drop\n\n  table=2 , rarp actions=normal # the end\n",
];

const GROUPS_AND_METERS: &[&str] = &[
    "group_id=1,type=all,bucket=output:1,bucket=actions=output:2,set_field:1->reg0",
    "group_id=2 type=select bucket=weight:5,bucket_id:0,actions=ct_clear,resubmit(,4) bucket=weight=1,output:3",
    "group_id=3,type=ff,bucket=watch_port:1,watch_group:2,actions=output:1,bucket=watch_port:LOCAL,output:2",
    "group_id=4,type=indirect,bucket=push_vlan:0x8100,set_field:5->vlan_vid,group:7",
    "meter=1 kbps burst stats bands=type=drop rate=1000 burst_size=5",
    "meter=2,pktps,band=type=dscp_remark,rate=9,prec_level=1 type=drop,rate=10",
];

const ADDRESSES: &[&str] = &[
    "fa:16:3e:00:00:01",
    "4094",
    "16777215",
    "LOCAL",
    "65280",
    "0xfffffffe",
    "1024-65535",
    "80",
    "0-0",
    "5e7ac8b0-9d29-4a0c-8f3a-6d1c6c8e7f10",
    "unix:/run/openvswitch/br-int.mgmt",
    "tcp:[::1]:6653",
    "ptcp:6653:127.0.0.1",
];

fn written(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn printed<T: ToString>(values: &[T], count: usize) -> Vec<Vec<u8>> {
    let texts = values.iter().map(|value| value.to_string().into_bytes());
    texts.filter(|text| text.len() <= PRINTED_BYTES_MAX).take(count).collect()
}

pub(crate) fn flows() -> Seeds {
    let mut seeds = numbered("written", written(FLOWS));
    seeds.extend(numbered("printed", printed(&samples(200, arbitrary::flow(Scope::Anything)), 30)));
    seeds
}

pub(crate) fn groups_and_meters() -> Seeds {
    let mut seeds = numbered("written", written(GROUPS_AND_METERS));
    seeds.extend(numbered("group", printed(&samples(60, arbitrary::group()), 12)));
    seeds.extend(numbered("meter", printed(&samples(60, arbitrary::meter()), 12)));
    seeds
}

pub(crate) fn addresses() -> Seeds {
    numbered("address", written(ADDRESSES))
}
