//! DNS: names of ports are answered on the node of who asks, whichever name server is asked.
//!
//! # Guarantees
//! - What a guest asks any name server for the name of a port of its own network is answered at once, as from that server, also while
//!   the store and all name servers are away. The addresses are those that the port has now.
//! - A port has the name `name.domain`, where the domain is that of the port, else that of its network, else that of the configuration. Its name
//!   alone means it too, and so does its name in the domain of its network and in that of the configuration: guests were told one of them for their
//!   searches. Large and small letters are alike, and a name comes back as it was asked for.
//! - A name that has no address of the version that is asked for exists all the same: the answer has no error and no records. The name of an
//!   address is answered for addresses of ports that have a name.
//! - All other questions go on to the name server, untouched, and so does what is no plain question. So there is no answer here that a name
//!   does not exist: the name server says so.
//! - Networks without names are not looked at, and neither is what comes from other nodes: it was looked at there.
//! - What a port's security groups forbid is not answered. Each port asks as often as its meter lets it; the switch drops what is more.
//!
//! # Questions by TCP
//! A connection is opened with the name server itself, because nobody knows at its beginning what will be asked. A segment that has one whole question for a
//! name of a port is answered in the place of the server: the segment says all that has to be known of the connection, so nothing is remembered. The
//! answer ends the connection for the guest. The server is told that the guest broke it off before the question, and the guest's groups behind it, so that
//! these forget it as well. A question that is sent again is answered again. Everything else goes on: questions in several segments or several in one, and connections about
//! other names, which are never touched. Where the server cannot be reached by TCP there is no connection and no answer.

mod respond;

use engine::{App, Responder, Sink, View};
use model::{Id, LogicalSwitch, PortDns};
use pipeline::tables::{DNS, DNS_OWNER};
use pipeline::{Priority, regs, userdata};

use crate::local::{self, LocalPort};
use crate::slow_path;

/// How often a port may ask a second. A guest that resolves names for others asks more often than one that starts.
const QUESTIONS_PER_S: u32 = 100;

/// A port, as the owner of the meter for its questions.
#[derive(Debug)]
struct Asker;

/// The app.
#[must_use]
pub fn app() -> App {
    let rules = local::each("asks", asks).into();
    App { id: DNS_OWNER, rules, responders: vec![Responder { op: userdata::DNS, respond: respond::respond }] }
}

/// Whether any port of a network has a name.
pub(crate) fn has_names(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    view.any(&PortDns::BY_LSWITCH, network.clone())
}

fn asks(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let Some(network) = &local.port.lswitch else { return };
    if !has_names(view, network) {
        return;
    }
    let Ok(asker) = Id::<Asker>::new(&format!("{}-dns", local.port.id)) else { return };
    let told = slow_path::to_controller_at(view, &asker, userdata::DNS, QUESTIONS_PER_S, sink);
    let Some(told) = told else { return };
    sink.flow(&DNS, Priority::EXACT, |flow| flow.when(&regs::INGRESS_PORT, local.key()).action(told));
}
