//! Random messages.

use std::net::IpAddr;

use net_types::MacAddr;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::action::context_free_action;
use super::matching::{matches, physical_port};
use super::multipart::{any_port, duration, reply, request};
use super::{BUNDLED_XID, Scope, flow, group, meter};
use crate::flow::{FlowKey, PackedFlow};
use crate::group::{Bucket, GroupKind};
use crate::message::*;

/// Text of at most `len` bytes that ends before a zero.
pub(super) fn text(len: usize) -> impl Strategy<Value = String> {
    vec(0x20_u8..0x7f, 0..=len).prop_map(|bytes| bytes.into_iter().map(char::from).collect())
}

pub(super) fn properties() -> impl Strategy<Value = Vec<Property>> {
    let property = (100_u16..200, vec(any::<u8>(), 0..20)).prop_map(|(kind, value)| Property { kind, value });
    vec(property, 0..3)
}

pub(super) fn port() -> impl Strategy<Value = Port> {
    (physical_port(), any::<[u8; 6]>(), text(15), any::<[u32; 8]>()).prop_map(|(number, mac, name, words)| {
        Port {
            number,
            mac: MacAddr(mac),
            name,
            config: words[0],
            state: words[1],
            current: words[2],
            advertised: words[3],
            supported: words[4],
            peer: words[5],
            current_speed_kbps: words[6],
            max_speed_kbps: words[7],
        }
    })
}

pub(super) fn flow_removed_reason() -> impl Strategy<Value = FlowRemovedReason> {
    (0_u8..6).prop_map(FlowRemovedReason::from_wire)
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..100)
}

fn error() -> impl Strategy<Value = ErrorMessage> {
    let code = prop_oneof![
        (0_u16..14, 0_u16..17).prop_map(|(kind, code)| ErrorCode::Standard { kind, code }),
        (select(vec![crate::action::NICIRA, 0x4f4e_4600]), any::<u16>())
            .prop_map(|(experimenter, kind)| ErrorCode::Experimenter { experimenter, kind }),
        any::<(u32, u16, u16)>().prop_map(|(vendor, kind, code)| ErrorCode::Vendor10 { vendor, kind, code }),
    ];
    (code, data()).prop_map(|(code, data)| ErrorMessage { code, data })
}

/// Messages about the connection.
fn connection() -> BoxedStrategy<Message> {
    let void = select(vec![
        Message::FeaturesRequest,
        Message::GetConfigRequest,
        Message::BarrierRequest,
        Message::BarrierReply,
        Message::GetAsyncRequest,
        Message::TlvTableRequest,
        Message::MonitorPaused,
        Message::MonitorResumed,
        Message::BarrierRequest10,
        Message::BarrierReply10,
    ]);
    let config = (0_u16..5, any::<u16>()).prop_map(|(fragments, miss_send_len_bytes)| SwitchConfig {
        fragments: FragmentHandling::from_wire(fragments),
        miss_send_len_bytes,
    });
    let features = any::<(u64, u32, u8, u8, u32)>().prop_map(
        |(datapath_id, n_buffers, n_tables, auxiliary_id, capabilities)| Features {
            datapath_id,
            n_buffers,
            n_tables,
            auxiliary_id,
            capabilities,
        },
    );
    let hello =
        (any::<u8>(), option::of(any::<u32>())).prop_map(|(version, bitmap)| Hello { version, bitmap });
    prop_oneof![
        3 => void,
        1 => hello.prop_map(Message::Hello),
        1 => error().prop_map(Message::Error),
        1 => data().prop_map(Message::EchoRequest),
        1 => data().prop_map(Message::EchoReply),
        1 => features.prop_map(Message::FeaturesReply),
        1 => config.clone().prop_map(Message::SetConfig),
        1 => config.prop_map(Message::GetConfigReply),
    ]
    .boxed()
}

