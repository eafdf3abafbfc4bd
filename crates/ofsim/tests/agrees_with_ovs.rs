//! Is the interpreter right? Open vSwitch knows: the same random flows are installed in both, the same random packets are
//! traced by both, and both must name the same flow in each table in the same order, send the same things to the same
//! ports in the same order, and end with the same fields.
//!
//! What `ofproto/trace` does not show, and this test therefore cannot compare:
//! - what happens behind a `pause` (no continuation is made in a trace), behind `learn` (a trace learns nothing), and
//!   behind the last popped MPLS label (the packet recirculates and the trace does not follow it);
//! - which bucket a `select` group takes, as that is decided by a hash that only the datapath computes;
//! - which way a packet goes at `check_pkt_larger`: a trace goes both, and so does the interpreter for a packet whose length
//!   is not known, which the packets here are.
//!
//! The unit tests of the crate check these.

#![expect(clippy::unwrap_used, reason = "in a test, also in its helpers, a panic is how it fails")]

mod agreement;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

use agreement::{Answer, FlowSet, PORTS, Rng, describe, frame_of, random_key, stated};
use net_types::OfPort;
use ofsim::trace::Event;
use ofsim::{Assumed, Key, Packet, Switch, Trace};
use openflow::{Field, Flow};
use testkit::{Datapath, Ovs, OvsBuilder, UnixCtl};

const BRIDGE: &str = "br-sim";
const FLOW_SETS: u64 = 50;
/// Asks about another range of flow sets: `OFSIM_SEEDS=1000..2000`.
const SEEDS_VARIABLE: &str = "OFSIM_SEEDS";
const PACKETS_PER_SET: usize = 200;
/// Flow sets that frames are sent through.
const FRAME_SETS: std::ops::Range<u64> = 10_000..10_010;
/// A packet that comes back from the tracker is this, then new.
const CT_STATES: [(&str, u32); 4] =
    [("trk,new", 0x21), ("trk,est", 0x22), ("trk,est,rpl", 0x2a), ("trk,inv", 0x30)];

/// A switch and the numbers of its ports in the datapath.
struct Judge {
    ovs: Ovs,
    control: UnixCtl,
    port_numbers: BTreeMap<u32, u32>,
}

impl Judge {
    fn start() -> Self {
        let ovs = OvsBuilder::new(Datapath::Dummy).bridge(BRIDGE).start().unwrap();
        for port in PORTS {
            ovs.add_port(BRIDGE, &format!("p{port}"), u16::try_from(port).unwrap()).unwrap();
        }
        let mut control = ovs.unixctl().unwrap();
        let ports = control.call("dpif/show", &[]).unwrap();
        Self { port_numbers: port_numbers(&ports), ovs, control }
    }

    fn install(&self, set: &FlowSet) {
        // The flows go first: Open vSwitch 3.1.0 aborts when groups are deleted that a flow refers to more than once.
        self.ovs.ofctl(&["-OOpenFlow13", "del-flows", BRIDGE]).unwrap();
        self.ovs.ofctl(&["-OOpenFlow13", "del-groups", BRIDGE]).unwrap();
        self.feed("add-groups", &set.groups.iter().map(ToString::to_string).collect::<Vec<_>>());
        self.feed("add-flows", &set.flows.iter().map(ToString::to_string).collect::<Vec<_>>());
    }

