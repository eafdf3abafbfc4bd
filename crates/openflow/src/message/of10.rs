//! The little of OpenFlow 1.0 that this crate needs: changing some buckets of a group.
//!
//! OpenFlow 1.3 can only replace a group as a whole, which costs as much as the group is large. Open vSwitch has commands
//! that insert and remove single buckets, but takes them only on a connection of OpenFlow 1.5, or of OpenFlow 1.0 as a
//! Nicira extension; on such a second connection to the same bridge, [`BucketMod`] and its barrier are all that is spoken.
//!
//! # Guarantees
//! - A bucket goes over only with actions that mean the same in both versions *and* come back in a dump of OpenFlow 1.3 as
//!   the same action; others are refused where the message is made ([`NotInOpenFlow10`]). Otherwise a group that was
//!   changed bucket by bucket would never again be equal to what is desired of it. `set_field` is such an action: OpenFlow
//!   1.0 has only `load`, which stays `load`.
//! - Buckets are told apart by an id. A group that was added by OpenFlow 1.3 has the ids 0, 1, 2 … in the order of its
//!   buckets.

use net_types::OfPort;
use thiserror::Error;

use super::ANY;
use super::body::Body;
use super::property::Property;
use crate::action::{Action, Code, NICIRA, decode_list, property, property_u16, read_property};
use crate::group::{Bucket, GroupKind};
use crate::wire::{Put, Reader, WireError, patch_len};

const BUCKET_FIRST: u32 = 0xffff_fffd;
const BUCKET_LAST: u32 = 0xffff_fffe;
const BUCKET_ALL: u32 = 0xffff_ffff;

const COMMAND_INSERT: u16 = 3;
const COMMAND_REMOVE: u16 = 5;

const PROP_WEIGHT: u16 = 0;
const PROP_WATCH_PORT: u16 = 1;
const PROP_WATCH_GROUP: u16 = 2;

const ACTION_OUTPUT: u16 = 0;
const ACTION_EXPERIMENTER: u16 = 0xffff;
/// Subtype of `group`, which OpenFlow 1.0 lacks.
const NICIRA_GROUP: u16 = 40;
/// Subtype of `set_queue`, which OpenFlow 1.0 lacks.
const NICIRA_SET_QUEUE: u16 = 4;

/// An action cannot go over a connection of OpenFlow 1.0 unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the action {0} has no equal form in OpenFlow 1.0; replace the group as a whole")]
pub struct NotInOpenFlow10(pub Action);

/// A bucket and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedBucket {
    /// Identity within the group, at most 0xffffff00.
    pub id: u32,
    /// The bucket.
    pub bucket: Bucket,
}

/// A place in the list of a group's buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BucketPlace {
    /// At the bucket with this id, or behind it.
    Id(u32),
    /// At the first bucket, or before it.
    First,
    /// At the last bucket, or behind it.
    Last,
    /// All buckets; only where they are removed.
    All,
}

impl BucketPlace {
    fn from_wire(id: u32) -> Self {
        match id {
            BUCKET_FIRST => Self::First,
            BUCKET_LAST => Self::Last,
            BUCKET_ALL => Self::All,
            id => Self::Id(id),
        }
    }

    fn to_wire(self) -> u32 {
        match self {
            Self::Id(id) => id,
            Self::First => BUCKET_FIRST,
            Self::Last => BUCKET_LAST,
            Self::All => BUCKET_ALL,
        }
    }
}

/// What is done with buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketCommand {
    /// Inserts buckets behind a place.
    Insert(BucketPlace, Vec<NumberedBucket>),
    /// Removes the bucket at a place.
    Remove(BucketPlace),
}

/// A change of some buckets of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketMod {
    group: u32,
    kind: GroupKind,
    command: BucketCommand,
}

impl BucketMod {
    /// A change of the group with this id, which is of this kind.
    pub fn new(group: u32, kind: GroupKind, command: BucketCommand) -> Result<Self, NotInOpenFlow10> {
        if let BucketCommand::Insert(_, buckets) = &command {
            let mut actions = buckets.iter().flat_map(|bucket| &bucket.bucket.actions);
            if let Some(action) = actions.find(|action| !Self::carries(action)) {
                return Err(NotInOpenFlow10(action.clone()));
            }
        }
        Ok(Self { group, kind, command })
    }

    /// Whether `action` is the same in OpenFlow 1.0: one of Nicira's, with no other one inside, or one that has an equal.
    pub fn carries(action: &Action) -> bool {
        match action {
            Action::Output { port, .. } => port.to_of10().is_some(),
            Action::Group(_) | Action::SetQueue(_) => true,
            action => is_nicira(action),
        }
    }

    /// Identity of the group.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// Which of its buckets a packet takes.
    pub fn kind(&self) -> GroupKind {
        self.kind
    }

    /// What is done.
    pub fn command(&self) -> &BucketCommand {
        &self.command
    }
}

/// Whether OpenFlow 1.0 and 1.3 write the action with the same bytes.
fn is_nicira(action: &Action) -> bool {
    match action {
        Action::Clone(inner) => inner.iter().all(is_nicira),
        Action::Ct(ct) => ct.actions.iter().all(is_nicira),
        action => action.kind().is_some_and(|kind| matches!(kind.code(), Code::Nicira(_))),
    }
}

/// Appends an action in the form of OpenFlow 1.0.
fn put_action(out: &mut Vec<u8>, action: &Action) {
    let nicira = |out: &mut Vec<u8>, subtype, value| {
        out.put_u16(ACTION_EXPERIMENTER);
        out.put_u16(16);
        out.put_u32(NICIRA);
        out.put_u16(subtype);
        out.put_zeros(2);
        out.put_u32(value);
    };
    match action {
        Action::Output { port, max_len } => {
            out.put_u16(ACTION_OUTPUT);
            out.put_u16(8);
            out.put_u16(port.to_of10().unwrap_or(u16::MAX));
            out.put_u16(*max_len);
        }
        Action::Group(id) => nicira(out, NICIRA_GROUP, *id),
        Action::SetQueue(id) => nicira(out, NICIRA_SET_QUEUE, *id),
        action => action.encode(out),
    }
}

