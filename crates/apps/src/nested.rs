//! Rows that put a port inside another one, and what is wrong with them.
//!
//! # Guarantees
//! - A port is inside one other port: where two rows say so, the one whose id comes first counts. A row that makes no sense puts
//!   nothing anywhere.
//! - Each of these has a finding, on the node of the outer port.

use engine::{Sink, View};
use model::{ChildPortSegmentation, SegmentationType};

/// The tags that there are.
const TAGS: std::ops::RangeInclusive<u32> = 1..=4094;

/// Says what is wrong with a row.
pub(crate) fn row(view: &mut View<'_>, row: &ChildPortSegmentation, sink: &mut Sink) {
    let us = view.settings().map(|settings| settings.chassis);
    let is_bound_here = view.get(&row.parent).is_some_and(|parent| parent.chassis() == us.as_ref());
    if !is_bound_here {
        return;
    }
    if let Some(problem) = problem(view, row) {
        return sink.problem(problem);
    }
    let is_inside = !view.ids_by(&ChildPortSegmentation::BY_LPORT, row.parent.clone()).is_empty();
    if is_inside && view.interface(&row.parent).is_none() {
        let (port, parent) = (&row.port, &row.parent);
        sink.problem(format!(
            "port {port} is inside of port {parent}, which is inside another one itself: it gets no frames"
        ));
    }
}

/// Why a row does not count.
pub(crate) fn problem(view: &mut View<'_>, row: &ChildPortSegmentation) -> Option<String> {
    let port = &row.port;
    if *port == row.parent {
        return Some(format!("port {port} cannot be inside itself"));
    }
    if row.segmentation_type == SegmentationType::Vlan && tag(row).is_none() {
        let said = row.segmentation_id.map_or_else(|| "missing".to_owned(), |id| id.to_string());
        return Some(format!(
            "the segmentation_id of port {port} is {said}, and tags are 1 to 4094: it gets no frames"
        ));
    }
    let rows = view.ids_by(&ChildPortSegmentation::BY_LPORT, port.clone());
    let first = rows.first().filter(|first| **first != row.id)?;
    Some(format!("row {first} says as well what port {port} is inside of, and counts"))
}

/// The tag by which the frames of a port are told from those of the port that it is inside of.
pub(crate) fn tag(row: &ChildPortSegmentation) -> Option<u16> {
    row.segmentation_id.filter(|id| TAGS.contains(id)).and_then(|id| u16::try_from(id).ok())
}
