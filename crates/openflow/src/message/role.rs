//! Roles among several controllers of one switch.

use super::body::{Body, named_numbers};
use crate::wire::{Put, Reader, WireError};

named_numbers! {
    /// What a controller may do.
    Role: u32 {
        /// Keep what it has.
        NoChange = 0,
        /// Everything, like the others.
        Equal = 1,
        /// Everything; at most one controller has this role.
        Primary = 2,
        /// Read.
        Secondary = 3,
    }
}

/// A role that is asked for or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleMessage {
    /// The role.
    pub role: Role,
    /// Which election this comes of; the switch refuses older ones.
    pub generation: u64,
}

impl Body for RoleMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.role.to_wire());
        out.put_zeros(4);
        out.put_u64(self.generation);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let role = Role::from_wire(r.u32("a role")?);
        r.skip("a role", 4)?;
        Ok(Self { role, generation: r.u64("a role")? })
    }
}

named_numbers! {
    /// What a controller may do, in Nicira's numbers.
    NiciraRole: u32 {
        /// Everything, like the others.
        Equal = 0,
        /// Everything; at most one controller has this role.
        Primary = 1,
        /// Read.
        Secondary = 2,
    }
}

impl Body for NiciraRole {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.to_wire());
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.u32("a role").map(Self::from_wire)
    }
}

named_numbers! {
    /// Why a role changed.
    RoleStatusReason: u8 {
        /// Another controller became primary.
        PrimaryRequest = 0,
        /// The switch was configured so.
        Config = 1,
        /// Something beyond the specification.
        Experimenter = 2,
    }
}

/// The controller's role changed without its asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleStatus {
    /// The new role.
    pub role: Role,
    /// Why.
    pub reason: RoleStatusReason,
    /// Which election this comes of.
    pub generation: u64,
}

impl Body for RoleStatus {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.role.to_wire());
        out.put_u8(self.reason.to_wire());
        out.put_zeros(3);
        out.put_u64(self.generation);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let role = Role::from_wire(r.u32("a role status")?);
        let reason = RoleStatusReason::from_wire(r.u8("a role status")?);
        r.skip("a role status", 3)?;
        Ok(Self { role, reason, generation: r.u64("a role status")? })
    }
}
