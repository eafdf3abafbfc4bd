use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ipam::Ipv6Mode;
use crate::ipam::error::Fault;
use crate::ipam::fixture::{entropy, in_use, ip, network_id, range, subnet, subnet_id};

const MAC: &str = "fa:16:3e:00:00:01";
/// What a host with [`MAC`] makes in `fd00::/64`.
const MADE: &str = "fd00::f816:3eff:fe00:1";
const OTHER_MAC: &str = "fa:16:3e:00:00:02";
const OTHER_MADE: &str = "fd00::f816:3eff:fe00:2";

fn mac(text: &str) -> MacAddr {
    text.parse().unwrap()
}

fn slaac(number: u8, cidr: &str) -> Subnet {
    Subnet { ipv6_ra_mode: Some(Ipv6Mode::Slaac), ..subnet(number, cidr) }
}

fn any_of(number: u8) -> FixedIpRequest {
    FixedIpRequest { subnet_id: Some(subnet_id(number)), ip_address: None }
}

fn exactly(address: &str) -> FixedIpRequest {
    FixedIpRequest { subnet_id: None, ip_address: Some(ip(address)) }
}

fn in_subnet(number: u8, address: &str) -> FixedIpRequest {
    FixedIpRequest { subnet_id: Some(subnet_id(number)), ip_address: Some(ip(address)) }
}

fn fixed(number: u8, address: &str) -> FixedIp {
    FixedIp { subnet_id: subnet_id(number), ip_address: ip(address) }
}

/// A network, the subnets of which are small enough to foresee what is drawn.
struct Scene {
    addresses: NetworkAddresses,
    subnets: Vec<Subnet>,
    owner: &'static str,
}

impl Scene {
    fn new(subnets: Vec<Subnet>) -> Self {
        Self { addresses: in_use(&[]), subnets, owner: "compute:nova" }
    }

    fn with_used(self, used: &[&str]) -> Self {
        Self { addresses: in_use(used), ..self }
    }

    fn owned_by(self, owner: &'static str) -> Self {
        Self { owner, ..self }
    }

    fn planner(&self) -> PortPlanner<'_> {
        PortPlanner { addresses: &self.addresses, subnets: &self.subnets, device_owner: self.owner }
    }

    fn create(&self, asked: Option<&[FixedIpRequest]>) -> Result<Vec<FixedIp>, IpamError> {
        let plan = self.planner().create(Some(mac(MAC)), asked, MacBase::DEFAULT, &mut entropy(1))?;
        assert_eq!(plan.claims.take, plan.addresses.keys(&network_id()));
        assert!(plan.claims.release.is_empty());
        Ok(plan.addresses.fixed_ips)
    }

    fn addresses(&self, asked: Option<&[FixedIpRequest]>) -> Vec<String> {
        self.create(asked).unwrap().iter().map(|fixed| fixed.ip_address.to_string()).collect()
    }

    fn refuse(&self, asked: Option<&[FixedIpRequest]>) -> (Fault, String) {
        let error = self.create(asked).unwrap_err();
        (error.fault(), error.to_string())
    }

    fn change(&self, current: &[FixedIp], change: &PortChange) -> Result<PortPlan, IpamError> {
        let current = PortAddresses { mac: mac(MAC), fixed_ips: current.to_vec() };
        self.planner().change(&current, change, &mut entropy(1))
    }

    fn replace(&self, current: &[FixedIp], asked: &[FixedIpRequest]) -> Vec<String> {
        let change = PortChange { mac: None, fixed_ips: Some(asked.to_vec()) };
        let plan = self.change(current, &change).unwrap();
        plan.addresses.fixed_ips.iter().map(|fixed| fixed.ip_address.to_string()).collect()
    }
}

#[test]
fn a_port_of_which_nothing_is_asked_gets_one_address_of_each_family() {
    let subnets = vec![subnet(1, "10.0.0.0/30"), subnet(2, "10.0.1.0/30"), subnet(3, "fd01::/126")];
    let scene = Scene::new(subnets).with_used(&["fd01::2"]);
    assert_eq!(scene.addresses(None), ["10.0.0.2", "fd01::3"]);
    let full = scene.with_used(&["10.0.0.2", "fd01::2"]);
    assert_eq!(full.addresses(None), ["10.0.1.2", "fd01::3"], "the next subnet follows");
    let empty = full.with_used(&["10.0.0.2", "10.0.1.2"]);
    let text = format!("No more IP addresses available on network {}.", network_id());
    assert_eq!(empty.refuse(None), (Fault { exception: "IpAddressGenerationFailure", status: 409 }, text));
}

