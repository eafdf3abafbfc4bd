//! Telling the service manager that we are ready, alive, or leaving (the protocol of `sd_notify`).
//!
//! It is a datagram to the socket that `NOTIFY_SOCKET` names. Where there is none, nobody asked, and nothing is said. The
//! watchdog is fed by the loop that does the work, and by nothing else: a loop that is stuck feeds nobody.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tracing::warn;

/// The connection to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment says.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        // The variables are meant for the process with this id, and not for one that inherited them.
        let is_for_us = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog_us = variable("WATCHDOG_USEC").filter(|_| is_for_us).and_then(|text| text.parse().ok());
        let Some(path) = variable("NOTIFY_SOCKET") else { return Self::default() };
        Self::connect(&path, watchdog_us.map(Duration::from_micros)).unwrap_or_else(|error| {
            warn!(%error, path, "the service manager cannot be told anything");
            Self::default()
        })
    }

    fn connect(path: &str, watchdog: Option<Duration>) -> std::io::Result<Self> {
        let address = match path.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(path)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A manager that does not read must not stop us.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some(socket), watchdog })
    }

    /// How often [`alive`](Self::alive) has to be said, if at all: twice as often as the manager asks for.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|whole| whole / 2)
    }

    /// What we were started for works.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// The loop goes round.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// We are about to end.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// What we are doing, for people.
    pub fn status(&self, text: &str) {
        self.say(&format!("STATUS={text}"));
    }

    fn say(&self, text: &str) {
        // A message that is lost is no reason to do anything else.
        let _ = self.socket.as_ref().map(|socket| socket.send(text.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use testkit::scratch::ScratchDir;

    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 64];
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_manager_hears_it() {
        let directory = ScratchDir::new().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let watchdog = Some(Duration::from_secs(10));
        let notifier = Notifier::connect(path.to_str().unwrap(), watchdog).unwrap();
        assert_eq!(notifier.watchdog_interval(), Some(Duration::from_secs(5)));
        notifier.ready();
        assert_eq!(receive(&manager), "READY=1");
        notifier.alive();
        assert_eq!(receive(&manager), "WATCHDOG=1");
        notifier.status("waiting for the store");
        assert_eq!(receive(&manager), "STATUS=waiting for the store");
        notifier.stopping();
        assert_eq!(receive(&manager), "STOPPING=1");
    }

    #[test]
    fn without_a_manager_nothing_is_said_and_nothing_fails() {
        let notifier = Notifier::default();
        notifier.ready();
        assert_eq!(notifier.watchdog_interval(), None);
        assert!(Notifier::connect("/nonexistent/socket", None).is_err());
    }
}
