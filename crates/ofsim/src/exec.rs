//! The interpreter: executes what the flows say, as Open vSwitch translates it.
//!
//! # Guarantees
//! - It ends. Look-ups are limited in number and in nesting exactly as in Open vSwitch, everything else by
//!   [`ACTIONS_MAX`], recirculation by [`PASSES_MAX`], the liveness of groups by [`LIVENESS_GROUPS_MAX`].
//! - It needs no deep stack: what is being executed is a list of frames on the heap, so four thousand nested look-ups
//!   cost what four thousand in sequence cost.
//!
//! # The rules that surprise
//! - A look-up of an earlier or the same table nests one level deeper; of a later table it does not.
//! - `exit` ends everything but the buckets of groups: what comes after the group goes on. It even ends what comes
//!   after a `clone` around it.
//! - What an `exit` cut off is not forgotten: when a packet that left it in a bucket or in one way of
//!   `check_pkt_larger` goes to the connection tracker afterwards, it comes back to that and to no table, so it is lost.
//! - A missing group and a TTL that runs out end only the action list they are in.
//! - `check_pkt_larger` splits the translation: the rest of its own action list and the action set are executed once for
//!   each outcome, and the bit is gone for the tables that resubmitted to this one. The action set that the first
//!   outcome executed is empty for the second one.
//! - `ct` without a table forgets the conntrack fields too.
//! - A packet that recirculates or is paused with an action set makes Open vSwitch abort.
//! - An action set without `output`, `group`, `resubmit` or `ct` does nothing at all.

mod action_set;
mod conntrack;
mod controller;
mod fields;
mod fork;
mod groups;
mod learn;
mod list;
mod output;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use openflow::Delta;
use openflow::action::{Action, Controller};
use openflow::{Flow, PackedFlow};

pub use controller::Continuation;
pub use groups::LIVENESS_GROUPS_MAX;

use crate::entry::{Entry, Op};
use crate::environment::Environment;
use crate::packet::Packet;
use crate::switch::Switch;
use crate::trace::{Event, Failure, Note, Outcome, Pass, Start, Step, Trace, Tracking};

/// Nesting of look-ups of earlier tables and of group buckets.
pub const DEPTH_MAX: usize = 64;
/// Look-ups in one pass.
pub const RESUBMITS_MAX: usize = 4096;
/// Actions in one pass. Groups in groups and length checks in a row can multiply without a look-up; Open vSwitch has no
/// limit for these, and no packet that it could handle comes near this one.
pub const ACTIONS_MAX: usize = 131_072;
/// Bytes on the stack.
pub const STACK_BYTES_MAX: usize = 65_536;
/// Passes of one packet. The datapaths stop at six or fewer in a row; copies may make more of them in all.
pub const PASSES_MAX: usize = 64;

/// Traces a packet. The switch stays as it is: what would be learned is reported and not installed.
pub fn trace(switch: &Switch, packet: Packet, environment: &mut dyn Environment) -> Trace {
    passes(Pending::received(packet), |pending| Machine::new(switch, &mut *environment, pending).run())
}

/// Sends a packet through: as [`trace`](fn@trace), and what is learned is installed after the pass in which it is learned. That is when
/// a switch first finds it, as a packet sees the tables in the state in which they were when it came.
pub fn run(switch: &mut Switch, packet: Packet, environment: &mut dyn Environment) -> Trace {
    passes(Pending::received(packet), |pending| {
        let mut machine = Machine::new(switch, &mut *environment, pending);
        machine.learns = true;
        let done = machine.run();
        install_learned(switch, &done.0);
        done
    })
}

/// Lets a paused packet go on, with the fields that the controller gave it.
pub fn resume(
    switch: &Switch,
    continuation: &Continuation,
    packet: Packet,
    environment: &mut dyn Environment,
) -> Trace {
    let pending = continuation.pending(packet);
    passes(pending, |pending| Machine::new(switch, &mut *environment, pending).run())
}

fn passes(first: Pending, mut run: impl FnMut(Pending) -> (Pass, Vec<Pending>)) -> Trace {
    let mut trace = Trace { passes: Vec::new(), passes_left_out: 0 };
    let mut queue = VecDeque::from([first]);
    while let Some(pending) = queue.pop_front() {
        if trace.passes.len() == PASSES_MAX {
            trace.passes_left_out = queue.len() + 1;
            break;
        }
        let (pass, more) = run(pending);
        trace.passes.push(pass);
        queue.extend(more);
    }
    trace
}

fn install_learned(switch: &mut Switch, pass: &Pass) {
    let learned = pass.outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Learned(flow) => PackedFlow::new(flow).ok(),
        _ => None,
    });
    let delta = Delta { flows: learned.collect(), ..Delta::default() };
    if !delta.is_empty() {
        switch.apply(&delta);
    }
}