#[test]
fn a_network_without_subnets_gives_nothing_but_a_mac() {
    let scene = Scene::new(Vec::new());
    assert_eq!(scene.create(None), Ok(Vec::new()));
    assert_eq!(scene.create(Some(&[])), Ok(Vec::new()));
    let text = "Invalid input for operation: IP allocation requires subnets for network.".to_owned();
    assert_eq!(scene.refuse(Some(&[any_of(1)])), (Fault { exception: "InvalidInput", status: 400 }, text));
}

#[test]
fn what_guests_make_themselves_is_theirs_whatever_is_asked() {
    let scene = Scene::new(vec![subnet(1, "10.0.0.0/30"), slaac(2, "fd00::/64")]);
    assert_eq!(scene.addresses(None), ["10.0.0.2", MADE]);
    assert_eq!(scene.addresses(Some(&[])), [MADE]);
    assert_eq!(scene.addresses(Some(&[any_of(1)])), ["10.0.0.2", MADE]);
    assert_eq!(scene.addresses(Some(&[any_of(2)])), [MADE]);
    assert_eq!(scene.addresses(Some(&[exactly(MADE)])), [MADE]);
    let text = format!(
        "IPv6 address fd00::5 cannot be directly assigned to a port on subnet {} as the subnet is configured for \
         automatic addresses",
        subnet_id(2)
    );
    let fault = Fault { exception: "AllocationOnAutoAddressSubnet", status: 400 };
    assert_eq!(scene.refuse(Some(&[in_subnet(2, "fd00::5")])), (fault, text));
}

#[test]
fn routers_choose_their_addresses_everywhere() {
    let scene = Scene::new(vec![slaac(2, "fd00::/64")]).owned_by(owner::ROUTER_INTERFACE);
    assert_eq!(scene.addresses(Some(&[exactly("fd00::")])), ["fd00::"]);
    assert_eq!(scene.addresses(Some(&[in_subnet(2, "fd00::1")])), ["fd00::1"]);
    assert_eq!(scene.addresses(Some(&[])), [""; 0]);
    let drawn = scene.create(Some(&[any_of(2)])).unwrap();
    assert!(scene.subnets[0].pools[0].contains(drawn[0].ip_address) && drawn.len() == 1);
}

#[test]
fn addresses_that_are_asked_for_need_no_pool_but_a_subnet() {
    let mut small = subnet(1, "10.0.0.0/24");
    small.pools = vec![range("10.0.0.10", "10.0.0.10")];
    let scene = Scene::new(vec![small, subnet(2, "10.0.1.0/24")]).with_used(&["10.0.0.7"]);
    assert_eq!(
        scene.addresses(Some(&[exactly("10.0.0.200"), in_subnet(2, "10.0.1.9")])),
        ["10.0.0.200", "10.0.1.9"]
    );
    let refused = |exception, status, text: &str| (Fault { exception, status }, text.to_owned());
    assert_eq!(
        scene.refuse(Some(&[exactly("10.0.2.1")])),
        refused(
            "InvalidIpForNetwork",
            400,
            "IP address 10.0.2.1 is not a valid IP for any of the subnets on the specified network."
        )
    );
    assert_eq!(
        scene.refuse(Some(&[in_subnet(1, "10.0.1.9")])),
        refused("InvalidIpForSubnet", 400, "IP address 10.0.1.9 is not a valid IP for the specified subnet.")
    );
    let allocated = format!("IP address 10.0.0.7 already allocated in subnet {}", subnet_id(1));
    let in_use = refused("IpAddressAlreadyAllocated", 409, &allocated);
    assert_eq!(scene.refuse(Some(&[exactly("10.0.0.7")])), in_use);
    let twice = scene.refuse(Some(&[exactly("10.0.0.8"), in_subnet(1, "10.0.0.8")]));
    assert_eq!(twice.0, in_use.0);
    let invalid =
        |text: String| refused("InvalidInput", 400, &format!("Invalid input for operation: {text}."));
    let nothing = FixedIpRequest::default();
    assert_eq!(
        scene.refuse(Some(&[nothing])),
        invalid("IP allocation requires subnet_id or ip_address".to_owned())
    );
    let foreign = format!(
        "Failed to create port on network {}, because fixed_ips included invalid subnet {}",
        network_id(),
        subnet_id(9)
    );
    assert_eq!(scene.refuse(Some(&[any_of(9)])), invalid(foreign));
}

