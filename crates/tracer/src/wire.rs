//! Packets on a physical network: every host gets them that has ports of the network, as if nobody there knew any address. Who else is
//! there, nobody here knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::{Input, Provider};
use model::{Chassis, Id, LogicalPort, LogicalSwitch};
use net_types::OfPort;
use ofsim::key::REGISTERS;
use ofsim::{Key, Packet};

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
        let mut hosts = Vec::new();
        for host in self.hosts_of_network(register(sent, &pipeline::regs::NETWORK)) {
            let Some(port) = self.host(&host).wire_port(&network).filter(|_| host != *chassis) else {
                continue;
            };
            let mut key = sent.clone();
            key.in_port = port;
            (key.metadata, key.regs) = (0, [0; REGISTERS]);
            key.clear_conntrack();
            let entered = format!("from physical network {network}, from host {chassis}");
            queue.push_back(Arrival { host: host.clone(), entered, packet: Packet::of_key(key) });
            hosts.push(host.to_string());
        }
        End::Wire { network, hosts }
    }

    /// The hosts that ports of a network are bound to.
    fn hosts_of_network(&self, key: u32) -> BTreeSet<Id<Chassis>> {
        let network = self.all::<LogicalSwitch>().find(|network| network.unique_key.get() == key);
        let id = network.map(|network| network.id.clone());
        let ports = self.all::<LogicalPort>().filter(|port| id.is_some() && port.lswitch == id);
        ports.filter_map(|port| port.chassis().cloned()).collect()
    }
}
