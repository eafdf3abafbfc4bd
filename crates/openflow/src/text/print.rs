//! Printing, exactly as `ovs-ofctl dump-flows --no-stats --no-names` of Open vSwitch 3.1 does, but for the places where
//! that loses something.
//!
//! # Guarantees
//! - What is printed, [`super::parse_flow`] and its siblings read back to an equal value, given a value that a switch
//!   accepts. The exceptions are those of Open vSwitch itself: the bytes that an `output` reserves for a controller
//!   other than the port `CONTROLLER`, a `controller` without arguments (read back as `output`), and a masked write
//!   that came as another action than the one that text becomes.
//! - One entry is one line: Open vSwitch puts a newline before each band of a meter, here is a space.
//! - The head of a flow is joined by commas alone and always names the table.
//! - What the tables of this crate do not know is printed as `unknown(hex)`, and unknown instructions as
//!   `unknown_instruction(hex)`. Those Open vSwitch does not read.

mod action;
mod matching;

use std::fmt::{Arguments, Formatter, Result};

pub(crate) use action::fmt_action;
pub(super) use action::{HELPERS, REASONS};

use super::value::{Dotted, Hex};
use crate::action::Action;
use crate::flow::{Flow, FlowFlags, PRIORITY_DEFAULT};
use crate::group::{Bucket, Group, GroupKind};
use crate::instruction::Instructions;
use crate::matching::Match;
use crate::meter::{Band, BandKind, Meter, MeterUnit};

/// Meters that are not numbers a user may choose.
pub(super) const METER_NAMES: &[(u32, &str)] =
    &[(0xffff_fffd, "slowpath"), (0xffff_fffe, "controller"), (0xffff_ffff, "all")];

/// Flags of a flow and their names.
pub(super) const FLOW_FLAGS: &[(FlowFlags, &str)] = &[
    (FlowFlags::SEND_FLOW_REM, "send_flow_rem"),
    (FlowFlags::CHECK_OVERLAP, "check_overlap"),
    (FlowFlags::RESET_COUNTS, "reset_counts"),
    (FlowFlags::NO_PKT_COUNTS, "no_packet_counts"),
    (FlowFlags::NO_BYT_COUNTS, "no_byte_counts"),
];

/// Types of groups and their names.
pub(super) const GROUP_KINDS: &[(GroupKind, &str)] = &[
    (GroupKind::All, "all"),
    (GroupKind::Select, "select"),
    (GroupKind::Indirect, "indirect"),
    (GroupKind::FastFailover, "ff"),
];

/// Writes items with commas between.
pub(super) struct List<'f, 'b> {
    f: &'f mut Formatter<'b>,
    empty: bool,
}

impl<'f, 'b> List<'f, 'b> {
    pub(super) fn new(f: &'f mut Formatter<'b>) -> Self {
        Self { f, empty: true }
    }

    /// Appends an item.
    pub(super) fn item(&mut self, item: Arguments<'_>) -> Result {
        if !self.empty {
            self.f.write_str(",")?;
        }
        self.empty = false;
        self.f.write_fmt(item)
    }

    /// Appends an item where `condition` holds.
    pub(super) fn item_if(&mut self, condition: bool, item: Arguments<'_>) -> Result {
        if condition { self.item(item) } else { Ok(()) }
    }

    /// Appends actions; `drop` for none, as long as the list is empty.
    fn actions(&mut self, actions: &[Action]) -> Result {
        actions.iter().try_for_each(|action| self.item(format_args!("{action}")))
    }

    fn or_drop(&mut self) -> Result {
        if self.empty { self.f.write_str("drop") } else { Ok(()) }
    }
}

pub(crate) fn fmt_match(f: &mut Formatter<'_>, matching: &Match) -> Result {
    matching::write(&mut List::new(f), matching)
}

pub(crate) fn fmt_key(f: &mut Formatter<'_>, table: u8, priority: u16, matching: &Match) -> Result {
    let mut head = List::new(f);
    head.item(format_args!("table={table}"))?;
    priority_and_match(&mut head, priority, matching)
}

fn priority_and_match(head: &mut List<'_, '_>, priority: u16, matching: &Match) -> Result {
    head.item_if(priority != PRIORITY_DEFAULT, format_args!("priority={priority}"))?;
    matching::write(head, matching)
}