#[test]
fn a_draw_takes_nothing_that_is_asked_for_by_name() {
    let scene = Scene::new(vec![subnet(1, "10.0.0.0/29")]);
    let asked = [any_of(1), any_of(1), any_of(1), exactly("10.0.0.2"), exactly("10.0.0.4")];
    let mut addresses = scene.addresses(Some(&asked));
    assert_eq!(addresses[3..], ["10.0.0.2", "10.0.0.4"], "in the order of the request");
    addresses.sort();
    assert_eq!(addresses, ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
}

#[test]
fn subnets_for_ports_of_a_kind_come_first_and_are_for_no_others() {
    let of_kind =
        |number, cidr, kind: &str| Subnet { service_types: vec![kind.to_owned()], ..subnet(number, cidr) };
    let routers = of_kind(9, "10.0.9.0/30", owner::ROUTER_GATEWAY);
    let scene = Scene::new(vec![
        subnet(1, "10.0.0.0/30"),
        of_kind(2, "10.0.1.0/30", "compute:nova"),
        routers.clone(),
    ]);
    assert_eq!(scene.addresses(None), ["10.0.1.2"]);
    let foreign = scene.refuse(Some(&[any_of(9)]));
    assert_eq!(foreign.0.exception, "InvalidInput");
    let only = Scene::new(vec![routers]);
    let text = format!(
        "No valid service subnet for the given device owner, network {}, service type compute:nova.",
        network_id()
    );
    let fault = Fault { exception: "IpAddressGenerationFailureNoMatchingSubnet", status: 409 };
    assert_eq!(only.refuse(None), (fault, text));
    assert_eq!(only.owned_by(owner::DHCP).addresses(None), ["10.0.9.2"], "servers of DHCP serve all");
}

#[test]
fn servers_of_a_network_take_its_first_address() {
    let scene =
        Scene::new(vec![subnet(1, "10.0.0.0/16")]).owned_by(owner::DHCP).with_used(&["10.0.0.2", "10.0.0.4"]);
    assert_eq!(scene.addresses(Some(&[any_of(1), any_of(1)])), ["10.0.0.3", "10.0.0.5"]);
}

#[test]
fn mac_addresses_are_unique_and_of_stations() {
    let mut scene = Scene::new(Vec::new());
    scene.addresses.occupy(&Claim::Mac(network_id(), mac(MAC)));
    let text = format!(
        "Unable to complete operation for network {}. The mac address {MAC} is in use.",
        network_id()
    );
    assert_eq!(scene.refuse(None), (Fault { exception: "MacAddressInUse", status: 409 }, text));
    let create =
        |mac, random: &mut dyn FnMut() -> u64| scene.planner().create(mac, None, MacBase::DEFAULT, random);
    let group = create(Some(mac("01:00:5e:00:00:01")), &mut entropy(1)).unwrap_err();
    assert_eq!(
        group.to_string(),
        "Invalid input for mac_address. Reason: '01:00:5e:00:00:01' is not a valid MAC address."
    );
    let drawn = create(None, &mut entropy(1)).unwrap().addresses.mac;
    assert!(drawn.to_string().starts_with("fa:16:3e:") && drawn != mac(MAC));
    let unlucky = create(None, &mut || 1).unwrap_err();
    assert_eq!(unlucky.fault(), Fault { exception: "NetworkMacAddressGenerationFailure", status: 503 });
    assert_eq!(unlucky.to_string(), format!("Unable to generate unique mac on network {}.", network_id()));
}

#[test]
fn a_change_keeps_what_is_named_again() {
    let scene = Scene::new(vec![subnet(1, "10.0.0.0/24"), subnet(2, "10.0.1.0/30")])
        .with_used(&["10.0.0.5", "10.0.0.6"]);
    let current = [fixed(1, "10.0.0.5"), fixed(1, "10.0.0.6")];
    assert_eq!(
        scene.replace(&current, &[exactly("10.0.0.6"), in_subnet(1, "10.0.0.5")]),
        ["10.0.0.6", "10.0.0.5"]
    );
    assert_eq!(scene.replace(&current, &[any_of(1), exactly("10.0.0.5")]), ["10.0.0.6", "10.0.0.5"]);
    assert_eq!(scene.replace(&current, &[any_of(1)]).len(), 1);
    assert_eq!(scene.replace(&current, &[any_of(1), any_of(2)]), ["10.0.0.5", "10.0.1.2"]);
    assert_eq!(scene.replace(&current, &[]), [""; 0]);
}

#[test]
fn a_change_takes_and_gives_up_the_difference() {
    let scene = Scene::new(vec![subnet(1, "10.0.0.0/24")]).with_used(&["10.0.0.5", "10.0.0.6"]);
    let asked = Some(vec![exactly("10.0.0.6"), exactly("10.0.0.7")]);
    let change = PortChange { mac: Some(mac(OTHER_MAC)), fixed_ips: asked };
    let plan = scene.change(&[fixed(1, "10.0.0.5"), fixed(1, "10.0.0.6")], &change).unwrap();
    let address = |text| Claim::Address(network_id(), ip(text)).key();
    let of_mac = |text| Claim::Mac(network_id(), mac(text)).key();
    assert_eq!(plan.claims.take, [address("10.0.0.7"), of_mac(OTHER_MAC)]);
    assert_eq!(plan.claims.release, [address("10.0.0.5"), of_mac(MAC)]);
    let nothing = scene.change(&[fixed(1, "10.0.0.5")], &PortChange::default()).unwrap();
    assert!(nothing.claims.is_empty());
    let same = PortChange { mac: Some(mac(MAC)), fixed_ips: None };
    assert!(scene.change(&[fixed(1, "10.0.0.5")], &same).unwrap().claims.is_empty());
}

#[test]
fn a_change_keeps_what_guests_make_and_remakes_it_with_another_mac() {
    let scene =
        Scene::new(vec![subnet(1, "10.0.0.0/24"), slaac(2, "fd00::/64")]).with_used(&["10.0.0.5", MADE]);
    let current = [fixed(1, "10.0.0.5"), fixed(2, MADE)];
    assert_eq!(scene.replace(&current, &[]), [MADE]);
    assert_eq!(scene.replace(&current, &[exactly("10.0.0.5")]), ["10.0.0.5", MADE]);
    assert_eq!(scene.replace(&current, &[any_of(2)]), [MADE]);
    let texts = |change: &PortChange| {
        let plan = scene.change(&current, change).unwrap();
        plan.addresses.fixed_ips.iter().map(|fixed| fixed.ip_address.to_string()).collect::<Vec<_>>()
    };
    let other = PortChange { mac: Some(mac(OTHER_MAC)), fixed_ips: None };
    assert_eq!(texts(&other), ["10.0.0.5", OTHER_MADE]);
    let echoed = Some(vec![in_subnet(1, "10.0.0.5"), in_subnet(2, MADE)]);
    assert_eq!(texts(&PortChange { fixed_ips: echoed, ..other.clone() }), ["10.0.0.5", OTHER_MADE]);
    let asked = Some(vec![in_subnet(2, OTHER_MADE)]);
    assert_eq!(texts(&PortChange { fixed_ips: asked, ..other }), [OTHER_MADE]);
}

#[test]
fn a_new_automatic_subnet_reaches_ports_with_their_next_change() {
    let scene = Scene::new(vec![slaac(2, "fd00::/64")]);
    assert_eq!(scene.replace(&[], &[]), [MADE]);
    let subnet = &scene.subnets[0];
    assert_eq!(subnet.imposed_address("compute:nova", mac(MAC)), Some(ip(MADE)));
    assert_eq!(subnet.imposed_address(owner::ROUTER_SNAT, mac(MAC)), None);
}

#[test]
fn a_change_is_held_to_the_rules_of_a_new_port() {
    let scene = Scene::new(vec![subnet(1, "10.0.0.0/24")]).with_used(&["10.0.0.5", "10.0.0.9"]);
    let change = |address| PortChange { mac: None, fixed_ips: Some(vec![exactly(address)]) };
    let current = [fixed(1, "10.0.0.5")];
    let text = |address| scene.change(&current, &change(address)).unwrap_err().fault().exception;
    assert_eq!(text("10.0.0.9"), "IpAddressAlreadyAllocated");
    assert_eq!(text("10.0.0.255"), "InvalidIpForNetwork");
    let group = PortChange { mac: Some(MacAddr::BROADCAST), fixed_ips: None };
    assert!(matches!(scene.change(&current, &group), Err(IpamError::InvalidMac { .. })));
}

#[test]
fn a_deleted_port_gives_everything_up() {
    let port = PortAddresses { mac: mac(MAC), fixed_ips: vec![fixed(1, "10.0.0.5"), fixed(2, MADE)] };
    let claims = port.release(&network_id());
    assert!(claims.take.is_empty());
    let released: Vec<_> = claims.release.iter().filter_map(Claim::of_key).collect();
    let address = |text| Claim::Address(network_id(), ip(text));
    assert_eq!(released, [address("10.0.0.5"), address(MADE), Claim::Mac(network_id(), mac(MAC))]);
}

/// Something that happens to the ports of a network.
#[derive(Debug, Clone)]
enum Step {
    Create { seed: u64, addresses: usize },
    Change { port: usize, seed: u64, addresses: usize, other_mac: bool },
    Delete { port: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let addresses = 0..4_usize;
    let step = prop_oneof![
        3 => (any::<u64>(), addresses.clone()).prop_map(|(seed, addresses)| Step::Create { seed, addresses }),
        2 => (any::<usize>(), any::<u64>(), addresses, any::<bool>()).prop_map(|(port, seed, addresses, other_mac)| {
            Step::Change { port, seed, addresses, other_mac }
        }),
        1 => any::<usize>().prop_map(|port| Step::Delete { port }),
    ];
    prop::collection::vec(step, 1..40)
}

/// Applies claims as a store would: what is taken must be absent, what is given up must be there.
fn apply(addresses: &mut NetworkAddresses, rows: &mut BTreeSet<Key>, claims: &Claims) {
    for key in &claims.take {
        assert!(rows.insert(key.clone()), "{key} was given twice");
        addresses.occupy(&Claim::of_key(key).unwrap());
    }
    for key in &claims.release {
        assert!(rows.remove(key), "{key} was given up by whoever did not have it");
        addresses.vacate(&Claim::of_key(key).unwrap());
    }
}

proptest! {
    /// Whatever happens to ports, the rows of claims are exactly what the ports have.
    #[test]
    fn claims_are_what_ports_have(steps in steps()) {
        let subnets = vec![subnet(1, "10.0.0.0/28"), subnet(2, "fd01::/124"), slaac(3, "fd00::/64")];
        let mut addresses = in_use(&[]);
        let mut rows = BTreeSet::new();
        let mut ports: Vec<PortAddresses> = Vec::new();
        for step in steps {
            let planner = PortPlanner { addresses: &addresses, subnets: &subnets, device_owner: "compute:nova" };
            let asked = |count| [1, 2].into_iter().cycle().take(count).map(any_of).collect::<Vec<_>>();
            let claims = match step {
                Step::Create { seed, addresses } => {
                    let plan = planner.create(None, Some(&asked(addresses)), MacBase::DEFAULT, &mut entropy(seed));
                    let Ok(plan) = plan else { continue };
                    ports.push(plan.addresses);
                    plan.claims
                }
                Step::Change { port, seed, addresses, other_mac } if !ports.is_empty() => {
                    let index = port % ports.len();
                    let mac = other_mac.then(|| MacBase::DEFAULT.address(seed));
                    let change = PortChange { mac, fixed_ips: Some(asked(addresses)) };
                    let Ok(plan) = planner.change(&ports[index], &change, &mut entropy(seed)) else { continue };
                    ports[index] = plan.addresses;
                    plan.claims
                }
                Step::Delete { port } if !ports.is_empty() => {
                    let index = port % ports.len();
                    ports.remove(index).release(&network_id())
                }
                _ => continue,
            };
            apply(&mut addresses, &mut rows, &claims);
            let has: BTreeSet<Key> = ports.iter().flat_map(|port| port.keys(&network_id())).collect();
            prop_assert_eq!(&rows, &has);
            for port in &ports {
                let made = subnets[2].automatic_address(port.mac).unwrap();
                prop_assert!(port.fixed_ips.iter().any(|fixed| fixed.ip_address == made));
            }
        }
    }
}
