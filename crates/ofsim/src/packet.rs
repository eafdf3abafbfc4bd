//! A packet on its way: its key, and what is known of its bytes.

use std::sync::Arc;

use net_types::OfPort;
use packet::Headers;

use crate::key::{Key, MplsPopped, Network};

const ETHERNET_ADDRESSES_BYTES: usize = 12;
const VLAN_TAG_BYTES: u32 = 4;
const MPLS_ENTRY_BYTES: u32 = 4;

/// A packet in the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Its fields.
    pub key: Key,
    /// Length of the frame without FCS; where it is not known, a trace follows both ways of a length check.
    pub frame_bytes: Option<u32>,
    /// The frame as it came, from which hidden layers are read when the labels before them go.
    frame: Option<Arc<[u8]>>,
    /// The layers that a pushed label hides.
    hidden: Option<Box<Network>>,
}

impl Packet {
    /// A packet that is only a key. Its length is not known.
    pub fn of_key(key: Key) -> Self {
        Self { key, frame_bytes: None, frame: None, hidden: None }
    }

    /// A frame that came in by `in_port`.
    pub fn of_frame(in_port: OfPort, frame: &[u8]) -> Self {
        Self {
            key: Key::of_headers(in_port, &Headers::parse(frame)),
            frame_bytes: u32::try_from(frame.len()).ok(),
            frame: Some(frame.into()),
            hidden: None,
        }
    }

    /// The same packet with a length.
    #[must_use]
    pub fn with_frame_bytes(mut self, bytes: u32) -> Self {
        self.frame_bytes = Some(bytes);
        self
    }

    pub(crate) fn push_vlan(&mut self, tpid: u16) {
        self.key.push_vlan(tpid);
        self.grow(VLAN_TAG_BYTES);
    }

    pub(crate) fn pop_vlan(&mut self) {
        if self.key.has_vlan() {
            self.shrink(VLAN_TAG_BYTES);
        }
        self.key.pop_vlan();
    }

    /// Pushes a label; false when there are too many.
    pub(crate) fn push_mpls(&mut self, ethertype: u16) -> bool {
        let Ok(hidden) = self.key.push_mpls(ethertype) else {
            return false;
        };
        if let Some(hidden) = hidden {
            self.hidden = Some(Box::new(hidden));
        }
        self.grow(MPLS_ENTRY_BYTES);
        true
    }

    /// Pops a label and makes the layers behind the last one visible again.
    pub(crate) fn pop_mpls(&mut self, ethertype: u16) -> MplsPopped {
        let popped = self.key.pop_mpls(ethertype);
        if popped == MplsPopped::Done {
            self.shrink(MPLS_ENTRY_BYTES);
            if !self.key.is_mpls() {
                self.reveal(ethertype);
            }
        }
        popped
    }

    fn reveal(&mut self, ethertype: u16) {
        if let Some(hidden) = self.hidden.take() {
            self.key.net = *hidden;
        } else if let Some(behind) = self.frame_behind_labels(ethertype) {
            let tuple = std::mem::take(&mut self.key.net.ct);
            self.key.net = Key::of_headers(self.key.in_port, &Headers::parse(&behind)).net;
            self.key.net.ct = tuple;
        }
    }

    /// The frame that remains without tags and labels when its payload is of this EtherType.
    fn frame_behind_labels(&self, ethertype: u16) -> Option<Vec<u8>> {
        let frame = self.frame.as_deref()?;
        let payload = frame.get(Headers::parse(frame).layout.network?..)?;
        let addresses = frame.get(..ETHERNET_ADDRESSES_BYTES)?;
        Some([addresses, &ethertype.to_be_bytes(), payload].concat())
    }

    fn grow(&mut self, bytes: u32) {
        self.frame_bytes = self.frame_bytes.map(|len| len.saturating_add(bytes));
    }

    fn shrink(&mut self, bytes: u32) {
        self.frame_bytes = self.frame_bytes.map(|len| len.saturating_sub(bytes));
    }
}
