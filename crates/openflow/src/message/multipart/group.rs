//! Groups: which there are, what went through them, what the switch can have.

use std::time::Duration;

use crate::group::Group;
use crate::message::body::{Body, put_duration, read_duration};
use crate::message::group::{put_group, read_group};
use crate::wire::{Put, Reader, WireError, patch_len};

/// Kinds of group that the specification has.
const KINDS: usize = 4;
/// Bytes of a group's counters before those of its buckets.
const STATS_FIXED_LEN: usize = 40;

/// A group that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupId(pub u32);

impl Body for GroupId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.0);
        out.put_zeros(4);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let id = r.u32("a group request")?;
        r.skip("a group request", 4)?;
        Ok(Self(id))
    }
}

/// A group that the switch has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDesc(pub Group);

impl Body for GroupDesc {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_zeros(2);
        put_group(out, &self.0);
        patch_len(out, start, start);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("a group")?);
        let body_len = len.checked_sub(2).ok_or_else(|| r.bad_length("a group", len))?;
        read_group(&mut r.sub("a group", body_len)?).map(Self)
    }
}

/// What went through a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStats {
    /// The group.
    pub id: u32,
    /// Flows and groups that use it; Open vSwitch counts only flows.
    pub references: u32,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// How long the group is there.
    pub duration: Duration,
    /// Packets and bytes of each bucket.
    pub buckets: Vec<(u64, u64)>,
}

impl Body for GroupStats {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_zeros(4);
        out.put_u32(self.id);
        out.put_u32(self.references);
        out.put_zeros(4);
        out.put_u64(self.packets);
        out.put_u64(self.bytes);
        put_duration(out, self.duration);
        for (packets, bytes) in &self.buckets {
            out.put_u64(*packets);
            out.put_u64(*bytes);
        }
        patch_len(out, start, start);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("group statistics")?);
        if len < STATS_FIXED_LEN {
            return Err(r.bad_length("group statistics", len));
        }
        let mut body = r.sub("group statistics", len - 2)?;
        body.skip("group statistics", 2)?;
        let (id, references) = (body.u32("group statistics")?, body.u32("group statistics")?);
        body.skip("group statistics", 4)?;
        let (packets, bytes) = (body.u64("group statistics")?, body.u64("group statistics")?);
        let duration = read_duration(&mut body)?;
        let mut buckets = Vec::new();
        while !body.is_empty() {
            buckets.push((body.u64("bucket statistics")?, body.u64("bucket statistics")?));
        }
        Ok(Self { id, references, packets, bytes, duration, buckets })
    }
}

/// What groups the switch can have. Lists are in the order of [`crate::group::GroupKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupFeatures {
    /// Bit n stands for kind n.
    pub kinds: u32,
    /// Bits of `OFPGFC_*`.
    pub capabilities: u32,
    /// Number of groups of each kind.
    pub max_groups: [u32; KINDS],
    /// Actions in groups of each kind: bit n stands for action type n.
    pub actions: [u32; KINDS],
}

impl Body for GroupFeatures {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.kinds);
        out.put_u32(self.capabilities);
        self.max_groups.iter().chain(&self.actions).for_each(|word| out.put_u32(*word));
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (kinds, capabilities) = (r.u32("group features")?, r.u32("group features")?);
        let mut words = || -> Result<[u32; KINDS], WireError> {
            let mut words = [0; KINDS];
            for word in &mut words {
                *word = r.u32("group features")?;
            }
            Ok(words)
        };
        Ok(Self { kinds, capabilities, max_groups: words()?, actions: words()? })
    }
}
