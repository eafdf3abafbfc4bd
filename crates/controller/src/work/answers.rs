//! What becomes of what apps answer to packets, and of what others than the worker send.

use engine::{Beacon, Outputs, Reply};
use openflow::delta::Delta;
use switch::machine::MachineOptions;
use switch::{Handle, Scope};
use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::{ANSWERS_WAITING_MAX, AbortOnDrop, PacketPath, Worker};
use crate::beacons::{self, Proofs};
use crate::neighbors;
use crate::options::PacketLimits;
use crate::packets::{self, Answer, packet_out};

impl Worker<'_> {
    pub(super) async fn send(&self, answer: Answer) {
        match &self.packets {
            PacketPath::Own(packets) => packets.answer(answer),
            PacketPath::Shared(..) => {
                if let Err(error) = self.switch.send(packet_out(answer)).await {
                    debug!(%error, "an answer is dropped");
                }
            }
        }
    }

    pub(super) async fn answer(&mut self, replies: Vec<Reply>) {
        let (mut answered, mut ignored) = (0, 0);
        for reply in replies {
            match reply {
                Reply::Send { frame, port } => {
                    answered += 1;
                    self.send(Answer::send(frame, port)).await;
                }
                Reply::Resume(resume) => {
                    answered += 1;
                    self.send(Answer::resume(resume)).await;
                }
                Reply::Instead(instead) => {
                    answered += 1;
                    self.send(Answer::send(instead.frame, instead.port)).await;
                    for onwards in instead.onwards {
                        self.send(Answer::resume(onwards)).await;
                    }
                }
                Reply::Ask(ask) => {
                    answered += 1;
                    self.tell_neighbors(neighbors::News::Ask(ask));
                }
                Reply::Told(neighbor) => {
                    answered += 1;
                    self.tell_neighbors(neighbors::News::Told(neighbor));
                }
                Reply::Write(write) => {
                    answered += 1;
                    self.wishes.writes.add(*write);
                }
                Reply::Listens(listens) => {
                    answered += 1;
                    if self.heard.try_send(listens).is_err() {
                        debug!("what a guest listens to is not noticed, there is too much of it");
                    }
                }
                Reply::Heard(table, row) => {
                    answered += 1;
                    // One that is lost is asked for again.
                    drop(self.proved.try_send((table, row)));
                }
                Reply::Ignore(why) => {
                    ignored += 1;
                    debug!(why, "a packet is not answered");
                }
            }
        }
        if answered + ignored > 0 {
            self.status.send_modify(|status| {
                status.packets_answered += answered;
                status.packets_ignored += ignored;
            });
        }
    }

    fn tell_neighbors(&self, news: neighbors::News) {
        if self.neighbors.try_send(news).is_err() {
            debug!("a packet for a neighbour is dropped, too many wait");
        }
    }
}

pub(super) fn connect_packets(
    endpoint: switch::endpoint::Endpoint,
    limits: PacketLimits,
) -> (PacketPath, Option<AbortOnDrop>) {
    let machine = MachineOptions::new(Scope::nothing());
    let handle = Handle::spawn(switch::Options::new(endpoint, machine), Delta::default());
    let (packets, run) = packets::carry(handle, limits);
    (PacketPath::Own(packets), Some(AbortOnDrop(tokio::spawn(run))))
}

/// Where others than the worker put frames to be sent.
pub(super) fn outgoing(packets: PacketPath) -> (PacketPath, mpsc::Sender<Answer>) {
    match packets {
        PacketPath::Own(packets) => {
            let out = packets.outgoing();
            (PacketPath::Own(packets), out)
        }
        PacketPath::Shared(filter, _) => {
            let (out, answers) = mpsc::channel(ANSWERS_WAITING_MAX);
            (PacketPath::Shared(filter, answers), out)
        }
    }
}

/// Starts to send what ports are sent regularly.
pub(super) fn send_beacons(
    outputs: &mut Outputs,
    out: mpsc::Sender<Answer>,
    proofs: Proofs,
) -> (watch::Sender<Vec<Beacon>>, AbortOnDrop) {
    let (said, wanted) = watch::channel(outputs.beacons.take().unwrap_or_default());
    (said, AbortOnDrop(tokio::spawn(beacons::run(wanted, out, proofs))))
}