/// Reads actions of OpenFlow 1.0; those that [`BucketMod::carries`] does not know are kept as bytes.
fn read_actions(r: &mut Reader<'_>) -> Result<Vec<Action>, WireError> {
    let mut actions = Vec::new();
    while !r.is_empty() {
        let whole = r.clone();
        let kind = r.u16("an action")?;
        let len = usize::from(r.u16("an action")?);
        if len < 8 || len % 8 != 0 {
            return Err(r.bad_length("an action", len));
        }
        let mut body = r.sub("an action", len - 4)?;
        actions.push(match kind {
            ACTION_OUTPUT => {
                Action::Output { port: OfPort::from_of10(body.u16("output")?), max_len: body.u16("output")? }
            }
            ACTION_EXPERIMENTER => read_experimenter(&mut whole.clone().sub("an action", len)?)?,
            _ => Action::Unknown(whole.peek()[..len].to_vec()),
        });
    }
    Ok(actions)
}

fn read_experimenter(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let mut body = r.clone();
    body.skip("an action", 4)?;
    if body.u32("an experimenter action")? == NICIRA {
        let subtype = body.u16("an experimenter action")?;
        if matches!(subtype, NICIRA_GROUP | NICIRA_SET_QUEUE) {
            body.skip("an action", 2)?;
            let value = body.u32("an action")?;
            return Ok(if subtype == NICIRA_GROUP { Action::Group(value) } else { Action::SetQueue(value) });
        }
    }
    let bytes = r.peek().to_vec();
    Ok(decode_list(r)?.into_iter().next().filter(BucketMod::carries).unwrap_or(Action::Unknown(bytes)))
}

impl NumberedBucket {
    fn encode(&self, kind: GroupKind, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_zeros(4);
        out.put_u32(self.id);
        let actions_at = out.len();
        self.bucket.actions.iter().for_each(|action| put_action(out, action));
        patch_len(out, actions_at, start + 2);
        if kind == GroupKind::Select || self.bucket.weight != 0 {
            property_u16(out, PROP_WEIGHT, self.bucket.weight);
        }
        if let Some(port) = self.bucket.watch_port {
            property(out, PROP_WATCH_PORT, &port.get().to_be_bytes());
        }
        if let Some(group) = self.bucket.watch_group {
            property(out, PROP_WATCH_GROUP, &group.to_be_bytes());
        }
        patch_len(out, start, start);
    }

    fn decode(kind: GroupKind, r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("a bucket")?);
        let body_len = len.checked_sub(2).ok_or_else(|| r.bad_length("a bucket", len))?;
        let mut body = r.sub("a bucket", body_len)?;
        let actions_len = usize::from(body.u16("a bucket")?);
        let id = body.u32("a bucket")?;
        let actions = read_actions(&mut body.sub("the actions of a bucket", actions_len)?)?;
        let mut bucket = Bucket { weight: u16::from(kind == GroupKind::Select), ..Bucket::new(actions) };
        while !body.is_empty() {
            let (kind, mut value) = read_property(&mut body)?;
            match kind {
                PROP_WEIGHT => bucket.weight = value.u16("the weight of a bucket")?,
                PROP_WATCH_PORT => {
                    bucket.watch_port = Some(OfPort::new(value.u32("the port of a bucket")?))
                        .filter(|port| *port != OfPort::ANY);
                }
                PROP_WATCH_GROUP => {
                    bucket.watch_group =
                        Some(value.u32("the group of a bucket")?).filter(|group| *group != ANY);
                }
                other => return Err(value.unknown("property of a bucket", other)),
            }
        }
        Ok(Self { id, bucket })
    }
}

impl Body for BucketMod {
    fn encode(&self, out: &mut Vec<u8>) {
        let (command, place, buckets) = match &self.command {
            BucketCommand::Insert(place, buckets) => (COMMAND_INSERT, place, buckets.as_slice()),
            BucketCommand::Remove(place) => (COMMAND_REMOVE, place, &[][..]),
        };
        out.put_u16(command);
        out.put_u8(self.kind.to_wire());
        out.put_zeros(1);
        out.put_u32(self.group);
        let len_at = out.len();
        out.put_zeros(4);
        out.put_u32(place.to_wire());
        let buckets_at = out.len();
        buckets.iter().for_each(|bucket| bucket.encode(self.kind, out));
        patch_len(out, buckets_at, len_at);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let command = r.u16("a group-mod")?;
        let kind = GroupKind::decode(r)?;
        r.skip("a group-mod", 1)?;
        let group = r.u32("a group-mod")?;
        let buckets_len = usize::from(r.u16("a group-mod")?);
        r.skip("a group-mod", 2)?;
        let place = BucketPlace::from_wire(r.u32("a group-mod")?);
        let mut buckets_bytes = r.sub("the buckets of a group-mod", buckets_len)?;
        let mut buckets = Vec::new();
        while !buckets_bytes.is_empty() {
            buckets.push(NumberedBucket::decode(kind, &mut buckets_bytes)?);
        }
        // How a select group chooses cannot change with its buckets.
        Vec::<Property>::decode(r)?;
        let command = match command {
            COMMAND_INSERT => BucketCommand::Insert(place, buckets),
            COMMAND_REMOVE => BucketCommand::Remove(place),
            other => return Err(r.bad_value("the command of a group-mod", other)),
        };
        Ok(Self { group, kind, command })
    }
}
