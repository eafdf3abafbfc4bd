//! Packets that go up to the controller, and what comes back.

use engine::{Input, PacketIn, Reply};
use openflow::action::Controller;
use pipeline::regs;

use super::Cloud;

/// Sends a frame that the controller gets, and hands it to the engine: which responder it is for, and its answer.
pub(crate) fn ask(cloud: &mut Cloud, port: &str, frame: &[u8]) -> (u8, Reply) {
    let walk = cloud.send(port, frame);
    let [up] = walk.to_controller.as_slice() else { panic!("{} packets went up", walk.to_controller.len()) };
    let (key, controller): (_, &Controller) = (&up.packet_in.key, &up.packet_in.controller);
    assert!(controller.meter.is_some(), "nothing limits what goes up");
    let register = |register: &regs::Register| {
        let value = u64::try_from(key.get(register.bits.field) & register.bits.mask()).expect("a register");
        u32::try_from(value).expect("32 bits")
    };
    let packet = PacketIn {
        frame: frame.to_vec(),
        in_port: key.in_port.get(),
        network: register(&regs::NETWORK),
        ingress: register(&regs::INGRESS_PORT),
        userdata: controller.userdata.clone(),
        at_ms: 0,
        ..PacketIn::default()
    };
    let responder = *packet.userdata.first().expect("a responder");
    let outputs = cloud.node(&up.node).step(vec![Input::Packet(packet)]);
    let [reply] = outputs.replies.as_slice() else { panic!("{} replies", outputs.replies.len()) };
    (responder, reply.clone())
}
