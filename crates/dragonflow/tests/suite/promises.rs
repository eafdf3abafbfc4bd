//! Bandwidth that policies promise, as the kernel of the host has it: classes of its network card.
//!
//! The switch is [`CloudSpec::has_queues`]: frames pass as on the userspace datapath, and what the database says of queues reaches the
//! kernel. That a frame carries the number of its queue out of the bridge is what the switch says it would tell the kernel's datapath.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::cloud::{BRIDGE, CloudSpec, PHYSICAL_BRIDGE, Site, Vm};
use testkit::process::Daemon;
use testkit::{Namespace, try_wait_until};

use crate::support::{Lab, PATIENCE, Wire, binary, times_ready, wait_ready};

const CARD: &str = "card0";
/// What the kernel says that a device of its own kind carries.
const CARD_RATE: &str = "10Gbit";

/// About a second of what the card is said to carry where shares are measured.
const OCTETS_MEASURED: u64 = 2_500_000;

/// Sends as many frames of 1,000 octets by a device as it takes, with a priority, as the kernel's datapath has it do.
const FLOOD: &str = r"
import socket, sys
device, priority = sys.argv[1], int(sys.argv[2])
flood = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
flood.setsockopt(socket.SOL_SOCKET, 12, priority)
flood.bind((device, 0))
frame = bytes.fromhex('020000000099' + '020000000098' + '88b5') + bytes(986)
while True:
    try:
        flood.send(frame)
    except OSError:
        pass
";
/// The kernel's name of the first class of a device, which those of queues follow.
const FIRST_CLASS: u32 = 0x1_0001;

/// A host with a card in the physical network.
struct Promises {
    lab: Lab,
    network: String,
    _beyond: Namespace,
}

impl Promises {
    fn new(has_queues: bool, host_options: &str) -> Self {
        let server_options = "\n[ml2_type_vlan]\nnetwork_vlan_ranges = public\n";
        let spec =
            CloudSpec { hosts: 1, server_options, host_options, has_queues, ..CloudSpec::new(binary()) };
        let lab = Lab::with(&spec);
        let beyond = Namespace::new().expect("a namespace");
        let site = &lab.cloud.sites()[0];
        site.namespace.connect(CARD, &beyond, CARD).expect("a cable");
        site.add_physical_bridge().expect("a bridge");
        site.ovs.vsctl(&["add-port", PHYSICAL_BRIDGE, CARD]).expect("the card is plugged in");
        let body = json!({"network": {"name": "red", "provider:network_type": "vlan",
            "provider:physical_network": "public", "provider:segmentation_id": 100}});
        let network = made(&lab, "/v2.0/networks", &body, "network");
        let pool = json!({"start": "10.0.0.2", "end": "10.0.0.63"});
        let subnet = json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24", "allocation_pools": [pool]});
        lab.subnet(&subnet);
        Self { lab, network, _beyond: beyond }
    }

    fn site(&self) -> &Site {
        &self.lab.cloud.sites()[0]
    }

    /// A policy that promises so much; its path, and that of the rule.
    fn policy(&self, name: &str, min_kbps: u64) -> (String, String) {
        let policy = made(&self.lab, "/v2.0/qos/policies", &json!({"policy": {"name": name}}), "policy");
        let rules = format!("/v2.0/qos/policies/{policy}/minimum_bandwidth_rules");
        let body = json!({"minimum_bandwidth_rule": {"min_kbps": min_kbps, "direction": "egress"}});
        let rule = made(&self.lab, &rules, &body, "minimum_bandwidth_rule");
        (policy, format!("{rules}/{rule}"))
    }

    fn set(&self, path: &str, body: &Value) {
        self.lab.cloud.api().put(path, body).and_then(|set| set.expect(200)).expect("it is changed");
    }

    fn set_policy(&self, vm: &Vm, policy: Option<&str>) {
        self.set(&format!("/v2.0/ports/{}", vm.port_id()), &json!({"port": {"qos_policy_id": policy}}));
    }