pub(crate) fn fmt_flow(f: &mut Formatter<'_>, flow: &Flow) -> Result {
    let mut head = List::new(f);
    head.item_if(flow.cookie != 0, format_args!("cookie={:#x}", flow.cookie))?;
    head.item(format_args!("table={}", flow.table))?;
    head.item_if(flow.idle_s != 0, format_args!("idle_timeout={}", flow.idle_s))?;
    head.item_if(flow.hard_s != 0, format_args!("hard_timeout={}", flow.hard_s))?;
    let mut rest = flow.flags.0;
    for (flag, name) in FLOW_FLAGS.iter().filter(|(flag, _)| flow.flags.contains(*flag)) {
        head.item(format_args!("{name}"))?;
        rest &= !flag.0;
    }
    head.item_if(rest != 0, format_args!("flags={rest:#x}"))?;
    priority_and_match(&mut head, flow.priority, &flow.matching)?;
    f.write_str(" actions=")?;
    fmt_instructions(f, &flow.instructions)
}

fn fmt_instructions(f: &mut Formatter<'_>, instructions: &Instructions) -> Result {
    let Instructions { meter, apply, clear, write, metadata, goto, unknown } = instructions;
    let mut list = List::new(f);
    if let Some(meter) = meter {
        list.item(format_args!("meter:{meter}"))?;
    }
    list.actions(apply)?;
    list.item_if(*clear, format_args!("clear_actions"))?;
    if !write.is_empty() {
        list.item(format_args!("write_actions({})", Actions(write)))?;
    }
    if let Some((value, mask)) = metadata {
        list.item(format_args!("write_metadata:{}", Hex((*value).into())))?;
        if *mask != u64::MAX {
            write!(list.f, "/{}", Hex((*mask).into()))?;
        }
    }
    if let Some(table) = goto {
        list.item(format_args!("goto_table:{table}"))?;
    }
    for bytes in unknown {
        list.item(format_args!("unknown_instruction({})", Dotted(bytes)))?;
    }
    list.or_drop()
}

/// A list of actions; `drop` for none.
pub(super) struct Actions<'a>(pub(super) &'a [Action]);

impl std::fmt::Display for Actions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut list = List::new(f);
        list.actions(self.0)?;
        list.or_drop()
    }
}

pub(crate) fn fmt_group(f: &mut Formatter<'_>, group: &Group) -> Result {
    let kind = GROUP_KINDS.iter().find(|(kind, _)| *kind == group.kind).map_or("", |(_, name)| name);
    write!(f, "group_id={},type={kind}", group.id)?;
    group.buckets.iter().try_for_each(|bucket| fmt_bucket(f, group.kind, bucket))
}

/// The weight of a bucket whose text does not say one.
pub(super) fn default_weight(kind: GroupKind) -> u16 {
    u16::from(kind == GroupKind::Select)
}

fn fmt_bucket(f: &mut Formatter<'_>, kind: GroupKind, bucket: &Bucket) -> Result {
    f.write_str(",bucket=")?;
    let mut list = List::new(f);
    list.item_if(bucket.weight != default_weight(kind), format_args!("weight:{}", bucket.weight))?;
    if let Some(port) = bucket.watch_port {
        list.item(format_args!("watch_port:{port}"))?;
    }
    if let Some(group) = bucket.watch_group {
        list.item(format_args!("watch_group:{group}"))?;
    }
    list.item(format_args!("actions={}", Actions(&bucket.actions)))
}

pub(crate) fn fmt_meter(f: &mut Formatter<'_>, meter: &Meter) -> Result {
    match METER_NAMES.iter().find(|(id, _)| *id == meter.id) {
        Some((_, name)) => write!(f, "meter={name}")?,
        None => write!(f, "meter={}", meter.id)?,
    }
    f.write_str(match meter.unit {
        MeterUnit::Kbps => " kbps",
        MeterUnit::Pktps => " pktps",
    })?;
    f.write_str(if meter.burst { " burst" } else { "" })?;
    f.write_str(if meter.stats { " stats" } else { "" })?;
    f.write_str(" bands=")?;
    for (place, band) in meter.bands.iter().enumerate() {
        f.write_str(if place == 0 { "" } else { " " })?;
        fmt_band(f, meter.burst, band)?;
    }
    Ok(())
}

fn fmt_band(f: &mut Formatter<'_>, burst: bool, band: &Band) -> Result {
    let kind = match band.kind {
        BandKind::Drop => "drop",
        BandKind::DscpRemark(_) => "dscp_remark",
    };
    write!(f, "type={kind} rate={}", band.rate)?;
    if burst {
        write!(f, " burst_size={}", band.burst)?;
    }
    if let BandKind::DscpRemark(levels) = band.kind {
        write!(f, " prec_level={levels}")?;
    }
    Ok(())
}
