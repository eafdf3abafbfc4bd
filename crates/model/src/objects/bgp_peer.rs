//! A router that we tell of addresses.

use std::net::IpAddr;

use crate::macros::object;
use crate::{Id, Secret, Topic};

object! {
    /// A router that we tell of addresses.
    BGPPeer [topic] {
        /// How we prove who we are: `none` or `md5`.
        auth_type: Option<String>,
        /// The id of the peer in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// The secret of `md5`, readable for whoever reads the store.
        password: Option<Secret>,
        /// Its address.
        peer_ip: IpAddr,
        /// Its autonomous system.
        remote_as: u32,
        /// The project.
        topic: Topic,
    }
    indexes {
        /// The peers of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