    /// The classes of the card: the least and the most that each has, by their numbers.
    fn classes(&self) -> BTreeMap<String, (String, String)> {
        let shown = self.site().namespace.run("tc", &["class", "show", "dev", CARD]).expect("tc runs");
        let class = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let after = |word| {
                let at = words.iter().position(|other| *other == word)?;
                words.get(at + 1).map(|word| (*word).to_owned())
            };
            Some((words.get(2)?.strip_prefix("1:")?.to_owned(), (after("rate")?, after("ceil")?)))
        };
        shown.lines().filter_map(class).collect()
    }

    #[track_caller]
    fn wait_classes(&self, what: &str, expected: &[(u32, &str)]) {
        let class = |(queue, least): &(u32, &str)| {
            (format!("{:x}", queue + 1), ((*least).to_owned(), CARD_RATE.to_owned()))
        };
        let expected: BTreeMap<_, _> = expected.iter().map(class).collect();
        try_wait_until(PATIENCE, what, || {
            let mut classes = self.classes();
            // The card itself, and all frames that are in no queue: they may have everything.
            let rest = ["fffe", "1"].map(|number| classes.remove(number));
            let is_free = rest.iter().flatten().all(|(_, most)| most == CARD_RATE);
            (classes == expected && is_free && rest.iter().all(Option::is_some) != expected.is_empty())
                .then_some(())
        })
        .unwrap_or_else(|error| panic!("{error}: {:#?}, and not {expected:#?}", self.classes()));
    }

    #[track_caller]
    fn wait_class(&self, class: &str, least: &str) {
        try_wait_until(PATIENCE, "the class", || (self.classes().get(class)?.0 == least).then_some(()))
            .unwrap_or_else(|error| panic!("{error}: {:#?}", self.classes()));
    }

    /// The octets that a class has sent so far, and those that all others have.
    fn sent(&self, class: &str) -> (u64, u64) {
        let shown = self.site().namespace.run("tc", &["-s", "class", "show", "dev", CARD]).expect("tc runs");
        let (mut own, mut others) = (0, 0);
        for said in shown.split("class htb 1:").skip(1) {
            let name = said.split_whitespace().next().unwrap_or_default();
            let sent = said.split("Sent ").nth(1).and_then(|text| text.split_whitespace().next());
            let sent: u64 = sent.and_then(|sent| sent.parse().ok()).expect("a number");
            // The card itself counts what its classes send.
            match name {
                "fffe" => {}
                name if name == class => own += sent,
                _ => others += sent,
            }
        }
        (own, others)
    }

    /// Asserts how much of what the card sends is of a class, in percent, once what waited before is gone.
    #[track_caller]
    fn assert_share(&self, class: &str, percent: u64) {
        let wait = |octets: u64| {
            try_wait_until(PATIENCE, "frames to be sent", || {
                let (own, others) = self.sent(class);
                (own + others >= octets).then_some((own, others))
            })
            .expect("frames are sent")
        };
        let (own, others) = self.sent(class);
        let (own, others) = wait(own + others + OCTETS_MEASURED);
        let (own_later, others_later) = wait(own + others + OCTETS_MEASURED);
        let (own, others) = (own_later - own, others_later - others);
        let share = own * 100 / (own + others);
        assert!(share.abs_diff(percent) <= 8, "{share} % and not {percent}");
    }

    /// The queue of a machine's frames, by the flow that knows them.
    fn queue(&self, vm: &Vm) -> Option<u32> {
        let port = vm.guest().ofport(&self.site().ovs).expect("a number");
        let flows = self.site().flows().expect("flows");
        let of_port = flows.iter().find(|flow| flow.contains(&format!("in_port={port},")))?;
        let number = of_port.split("set_queue:").nth(1)?.split(',').next()?;
        number.parse().ok()
    }

    #[track_caller]
    fn wait_queue(&self, vm: &Vm) -> u32 {
        let what = format!("frames of {} to be in a queue", vm.name());
        try_wait_until(PATIENCE, &what, || self.queue(vm)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Rows of the database, without what changes by itself.
    fn rows(&self) -> String {
        let list =
            |table| self.site().ovs.vsctl(&["--columns=_uuid", "--format=csv", "list", table]).expect("rows");
        let mut rows: Vec<String> =
            ["QoS", "Queue"].map(list).join("\n").lines().map(str::to_owned).collect();
        rows.retain(|row| !row.is_empty() && row != "_uuid");
        rows.sort_unstable();
        rows.join("\n")
    }

    /// What the switch tells the datapath of a frame that a machine sends to somebody it does not know.
    fn trace(&self, vm: &Vm) -> String {
        let port = vm.guest().ofport(&self.site().ovs).expect("a number");
        let (mac, ip) = (vm.mac(), vm.address().expect("an address"));
        let flow =
            format!("in_port={port},ip,dl_src={mac},dl_dst=02:00:00:00:00:99,nw_src={ip},nw_dst=10.0.0.99");
        let mut control = self.site().ovs.unixctl().expect("a connection");
        control.trace(BRIDGE, &flow).expect("a trace")
    }
}

fn made(lab: &Lab, path: &str, body: &Value, name: &str) -> String {
    let made = lab.cloud.api().post(path, body).and_then(|made| made.expect(201)).expect("it is made");
    made[name]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn what_is_promised_is_a_class_of_the_card_live_over_restarts_and_gone_without_a_trace() {
    let mut promises = Promises::new(true, "");
    let network = promises.network.clone();
    let (one, two) = (promises.lab.boot(0, "one", &network), promises.lab.boot(0, "two", &network));
    // The bridge to the physical network came when the controller ran already, so the way there may come last.
    let flows = try_wait_until(PATIENCE, "the way to the physical network", || {
        let flows = promises.site().flows().ok()?;
        flows.iter().any(|flow| flow.contains("dl_vlan=100")).then_some(flows)
    })
    .expect("there is a way");
    let rows = promises.rows();
    assert_eq!((rows.as_str(), promises.classes().len()), ("", 0), "without a promise there is nothing");

    let (policy, rule) = promises.policy("gold", 5_000);
    promises.set_policy(&one, Some(&policy));
    let queue = promises.wait_queue(&one);
    promises.wait_classes("a class", &[(queue, "5Mbit")]);
    assert_eq!(promises.queue(&two), None);
    // The number is on the frame when it leaves by the card: past the connection tracker, through the patch, with the tag of the network.
    let trace = promises.trace(&one);
    assert!(trace.contains(&format!("Datapath actions: set(skb_priority({queue:#x})),")), "{trace}");
    let (_, leaves) = trace.rsplit_once("Final flow: ").expect("a flow");
    let said =
        [format!("skb_priority={queue:#x},"), "dl_vlan=100,".to_owned(), "push_vlan(vid=100,".to_owned()];
    assert!(said.iter().all(|said| leaves.contains(said)) && !leaves.contains("set(skb_priority"), "{trace}");
    assert!(!promises.trace(&two).contains("set(skb_priority("), "{}", promises.trace(&two));

    // Another number changes the class, and nothing that the switch is told over OpenFlow.
    let before = promises.rows();
    let wire = Wire::watch(promises.site());
    promises.set(&rule.clone(), &json!({"minimum_bandwidth_rule": {"min_kbps": 7_000}}));
    promises.wait_classes("another rate", &[(queue, "7Mbit")]);
    assert_eq!((wire.changes(), promises.rows()), (vec![], before.clone()));

    // A controller that starts anew changes nothing, and neither does a switch.
    let with = promises.site().flows().expect("flows");
    let ready = times_ready(promises.site());
    promises.lab.cloud.site_mut(0).kill_controller().expect("it is killed");
    promises.lab.cloud.site_mut(0).start_controller().expect("it starts");
    wait_ready(promises.site(), ready);
    assert_eq!((promises.rows(), promises.site().flows().expect("flows")), (before.clone(), with.clone()));
    let ready = times_ready(promises.site());
    promises.lab.cloud.site_mut(0).ovs.restart_vswitchd().expect("the switch starts");
    wait_ready(promises.site(), ready);
    promises.wait_classes("the classes to be back", &[(queue, "7Mbit")]);
    assert_eq!((promises.rows(), promises.site().flows().expect("flows")), (before, with));

    // A promise of the network is that of its ports.
    let (networks, _) = promises.policy("silver", 300);
    let network = format!("/v2.0/networks/{network}");
    promises.set(&network, &json!({"network": {"qos_policy_id": networks}}));
    let other = promises.wait_queue(&two);
    promises.wait_classes("two classes", &[(queue, "7Mbit"), (other, "300Kbit")]);
    // Somebody takes them off the card: they come back.
    promises.site().ovs.vsctl(&["clear", "Port", CARD, "qos"]).expect("it is done");
    promises.wait_classes("what was taken away", &[(queue, "7Mbit"), (other, "300Kbit")]);

    promises.set(&network, &json!({"network": {"qos_policy_id": null}}));
    promises.wait_classes("one class", &[(queue, "7Mbit")]);
    promises.set_policy(&one, None);
    promises.wait_classes("no class", &[]);
    try_wait_until(PATIENCE, "no trace of the policies", || {
        (promises.rows().is_empty() && promises.site().flows().ok()? == flows).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:#?} {}", promises.site().flows(), promises.rows()));
}

#[test]
fn a_promise_is_kept_when_others_want_everything_and_they_have_the_rest() {
    let promises = Promises::new(true, "\n[ovs]\nresource_provider_bandwidths = br-ex:20000:\n");
    let one = promises.lab.boot(0, "one", &promises.network);
    let (policy, rule) = promises.policy("gold", 15_000);
    promises.set_policy(&one, Some(&policy));
    let queue = promises.wait_queue(&one);
    let class = format!("{:x}", queue + 1);
    promises.wait_class(&class, "15Mbit");
    let flood = |name: &str, priority: u32| {
        let mut command = promises.site().namespace.command("python3");
        command.args(["-c", FLOOD, CARD, &priority.to_string()]);
        Daemon::start(name, &command, &promises.lab.cloud.path(name)).expect("python runs")
    };
    let _others = [flood("first", 0), flood("second", 0)];
    let _promised = flood("promised", FIRST_CLASS + queue);
    promises.assert_share(&class, 75);
    promises.set(&rule, &json!({"minimum_bandwidth_rule": {"min_kbps": 5_000}}));
    promises.wait_class(&class, "5Mbit");
    promises.assert_share(&class, 25);
}

#[test]
fn what_an_earlier_run_promised_goes_and_what_somebody_else_divided_stays() {
    let mut promises =
        Promises::new(true, "\n[ovs]\nresource_provider_bandwidths = br-ex:10000000:10000000\n");
    let network = promises.network.clone();
    let one = promises.lab.boot(0, "one", &network);
    let (policy, _) = promises.policy("gold", 5_000);
    promises.set_policy(&one, Some(&policy));
    let queue = promises.wait_queue(&one);
    promises.wait_classes("a class", &[(queue, "5Mbit")]);
    // The promise ends while nobody is there.
    let ready = times_ready(promises.site());
    promises.lab.cloud.site_mut(0).kill_controller().expect("it is killed");
    promises.set_policy(&one, None);
    promises.lab.cloud.site_mut(0).start_controller().expect("it starts");
    wait_ready(promises.site(), ready);
    promises.wait_classes("no class", &[]);
    assert_eq!(promises.rows(), "");

    let create =
        ["--", "--id=@theirs", "create", "QoS", "type=linux-htb", "other_config:max-rate=5000000000"];
    promises.site().ovs.vsctl(&[&["set", "Port", CARD, "qos=@theirs"][..], &create].concat()).expect("a qos");
    let theirs = (promises.rows(), promises.classes());
    promises.set_policy(&one, Some(&policy));
    assert_eq!(promises.wait_queue(&one), queue, "the number that its id leads to");
    wait_said(promises.site(), &format!("port \"{CARD}\" of bridge \"br-ex\" has a qos of somebody else"));
    assert_eq!((promises.rows(), promises.classes()), theirs);
    promises.site().ovs.vsctl(&["clear", "Port", CARD, "qos"]).expect("it is done");
    promises.wait_classes("ours, now that theirs is gone", &[(queue, "5Mbit")]);
}

#[test]
fn a_switch_that_tells_devices_nothing_of_queues_is_not_asked_to() {
    let promises = Promises::new(false, "");
    let one = promises.lab.boot(0, "one", &promises.network);
    let (policy, _) = promises.policy("gold", 5_000);
    promises.set_policy(&one, Some(&policy));
    promises.wait_queue(&one);
    wait_said(
        promises.site(),
        "bridge \"br-ex\" has the userspace datapath, which tells devices nothing of queues",
    );
    assert_eq!((promises.rows().as_str(), promises.classes().len()), ("", 0));
}

#[track_caller]
fn wait_said(site: &Site, what: &str) {
    // As text of the log has it, quotes escaped or not.
    let plain = |text: &str| text.replace('\\', "");
    try_wait_until(PATIENCE, what, || plain(&site.log()).contains(what).then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {}", site.log()));
}
