//! The rows of floating IPs that controllers read.

use std::collections::{BTreeMap, BTreeSet};

use model::{Object, PortForwarding, RowId, Table, Topic};
use nb::Key;

use super::super::rows::delete as delete_row;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::translate::FloatingIp;
use crate::write::{Decision, Draft};

pub(super) fn put(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    let stored = stored(draft, document);
    let translated = FloatingIp::from_attributes(document)?;
    draft.put_object(&Object::from(translated.row()));
    match translated.extra() {
        Some(extra) => draft.put_object(&Object::from(extra)),
        None => delete_extra(draft, document, stored.as_ref()),
    }
    let rows = translated.forwarding_rows();
    let kept: BTreeSet<RowId> = rows.iter().map(|row| row.id.row().clone()).collect();
    delete_forwardings(draft, stored.as_ref(), &kept);
    // Nodes hear of those that change.
    let known = stored.iter().flat_map(FloatingIp::forwarding_rows).map(|row| (row.id.clone(), row));
    let known: BTreeMap<_, _> = known.collect();
    for row in rows {
        let is_known = known
            .get(&row.id)
            .is_some_and(|known| PortForwarding { version: row.version, ..known.clone() } == row);
        if !is_known {
            draft.put_object(&Object::from(row));
        }
    }
    Ok(())
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) {
    let stored = stored(draft, document);
    delete_row(draft, Table::FloatingIp, document, &Topic::new(document.project()));
    delete_extra(draft, document, stored.as_ref());
    delete_forwardings(draft, stored.as_ref(), &BTreeSet::new());
}

/// What the rows say now.
fn stored(draft: &Draft<'_>, document: &Document) -> Option<FloatingIp> {
    let stored = draft.state().find(Kind::FloatingIp, document.id())?;
    FloatingIp::from_attributes(&*stored.document).ok()
}

fn delete_extra(draft: &mut Draft<'_>, document: &Document, stored: Option<&FloatingIp>) {
    if stored.is_some_and(|stored| stored.extra().is_some()) {
        delete_row(draft, Table::FloatingIpExtra, document, &Topic::new(document.project()));
    }
}

fn delete_forwardings(draft: &mut Draft<'_>, stored: Option<&FloatingIp>, kept: &BTreeSet<RowId>) {
    for row in stored.into_iter().flat_map(FloatingIp::forwarding_rows) {
        if !kept.contains(row.id.row()) {
            draft.delete_row(Key::new(Table::PortForwarding, row.id.row().clone()).with_topic(row.topic));
        }
    }
}
