//! First bytes of the userdata that flows send up with packets: who answers.

/// DHCP messages of guests.
pub const DHCP: u8 = 1;
