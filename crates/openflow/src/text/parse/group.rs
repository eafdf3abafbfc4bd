//! Groups.

use super::action;
use super::action::Scope;
use crate::group::{Bucket, Group, GroupKind};
use crate::text::print::{GROUP_KINDS, default_weight};
use crate::text::source::{Item, Piece, TextError};

const BUCKET: &str = "bucket=";
/// Larger numbers mean no group in particular.
const GROUP_ID_MAX: u32 = 0xffff_ff00;

pub(in crate::text) fn group(text: Piece<'_>) -> Result<Group, TextError> {
    let (head, mut rest) = match text.split_once(BUCKET) {
        Some((head, rest)) => (head, Some(rest)),
        None => (text, None),
    };
    let (id, kind) = self::head(head)?;
    let mut buckets = Vec::new();
    while let Some(text) = rest {
        let (one, more) = match text.split_once(BUCKET) {
            Some((one, more)) => (one, Some(more)),
            None => (text, None),
        };
        buckets.push(bucket(one, kind)?);
        rest = more;
        if kind == GroupKind::Indirect && rest.is_some() {
            return Err(text.error("an indirect group has one bucket"));
        }
    }
    if kind == GroupKind::Indirect && buckets.is_empty() {
        return Err(head.error("an indirect group has one bucket"));
    }
    Ok(Group { id, kind, buckets })
}

fn head(text: Piece<'_>) -> Result<(u32, GroupKind), TextError> {
    let (mut id, mut kind) = (None, None);
    let mut items = text.items();
    while let Some(Item { key, value, .. }) = items.next()? {
        match key.as_str() {
            "group_id" => {
                let number = value.number("a group")?;
                if number > GROUP_ID_MAX {
                    return Err(value.expected(&format!("a group of at most {GROUP_ID_MAX:#x}")));
                }
                id = Some(number);
            }
            "type" => {
                let name = if value.as_str() == "fast_failover" { "ff" } else { value.as_str() };
                let found = GROUP_KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind);
                kind = Some(found.ok_or_else(|| value.expected("all, select, indirect or ff"))?);
            }
            _ => return Err(key.expected("group_id, type or bucket")),
        }
    }
    match (id, kind) {
        (Some(id), Some(kind)) => Ok((id, kind)),
        _ => Err(text.expected("group_id and type")),
    }
}

fn bucket(text: Piece<'_>, kind: GroupKind) -> Result<Bucket, TextError> {
    let mut bucket =
        Bucket { weight: default_weight(kind), watch_port: None, watch_group: None, actions: vec![] };
    let mut scope = Scope::default();
    let mut has_actions = false;
    let mut items = text.items();
    while let Some(item) = items.next()? {
        let Item { key, value, .. } = item;
        match key.as_str().to_ascii_lowercase().as_str() {
            "weight" if kind != GroupKind::Select => {
                return Err(key.error("only buckets of a select group have weights"));
            }
            "weight" => bucket.weight = value.number("a weight")?,
            "watch_port" => bucket.watch_port = Some(value.port()?),
            "watch_group" => bucket.watch_group = Some(value.number("a group")?),
            "drop" => has_actions = true,
            "action" | "actions" => {
                has_actions = true;
                bucket.actions.extend(action::list(value, &mut scope)?);
            }
            _ => {
                has_actions = true;
                action::action(item, &mut scope, &mut bucket.actions)?;
            }
        }
    }
    if !has_actions {
        return Err(text.expected("actions of the bucket, or drop"));
    }
    if kind == GroupKind::FastFailover && bucket.watch_port.is_none() && bucket.watch_group.is_none() {
        return Err(text.error("a bucket of a fast failover group needs watch_port or watch_group"));
    }
    Ok(bucket)
}