/// A pass that has not begun.
#[derive(Debug, Clone)]
struct Pending {
    start: Start,
    packet: Packet,
    stack: Stack,
    action_set: Vec<Action>,
    tracked: bool,
    /// What the tracker has to answer before the pass begins.
    tracking: Option<Tracking>,
    /// What is executed, the first one first; without it a table is looked up.
    runs: Vec<Run>,
}

impl Pending {
    fn received(packet: Packet) -> Self {
        let tracked = packet.key.ct_state & crate::key::ct_state::TRACKED != 0;
        Self {
            start: Start::Received,
            packet,
            stack: Stack::default(),
            action_set: Vec::new(),
            tracked,
            tracking: None,
            runs: Vec::new(),
        }
    }
}

/// Values that actions pushed.
#[derive(Debug, Clone, Default)]
struct Stack {
    values: Vec<(u128, u16)>,
    bytes: usize,
}

impl Stack {
    fn push(&mut self, value: u128, bits: u16) {
        self.bytes += Self::cost(bits);
        self.values.push((value, bits));
    }

    fn pop(&mut self) -> Option<u128> {
        let (value, bits) = self.values.pop()?;
        self.bytes -= Self::cost(bits);
        Some(value)
    }

    /// A value is kept with a byte for its length.
    fn cost(bits: u16) -> usize {
        usize::from(bits.div_ceil(8)) + 1
    }
}

/// Where actions come from.
#[derive(Debug, Clone)]
enum Code {
    Flow(Arc<Entry>),
    List(Arc<[Action]>),
}

impl Code {
    fn op(&self, at: usize) -> Option<(Option<Op<'_>>, usize)> {
        match self {
            Self::Flow(entry) => entry.op(at),
            Self::List(list) => list.get(at).map(|action| (Some(Op::Action(action)), at + 1)),
        }
    }
}

/// A list of actions that is being executed.
#[derive(Debug, Clone)]
struct Run {
    code: Code,
    at: usize,
    /// Table that relative look-ups refer to.
    table: u8,
    /// Cookie of the flow that decided last.
    cookie: u64,
    /// Whether that flow is a table-miss flow.
    miss: bool,
    /// Whether this is a bucket.
    bucket: bool,
}

impl Run {
    fn of_entry(entry: Arc<Entry>, table: u8) -> Self {
        let (cookie, miss) = (entry.flow.cookie, entry.is_table_miss());
        Self { code: Code::Flow(entry), at: 0, table, cookie, miss, bucket: false }
    }

    /// Other actions in the place of this list.
    fn list(&self, actions: Vec<Action>, bucket: bool) -> Self {
        Self { code: Code::List(actions.into()), at: 0, bucket, ..*self }
    }

    fn is_done(&self) -> bool {
        let mut at = self.at;
        while let Some((op, next)) = self.code.op(at) {
            if op.is_some() {
                return false;
            }
            at = next;
        }
        true
    }
}

/// What is to be done, the last one first.
#[derive(Debug)]
enum Frame {
    Run(Run),
    /// The flow that a look-up found is done.
    LeaveTable {
        deepens: bool,
    },
    /// The buckets of a group that are left.
    Buckets(groups::Buckets),
    /// A bucket is done: the packet is again what it was.
    LeaveBucket(Box<Packet>),
    /// The actions of a copy are done, its action set is next.
    FinishCopy(Run),
    /// The action set is done.
    LeaveActionSet,
    /// If the packet is paused, what is left of it goes to the controller.
    FinishPause,
    /// A copy is done.
    LeaveClone(Box<fork::Saved>),
    /// One way of a length check is done.
    LeaveCheck(Box<fork::Check>),
}

/// One pass.
struct Machine<'a> {
    switch: &'a Switch,
    environment: &'a mut dyn Environment,
    packet: Packet,
    stack: Stack,
    action_set: Vec<Action>,
    action_set_has_group: bool,
    /// Whether the packet went through the tracker.
    tracked: bool,
    frames: Vec<Frame>,
    /// Nesting as the limit counts it.
    depth: usize,
    /// Nesting as a reader sees it.
    indent: usize,
    resubmits: usize,
    actions: usize,
    exit: bool,
    in_action_set: bool,
    pause: Option<Controller>,
    /// What is left of the lists that a pause or an `exit` interrupted, the innermost first.
    frozen: Vec<Run>,
    first_queue: u32,
    learns: bool,
    /// Above zero: what happens here happens only to packets of another length.
    muted: usize,
    pass: Pass,
    more: Vec<Pending>,
    /// Runs of a resumed packet.
    runs: Vec<Run>,
}

