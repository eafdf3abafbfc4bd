//! Ports of the switch.

use net_types::{MacAddr, OfPort};

use super::body::{Body, named_numbers, put_text, read_text};
use crate::wire::{Put, Reader, WireError};

const NAME_LEN: usize = 16;
const CONFIG_PORT_DOWN: u32 = 1 << 0;
const STATE_LINK_DOWN: u32 = 1 << 0;

/// A port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: OfPort,
    /// Its MAC.
    pub mac: MacAddr,
    /// Name of its interface, cut to fifteen bytes.
    pub name: String,
    /// What the administrator wants of it: bits of `OFPPC_*`.
    pub config: u32,
    /// How it is: bits of `OFPPS_*`.
    pub state: u32,
    /// Features in use: bits of `OFPPF_*`.
    pub current: u32,
    /// Features that it advertises.
    pub advertised: u32,
    /// Features that it could have.
    pub supported: u32,
    /// Features that its peer advertises.
    pub peer: u32,
    /// Rate in use.
    pub current_speed_kbps: u32,
    /// Rate that it could have.
    pub max_speed_kbps: u32,
}

impl Port {
    /// Whether packets can pass: neither the administrator nor the link forbids it.
    pub fn is_up(&self) -> bool {
        self.config & CONFIG_PORT_DOWN == 0 && self.state & STATE_LINK_DOWN == 0
    }
}

impl Body for Port {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.number.get());
        out.put_zeros(4);
        out.extend_from_slice(&self.mac.octets());
        out.put_zeros(2);
        put_text(out, &self.name, NAME_LEN);
        let features = [self.current, self.advertised, self.supported, self.peer];
        let speeds = [self.current_speed_kbps, self.max_speed_kbps];
        for word in [self.config, self.state].into_iter().chain(features).chain(speeds) {
            out.put_u32(word);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let number = OfPort::new(r.u32("a port")?);
        r.skip("a port", 4)?;
        let mac = MacAddr(r.array("a port")?);
        r.skip("a port", 2)?;
        Ok(Self {
            number,
            mac,
            name: read_text(r, "a port", NAME_LEN)?,
            config: r.u32("a port")?,
            state: r.u32("a port")?,
            current: r.u32("a port")?,
            advertised: r.u32("a port")?,
            supported: r.u32("a port")?,
            peer: r.u32("a port")?,
            current_speed_kbps: r.u32("a port")?,
            max_speed_kbps: r.u32("a port")?,
        })
    }
}

named_numbers! {
    /// What happened to a port.
    PortReason: u8 {
        /// It came.
        Add = 0,
        /// It went.
        Delete = 1,
        /// It changed.
        Modify = 2,
    }
}

/// Something happened to a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortStatus {
    /// What happened.
    pub reason: PortReason,
    /// The port as it is now.
    pub port: Port,
}

impl Body for PortStatus {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.reason.to_wire());
        out.put_zeros(7);
        self.port.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let reason = PortReason::from_wire(r.u8("a port status")?);
        r.skip("a port status", 7)?;
        Ok(Self { reason, port: Port::decode(r)? })
    }
}
