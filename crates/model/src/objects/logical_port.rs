//! A port: the addresses of a guest, where it runs, and what applies to it.

use std::net::IpAddr;

use net_types::MacAddr;

use crate::macros::{choice, object, record};
use crate::{
    Chassis, DhcpOptions, Id, LogicalSwitch, QosPolicy, SecurityGroup, Subnet, Topic, UniqueKey, Version,
};

choice! {
    /// Where a port is.
    closed BindingType {
        /// On a hypervisor.
        Chassis = "chassis",
        /// Behind a tunnel that is not a hypervisor's.
        Vtep = "vtep",
    }
}

choice! {
    /// How a guest is attached.
    open VnicType {
        /// By a virtual interface.
        Normal = "normal",
        /// By a virtual function.
        Direct = "direct",
        /// By a macvtap interface.
        Macvtap = "macvtap",
        /// By a machine's own interface.
        Baremetal = "baremetal",
        /// By a physical function.
        DirectPhysical = "direct-physical",
        /// By a virtual interface that hardware forwards for.
        VirtioForwarder = "virtio-forwarder",
        /// By an interface that has a switch.
        SmartNic = "smart-nic",
    }
}

record! {
    /// Where a port is.
    PortBinding {
        /// The hypervisor. It may register later than its ports arrive.
        chassis: Option<Id<Chassis>> => weak,
        /// What kind of place it is.
        kind as "type": BindingType,
        /// The end of the tunnel.
        vtep_address: Option<IpAddr>,
    }
}

record! {
    /// An address that a port may use besides its own.
    AddressPair {
        /// The IP address.
        ip_address: IpAddr,
        /// The MAC address that goes with it.
        mac_address: MacAddr,
    }
}

record! {
    /// What a port is told by DHCP besides what its subnet says.
    DhcpParams {
        /// Options by their number.
        opts: DhcpOptions,
        /// The next server to boot from.
        siaddr: Option<IpAddr>,
    }
}