    fn feed(&self, command: &str, lines: &[String]) {
        let mut child = self
            .ovs
            .ofctl_command()
            .args(["-OOpenFlow13", command, BRIDGE, "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        // The tool names the line it does not like as `-:18:`.
        let refused = errors.split(':').nth(2).and_then(|number| number.parse::<usize>().ok());
        let line = refused.and_then(|number| lines.get(number.checked_sub(1)?));
        assert!(output.status.success(), "{command} refused {line:?}:\n{errors}");
    }

    fn trace(&mut self, packet: &Traced) -> String {
        let flow = packet.described();
        let mut params = vec![BRIDGE, &flow];
        for (name, _) in &packet.ct_states {
            params.extend(["--ct-next", name]);
        }
        let hex: Option<String> =
            packet.frame.as_ref().map(|frame| frame.iter().map(|byte| format!("{byte:02x}")).collect());
        params.extend(hex.as_deref());
        self.control.call("ofproto/trace", &params).unwrap_or_else(|error| panic!("{flow}: {error:#}"))
    }
}

/// `    p1 1/2: (dummy)` says that port 1 is number 2 in the datapath.
fn port_numbers(dpif_show: &str) -> BTreeMap<u32, u32> {
    let numbers = dpif_show.lines().filter_map(|line| {
        let (port, number) = line.split_whitespace().nth(1)?.strip_suffix(':')?.split_once('/')?;
        let port: u16 = port.parse().ok()?;
        Some((number.parse().ok()?, OfPort::from_of10(port).get()))
    });
    let numbers: BTreeMap<u32, u32> = numbers.collect();
    assert_eq!(numbers.len(), PORTS.len() + 1, "the ports and the local port are listed in {dpif_show}");
    numbers
}

#[derive(Debug, Clone)]
struct Traced {
    key: Key,
    ct_states: Vec<(&'static str, u32)>,
    /// Where it is there, both sides read the headers from it, and `key` only says the port.
    frame: Option<Vec<u8>>,
}

impl Traced {
    fn described(&self) -> String {
        match self.frame {
            Some(_) => format!("in_port={}", self.key.in_port),
            None => describe(&stated(&self.key)),
        }
    }

    fn packet(&self) -> Packet {
        let mut packet = match &self.frame {
            Some(frame) => Packet::of_frame(self.key.in_port, frame),
            None => Packet::of_key(self.key.clone()),
        };
        packet.frame_bytes = None;
        packet
    }
}

fn simulated(set: &FlowSet) -> Switch {
    let mut switch = Switch::new();
    switch.set_ports(PORTS.map(OfPort::new).into_iter().chain([OfPort::LOCAL]));
    assert!(switch.install(&set.flows).is_empty());
    switch.install_groups(set.groups.clone());
    switch
}

/// Our trace; with what the judge says when that is something else.
fn compare(judge: &mut Judge, switch: &Switch, packet: &Traced) -> Result<Trace, (Trace, String)> {
    let mut environment = Assumed::states(packet.ct_states.iter().map(|(_, state)| *state));
    let ours = ofsim::trace(switch, packet.packet(), &mut environment);
    let text = judge.trace(packet);
    let (mine, theirs) = (Answer::of_trace(&ours), Answer::of_text(&text, &judge.port_numbers));
    let failed_at = mine.iter().position(|answer| answer.failed);
    let compared = failed_at.map_or(mine.len().max(theirs.len()), |at| at + 1);
    let agree = failed_at.is_some_and(|at| at < theirs.len()) || mine.len() == theirs.len();
    let same = agree && mine.iter().zip(&theirs).take(compared).all(|(mine, theirs)| mine.agrees(theirs));
    if same { Ok(ours) } else { Err((ours, text)) }
}

/// Takes out flows as long as both still disagree, then tells everything.
fn report(judge: &mut Judge, mut set: FlowSet, packet: &Traced) -> String {
    let mut step = set.flows.len() / 2;
    while step > 0 {
        let mut at = 0;
        while at < set.flows.len() {
            let mut fewer = set.clone();
            fewer.flows.drain(at..(at + step).min(set.flows.len()));
            judge.install(&fewer);
            if compare(judge, &simulated(&fewer), packet).is_err() {
                set = fewer;
            } else {
                at += step;
            }
        }
        step /= 2;
    }
    judge.install(&set);
    let (ours, theirs) = compare(judge, &simulated(&set), packet).expect_err("they disagreed before");
    let mine = Answer::of_trace(&ours);
    let parsed = Answer::of_text(&theirs, &judge.port_numbers);
    let lines = |flows: &[Flow]| flows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let groups: Vec<String> = set.groups.iter().map(ToString::to_string).collect();
    format!(
        "flows:\n{}\ngroups:\n{}\npacket: {}\nct: {:?}\nframe: {:02x?}\n\nofsim:\n{ours}\n{mine:?}\n\nOpen vSwitch:\n{theirs}\n{parsed:?}",
        lines(&set.flows),
        groups.join("\n"),
        packet.described(),
        packet.ct_states,
        packet.frame,
    )
}

/// A packet that some flow likes, so that it does not only miss.
fn random_packet(rng: &mut Rng, set: &FlowSet) -> Traced {
    let first: Vec<&Flow> = set.flows.iter().filter(|flow| flow.table == 0).collect();
    let liked = if rng.percent(70) { rng.pick(&first) } else { &set.flows[rng.below(set.flows.len())] };
    let likes = rng.percent(85).then_some(&liked.matching);
    let ct_states = (0..rng.below(3)).map(|_| rng.pick(&CT_STATES)).collect();
    Traced { key: random_key(rng, likes), ct_states, frame: None }
}

/// What the compared traces went through.
#[derive(Debug, Default)]
struct Covered {
    packets: usize,
    flows: usize,
    conjunctions: usize,
    sent: usize,
    recirculations: usize,
    failures: usize,
    /// Actions by name.
    actions: BTreeMap<String, usize>,
}

impl Covered {
    fn add(&mut self, trace: &Trace) {
        let by_conjunction = |entry: &ofsim::Entry| entry.flow.matching.get(Field::ConjId).is_some();
        self.packets += 1;
        self.flows += trace.deciding().filter(|(_, entry)| entry.is_some()).count();
        self.conjunctions += trace.deciding().filter(|(_, entry)| entry.is_some_and(by_conjunction)).count();
        self.sent += trace.outcomes().count();
        self.recirculations += trace.passes.len() - 1;
        self.failures += trace.passes.iter().filter(|pass| pass.failure.is_some()).count();
        for step in trace.passes.iter().flat_map(|pass| &pass.steps) {
            let name = match &step.event {
                Event::Action(action) => action.to_string(),
                Event::WriteMetadata(..) => "write_metadata".to_owned(),
                Event::ActionSet => "action_set".to_owned(),
                Event::Goto(_) => "goto_table".to_owned(),
                Event::ClearActions => "clear_actions".to_owned(),
                _ => continue,
            };
            let name = name.split([':', '(']).next().unwrap_or_default().to_owned();
            *self.actions.entry(name).or_default() += 1;
        }
    }

    /// Compares packets in the flow set of a seed; the first one that is told differently is reported.
    fn flow_set(&mut self, judge: &mut Judge, seed: u64, packet: impl Fn(&mut Rng, &FlowSet) -> Traced) {
        let mut rng = Rng::new(seed);
        let set = FlowSet::random(&mut rng);
        judge.install(&set);
        let switch = simulated(&set);
        for _ in 0..PACKETS_PER_SET {
            let packet = packet(&mut rng, &set);
            match compare(judge, &switch, &packet) {
                Ok(trace) => self.add(&trace),
                Err(_) => panic!("seed {seed}: {self:?}\n{}", report(judge, set, &packet)),
            }
        }
    }

    /// A test whose packets hit nothing would prove nothing.
    fn assert_enough(&self) {
        let expected = [
            "output",
            "IN_PORT",
            "LOCAL",
            "CONTROLLER",
            "FLOOD",
            "controller",
            "group",
            "resubmit",
            "goto_table",
            "set_field",
            "load",
            "move",
            "push",
            "pop",
            "clone",
            "ct",
            "ct_clear",
            "check_pkt_larger",
            "push_vlan",
            "pop_vlan",
            "push_mpls",
            "pop_mpls",
            "dec_ttl",
            "mod_nw_ttl",
            "set_queue",
            "pop_queue",
            "note",
            "exit",
            "write_metadata",
            "action_set",
            "clear_actions",
        ];
        for name in expected {
            assert!(self.actions.contains_key(name), "no packet met {name}: {self:?}");
        }
        let tenth = self.packets / 10;
        assert!(self.flows > self.packets && self.sent > self.packets, "{self:?}");
        assert!(
            self.recirculations > tenth / 5 && self.conjunctions > tenth && self.failures > 0,
            "{self:?}"
        );
    }
}

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var(SEEDS_VARIABLE) else {
        return 0..FLOW_SETS;
    };
    let bounds = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from, to) = bounds.unwrap_or_else(|| panic!("{SEEDS_VARIABLE}={text} is no range like 100..200"));
    from..to
}

#[test]
fn random_packets_in_random_flow_tables() {
    testkit::require_tool("ovs-vswitchd");
    let mut judge = Judge::start();
    let mut covered = Covered::default();
    seeds().for_each(|seed| covered.flow_set(&mut judge, seed, random_packet));
    println!("agreed: {covered:?}");
    covered.assert_enough();
}

#[test]
fn frames_are_read_alike() {
    testkit::require_tool("ovs-vswitchd");
    let mut judge = Judge::start();
    let mut covered = Covered::default();
    for seed in FRAME_SETS {
        covered.flow_set(&mut judge, seed, |rng, set| {
            let packet = random_packet(rng, set);
            Traced { frame: Some(frame_of(&packet.key)), ..packet }
        });
    }
    assert!(covered.flows > covered.packets && covered.sent > covered.packets / 2, "{covered:?}");
}
