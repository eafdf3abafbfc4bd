//! Random questions and answers.

use std::time::Duration;

use net_types::OfPort;
use proptest::collection::vec;
use proptest::prelude::*;

use super::matching::{matches, physical_port};
use super::message::{flow_removed_reason, port, properties, text};
use super::{Scope, flow, group, instructions, meter};
use crate::flow::PackedFlow;
use crate::message::multipart::{
    Aggregate, Counters, Description, FlowEntries, FlowRequest, GroupDesc, GroupFeatures, GroupId,
    GroupStats, MeterConfig, MeterFeatures, MeterId, MeterStats, Multipart, PortNumber, PortStats,
    QueueRequest, QueueStats, Reply, Request, TableFeatures, TableStats, UnknownPart,
};
use crate::message::{FlowUpdate, FlowUpdateEvent, MonitorFlags, MonitorRequest};

pub(super) fn duration() -> impl Strategy<Value = Duration> {
    (any::<u32>(), 0_u32..1_000_000_000).prop_map(|(secs, nanos)| Duration::new(secs.into(), nanos))
}

fn flow_request() -> impl Strategy<Value = FlowRequest> {
    (any::<u8>(), physical_port(), any::<u32>(), any::<u64>(), any::<u64>(), matches(Scope::Anything))
        .prop_map(|(table, out_port, out_group, cookie, cookie_mask, matching)| FlowRequest {
            table,
            out_port,
            out_group,
            cookie,
            cookie_mask,
            matching,
        })
}

fn table_features() -> impl Strategy<Value = TableFeatures> {
    (any::<u8>(), text(31), any::<(u64, u64)>(), any::<(u32, u32)>(), properties()).prop_map(
        |(table, name, (metadata_match, metadata_write), (config, max_entries), properties)| TableFeatures {
            table,
            name,
            metadata_match,
            metadata_write,
            config,
            max_entries,
            properties,
        },
    )
}

fn monitor_request() -> impl Strategy<Value = MonitorRequest> {
    (any::<u32>(), 1_u16..64, physical_port(), any::<u8>(), matches(Scope::Anything)).prop_map(
        |(id, flags, out_port, table, matching)| MonitorRequest {
            id,
            flags: MonitorFlags(flags).and(MonitorFlags::ADD),
            out_port,
            table,
            matching,
        },
    )
}

/// A question.
pub(super) fn request() -> impl Strategy<Value = Multipart<Request>> {
    let whole = proptest::sample::select(vec![
        Request::Description,
        Request::Table,
        Request::GroupDesc,
        Request::GroupFeatures,
        Request::MeterFeatures,
        Request::PortDesc,
    ]);
    let unknown =
        vec(any::<u8>(), 0..40).prop_map(|body| Request::Unknown(UnknownPart { kind: 0x7fff, body }));
    let part = prop_oneof![
        4 => whole,
        2 => flow_request().prop_map(Request::Flow),
        1 => flow_request().prop_map(Request::Aggregate),
        1 => physical_port().prop_map(|port| Request::PortStats(PortNumber(port))),
        1 => (physical_port(), any::<u32>())
            .prop_map(|(port, queue)| Request::QueueStats(QueueRequest { port, queue })),
        1 => any::<u32>().prop_map(|id| Request::GroupStats(GroupId(id))),
        1 => any::<u32>().prop_map(|id| Request::MeterStats(MeterId(id))),
        1 => any::<u32>().prop_map(|id| Request::MeterConfig(MeterId(id))),
        1 => vec(table_features(), 0..3).prop_map(Request::TableFeatures),
        2 => vec(monitor_request(), 0..3).prop_map(Request::Monitor),
        1 => unknown,
    ];
    (any::<bool>(), part).prop_map(|(more, part)| Multipart { more, part })
}

fn flow_entries() -> impl Strategy<Value = FlowEntries> {
    let counters = (duration(), any::<u64>(), any::<u64>()).prop_map(|(duration, packets, bytes)| Counters {
        duration,
        packets,
        bytes,
    });
    vec((flow(Scope::Anything), counters), 0..6).prop_map(|flows| {
        let mut entries = FlowEntries::default();
        for (flow, counters) in flows {
            let packed = PackedFlow::new(&flow).expect("arbitrary flows are short");
            entries.push(&packed.as_wire(), counters).expect("a few arbitrary flows fit into a message");
        }
        entries
    })
}

fn port_stats() -> impl Strategy<Value = PortStats> {
    (physical_port(), any::<[u64; 12]>(), proptest::option::of(duration())).prop_map(
        |(number, c, duration)| PortStats {
            number,
            rx_packets: c[0],
            tx_packets: c[1],
            rx_bytes: c[2],
            tx_bytes: c[3],
            rx_dropped: c[4],
            tx_dropped: c[5],
            rx_errors: c[6],
            tx_errors: c[7],
            rx_frame_errors: c[8],
            rx_overruns: c[9],
            rx_crc_errors: c[10],
            collisions: c[11],
            duration,
        },
    )
}

