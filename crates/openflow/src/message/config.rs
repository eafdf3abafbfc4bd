//! What the switch is, and how it treats this connection.

use super::body::{Body, named_numbers};
use super::property::Property;
use crate::wire::{Put, Reader, WireError};

/// What the switch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Which bridge; Open vSwitch makes it of a MAC unless it was configured.
    pub datapath_id: u64,
    /// Packets that the switch can hold for the controller; Open vSwitch holds none.
    pub n_buffers: u32,
    /// Number of tables.
    pub n_tables: u8,
    /// Number of the connection among those of this controller; 0 for the main one.
    pub auxiliary_id: u8,
    /// Bits of the specification's `OFPC_*`.
    pub capabilities: u32,
}

impl Body for Features {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.datapath_id);
        out.put_u32(self.n_buffers);
        out.put_u8(self.n_tables);
        out.put_u8(self.auxiliary_id);
        out.put_zeros(2);
        out.put_u32(self.capabilities);
        out.put_zeros(4);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let features = Self {
            datapath_id: r.u64("features")?,
            n_buffers: r.u32("features")?,
            n_tables: r.u8("features")?,
            auxiliary_id: r.u8("features")?,
            capabilities: {
                r.skip("features", 2)?;
                r.u32("features")?
            },
        };
        r.skip("features", 4)?;
        Ok(features)
    }
}

named_numbers! {
    /// What becomes of IP fragments in the flow tables.
    FragmentHandling: u16 {
        /// They match like whole packets, with ports of zero.
        Normal = 0,
        /// They are dropped.
        Drop = 1,
        /// They are put together first.
        Reassemble = 2,
        /// The first one matches with its ports.
        NxMatch = 3,
    }
}

/// Configuration of the switch for this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchConfig {
    /// What becomes of IP fragments.
    pub fragments: FragmentHandling,
    /// Bytes of a packet that come with a packet-in that no action of a flow caused.
    pub miss_send_len_bytes: u16,
}

impl Body for SwitchConfig {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.fragments.to_wire());
        out.put_u16(self.miss_send_len_bytes);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            fragments: FragmentHandling::from_wire(r.u16("the configuration")?),
            miss_send_len_bytes: r.u16("the configuration")?,
        })
    }
}

/// Bits by reason: a message is sent when the bit of its reason is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsyncMasks {
    /// Packet-ins.
    pub packet_in: u32,
    /// Changes of ports.
    pub port_status: u32,
    /// Removed flows.
    pub flow_removed: u32,
}

/// Which messages the switch sends unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsyncConfig {
    /// While the controller may change the switch.
    pub primary: AsyncMasks,
    /// While it may only read.
    pub secondary: AsyncMasks,
}

impl Body for AsyncConfig {
    fn encode(&self, out: &mut Vec<u8>) {
        let masks: [fn(&AsyncMasks) -> u32; 3] = [|m| m.packet_in, |m| m.port_status, |m| m.flow_removed];
        for mask in masks {
            out.put_u32(mask(&self.primary));
            out.put_u32(mask(&self.secondary));
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut config = Self::default();
        let masks: [fn(&mut AsyncMasks) -> &mut u32; 3] =
            [|m| &mut m.packet_in, |m| &mut m.port_status, |m| &mut m.flow_removed];
        for mask in masks {
            *mask(&mut config.primary) = r.u32("the asynchronous configuration")?;
            *mask(&mut config.secondary) = r.u32("the asynchronous configuration")?;
        }
        Ok(config)
    }
}

/// One kind of message and the reasons for which it is sent, as OpenFlow 1.4 numbers the kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncProperty(pub Property);

impl AsyncProperty {
    /// Packet-ins to a controller that may change the switch.
    pub const PACKET_IN_PRIMARY: u16 = 1;
    /// Changes of ports.
    pub const PORT_STATUS_PRIMARY: u16 = 3;
    /// Removed flows.
    pub const FLOW_REMOVED_PRIMARY: u16 = 5;
    /// Lost and won roles.
    pub const ROLE_STATUS_PRIMARY: u16 = 7;

    /// Messages of `kind` come for the reasons whose bits are set in `mask`. A switch refuses a bit without a reason.
    pub fn new(kind: u16, mask: u32) -> Self {
        Self(Property { kind, value: mask.to_be_bytes().to_vec() })
    }

    /// The reasons, where the property is of that form.
    pub fn mask(&self) -> Option<u32> {
        self.0.value.as_slice().try_into().ok().map(u32::from_be_bytes)
    }
}

impl Body for AsyncProperty {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Property::decode(r).map(Self)
    }
}

named_numbers! {
    /// The form in which packets reach the controller.
    PacketInFormat: u32 {
        /// The packet-in of the protocol version.
        Standard = 0,
        /// The first Nicira form.
        Nicira = 1,
        /// The second Nicira form, the only one that can carry user data and pause.
        Nicira2 = 2,
    }
}

impl Body for PacketInFormat {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.to_wire());
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.u32("the packet-in format").map(Self::from_wire)
    }
}

/// Number of a connection, which `controller` actions name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControllerId(pub u16);

impl Body for ControllerId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_zeros(6);
        out.put_u16(self.0);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.skip("a controller id", 6)?;
        r.u16("a controller id").map(Self)
    }
}
