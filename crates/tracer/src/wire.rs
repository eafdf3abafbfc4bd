//! Packets on a physical network: every host gets them that has ports of the network, or has it because routers lead there, as if nobody
//! there knew any address. Who else is there, nobody here knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::{Input, Provider};
use model::{Chassis, GatewayCandidate, Id, LogicalPort, LogicalRouter, LogicalSwitch};
use net_types::OfPort;
use ofsim::key::REGISTERS;
use ofsim::trace::Event;
use ofsim::{Assumed, Key, Packet};

use crate::cloud::{Cloud, Host};
use crate::report::End;
use crate::walk::{Arrival, register};

/// Switch ports to physical networks on hosts of which nobody told us.
const WIRES_FROM: u32 = 50_001;

impl Host {
    /// The physical network that a switch port leads to.
    #[must_use]
    pub fn wire_at(&self, port: OfPort) -> Option<String> {
        let is_it = |provider: &Provider| provider.of_port == Some(port.get());
        self.engine.providers().find(|(_, provider)| is_it(provider)).map(|(network, _)| network.to_owned())
    }

    /// Whether the first table has a flow for a packet: one in a network that the host has nothing to do with ends there.
    fn takes(&self, packet: Packet) -> bool {
        let trace = ofsim::trace(&self.switch, packet, &mut Assumed::new());
        let first = trace.passes.first().and_then(|pass| pass.steps.first());
        first.is_some_and(|step| matches!(step.event, Event::Table { found: Some(_), .. }))
    }

    /// The switch port that leads to a physical network.
    fn wire_port(&self, network: &str) -> Option<OfPort> {
        let mut providers = self.engine.providers().filter(|(name, _)| *name == network);
        providers.find_map(|(_, provider)| provider.of_port).map(OfPort::new)
    }
}

impl Cloud {
    /// The ways to physical networks of a host of which nobody told us: it has one to each.
    pub(crate) fn assumed_wires(&self) -> Input {
        let networks: BTreeSet<&String> =
            self.all::<LogicalSwitch>().filter_map(|network| network.physical_network.as_ref()).collect();
        let provider = |of_port| Provider { bridge: "assumed".to_owned(), of_port: Some(of_port) };
        let wires = networks.into_iter().zip(WIRES_FROM..);
        Input::Providers(
            wires.map(|(network, port)| (network.clone(), provider(port))).collect::<BTreeMap<_, _>>(),
        )
    }

    pub(crate) fn enter_wire(
        &mut self,
        chassis: &Id<Chassis>,
        network: String,
        sent: &Key,
        queue: &mut VecDeque<Arrival>,
    ) -> End {
        let Hearers { with_ports, perhaps } = self.hearers(register(sent, &pipeline::regs::NETWORK));
        let mut hosts = Vec::new();
        for host in with_ports.union(&perhaps) {
            let Some(port) = self.host(host).wire_port(&network).filter(|_| host != chassis) else {
                continue;
            };
            let mut key = sent.clone();
            key.in_port = port;
            (key.metadata, key.regs) = (0, [0; REGISTERS]);
            key.clear_conntrack();
            let packet = Packet::of_key(key);
            if !with_ports.contains(host) && !self.host(host).takes(packet.clone()) {
                continue;
            }
            let entered = format!("from physical network {network}, from host {chassis}");
            queue.push_back(Arrival { host: host.clone(), entered, packet });
            hosts.push(host.to_string());
        }
        End::Wire { network, hosts }
    }

    /// Who may hear what is sent in a network.
    fn hearers(&self, key: u32) -> Hearers {
        let network = self.all::<LogicalSwitch>().find(|network| network.unique_key.get() == key);
        let Some(network) = network.map(|network| network.id.clone()) else { return Hearers::default() };
        let with_ports = self.hosts_of(&BTreeSet::from([network.clone()]));
        let mut perhaps = self.hosts_of(&self.routed_with(network));
        perhaps.extend(self.all::<GatewayCandidate>().map(|candidate| candidate.chassis.clone()));
        Hearers { with_ports, perhaps }
    }

    /// The networks that routers lead to from one, by as many of them as it takes.
    fn routed_with(&self, network: Id<LogicalSwitch>) -> BTreeSet<Id<LogicalSwitch>> {
        let routers: Vec<BTreeSet<_>> = self
            .all::<LogicalRouter>()
            .map(|router| router.ports.iter().filter_map(|port| port.lswitch.clone()).collect())
            .collect();
        let mut found = BTreeSet::from([network]);
        loop {
            let reached = routers.iter().filter(|networks| !networks.is_disjoint(&found));
            let reached: BTreeSet<_> = reached.flatten().chain(&found).cloned().collect();
            if reached.len() == found.len() {
                return found;
            }
            found = reached;
        }
    }

    /// The hosts that ports of these networks are bound to.
    fn hosts_of(&self, networks: &BTreeSet<Id<LogicalSwitch>>) -> BTreeSet<Id<Chassis>> {
        let is_in =
            |port: &&LogicalPort| port.lswitch.as_ref().is_some_and(|network| networks.contains(network));
        self.all::<LogicalPort>().filter(is_in).filter_map(|port| port.chassis().cloned()).collect()
    }
}

/// Hosts that may hear what is sent in a network.
#[derive(Debug, Default)]
struct Hearers {
    /// Those that ports of the network are bound to.
    with_ports: BTreeSet<Id<Chassis>>,
    /// Those that may have the network for the sake of routers: their own switches say whether they do.
    perhaps: BTreeSet<Id<Chassis>>,
}
