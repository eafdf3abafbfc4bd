//! The flows that are measured: those of ports in networks, as a chassis has them, over several tables.

use anyhow::Result;
use openflow::action::{Action, Ct, Zone};
use openflow::field::Subfield;
use openflow::flow::{Flow, PackedFlow};
use openflow::{Field, Match};

/// Flow `number`: switching, routing, address resolution and policy in turn.
pub(crate) fn flow(number: u32) -> Flow {
    let network = u64::from(number / 2_000);
    let mac = 0xfa16_3e00_0000 + u64::from(number);
    let address = 0x0a00_0000 + number;
    let base = Match::new().with(Field::Metadata, network);
    match number % 4 {
        0 => Flow::new(20, 100).matching(base.with(Field::EthDst, mac)).set(Field::Reg7, number).goto(60),
        1 => Flow::new(30, 200)
            .matching(base.with(Field::EthType, 0x0800_u16).with(Field::Ipv4Dst, address))
            .set(Field::EthSrc, 0xfa16_3e11_1111_u64)
            .set(Field::EthDst, mac)
            .action(Action::DecTtl)
            .set(Field::Reg7, number)
            .goto(60),
        2 => Flow::new(40, 100)
            .matching(
                base.with(Field::EthType, 0x0806_u16).with(Field::ArpOp, 1_u16).with(Field::ArpTpa, address),
            )
            .copy(Field::EthSrc, Field::EthDst)
            .set(Field::EthSrc, mac)
            .set(Field::ArpOp, 2_u16)
            .copy(Field::ArpSha, Field::ArpTha)
            .copy(Field::ArpSpa, Field::ArpTpa)
            .set(Field::ArpSha, mac)
            .set(Field::ArpSpa, address)
            .action(Action::output(net_types::OfPort::IN_PORT)),
        _ => {
            let zone = Zone::From(Subfield { field: Field::Reg6, ofs: 0, n_bits: 16 });
            let matching = Match::new()
                .with(Field::EthType, 0x0800_u16)
                .with(Field::IpProto, 6_u8)
                .with_masked(Field::TcpDst, 0x1f90_u16, 0xfff0_u16)
                .with(Field::Reg7, number)
                .with_masked(Field::CtState, 0x21_u32, 0x21_u32);
            Flow::new(50, 300).matching(matching).action(Action::Ct(Ct {
                commit: true,
                zone,
                table: Some(60),
                ..Ct::default()
            }))
        }
    }
    .cookie(u64::from(number))
}

/// As many flows, packed.
pub(crate) fn packed(count: u32) -> Result<Vec<PackedFlow>> {
    Ok((0..count).map(|number| PackedFlow::new(&flow(number))).collect::<Result<_, _>>()?)
}
