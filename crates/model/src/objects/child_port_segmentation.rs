//! A port inside another: a subport of a trunk, or a container in a guest.

use uuid::{Uuid, uuid};

use crate::macros::{choice, object};
use crate::{Id, LogicalPort, Problem, Topic};

/// The namespace of segmentation ids.
const NAMESPACE: Uuid = uuid!("a11fee2a-d833-4e22-be31-f915b55f1f77");

choice! {
    /// How frames of the inner port are told from those of the outer.
    closed SegmentationType {
        /// By a VLAN tag.
        Vlan = "vlan",
        /// By their MAC address.
        Macvlan = "macvlan",
        /// By their IP address.
        Ipvlan = "ipvlan",
    }
}

object! {
    /// A port inside another.
    ChildPortSegmentation [topic] {
        /// Made of both ports, see `ChildPortSegmentation::id_of`.
        id: Id<Self>,
        /// The outer port.
        parent: Id<LogicalPort>,
        /// The inner port.
        port: Id<LogicalPort>,
        /// The VLAN of the inner port.
        segmentation_id: Option<u32>,
        /// How frames are told apart.
        segmentation_type: SegmentationType,
        /// The project.
        topic: Topic,
    }
    check has_vlan;
    indexes {
        /// Where a port is inside another.
        BY_LPORT: Id<LogicalPort> = |row, visit| visit(row.port.clone());
        /// The ports inside a port.
        BY_PARENT: Id<LogicalPort> = |row, visit| visit(row.parent.clone());
        /// The segmentations of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}

fn has_vlan(row: &ChildPortSegmentation) -> Result<(), Problem> {
    if row.segmentation_type == SegmentationType::Vlan && row.segmentation_id.is_none() {
        return Err(Problem::missing("segmentation_id", "a VLAN, for the segmentation type vlan"));
    }
    Ok(())
}

impl ChildPortSegmentation {
    /// The id of this port inside that.
    #[must_use]
    pub fn id_of(parent: &Id<LogicalPort>, port: &Id<LogicalPort>) -> Id<Self> {
        Id::from_uuid(Uuid::new_v5(&NAMESPACE, format!("{parent}/{port}").as_bytes()))
    }
}
