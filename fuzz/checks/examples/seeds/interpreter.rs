//! Flows and a packet that they do something with.

use openflow::message::{FlowMod, GroupMod, Message, MeterMod};
use openflow::text;

use crate::Seeds;
use crate::packets::{frames, udp_frame};

/// Name, flows, groups, meters.
const PIPELINES: &[(&str, &str, &[&str])] = &[
    ("forward", "ip actions=dec_ttl,set_field:10.0.0.9->ip_dst,output:2", &[]),
    (
        "tables",
        "priority=5,udp actions=set_field:7->reg0,goto_table:1\n\
         table=1,reg0=7 actions=write_actions(output:3),write_metadata:1/1,goto_table:2\n\
         table=2,metadata=1 actions=resubmit(,3),clear_actions,write_actions(output:4)\ntable=3 actions=drop",
        &[],
    ),
    ("loop", "actions=resubmit(,1),resubmit(,1)\ntable=1 actions=resubmit(,0),output:1", &[]),
    (
        "conjunction",
        "priority=9,ip,nw_src=10.0.0.1 actions=conjunction(5,1/2)\n\
         priority=9,udp,udp_dst=53 actions=conjunction(5,2/2)\npriority=9,conj_id=5,ip actions=output:6",
        &[],
    ),
    (
        "learn",
        "actions=learn(table=1,eth_dst=eth_src,output:in_port),resubmit(,1)\ntable=1,priority=0 actions=FLOOD",
        &[],
    ),
    (
        "track",
        "ct_state=-trk,ip actions=ct(zone=5,table=1,nat)\n\
         table=1,ct_state=+new,ip actions=ct(commit,zone=5,nat(src=10.0.0.7:99),exec(set_field:1->ct_mark)),output:1",
        &[],
    ),
    ("track-in-circles", "ip actions=ct(table=0),ct(table=0)", &[]),
    (
        "groups",
        "actions=group:1,group:9",
        &[
            "group_id=1,type=all,bucket=output:1,bucket=group:2,bucket=group:1",
            "group_id=2,type=select,bucket=weight:1,actions=resubmit(,5),bucket=weight:2,actions=output:2",
            "group_id=3,type=ff,bucket=watch_group:3,actions=output:1",
        ],
    ),
    (
        "meters",
        "actions=meter:1,check_pkt_larger(60)->reg0[0],output:reg0[0..15]",
        &["meter=1 pktps bands=type=drop rate=5"],
    ),
    (
        "layers",
        "actions=push_vlan:0x8100,set_field:5->vlan_vid,push_mpls:0x8847,set_field:9->mpls_label,dec_mpls_ttl,\
         pop_mpls:0x0800,pop_vlan,output:IN_PORT",
        &[],
    ),
    (
        "stack",
        "actions=push:reg0,push:eth_src,pop:reg1,pop:reg2,pop:reg3,move:eth_src[0..15]->reg4[16..31],exit,output:1",
        &[],
    ),
    (
        "controller",
        "actions=clone(set_field:1->reg0,controller(pause,userdata=01.02)),controller(reason=no_match)",
        &[],
    ),
    (
        "fragments",
        "priority=2,ip,nw_frag=later actions=output:1\npriority=1,tcp,tcp_dst=80 actions=output:2",
        &[],
    ),
];

pub(crate) fn traces() -> Seeds {
    let frames = frames();
    let mut seeds = Seeds::new();
    for (place, (name, flows, others)) in PIPELINES.iter().enumerate() {
        let frame = match place % 3 {
            0 => udp_frame(),
            _ => frames.get(place % frames.len()).map(|(_, frame)| frame.clone()).unwrap_or_default(),
        };
        let mut bytes = vec![0, 1];
        for message in messages(flows, others) {
            message.encode(1, &mut bytes).expect("it is short");
        }
        bytes.extend(frame);
        seeds.push(((*name).to_owned(), bytes));
    }
    seeds
}

fn messages(flows: &str, others: &[&str]) -> Vec<Message> {
    let flows = text::parse_flows(flows).expect("the flows of the seeds are in the syntax of ovs-ofctl");
    let mut messages: Vec<Message> = flows.iter().map(|flow| Message::FlowMod(FlowMod::from(flow))).collect();
    for other in others {
        messages.push(match text::parse_group(other) {
            Ok(group) => Message::GroupMod(GroupMod::Add(group)),
            Err(_) => Message::MeterMod(MeterMod::Add(text::parse_meter(other).expect("it is a meter"))),
        });
    }
    messages
}
