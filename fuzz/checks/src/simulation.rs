//! The flow interpreter: any flows, any packet.

use std::fmt::{self, Write};

use net_types::OfPort;
use ofsim::exec::PASSES_MAX;
use ofsim::{Assumed, Packet, Switch, Trace, analysis};
use openflow::message::{FlowCommand, GroupMod, MeterMod, frame};
use openflow::{Delta, Message, PackedFlow};

use crate::bytes::Bytes;

/// Flows, groups and meters that are installed: enough for every mistake, few enough to look at all pairs of them.
const MESSAGES_MAX: usize = 64;

/// A port; a stream of flow-mods, group-mods and meter-mods; behind it, a frame that comes in by the port.
pub fn ofsim_trace(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let in_port = OfPort::new(bytes.u16().into());
    let mut stream = bytes.rest();
    let mut switch = Switch::new();
    for _ in 0..MESSAGES_MAX {
        let Ok(Some(len)) = frame(stream) else { break };
        let (message, rest) = stream.split_at(len);
        let Ok((_, message)) = Message::decode(message) else { break };
        install(&mut switch, message);
        stream = rest;
    }
    let packet = Packet::of_frame(in_port, stream);
    let unknown_length = Packet::of_key(packet.key.clone());
    check_trace(&ofsim::trace(&switch, packet.clone(), &mut Assumed::new()));
    check_trace(&ofsim::trace(&switch, unknown_length, &mut Assumed::new()));
    for finding in analysis::findings(&switch, &[0]) {
        assert!(print(&finding) > 0);
    }
    check_trace(&ofsim::run(&mut switch, packet, &mut Assumed::new()));
}

fn install(switch: &mut Switch, message: Message) {
    let mut delta = Delta::default();
    match message {
        Message::FlowMod(flow_mod) => {
            let Ok(flow) = PackedFlow::new(&flow_mod.flow()) else { return };
            match flow_mod.command {
                FlowCommand::Delete | FlowCommand::DeleteStrict => delta.delete_flows.push(flow.key()),
                _ => delta.flows.push(flow),
            }
        }
        Message::GroupMod(GroupMod::Delete(id)) => delta.delete_groups.push(id),
        Message::GroupMod(GroupMod::Add(group) | GroupMod::Modify(group) | GroupMod::AddOrModify(group)) => {
            delta.groups.push(group);
        }
        Message::MeterMod(MeterMod::Delete(id)) => delta.delete_meters.push(id),
        Message::MeterMod(MeterMod::Add(meter) | MeterMod::Modify(meter)) => delta.meters.push(meter),
        _ => return,
    }
    switch.apply(&delta);
}

fn check_trace(trace: &Trace) {
    assert!((1..=PASSES_MAX).contains(&trace.passes.len()));
    let goes_somewhere = trace.outputs().next().is_some() || trace.packet_ins().next().is_some();
    assert_eq!(trace.drop_reason().is_none(), goes_somewhere);
    assert!(print(trace) > 0);
}

/// Prints into nothing, and says how many bytes that were.
fn print(value: &impl fmt::Display) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    assert!(write!(count, "{value}").is_ok(), "printing into nothing cannot fail");
    count.0
}