object! {
    /// A port.
    LogicalPort [topic version unique_key] {
        /// Addresses that it may use besides its own.
        allowed_address_pairs: Vec<AddressPair>,
        /// Where it is, once that is known.
        binding: Option<PortBinding>,
        /// How the guest is attached.
        binding_vnic_type: Option<VnicType>,
        /// What it belongs to: the guest, the router, the floating IP.
        device_id: Option<String>,
        /// What kind of thing that is, as `compute:nova` or `network:router_interface`.
        device_owner: Option<String>,
        /// What it is told by DHCP.
        dhcp_params: Option<DhcpParams>,
        /// Whether it is up by the will of its owner.
        enabled: Option<bool>,
        /// The id of the port in Neutron.
        id: Id<Self>,
        /// Its addresses.
        ips: Vec<IpAddr>,
        /// The network.
        lswitch: Option<Id<LogicalSwitch>>,
        /// Its MAC addresses.
        macs: Vec<MacAddr>,
        /// A name for people.
        name: Option<String>,
        /// Whether it may use its own addresses only.
        port_security_enabled: Option<bool>,
        /// Its policy.
        qos_policy: Option<Id<QosPolicy>>,
        /// The groups that it is in.
        security_groups: Vec<Id<SecurityGroup>>,
        /// The subnets of `ips`, in the same order.
        subnets: Vec<Id<Subnet>>,
        /// The project.
        topic: Topic,
        /// Its number in the switch.
        unique_key: UniqueKey,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The ports in any group that have an address, be it that of an allowed address pair.
        BY_FILTERED_IP: IpAddr = |row, visit| {
            let pairs = row.allowed_address_pairs.iter().map(|pair| pair.ip_address);
            let is_filtered = !row.security_groups.is_empty();
            row.ips.iter().copied().chain(pairs).filter(|_| is_filtered).for_each(visit);
        };
        /// The ports on a hypervisor.
        BY_CHASSIS: Id<Chassis> = |row, visit| row.chassis().cloned().into_iter().for_each(visit);
        /// The ports of a guest or router.
        BY_DEVICE: String = |row, visit| row.device_id.clone().into_iter().for_each(visit);
        /// The ports with an address, in a network.
        BY_IP: (IpAddr, Id<LogicalSwitch>) = |row, visit| {
            row.lswitch.iter().for_each(|lswitch| row.ips.iter().for_each(|ip| visit((*ip, lswitch.clone()))));
        };
        /// The ports of a network.
        BY_LSWITCH: Id<LogicalSwitch> = |row, visit| row.lswitch.clone().into_iter().for_each(visit);
        /// The ports of a network that are on a hypervisor, so which hypervisors a network is on.
        BY_LSWITCH_AND_CHASSIS: (Id<LogicalSwitch>, Id<Chassis>) = |row, visit| {
            row.lswitch.clone().zip(row.chassis().cloned()).into_iter().for_each(visit);
        };
        /// The ports of a network that are on a hypervisor and may have other MAC addresses than their own, so which
        /// hypervisors want frames for addresses that no port is known to have.
        BY_LSWITCH_AND_CHASSIS_OTHER_MACS: (Id<LogicalSwitch>, Id<Chassis>) = |row, visit| {
            let chassis = row.chassis().filter(|_| row.may_have_other_macs());
            row.lswitch.clone().zip(chassis.cloned()).into_iter().for_each(visit);
        };
        /// The ports of a network that are behind the end of a tunnel that is no hypervisor's, so which such ends a network has.
        BY_LSWITCH_AND_VTEP: (Id<LogicalSwitch>, IpAddr) = |row, visit| {
            row.lswitch.clone().zip(row.vtep()).into_iter().for_each(visit);
        };
        /// The ports of a kind, in a network.
        BY_OWNER: (Id<LogicalSwitch>, String) = |row, visit| {
            row.lswitch.clone().zip(row.device_owner.clone()).into_iter().for_each(visit);
        };
        /// The ports with a policy.
        BY_QOS_POLICY: Id<QosPolicy> = |row, visit| row.qos_policy.clone().into_iter().for_each(visit);
        /// The ports in a group.
        BY_SECURITY_GROUP: Id<SecurityGroup> = |row, visit| row.security_groups.iter().cloned().for_each(visit);
        /// The ports in a group that are on a hypervisor, so whether the group matters there.
        BY_SECURITY_GROUP_AND_CHASSIS: (Id<SecurityGroup>, Id<Chassis>) = |row, visit| {
            let groups = row.security_groups.iter().cloned();
            row.chassis().into_iter().for_each(|chassis| {
                groups.clone().for_each(|group| visit((group, chassis.clone())));
            });
        };
        /// The ports with an address of a subnet.
        BY_SUBNET: Id<Subnet> = |row, visit| row.subnets.iter().cloned().for_each(visit);
        /// The ports of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
        /// The port with a number.
        BY_UNIQUE_KEY: UniqueKey = |row, visit| visit(row.unique_key);
    }
}

impl LogicalPort {
    /// Whether it may have MAC addresses besides its own: any, or that of an allowed address pair.
    #[must_use]
    pub fn may_have_other_macs(&self) -> bool {
        let is_other = |pair: &AddressPair| !self.macs.contains(&pair.mac_address);
        self.port_security_enabled == Some(false) || self.allowed_address_pairs.iter().any(is_other)
    }

    /// The end of the tunnel that it is behind, if that is no hypervisor's.
    #[must_use]
    pub fn vtep(&self) -> Option<IpAddr> {
        let binding = self.binding.as_ref().filter(|binding| binding.kind == BindingType::Vtep)?;
        binding.vtep_address
    }

    /// The hypervisor that it is on. A port behind another tunnel is on none, whatever its binding says.
    #[must_use]
    pub fn chassis(&self) -> Option<&Id<Chassis>> {
        let binding = self.binding.as_ref().filter(|binding| binding.kind == BindingType::Chassis)?;
        binding.chassis.as_ref()
    }
}