/// Messages about what a controller may do and what it hears.
fn roles() -> BoxedStrategy<Message> {
    let masks = any::<(u32, u32, u32)>().prop_map(|(packet_in, port_status, flow_removed)| AsyncMasks {
        packet_in,
        port_status,
        flow_removed,
    });
    let masks = (masks.clone(), masks).prop_map(|(primary, secondary)| AsyncConfig { primary, secondary });
    let role = (0_u32..5).prop_map(Role::from_wire);
    let message =
        (role.clone(), any::<u64>()).prop_map(|(role, generation)| RoleMessage { role, generation });
    let status = (role, 0_u8..4, any::<u64>()).prop_map(|(role, reason, generation)| RoleStatus {
        role,
        reason: RoleStatusReason::from_wire(reason),
        generation,
    });
    let nicira = (0_u32..4).prop_map(NiciraRole::from_wire);
    let properties =
        vec((0_u16..12, any::<u32>()).prop_map(|(kind, mask)| AsyncProperty::new(kind, mask)), 0..4);
    prop_oneof![
        masks.clone().prop_map(Message::GetAsyncReply),
        masks.clone().prop_map(Message::SetAsync),
        masks.prop_map(Message::NiciraSetAsync),
        properties.prop_map(Message::NiciraSetAsync2),
        message.clone().prop_map(Message::RoleRequest),
        message.prop_map(Message::RoleReply),
        nicira.clone().prop_map(Message::NiciraRoleRequest),
        nicira.prop_map(Message::NiciraRoleReply),
        status.prop_map(Message::RoleStatus),
        (0_u32..4).prop_map(|format| Message::SetPacketInFormat(PacketInFormat::from_wire(format))),
        any::<u16>().prop_map(|id| Message::SetControllerId(ControllerId(id))),
    ]
    .boxed()
}

fn packet_in2() -> impl Strategy<Value = PacketIn2> {
    let packet = (vec(any::<u8>(), 14..100), option::of(100_u32..2000), option::of(any::<u32>()));
    let origin = (option::of(any::<u8>()), option::of(any::<u64>()), option::of(0_u8..7));
    // A continuation holds nothing, or properties behind four bytes of padding.
    let continuation = (any::<bool>(), properties()).prop_map(|(some, nested)| {
        let mut bytes = vec![0; if some { 4 } else { 0 }];
        for Property { kind, value } in nested.iter().filter(|_| some) {
            crate::action::property(&mut bytes, *kind, value);
        }
        bytes
    });
    let user = (continuation, vec(any::<u8>(), 0..20), properties());
    (packet, origin, matches(Scope::Anything), user).prop_map(
        |((data, full_len, buffer), (table, cookie, reason), metadata, (continuation, userdata, unknown))| {
            PacketIn2 {
                data,
                full_len,
                buffer,
                table,
                cookie,
                reason: reason.map(PacketInReason::from_wire),
                metadata,
                continuation,
                userdata,
                unknown,
            }
        },
    )
}

/// Messages about packets and ports.
fn packets() -> BoxedStrategy<Message> {
    let packet_in = (any::<(u32, u16, u8, u64)>(), 0_u8..7, matches(Scope::Anything), data()).prop_map(
        |((buffer, total_len, table, cookie), reason, metadata, data)| PacketIn {
            buffer,
            total_len,
            reason: PacketInReason::from_wire(reason),
            table,
            cookie,
            metadata,
            data,
        },
    );
    let packet_out = (any::<u32>(), any_port(), vec(context_free_action(), 0..4), data())
        .prop_map(|(buffer, in_port, actions, data)| PacketOut { buffer, in_port, actions, data });
    let status = (0_u8..4, port())
        .prop_map(|(reason, port)| PortStatus { reason: PortReason::from_wire(reason), port });
    prop_oneof![
        packet_in.prop_map(Message::PacketIn),
        packet_in2().prop_map(Message::PacketIn2),
        packet_in2().prop_map(|packet| Message::Resume(packet.into_resume())),
        packet_out.prop_map(Message::PacketOut),
        status.prop_map(Message::PortStatus),
    ]
    .boxed()
}

