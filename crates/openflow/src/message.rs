//! Every message that crosses the connection.

/// OpenFlow 1.3 on the wire.
pub const VERSION: u8 = 4;
/// The length of a message is two bytes.
pub const MESSAGE_LEN_MAX: usize = 65_535;
/// Type of a flow-mod.
pub(crate) const FLOW_MOD: u8 = 14;
/// Header and fixed part of a flow-mod, before its match.
pub(crate) const FLOW_MOD_FIXED_LEN: usize = 48;
/// Header and fixed part of the message that adds another to a bundle.
pub const BUNDLE_ADD_FIXED_LEN: usize = 24;
/// No packet is buffered in the switch.
pub const NO_BUFFER: u32 = 0xffff_ffff;
/// Any port, any group.
pub const ANY: u32 = 0xffff_ffff;

/// What a flow-mod does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FlowCommand {
    /// Adds, or replaces a flow of the same key.
    Add = 0,
    /// Changes the instructions of all flows that match.
    Modify = 1,
    /// Changes the instructions of the flow with this key.
    ModifyStrict = 2,
    /// Deletes all flows that match.
    Delete = 3,
    /// Deletes the flow with this key.
    DeleteStrict = 4,
}

/// A message (under construction).
#[derive(Debug)]
pub struct Message;