impl<'a> Machine<'a> {
    fn new(switch: &'a Switch, environment: &'a mut dyn Environment, pending: Pending) -> Self {
        let Pending { start, mut packet, stack, action_set, tracked, tracking, runs } = pending;
        packet.key.conj_id = 0;
        packet.key.actset_output = net_types::OfPort::UNSET;
        if let Some(tracking) = tracking {
            packet.key.ct_zone = tracking.zone;
            environment.track(&tracking, &mut packet.key);
        }
        if !tracked && start != Start::Received {
            packet.key.clear_conntrack();
        }
        let pass = Pass::new(start, &packet.key);
        let first_queue = packet.key.queue;
        let mut machine = Self {
            switch,
            environment,
            packet,
            stack,
            action_set: Vec::new(),
            action_set_has_group: false,
            tracked,
            frames: Vec::new(),
            depth: 0,
            indent: 0,
            resubmits: 0,
            actions: 0,
            exit: false,
            in_action_set: false,
            pause: None,
            frozen: Vec::new(),
            first_queue,
            learns: false,
            muted: 0,
            pass,
            more: Vec::new(),
            runs,
        };
        machine.write_actions(&action_set);
        machine
    }

    /// Executes everything, and says which passes follow.
    fn run(mut self) -> (Pass, Vec<Pending>) {
        self.begin();
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Run(run) => self.step(run),
                Frame::LeaveTable { deepens } => {
                    self.depth -= usize::from(deepens);
                    self.indent -= 1;
                }
                Frame::Buckets(buckets) => self.next_bucket(buckets),
                Frame::LeaveBucket(packet) => self.leave_bucket(*packet),
                Frame::FinishCopy(run) => self.finish_copy(&run),
                Frame::LeaveActionSet => self.leave_action_set(),
                Frame::FinishPause => self.finish_pause(),
                Frame::LeaveClone(saved) => self.leave_clone(*saved),
                Frame::LeaveCheck(check) => self.leave_check(*check),
            }
        }
        if self.pass.failure.is_some() {
            self.pass.outcomes.retain(|outcome| matches!(outcome, Outcome::Learned(_)));
            self.more.clear();
        }
        self.pass.last = self.packet.key;
        (self.pass, self.more)
    }

    fn begin(&mut self) {
        let table_of_tracked = match self.pass.start {
            Start::Tracked { table, .. } => Some(table),
            Start::Received | Start::Resumed => None,
        };
        let table = table_of_tracked.unwrap_or(0);
        let runs = std::mem::take(&mut self.runs);
        if !runs.is_empty() {
            if table_of_tracked.is_some() {
                self.note(Note::LeftOver);
            }
            self.frames.push(Frame::FinishCopy(runs[0].clone()));
            self.frames.extend(runs.into_iter().rev().map(Frame::Run));
            return;
        }
        match self.look_up(table, self.packet.key.in_port) {
            Some(entry) => {
                let run = Run::of_entry(entry, table);
                self.indent += 1;
                self.frames.push(Frame::FinishCopy(run.clone()));
                self.note_unknown_instructions(&run.code);
                self.frames.push(Frame::Run(run));
            }
            None => {
                let nothing = Code::List(Arc::new([]));
                let run = Run { code: nothing, at: 0, table, cookie: u64::MAX, miss: false, bucket: false };
                self.frames.push(Frame::FinishCopy(run));
            }
        }
    }

    /// Executes one operation of a list and puts the rest of the list back.
    fn step(&mut self, mut run: Run) {
        if self.pass.failure.is_some() {
            return;
        }
        if self.exit {
            if self.pause.is_some() && !run.is_done() {
                self.frozen.push(run);
            }
            return;
        }
        let code = run.code.clone();
        let Some((op, next)) = code.op(run.at) else {
            return;
        };
        run.at = next;
        self.actions += 1;
        if self.actions > ACTIONS_MAX {
            self.fail(Failure::TooManyActions);
            return;
        }
        match op {
            Some(op) => self.execute(op, run),
            None => self.frames.push(Frame::Run(run)),
        }
    }

    fn event(&mut self, event: Event) {
        if self.muted == 0 {
            self.pass.steps.push(Step { depth: self.indent, event });
        }
    }

    fn note(&mut self, note: Note) {
        self.event(Event::Note(note));
    }

    fn outcome(&mut self, outcome: Outcome) {
        if self.muted == 0 {
            self.pass.outcomes.push(outcome);
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.pass.failure.get_or_insert(failure);
    }

    /// Takes what `exit` or a pause left over, for a packet that goes on later.
    fn freeze(&mut self) -> Vec<Run> {
        let runs = std::mem::take(&mut self.frozen);
        if runs.is_empty() && !self.action_set.is_empty() {
            self.fail(Failure::ActionSetFrozen);
        }
        runs
    }

    fn note_unknown_instructions(&mut self, code: &Code) {
        if let Code::Flow(entry) = code
            && !entry.flow.instructions.unknown.is_empty()
        {
            self.note(Note::UnknownInstruction);
        }
    }

    fn learned_count(&self, table: u8, cookie: u64) -> usize {
        let is_such = |flow: &&Flow| flow.table == table && flow.cookie == cookie;
        let installed = self.switch.tables().filter(|(id, _)| *id == table);
        installed.flat_map(|(_, table)| table.entries()).map(|entry| &entry.flow).filter(is_such).count()
    }
}