fn flow_mod() -> impl Strategy<Value = FlowMod> {
    let command = select(vec![FlowCommand::Add, FlowCommand::Modify, FlowCommand::ModifyStrict]);
    let change = (command, flow(Scope::Anything), any::<u64>())
        .prop_map(|(command, flow, cookie_mask)| FlowMod { command, cookie_mask, ..FlowMod::from(&flow) });
    let strict =
        (any::<u8>(), any::<u16>(), matches(Scope::Anything)).prop_map(|(table, priority, matching)| {
            FlowMod::delete_strict(&FlowKey::new(table, priority, &matching))
        });
    let loose = (any::<u8>(), matches(Scope::Anything), any_port(), any::<u32>(), any::<(u64, u64)>())
        .prop_map(|(table, matching, out_port, out_group, (cookie, cookie_mask))| FlowMod {
            out_port,
            out_group,
            cookie,
            cookie_mask,
            ..FlowMod::delete(table, matching)
        });
    prop_oneof![3 => change, 1 => strict, 1 => loose]
}

fn flow_removed() -> impl Strategy<Value = FlowRemoved> {
    let times = (duration(), any::<u16>(), any::<u16>());
    (any::<(u64, u16, u8)>(), flow_removed_reason(), times, any::<(u64, u64)>(), matches(Scope::Anything))
        .prop_map(
            |((cookie, priority, table), reason, (duration, idle_s, hard_s), (packets, bytes), matching)| {
                FlowRemoved {
                    cookie,
                    priority,
                    reason,
                    table,
                    duration,
                    idle_s,
                    hard_s,
                    packets,
                    bytes,
                    matching,
                }
            },
        )
}

/// A change of buckets with actions that OpenFlow 1.0 has.
fn bucket_mod() -> impl Strategy<Value = BucketMod> {
    let kind = select(vec![GroupKind::All, GroupKind::Select]);
    let place = prop_oneof![
        (0_u32..0xffff_ff00).prop_map(BucketPlace::Id),
        Just(BucketPlace::First),
        Just(BucketPlace::Last)
    ];
    let bucket = (0_u32..0xffff_ff00, any::<u16>(), vec(context_free_action(), 0..4));
    (any::<bool>(), 0_u32..0xffff_ff00, kind, place, vec(bucket, 0..4)).prop_map(
        |(insert, group, kind, place, buckets)| {
            let buckets = buckets.into_iter().map(|(id, weight, mut actions)| {
                actions.retain(BucketMod::carries);
                let weight = if kind == GroupKind::Select { weight } else { 0 };
                NumberedBucket { id, bucket: Bucket { weight, ..Bucket::new(actions) } }
            });
            let command = match insert {
                true => BucketCommand::Insert(place, buckets.collect()),
                false => BucketCommand::Remove(place),
            };
            BucketMod::new(group, kind, command).expect("its actions were chosen for it")
        },
    )
}

fn bundle() -> BoxedStrategy<Message> {
    let control =
        (any::<u32>(), 0_u16..8, 0_u16..4, properties()).prop_map(|(bundle, op, flags, properties)| {
            Message::BundleControl(BundleControl {
                bundle,
                op: BundleOp::from_wire(op),
                flags: BundleFlags(flags),
                properties,
            })
        });
    let add = (any::<u32>(), 0_u16..4, flow(Scope::Anything)).prop_map(|(bundle, flags, flow)| {
        let mut message = Vec::new();
        PackedFlow::new(&flow).expect("arbitrary flows are short").encode_add(BUNDLED_XID, &mut message);
        Message::BundleAdd(BundleAdd { bundle, flags: BundleFlags(flags), message })
    });
    prop_oneof![control, add].boxed()
}

