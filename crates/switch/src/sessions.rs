//! What Open vSwitch sees of the nodes that it watches, read from the column `bfd_status`.
//!
//! Open vSwitch writes there what happens within about 100 ms. While it is dead, what it wrote last stays; ovsdb-server forgets all of
//! it when it is restarted, and Open vSwitch then writes it again.

use std::collections::BTreeMap;

use net_types::OfPort;
use ovsdb::Uuid;

use crate::interfaces::{InterfaceWatch, Role};

const STATE: &str = "state";
const UP: &str = "up";
const FORWARDING: &str = "forwarding";
const DIAGNOSTIC: &str = "diagnostic";
/// The diagnostic of a session that never was up.
const NO_DIAGNOSTIC: &str = "No Diagnostic";

/// How a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Session {
    /// It never was up since Open vSwitch was started or the port was made.
    Fresh,
    /// Both ends hear each other.
    Up,
    /// It was up, and is not.
    Down,
}

/// What the database says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The interface that speaks. One that is made anew begins anew.
    pub row: Uuid,
    /// The port that flows are for; None until it can be used.
    pub port: Option<OfPort>,
    /// How the session is; None while the database does not say.
    pub session: Option<Session>,
}

/// All sessions, by the names of the nodes at their other ends.
#[must_use]
pub fn observed(watch: &InterfaceWatch) -> BTreeMap<String, Observed> {
    let ports: BTreeMap<&String, OfPort> = watch
        .interfaces()
        .filter_map(|interface| match &interface.role {
            Role::Session { peer } => Some((peer, interface.ofport)),
            _ => None,
        })
        .collect();
    let sessions = watch.interfaces().filter_map(|interface| {
        let Role::Speaker { peer } = &interface.role else { return None };
        let status = &watch.configuration().interfaces().get(&interface.row)?.bfd_status;
        let port = ports.get(peer).copied();
        Some((peer.clone(), Observed { row: interface.row, port, session: session(status) }))
    });
    sessions.collect()
}

fn session(status: &BTreeMap<String, String>) -> Option<Session> {
    let is = |key: &str, value: &str| status.get(key).is_some_and(|found| found == value);
    let state = status.get(STATE)?;
    Some(match state == UP && is(FORWARDING, "true") {
        true => Session::Up,
        false if state != UP && is(DIAGNOSTIC, NO_DIAGNOSTIC) => Session::Fresh,
        false => Session::Down,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Option<Session> {
        session(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_session_that_never_was_up_is_told_from_one_that_was() {
        let fresh = [("state", "down"), ("forwarding", "false"), ("diagnostic", "No Diagnostic")];
        assert_eq!(read(&fresh), Some(Session::Fresh));
        let expired = "Control Detection Time Expired";
        let down = [("state", "down"), ("forwarding", "false"), ("diagnostic", expired)];
        assert_eq!(read(&down), Some(Session::Down));
        // What went wrong before is still said afterwards.
        let up = [("state", "up"), ("forwarding", "true"), ("diagnostic", expired)];
        assert_eq!(read(&up), Some(Session::Up));
        let refused = [("state", "up"), ("forwarding", "false"), ("diagnostic", "No Diagnostic")];
        assert_eq!(read(&refused), Some(Session::Down));
        assert_eq!(read(&[]), None, "the database was restarted");
    }
}