fn queue_stats() -> impl Strategy<Value = QueueStats> {
    (physical_port(), any::<u32>(), any::<[u64; 3]>(), proptest::option::of(duration())).prop_map(
        |(port, queue, [tx_bytes, tx_packets, tx_errors], duration)| QueueStats {
            port,
            queue,
            tx_bytes,
            tx_packets,
            tx_errors,
            duration,
        },
    )
}

fn group_stats() -> impl Strategy<Value = GroupStats> {
    (0_u32..0xffff_ff00, any::<u32>(), any::<(u64, u64)>(), duration(), vec(any::<(u64, u64)>(), 0..4))
        .prop_map(|(id, references, (packets, bytes), duration, buckets)| GroupStats {
            id,
            references,
            packets,
            bytes,
            duration,
            buckets,
        })
}

fn meter_stats() -> impl Strategy<Value = MeterStats> {
    (any::<u32>(), any::<u32>(), any::<(u64, u64)>(), duration(), vec(any::<(u64, u64)>(), 0..4)).prop_map(
        |(id, flows, (packets, bytes), duration, bands)| MeterStats {
            id,
            flows,
            packets,
            bytes,
            duration,
            bands,
        },
    )
}

fn flow_update() -> impl Strategy<Value = FlowUpdate> {
    let event = prop_oneof![
        Just(FlowUpdateEvent::Added),
        flow_removed_reason().prop_map(FlowUpdateEvent::Deleted),
        Just(FlowUpdateEvent::Modified)
    ];
    let flow = (matches(Scope::Anything), 0_u8..250).prop_flat_map(|(matching, table)| {
        let instructions = instructions(Scope::Anything, table, &matching);
        (Just(matching), Just(table), instructions)
    });
    let full = (event, flow, any::<(u16, u16, u16)>(), any::<u64>()).prop_map(
        |(event, (matching, table, instructions), (priority, idle_s, hard_s), cookie)| FlowUpdate::Full {
            event,
            table,
            priority,
            idle_s,
            hard_s,
            cookie,
            matching,
            instructions,
        },
    );
    prop_oneof![3 => full, 1 => any::<u32>().prop_map(|xid| FlowUpdate::Abbreviated { xid })]
}

fn description() -> impl Strategy<Value = Description> {
    (text(255), text(255), text(255), text(31), text(255)).prop_map(
        |(manufacturer, hardware, software, serial, datapath)| Description {
            manufacturer,
            hardware,
            software,
            serial,
            datapath,
        },
    )
}

/// An answer about what the switch can have.
fn features() -> impl Strategy<Value = Reply> {
    let groups =
        any::<(u32, u32, [u32; 4], [u32; 4])>().prop_map(|(kinds, capabilities, max_groups, actions)| {
            Reply::GroupFeatures(GroupFeatures { kinds, capabilities, max_groups, actions })
        });
    let meters = any::<(u32, u32, u32, u8, u8)>().prop_map(
        |(max_meters, band_types, capabilities, max_bands, max_colour)| {
            Reply::MeterFeatures(MeterFeatures {
                max_meters,
                band_types,
                capabilities,
                max_bands,
                max_colour,
            })
        },
    );
    prop_oneof![groups, meters, vec(table_features(), 1..3).prop_map(Reply::TableFeatures)]
}

/// An answer.
pub(super) fn reply() -> impl Strategy<Value = Multipart<Reply>> {
    let tables = any::<(u8, u32, u64, u64)>().prop_map(|(table, active, lookups, matched)| TableStats {
        table,
        active,
        lookups,
        matched,
    });
    let aggregate = any::<(u64, u64, u32)>()
        .prop_map(|(packets, bytes, flows)| Reply::Aggregate(Aggregate { packets, bytes, flows }));
    let unknown = vec(any::<u8>(), 0..40).prop_map(|body| Reply::Unknown(UnknownPart { kind: 0x7fff, body }));
    let part = prop_oneof![
        4 => flow_entries().prop_map(Reply::Flow),
        1 => description().prop_map(Reply::Description),
        1 => aggregate,
        1 => vec(tables, 0..4).prop_map(Reply::Table),
        1 => vec(port_stats(), 0..4).prop_map(Reply::PortStats),
        1 => vec(queue_stats(), 0..4).prop_map(Reply::QueueStats),
        1 => vec(group_stats(), 0..4).prop_map(Reply::GroupStats),
        2 => vec(group().prop_map(GroupDesc), 0..4).prop_map(Reply::GroupDesc),
        1 => vec(meter_stats(), 0..4).prop_map(Reply::MeterStats),
        1 => vec(meter().prop_map(MeterConfig), 0..4).prop_map(Reply::MeterConfig),
        2 => features(),
        1 => vec(port(), 0..4).prop_map(Reply::PortDesc),
        2 => vec(flow_update(), 0..4).prop_map(Reply::Monitor),
        1 => unknown,
    ];
    (any::<bool>(), part).prop_map(|(more, part)| Multipart { more, part })
}

/// A port that may be any.
pub(super) fn any_port() -> impl Strategy<Value = OfPort> {
    prop_oneof![3 => physical_port(), 1 => Just(OfPort::ANY)]
}
