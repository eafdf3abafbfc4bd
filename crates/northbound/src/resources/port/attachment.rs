//! How guests are attached to the switch of their host.

use serde_json::{Value, json};

/// How a port is attached that is on no host.
pub(super) const UNBOUND: &str = "unbound";

/// Characters of the name of a vhost-user socket, as long as those of an interface.
const SOCKET_NAME_CHARS: usize = 14;

/// How guests are attached, of all hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Attachment {
    /// By an interface of the kernel, plugged into Open vSwitch.
    #[default]
    Ovs,
    /// By a socket of vhost-user, which Open vSwitch makes and the guest connects to.
    VhostUser {
        /// The directory of the sockets.
        socket_dir: String,
    },
}

impl Attachment {
    /// The name of the way.
    #[must_use]
    pub const fn vif_type(&self) -> &'static str {
        match self {
            Self::Ovs => "ovs",
            Self::VhostUser { .. } => "vhostuser",
        }
    }

    /// What whoever attaches the guest of a port has to know.
    #[must_use]
    pub fn vif_details(&self, port: &str) -> Value {
        match self {
            Self::Ovs => json!({"port_filter": true}),
            Self::VhostUser { socket_dir } => json!({
                "port_filter": true,
                "vhostuser_mode": "client",
                "vhostuser_ovs_plug": true,
                "vhostuser_socket": format!("{}/{}", socket_dir.trim_end_matches('/'), socket(port)),
            }),
        }
    }
}

fn socket(port: &str) -> String {
    "vhu".chars().chain(port.chars()).take(SOCKET_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_have_the_names_that_the_original_gives_them() {
        let attachment = Attachment::VhostUser { socket_dir: "/var/run/openvswitch/".to_owned() };
        assert_eq!(
            attachment.vif_details("0f9d2c6e-7a1b-4c3d-8e5f-1a2b3c4d5e6f"),
            json!({
                "port_filter": true,
                "vhostuser_mode": "client",
                "vhostuser_ovs_plug": true,
                "vhostuser_socket": "/var/run/openvswitch/vhu0f9d2c6e-7a",
            })
        );
    }
}