/// Messages about tables.
fn tables() -> BoxedStrategy<Message> {
    let group_mod = (0..4, group()).prop_map(|(command, group)| match command {
        0 => GroupMod::Add(group),
        1 => GroupMod::Modify(group),
        2 => GroupMod::AddOrModify(group),
        _ => GroupMod::Delete(group.id),
    });
    let meter_mod = (0..3, meter()).prop_map(|(command, meter)| match command {
        0 => MeterMod::Add(meter),
        1 => MeterMod::Modify(meter),
        _ => MeterMod::Delete(meter.id),
    });
    prop_oneof![
        4 => flow_mod().prop_map(Message::FlowMod),
        1 => flow_removed().prop_map(Message::FlowRemoved),
        2 => group_mod.prop_map(Message::GroupMod),
        2 => meter_mod.prop_map(Message::MeterMod),
        1 => bucket_mod().prop_map(Message::BucketMod),
        2 => bundle(),
        4 => request().prop_map(Message::MultipartRequest),
        6 => reply().prop_map(Message::MultipartReply),
        1 => any::<u32>().prop_map(|id| Message::MonitorCancel(MonitorCancel { id })),
    ]
    .boxed()
}

fn ct_flush() -> impl Strategy<Value = CtFlush> {
    let address = |v4: bool| {
        let address = any::<[u8; 16]>().prop_map(move |mut bytes| {
            // Neither all zeros, which means any address, nor an IPv4 address in the clothes of IPv6.
            bytes[0] |= 0x80;
            let [a, b, c, d, ..] = bytes;
            if v4 { IpAddr::from([a, b, c, d]) } else { IpAddr::from(bytes) }
        });
        option::of(address)
    };
    let ports = |icmp: bool| {
        any::<(u16, u16)>().prop_map(move |(a, b)| {
            let [kind, code] = b.to_be_bytes();
            if icmp { CtPorts::Icmp { id: a, kind, code } } else { CtPorts::Ports { src: a, dst: b } }
        })
    };
    let tuple = move |v4, icmp| {
        (address(v4), address(v4), ports(icmp)).prop_map(|(src, dst, ports)| CtTuple { src, dst, ports })
    };
    any::<(bool, bool)>().prop_flat_map(move |(v4, icmp)| {
        let protocol = select(match (icmp, v4) {
            (true, true) => vec![1_u8],
            (true, false) => vec![58],
            (false, _) => vec![6, 17, 132],
        });
        (protocol, option::of(any::<u16>()), tuple(v4, icmp), tuple(v4, icmp))
            .prop_map(|(protocol, zone, original, reply)| CtFlush { protocol, zone, original, reply })
    })
}

/// Messages about tunnel options and connections.
fn extensions() -> BoxedStrategy<Message> {
    let map = (any::<(u16, u8)>(), 1_u8..31, 0_u16..64).prop_map(|((class, kind), words, index)| TlvMap {
        class,
        kind,
        len_bytes: 4 * words,
        index,
    });
    let maps = || vec(map.clone(), 0..5);
    let command = select(vec![TlvCommand::Add, TlvCommand::Delete, TlvCommand::Clear]);
    let table_mod = (command, maps()).prop_map(|(command, maps)| TlvTableMod { command, maps });
    let table =
        (any::<u32>(), any::<u16>(), maps()).prop_map(|(max_option_space_bytes, max_fields, maps)| {
            TlvTable { max_option_space_bytes, max_fields, maps }
        });
    let unknown = (select(vec![4_u8, 16, 17, 22, 99]), data()).prop_map(|(kind, tail)| {
        // The id of an experimenter that nobody has.
        let body = [0x12, 0x34, 0x56, 0x78].into_iter().chain(tail).collect();
        Message::Unknown(Unknown { version: VERSION, kind, body })
    });
    prop_oneof![
        table_mod.prop_map(Message::TlvTableMod),
        table.prop_map(Message::TlvTableReply),
        any::<u16>().prop_map(|zone| Message::CtFlushZone(CtFlushZone(zone))),
        ct_flush().prop_map(Message::CtFlush),
        unknown,
    ]
    .boxed()
}

/// Any message.
pub fn message() -> impl Strategy<Value = Message> {
    prop_oneof![2 => connection(), 2 => roles(), 2 => packets(), 6 => tables(), 1 => extensions()]
}
