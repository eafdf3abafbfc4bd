//! What is plugged in, as the engine hears of it: only what becomes another port of the switch is news, and only that of guests.

use engine::Interface;
use model::{Id, RowId};
use switch::interfaces::{InterfaceEvent, Role};
use tracing::{info, warn};

/// What an event means for the port that the interface is of, if it means anything.
pub(super) fn plugging(event: InterfaceEvent) -> Option<(RowId, Option<Interface>)> {
    let port_of = |interface: &switch::interfaces::Interface| match &interface.role {
        Role::Vif { iface_id, .. } => RowId::new(iface_id).ok(),
        _ => None,
    };
    match event {
        InterfaceEvent::Gone(old) => {
            let port = port_of(&old)?;
            info!(%port, interface = old.name, "unplugged");
            Some((port, None))
        }
        // Its link, its MTU: no flow depends on these.
        InterfaceEvent::Changed { old, new } if old.ofport == new.ofport => None,
        InterfaceEvent::Appeared(new) | InterfaceEvent::Changed { new, .. } => {
            let port = port_of(&new)?;
            info!(%port, interface = new.name, of_port = %new.ofport, "plugged in");
            let interface = Interface::new(Id::from_row(port.clone()), new.ofport);
            Some((port, Some(interface)))
        }
        InterfaceEvent::Found(finding) => {
            warn!(%finding, "an interface needs attention");
            None
        }
        InterfaceEvent::Cleared(finding) => {
            info!(%finding, "this is over");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use net_types::OfPort;
    use ovsdb::Uuid;
    use switch::interfaces::UpDown;

    use super::*;

    fn vif(iface_id: &str, of_port: u32) -> switch::interfaces::Interface {
        switch::interfaces::Interface {
            row: Uuid::default(),
            name: "tap1".to_owned(),
            role: Role::Vif { iface_id: iface_id.to_owned(), attached_mac: None },
            kind: String::new(),
            ofport: OfPort::new(of_port),
            link: None,
            admin: None,
            mac_in_use: None,
            mtu: None,
            error: None,
        }
    }

    #[test]
    fn a_port_is_told_of_what_it_is_plugged_into_and_of_nothing_else() {
        let id = RowId::new("a").unwrap();
        let at = |of_port| {
            let interface = Interface::new(Id::from_row(id.clone()), OfPort::new(of_port));
            Some((id.clone(), Some(interface)))
        };
        let changed = |old, new| plugging(InterfaceEvent::Changed { old, new });
        assert_eq!(plugging(InterfaceEvent::Appeared(vif("a", 1))), at(1));
        assert_eq!(changed(vif("a", 1), vif("a", 2)), at(2));
        let with_link = switch::interfaces::Interface { link: Some(UpDown::Up), ..vif("a", 1) };
        assert_eq!(changed(vif("a", 1), with_link), None);
        assert_eq!(plugging(InterfaceEvent::Gone(vif("a", 1))), Some((id.clone(), None)));
        let other = switch::interfaces::Interface { role: Role::Other, ..vif("a", 1) };
        assert_eq!(plugging(InterfaceEvent::Appeared(other)), None);
    }
}
