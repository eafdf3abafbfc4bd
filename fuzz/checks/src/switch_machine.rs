//! The life of a connection to a switch that says anything.
//!
//! The input is a list of happenings: the owner changes its wishes, time passes, the connection comes and goes, the switch
//! answers, refuses, falls silent, or says whatever bytes the fuzzer has. Whatever that was, the next switch that is honest
//! ends up with what is desired.

use std::collections::VecDeque;

use net_types::OfPort;
use openflow::action::Action;
use openflow::flow::{FlowFlags, FlowKey, FlowSet, PackedFlow, WireFlow};
use openflow::group::{Bucket, Group, GroupKind};
use openflow::message::multipart::{Counters, FlowEntries, Multipart, Reply, Request};
use openflow::message::{
    BundleControl, BundleOp, ErrorCode, ErrorMessage, Features, FlowCommand, Hello, MESSAGE_LEN_MAX,
    PacketOut, TlvMap, TlvTable, frame,
};
use openflow::meter::{Band, BandKind, Meter, MeterUnit};
use openflow::wire::Reader;
use openflow::{Delta, Field, Flow, Instructions, Match, Message};
use switch::execution::StepLimits;
use switch::machine::{Event, Fatal, Machine, MachineOptions};
use switch::{ChangeId, Scope};

use crate::bytes::Bytes;
use crate::openflow_wire::with_right_length;

/// Small steps, so that a few wishes need several.
const LIMITS: StepLimits = StepLimits { entries_max: 4, bytes_max: 1_024 };
/// A step, the message that exceeds it, and the answer to what the switch said.
const OUTPUT_BYTES_MAX: usize = 3 * MESSAGE_LEN_MAX;
/// A refusal for each entry of a step, a conflict for each tunnel option, and what else a message may mean.
const EVENTS_MAX: usize = 12;
/// Happenings that are tried.
const HAPPENINGS_MAX: usize = 512;
/// Messages that an honest switch answers until everything is settled.
const ANSWERS_MAX: usize = 20_000;
/// Few ids, so that wishes meet.
const IDS: u8 = 6;

/// Bytes as a list of happenings.
pub fn switch_machine(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut life = Life::new(bytes.u8());
    for _ in 0..HAPPENINGS_MAX {
        if bytes.is_empty() {
            break;
        }
        life.happen(&mut bytes);
        life.look();
    }
    life.end_well();
}

struct Life {
    machine: Machine,
    now_ms: u64,
    last_change: ChangeId,
    /// What the machine asked and nobody has answered.
    asked: VecDeque<(u32, Message)>,
}

impl Life {
    fn new(choice: u8) -> Self {
        let scope = match choice % 4 {
            0 => Scope::everything(),
            1 => Scope::nothing(),
            _ => Scope::new(0..10, 1..=4, 1..=4),
        };
        let map = |index| TlvMap { class: 0x0102, kind: 0x80 + u8::from(index > 0), len_bytes: 4, index };
        let tlv_maps = if choice & 4 == 0 { vec![] } else { vec![map(0), map(1)] };
        let options = MachineOptions { limits: LIMITS, tlv_maps, ..MachineOptions::new(scope) };
        let machine = Machine::new(options, put_flow(Flow::new(0, 1)));
        Self { machine, now_ms: 0, last_change: 0, asked: VecDeque::new() }
    }

    fn happen(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.u8() % 20 {
            0 => self.connect(),
            1 => self.disconnect(),
            2 => {
                self.now_ms += u64::from(bytes.u16());
                let told = self.machine.tick(self.now_ms);
                self.survive(told);
            }
            // Honesty is the rule, or nothing would ever get far.
            3..=6 => self.answer(),
            7 => {
                let code = ErrorCode::Standard { kind: bytes.u8().into(), code: bytes.u8().into() };
                let data = bytes.take(8).to_vec();
                self.say_to_next(Message::Error(ErrorMessage { code, data }));
            }
            8 => drop(self.asked.pop_front()),
            9 => self.say_bytes(bytes),
            10 => self.machine.garbled(self.now_ms, bytes.u8().into()),
            11 => self.show_flow(bytes),
            12 => self.machine.advance(),
            13 => {
                let packet = PacketOut::new(bytes.take(20).to_vec(), vec![Action::output(OfPort::new(1))]);
                let sent = self.machine.send_other(&Message::PacketOut(packet));
                assert_eq!(sent, Ok(()));
            }
            wish => self.wish(wish, bytes),
        }
    }

