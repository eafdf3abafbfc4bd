//! Changes of groups, and the form of groups on the wire.

use net_types::OfPort;

use super::ANY;
use super::body::Body;
use crate::action::{decode_list, encode_list};
use crate::group::{Bucket, Group, GroupKind};
use crate::wire::{Put, Reader, WireError, patch_len};

/// All groups, in a deletion.
pub const GROUP_ALL: u32 = 0xffff_fffc;

const ADD: u16 = 0;
const MODIFY: u16 = 1;
const DELETE: u16 = 2;
const ADD_OR_MODIFY: u16 = 0x8000;
/// Length of a bucket without its actions.
const BUCKET_FIXED_LEN: usize = 16;

/// A change of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupMod {
    /// Adds a group; refused where there is one of this id.
    Add(Group),
    /// Changes a group; refused where there is none of this id.
    Modify(Group),
    /// Adds or changes, as Open vSwitch offers it.
    AddOrModify(Group),
    /// Deletes a group, or all of them ([`GROUP_ALL`]), and the flows that use it.
    Delete(u32),
}

impl GroupKind {
    /// The number on the wire.
    pub(super) fn to_wire(self) -> u8 {
        match self {
            Self::All => 0,
            Self::Select => 1,
            Self::Indirect => 2,
            Self::FastFailover => 3,
        }
    }

    /// Reads the number.
    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match r.u8("the type of a group")? {
            0 => Self::All,
            1 => Self::Select,
            2 => Self::Indirect,
            3 => Self::FastFailover,
            other => return Err(r.bad_value("the type of a group", other)),
        })
    }
}

impl Body for Bucket {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_u16(0);
        out.put_u16(self.weight);
        out.put_u32(self.watch_port.map_or(ANY, OfPort::get));
        out.put_u32(self.watch_group.unwrap_or(ANY));
        out.put_zeros(4);
        encode_list(&self.actions, out);
        patch_len(out, start, start);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("a bucket")?);
        let weight = r.u16("a bucket")?;
        let watch_port = Some(OfPort::new(r.u32("a bucket")?)).filter(|port| *port != OfPort::ANY);
        let watch_group = Some(r.u32("a bucket")?).filter(|group| *group != ANY);
        r.skip("a bucket", 4)?;
        let actions_len = len.checked_sub(BUCKET_FIXED_LEN).ok_or_else(|| r.bad_length("a bucket", len))?;
        let actions = decode_list(&mut r.sub("the actions of a bucket", actions_len)?)?;
        Ok(Self { weight, watch_port, watch_group, actions })
    }
}

/// Type, id and buckets: what a group-mod and a description of a group have in common.
pub(super) fn put_group(out: &mut Vec<u8>, group: &Group) {
    out.put_u8(group.kind.to_wire());
    out.put_zeros(1);
    out.put_u32(group.id);
    group.buckets.encode(out);
}

/// Reads type, id and buckets, up to the end of `r`.
pub(super) fn read_group(r: &mut Reader<'_>) -> Result<Group, WireError> {
    let kind = GroupKind::decode(r)?;
    r.skip("a group", 1)?;
    Ok(Group { kind, id: r.u32("a group")?, buckets: Vec::decode(r)? })
}

impl Body for GroupMod {
    fn encode(&self, out: &mut Vec<u8>) {
        let (command, group) = match self {
            Self::Add(group) => (ADD, group),
            Self::Modify(group) => (MODIFY, group),
            Self::AddOrModify(group) => (ADD_OR_MODIFY, group),
            Self::Delete(id) => (DELETE, &Group { id: *id, kind: GroupKind::All, buckets: vec![] }),
        };
        out.put_u16(command);
        put_group(out, group);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let command = r.u16("a group-mod")?;
        if command == DELETE {
            // Neither type nor buckets mean anything in a deletion.
            r.skip("a group-mod", 2)?;
            let id = r.u32("a group-mod")?;
            r.take_rest();
            return Ok(Self::Delete(id));
        }
        let group = read_group(r)?;
        Ok(match command {
            ADD => Self::Add(group),
            MODIFY => Self::Modify(group),
            ADD_OR_MODIFY => Self::AddOrModify(group),
            other => return Err(r.bad_value("the command of a group-mod", other)),
        })
    }
}
