//! Packets that leave.

use net_types::OfPort;
use openflow::action::Controller;
use openflow::field::Subfield;

use super::{Frame, Machine, Run};
use crate::trace::{Note, Outcome, Output, Reason};

impl Machine<'_> {
    pub(super) fn output(&mut self, port: OfPort, max_len: u16, run: Run) {
        match port {
            OfPort::TABLE => {
                let in_port = self.packet.key.in_port;
                self.enter(0, in_port, false, run);
                return;
            }
            OfPort::IN_PORT => self.leave_by(self.packet.key.in_port, None),
            OfPort::CONTROLLER => {
                let reason = if run.bucket {
                    Reason::Group
                } else if self.in_action_set {
                    Reason::ActionSet
                } else {
                    Reason::ApplyAction
                };
                self.packet_in(reason, Controller { max_len, ..Controller::default() }, &run);
            }
            OfPort::NORMAL => self.leaves(port, None),
            OfPort::ALL | OfPort::FLOOD => self.flood(port),
            OfPort::NONE => {}
            _ if port == self.packet.key.in_port => self.note(Note::InputPort),
            _ => self.leave_by(port, None),
        }
        self.frames.push(Frame::Run(run));
    }

    pub(super) fn output_reg(&mut self, src: Subfield, max_len: u16, run: Run) {
        let value = self.packet.key.get_part(src);
        match u16::try_from(value) {
            Ok(port) => self.output(OfPort::from_of10(port), max_len, run),
            Err(_) => {
                self.note(Note::PortOutOfRange(value));
                self.frames.push(Frame::Run(run));
            }
        }
    }

    pub(super) fn output_truncated(&mut self, port: OfPort, bytes: u32) {
        if port == self.packet.key.in_port {
            self.note(Note::InputPort);
        } else if port != OfPort::LOCAL && !port.is_physical() {
            self.note(Note::CannotTruncate(port));
        } else {
            self.leave_by(port, Some(bytes));
        }
    }

    fn flood(&mut self, port: OfPort) {
        let switch = self.switch;
        let Some(ports) = switch.ports() else {
            self.leaves(port, None);
            return;
        };
        for &port in ports {
            if port != self.packet.key.in_port {
                self.leaves(port, None);
            }
        }
    }

    fn leave_by(&mut self, port: OfPort, bytes_max: Option<u32>) {
        if self.switch.ports().is_some_and(|ports| !ports.contains(&port)) {
            self.note(Note::NoSuchPort(port));
        } else {
            self.leaves(port, bytes_max);
        }
    }

    fn leaves(&mut self, port: OfPort, bytes_max: Option<u32>) {
        let key = Box::new(self.packet.key.clone());
        self.outcome(Outcome::Output(Output { port, bytes_max, key }));
    }
}