    fn wish(&mut self, wish: u8, bytes: &mut Bytes<'_>) {
        let id = bytes.u8() % IDS;
        let delta = match wish {
            14 | 15 => {
                let len = bytes.u8().into();
                let instructions = Instructions::decode(&mut Reader::new(bytes.take(len)));
                put_flow(Flow { instructions: instructions.unwrap_or_default(), ..flow(id) })
            }
            16 => {
                let Flow { table, priority, matching, .. } = flow(id);
                Delta { delete_flows: vec![FlowKey::new(table, priority, &matching)], ..Delta::default() }
            }
            17 => {
                // Groups that use each other, in circles too.
                let actions = vec![Action::Group(u32::from(bytes.u8() % IDS))];
                let group =
                    Group { id: id.into(), kind: GroupKind::All, buckets: vec![Bucket::new(actions)] };
                Delta { groups: vec![group], ..Delta::default() }
            }
            18 => {
                let band = Band { kind: BandKind::Drop, rate: bytes.u8().into(), burst: 0 };
                let (unit, bands) = (MeterUnit::Pktps, vec![band]);
                let meter = Meter { id: id.into(), unit, burst: false, stats: false, bands };
                Delta { meters: vec![meter], ..Delta::default() }
            }
            _ => {
                let ids = vec![u32::from(id)];
                Delta { delete_groups: ids.clone(), delete_meters: ids, ..Delta::default() }
            }
        };
        let change = self.machine.change(delta);
        assert_eq!(change, self.last_change + 1);
        self.last_change = change;
    }

    fn connect(&mut self) {
        self.disconnect();
        self.machine.connected(self.now_ms);
    }

    fn disconnect(&mut self) {
        self.machine.disconnected("cut".to_owned());
        self.asked.clear();
    }

    /// What the driver does with an error: it hangs up.
    fn survive(&mut self, told: Result<(), Fatal>) {
        if let Err(fatal) = told {
            assert!(!fatal.to_string().is_empty());
            self.disconnect();
        }
    }

    fn say(&mut self, xid: u32, message: Message) {
        let told = self.machine.received(self.now_ms, xid, message);
        self.survive(told);
    }

    /// Says `message` as the answer to what was asked first.
    fn say_to_next(&mut self, message: Message) {
        if let Some((xid, _)) = self.asked.pop_front() {
            self.say(xid, message);
        }
    }

    /// Answers what was asked first, as an empty switch does.
    fn answer(&mut self) {
        if let Some((xid, question)) = self.asked.pop_front()
            && let Some(answer) = honest_answer(&question)
        {
            self.say(xid, answer);
        }
    }

    /// Says any message that the bytes make, as an answer or unasked.
    fn say_bytes(&mut self, bytes: &mut Bytes<'_>) {
        let (asked, len) = (bytes.u8() & 1 == 0, usize::from(bytes.u8()) * 4);
        let message = with_right_length(bytes.take(len));
        match (Message::decode(&message), self.asked.front()) {
            (Ok((_, message)), Some((xid, _))) if asked => self.say(*xid, message),
            (Ok((xid, message)), _) => self.say(xid, message),
            (Err(_), Some((xid, _))) if asked => self.machine.garbled(self.now_ms, *xid),
            (Err(_), _) => self.machine.garbled(self.now_ms, 0),
        }
    }

    /// Shows a flow whose match and instructions are whatever the bytes are; more may follow.
    fn show_flow(&mut self, bytes: &mut Bytes<'_>) {
        let (more, table, match_len, len) = (bytes.u8() & 1 == 0, bytes.u8() % IDS, bytes.u8(), bytes.u8());
        let match_fields = bytes.take(match_len.into());
        let instructions = bytes.take(len.into());
        let (priority, cookie, flags) = (1, 0, FlowFlags::default());
        let flow =
            WireFlow { table, priority, cookie, idle_s: 0, hard_s: 0, flags, match_fields, instructions };
        let mut entries = FlowEntries::default();
        assert_eq!(entries.push(&flow, Counters::default()), Ok(()));
        let asked = self.asked.iter().position(|(_, asked)| {
            matches!(asked, Message::MultipartRequest(Multipart { part: Request::Flow(_), .. }))
        });
        let Some(place) = asked else { return };
        let xid = self.asked.get(place).map_or(0, |(xid, _)| *xid);
        if !more {
            self.asked.remove(place);
        }
        self.say(xid, Message::MultipartReply(Multipart { more, part: Reply::Flow(entries) }));
    }

