//! What we tell other routers, and whom.

use crate::macros::object;
use crate::{BGPPeer, HostRoute, Id, Topic};

object! {
    /// What we tell other routers.
    BGPSpeaker [topic] {
        /// Floating IPs and the hypervisors that they are on.
        host_routes: Vec<HostRoute>,
        /// The id of the speaker in Neutron.
        id: Id<Self>,
        /// The version of IP that it speaks of.
        ip_version: u8,
        /// Our autonomous system.
        local_as: u32,
        /// A name for people.
        name: Option<String>,
        /// Whom it tells.
        peers: Vec<Id<BGPPeer>>,
        /// Networks and the routers that lead to them.
        prefix_routes: Vec<HostRoute>,
        /// The project.
        topic: Topic,
    }
    indexes {
        /// The speakers that tell a peer.
        BY_PEER: Id<BGPPeer> = |row, visit| row.peers.iter().cloned().for_each(visit);
        /// The speakers of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
