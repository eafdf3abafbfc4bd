use std::net::Ipv6Addr;

use model::TunnelType;
use net_types::OfPort;
use openflow::Message;
use openflow::message::GroupMod;

use super::*;
use crate::tunnel::Tunnel;

/// Bytes that a bundle puts around a message.
const BUNDLE_BYTES: usize = 24;

#[test]
fn a_full_group_fits_into_a_message_of_a_bundle() {
    let tunnel = Tunnel { kind: TunnelType::Geneve, port: OfPort::new(1), id: 1 };
    let longest = [Bucket::new(tunnel.send(Ipv6Addr::LOCALHOST.into()).into()), copy_for(u32::MAX)];
    for bucket in longest {
        let buckets = vec![bucket; GROUP_BUCKETS_MAX];
        let group = Group { id: groups::flood(1), kind: GroupKind::All, buckets };
        let mut bytes = Vec::new();
        Message::GroupMod(GroupMod::Add(group)).encode(0, &mut bytes).expect("a message that fits");
        assert!(bytes.len() + BUNDLE_BYTES <= usize::from(u16::MAX), "{} bytes", bytes.len());
    }
}