    /// Takes what the machine gives: few events, and whole messages that mean something.
    fn look(&mut self) -> Vec<Event> {
        assert!(self.machine.queued_events() <= EVENTS_MAX, "{}", self.machine.queued_events());
        let events: Vec<Event> = std::iter::from_fn(|| self.machine.next_event()).collect();
        let output = self.machine.take_output();
        assert!(output.len() <= OUTPUT_BYTES_MAX, "{} bytes at once", output.len());
        let mut stream = output.as_slice();
        while !stream.is_empty() {
            let len = frame(stream).expect("the machine writes messages").expect("and writes all of them");
            let (message, rest) = stream.split_at(len);
            let (xid, message) = Message::decode(message).expect("what the machine writes makes sense");
            if let Message::BundleAdd(add) = &message {
                let (inner_xid, _) = Message::decode(&add.message).expect("so does what is in a bundle");
                assert_eq!(inner_xid, xid);
            }
            self.asked.push_back((xid, message));
            stream = rest;
        }
        events
    }

    /// An honest switch that holds nothing gets what is desired.
    fn end_well(&mut self) {
        self.connect();
        let mut held = FlowSet::new();
        let mut confirmed = None;
        for _ in 0..ANSWERS_MAX {
            for event in self.look() {
                if let Event::Synced { up_to, .. } = event {
                    confirmed = Some(up_to);
                }
            }
            let Some((_, question)) = self.asked.front() else { break };
            hold(question, &mut held);
            self.answer();
        }
        assert!(self.machine.is_live(), "an honest switch is not enough");
        assert_eq!(confirmed, Some(self.last_change));
        assert_eq!(held.sorted(), self.machine.desired().flows().sorted());
    }
}

fn flow(id: u8) -> Flow {
    Flow::new(id % 3, 1).matching(Match::new().with(Field::Reg0, id))
}

fn put_flow(flow: Flow) -> Delta {
    let flows = PackedFlow::new(&flow).into_iter().collect();
    Delta { flows, ..Delta::default() }
}

fn honest_answer(question: &Message) -> Option<Message> {
    Some(match question {
        Message::Hello(_) => Message::Hello(Hello::of13()),
        Message::FeaturesRequest => {
            let (datapath_id, n_tables) = (1, 254);
            Message::FeaturesReply(Features {
                datapath_id,
                n_buffers: 0,
                n_tables,
                auxiliary_id: 0,
                capabilities: 0,
            })
        }
        Message::EchoRequest(data) => Message::EchoReply(data.clone()),
        Message::BarrierRequest => Message::BarrierReply,
        Message::TlvTableRequest => {
            Message::TlvTableReply(TlvTable { max_option_space_bytes: 256, max_fields: 64, maps: vec![] })
        }
        Message::BundleControl(control) => {
            let op = match control.op {
                BundleOp::OpenRequest => BundleOp::OpenReply,
                BundleOp::CommitRequest => BundleOp::CommitReply,
                other => panic!("nobody asked for {other:?}"),
            };
            Message::BundleControl(BundleControl::new(control.bundle, op, control.flags))
        }
        Message::MultipartRequest(request) => Message::MultipartReply(Multipart::last(match request.part {
            Request::PortDesc => Reply::PortDesc(vec![]),
            Request::MeterConfig(_) => Reply::MeterConfig(vec![]),
            Request::GroupDesc => Reply::GroupDesc(vec![]),
            Request::Flow(_) => Reply::Flow(FlowEntries::default()),
            Request::Monitor(_) => Reply::Monitor(vec![]),
            ref other => panic!("nobody asked for {other:?}"),
        })),
        _ => return None,
    })
}

/// What the switch holds after it got `message`.
fn hold(message: &Message, held: &mut FlowSet) {
    let Message::BundleAdd(add) = message else { return };
    let Ok(Message::FlowMod(flow_mod)) = add.message() else { return };
    let flow = PackedFlow::new(&flow_mod.flow()).expect("it came in one message");
    match flow_mod.command {
        FlowCommand::Add => drop(held.insert(flow)),
        _ => drop(held.remove(&flow.key())),
    }
}
