use super::*;
use crate::ipam::allocation_pools::AllocationPool;
use crate::ipam::error::{Fault, IpamError};
use crate::ipam::fixture::{ip, net, network_id, subnet, subnet_id};
use crate::ipam::{PoolRequest, PortId, SubnetPool};

const BAD_INPUT: Fault = Fault { exception: "InvalidInput", status: 400 };
const BAD_REQUEST: Fault = Fault { exception: "BadRequest", status: 400 };

fn request(cidr: &str) -> SubnetRequest {
    let cidr = net(cidr);
    SubnetRequest {
        project_id: "p".to_owned(),
        ip_version: IpVersion::of_net(&cidr),
        cidr: Some(cidr),
        prefix_len: None,
        gateway: GatewayRequest::Default,
        allocation_pools: None,
        enable_dhcp: true,
        ipv6_ra_mode: None,
        ipv6_address_mode: None,
        dns_nameservers: Vec::new(),
        host_routes: Vec::new(),
    }
}

fn without_dhcp(cidr: &str) -> SubnetRequest {
    SubnetRequest { enable_dhcp: false, ..request(cidr) }
}

fn plan_with(
    request: &SubnetRequest,
    mtu: u32,
    siblings: &[(&str, Option<&str>)],
) -> Result<SubnetPlan, IpamError> {
    let subnets: Vec<Sibling<'_>> = siblings
        .iter()
        .map(|(cidr, subnet_pool)| Sibling { cidr: net(cidr), subnet_pool: *subnet_pool })
        .collect();
    let facts = NetworkFacts { id: &network_id(), mtu: Some(mtu), subnets: &subnets };
    request.plan(&facts, None, &SubnetLimits::default())
}

fn plan(request: &SubnetRequest) -> Result<SubnetPlan, IpamError> {
    plan_with(request, 1442, &[])
}

fn refuse(request: &SubnetRequest) -> (Fault, String) {
    let error = plan(request).unwrap_err();
    (error.fault(), error.to_string())
}

fn bad_input(text: &str) -> (Fault, String) {
    (BAD_INPUT, format!("Invalid input for operation: {text}."))
}

#[test]
fn the_range_is_cut_to_its_prefix_and_the_rest_follows() {
    let cases = [
        ("10.0.0.77/24", "10.0.0.0/24", "10.0.0.1", "10.0.0.2-10.0.0.254"),
        ("10.0.0.0/29", "10.0.0.0/29", "10.0.0.1", "10.0.0.2-10.0.0.6"),
        ("fd00::77/64", "fd00::/64", "fd00::", "fd00::1-fd00::ffff:ffff:ffff:ffff"),
    ];
    for (asked, cidr, gateway, pool) in cases {
        let plan = plan(&request(asked)).unwrap();
        assert_eq!((plan.cidr, plan.gateway_ip), (net(cidr), Some(ip(gateway))));
        assert_eq!(plan.allocation_pools.iter().map(ToString::to_string).collect::<Vec<_>>(), [pool]);
    }
}

#[test]
fn links_of_two_and_single_hosts_are_subnets_without_dhcp() {
    let dhcp = "Subnet has a prefix length that is incompatible with DHCP service enabled";
    for cidr in ["10.0.0.0/31", "10.0.0.0/32", "fd00::/127", "fd00::/128"] {
        assert_eq!(refuse(&request(cidr)), bad_input(dhcp), "{cidr}");
    }
    let no_gateway = SubnetRequest { gateway: GatewayRequest::None, ..without_dhcp("10.0.0.0/31") };
    assert_eq!(plan(&no_gateway).unwrap().allocation_pools[0].to_string(), "10.0.0.0-10.0.0.1");
    let single = plan(&without_dhcp("10.0.0.7/32")).unwrap();
    assert_eq!(
        (single.gateway_ip, single.allocation_pools[0].to_string()),
        (Some(ip("10.0.0.8")), "10.0.0.7-10.0.0.7".to_owned())
    );
    let no_host = "Gateway IP 10.0.0.1 cannot be the network or broadcast IP address 10.0.0.0/31".to_owned();
    let fault = Fault { exception: "IpamValueInvalid", status: 409 };
    assert_eq!(refuse(&without_dhcp("10.0.0.0/31")), (fault, no_host));
}

#[test]
fn ranges_that_are_no_hosts_have_no_dhcp() {
    let cases = [
        ("224.0.0.0/16", "Multicast IP subnet is not supported if enable_dhcp is True"),
        ("ff05::/64", "Multicast IP subnet is not supported if enable_dhcp is True"),
        ("127.0.0.0/8", "Loopback IP subnet is not supported if enable_dhcp is True"),
        ("0.0.0.0/8", "First IP '0.0.0.0' of network is not supported if enable_dhcp is True."),
    ];
    for (cidr, text) in cases {
        assert_eq!(refuse(&request(cidr)), bad_input(text), "{cidr}");
        assert!(plan(&without_dhcp(cidr)).is_ok(), "{cidr}");
    }
    assert_eq!(refuse(&without_dhcp("::/64")), bad_input("IPv6 subnet '::' is not supported"));
    assert_eq!(refuse(&without_dhcp("0.0.0.0/0")), bad_input("0 is not allowed as CIDR prefix length"));
}

#[test]
fn everything_has_the_family_of_the_subnet() {
    let other = SubnetRequest { ip_version: IpVersion::V6, ..request("10.0.0.0/24") };
    assert_eq!(refuse(&other), bad_input("cidr '10.0.0.0/24' does not match the ip_version '6'"));
    let gateway = SubnetRequest { gateway: GatewayRequest::At(ip("fd00::1")), ..request("10.0.0.0/24") };
    assert_eq!(refuse(&gateway), bad_input("gateway_ip 'fd00::1' does not match the ip_version '4'"));
    let dns = SubnetRequest { dns_nameservers: vec![ip("8.8.8.8"), ip("fd00::1")], ..request("10.0.0.0/24") };
    assert_eq!(refuse(&dns), bad_input("dns_nameserver 'fd00::1' does not match the ip_version '4'"));
    let route = |destination, nexthop| {
        let route = HostRoute { destination: net(destination), nexthop: ip(nexthop) };
        SubnetRequest { host_routes: vec![route], ..request("10.0.0.0/24") }
    };
    assert_eq!(
        refuse(&route("1.0.0.0/8", "fd00::1")),
        bad_input("nexthop 'fd00::1' does not match the ip_version '4'")
    );
    assert_eq!(
        refuse(&route("fd01::/64", "10.0.0.9")),
        bad_input("destination 'fd01::/64' does not match the ip_version '4'")
    );
    assert!(plan(&route("1.0.0.0/8", "10.0.0.9")).is_ok());
}

#[test]
fn lists_end_somewhere() {
    let dns = SubnetRequest { dns_nameservers: vec![ip("8.8.8.8"); 6], ..request("10.0.0.0/24") };
    let text =
        "Unable to complete operation for new subnet. The number of DNS nameservers exceeds the limit 5.";
    assert_eq!(refuse(&dns), (Fault { exception: "DNSNameServersExhausted", status: 400 }, text.to_owned()));
    let route = HostRoute { destination: net("1.0.0.0/8"), nexthop: ip("10.0.0.9") };
    let routes = SubnetRequest { host_routes: vec![route; 21], ..request("10.0.0.0/24") };
    let text = "Unable to complete operation for new subnet. The number of host routes exceeds the limit 20.";
    assert_eq!(refuse(&routes), (Fault { exception: "HostRoutesExhausted", status: 400 }, text.to_owned()));
}

#[test]
fn a_gateway_is_a_host_or_elsewhere() {
    let at = |gateway| SubnetRequest { gateway: GatewayRequest::At(ip(gateway)), ..request("10.0.0.0/24") };
    for gateway in ["10.0.0.0", "10.0.0.255"] {
        assert_eq!(refuse(&at(gateway)), bad_input("Gateway is not valid on subnet"));
    }
    let outside = plan(&at("192.0.2.1")).unwrap();
    assert_eq!(outside.allocation_pools[0].to_string(), "10.0.0.1-10.0.0.254");
    let conflict = SubnetRequest {
        allocation_pools: Some(vec![AllocationPool { start: ip("10.0.0.1"), end: ip("10.0.0.9") }]),
        ..request("10.0.0.0/24")
    };
    assert_eq!(refuse(&conflict).0.exception, "GatewayConflictWithAllocationPools");
    let no_gateway = SubnetRequest { gateway: GatewayRequest::None, ..conflict };
    assert_eq!(plan(&no_gateway).unwrap().allocation_pools[0].to_string(), "10.0.0.1-10.0.0.9");
}

#[test]
fn modes_are_of_ipv6_and_agree() {
    let modes =
        |cidr, ra, address| SubnetRequest { ipv6_ra_mode: ra, ipv6_address_mode: address, ..request(cidr) };
    let (slaac, stateful) = (Some(Ipv6Mode::Slaac), Some(Ipv6Mode::DhcpStateful));
    assert_eq!(
        refuse(&modes("10.0.0.0/24", slaac, slaac)),
        bad_input("ipv6_ra_mode is not valid when ip_version is 4")
    );
    assert_eq!(
        refuse(&modes("10.0.0.0/24", None, slaac)),
        bad_input("ipv6_address_mode is not valid when ip_version is 4")
    );
    let differ = "ipv6_ra_mode set to 'slaac' with ipv6_address_mode set to 'dhcpv6-stateful' is not valid. If both \
                  attributes are set, they must be the same value";
    assert_eq!(refuse(&modes("fd00::/64", slaac, stateful)), bad_input(differ));
    let off = SubnetRequest { enable_dhcp: false, ..modes("fd00::/64", None, slaac) };
    let text = "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False";
    assert_eq!(refuse(&off), bad_input(text));
    let long = "Invalid CIDR fd00::/80 for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires \
                the prefix to be /64";
    assert_eq!(refuse(&modes("fd00::/80", None, slaac)), bad_input(long));
    assert!(plan(&modes("fd00::/80", stateful, stateful)).is_ok());
    assert!(plan(&modes("fd00::/64", slaac, None)).is_ok());
}

#[test]
fn packets_are_long_enough_for_the_family() {
    let conflict = |cidr: &str, mtu| {
        let error = plan_with(&request(cidr), mtu, &[]).unwrap_err();
        assert_eq!(error.fault(), Fault { exception: "NetworkMTUSubnetConflict", status: 409 });
        error.to_string()
    };
    let text =
        |mtu_min| format!("MTU of {} is not valid, subnet requires a minimum of {mtu_min}", network_id());
    assert_eq!(conflict("fd00::/64", 1279), text(1280));
    assert_eq!(conflict("fd00::/64", 67), text(68));
    assert_eq!(conflict("10.0.0.0/24", 67), text(68));
    assert!(plan_with(&request("10.0.0.0/24"), 68, &[]).is_ok());
    assert!(plan_with(&request("fd00::/64"), 1280, &[]).is_ok());
    assert!(plan_with(&request("fd00::/64"), 0, &[]).is_ok(), "an unknown length is not wrong");
}

#[test]
fn subnets_of_a_network_share_no_address() {
    for sibling in ["10.0.0.0/8", "10.0.0.128/25", "10.0.0.0/24"] {
        let error =
            plan_with(&request("10.0.0.0/24"), 1442, &[("fd00::/64", None), (sibling, None)]).unwrap_err();
        let text = format!(
            "Requested subnet with cidr: 10.0.0.0/24 for network: {} overlaps with another subnet",
            network_id()
        );
        assert_eq!((error.fault(), error.to_string()), bad_input(&text));
    }
    assert!(plan_with(&request("10.0.0.0/24"), 1442, &[("10.0.1.0/24", None), ("fd00::/64", None)]).is_ok());
}

#[test]
fn subnets_of_a_family_come_from_one_pool_or_from_none() {
    let error = plan_with(&request("10.0.0.0/24"), 1442, &[("10.0.1.0/24", Some("pool"))]).unwrap_err();
    assert_eq!(error, IpamError::NetworkSubnetPoolAffinity);
    assert_eq!(error.fault(), Fault { exception: "NetworkSubnetPoolAffinityError", status: 400 });
    assert!(plan_with(&request("10.0.0.0/24"), 1442, &[("fd00::/64", Some("pool"))]).is_ok());
}

fn pooled(request: &SubnetRequest) -> Result<SubnetPlan, IpamError> {
    let mut pool = SubnetPool::new(&PoolRequest {
        id: "pool".to_owned(),
        prefixes: vec![net("10.8.0.0/16")],
        default_prefix_len: Some(26),
        ..PoolRequest::default()
    })
    .unwrap();
    pool.occupy(&net("10.8.0.0/26"), "other");
    let facts = NetworkFacts { id: &network_id(), mtu: None, subnets: &[] };
    request.plan(&facts, Some(&pool), &SubnetLimits::default())
}

#[test]
fn a_pool_chooses_what_is_not_said() {
    let any = SubnetRequest { cidr: None, ..request("10.0.0.0/24") };
    let plan = pooled(&any).unwrap();
    assert_eq!((plan.cidr, plan.gateway_ip), (net("10.8.0.64/26"), Some(ip("10.8.0.65"))));
    assert_eq!(plan.allocation_pools[0].to_string(), "10.8.0.66-10.8.0.126");
    let sized = SubnetRequest { prefix_len: Some(24), gateway: GatewayRequest::None, ..any.clone() };
    let plan = pooled(&sized).unwrap();
    assert_eq!((plan.cidr, plan.gateway_ip), (net("10.8.1.0/24"), None));
    let around = SubnetRequest { gateway: GatewayRequest::At(ip("10.8.3.9")), ..any.clone() };
    let plan = pooled(&around).unwrap();
    assert_eq!((plan.cidr, plan.gateway_ip), (net("10.8.3.0/26"), Some(ip("10.8.3.9"))));
    let specific = SubnetRequest { cidr: Some(net("10.8.0.128/25")), ..any };
    assert_eq!(pooled(&specific).unwrap().cidr, net("10.8.0.128/25"));
}

#[test]
fn requests_that_contradict_a_pool_are_refused() {
    let text = |request: &SubnetRequest| {
        let error = pooled(request).unwrap_err();
        (error.fault(), error.to_string())
    };
    let any = SubnetRequest { cidr: None, ..request("10.0.0.0/24") };
    let bad = |text: &str| (BAD_REQUEST, format!("Bad subnets request: {text}."));
    let both = SubnetRequest { prefix_len: Some(24), ..request("10.8.1.0/24") };
    assert_eq!(text(&both), bad("cidr and prefixlen must not be supplied together"));
    assert_eq!(refuse(&any), bad("a subnetpool must be specified in the absence of a cidr"));
    let pools = SubnetRequest { allocation_pools: Some(Vec::new()), ..any.clone() };
    assert_eq!(text(&pools), bad("allocation_pools allowed only for specific subnet requests."));
    let v6 = SubnetRequest { ip_version: IpVersion::V6, ..any.clone() };
    assert_eq!(text(&v6), bad("Cannot allocate IPv6 subnet from IPv4 subnet pool"));
    let taken = text(&request("10.8.0.0/24"));
    assert_eq!(taken.0, Fault { exception: "SubnetAllocationError", status: 409 });
    let long = SubnetRequest { prefix_len: Some(200), gateway: GatewayRequest::At(ip("10.8.3.9")), ..any };
    assert_eq!(text(&long).0.exception, "MaxPrefixSubnetAllocationError");
}

fn change(change: &SubnetChange, port: Option<&PortId>) -> Result<Vec<AddressRange>, IpamError> {
    change.plan(&subnet(1, "10.0.0.0/24"), Some(ip("10.0.0.1")), port, &SubnetLimits::default())
}

#[test]
fn a_gateway_that_is_a_port_stays() {
    let port: PortId = "55555555-5555-4555-8555-555555555555".parse().unwrap();
    let other = SubnetChange { gateway: Some(Some(ip("192.0.2.1"))), ..SubnetChange::default() };
    let none = SubnetChange { gateway: Some(None), ..SubnetChange::default() };
    let same = SubnetChange { gateway: Some(Some(ip("10.0.0.1"))), ..SubnetChange::default() };
    for wanted in [&other, &none] {
        assert!(change(wanted, None).is_ok());
        let error = change(wanted, Some(&port)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Current gateway ip 10.0.0.1 already in use by port {port}. Unable to update.")
        );
        assert_eq!(error.fault(), Fault { exception: "GatewayIpInUse", status: 409 });
    }
    assert!(change(&same, Some(&port)).is_ok());
}

#[test]
fn changed_pools_and_gateways_stay_apart() {
    let pools = |start, end| Some(vec![AllocationPool { start: ip(start), end: ip(end) }]);
    let clash = SubnetChange { allocation_pools: pools("10.0.0.1", "10.0.0.9"), ..SubnetChange::default() };
    assert_eq!(change(&clash, None).unwrap_err().fault().exception, "GatewayConflictWithAllocationPools");
    let moved = SubnetChange { gateway: Some(Some(ip("10.0.0.9"))), ..SubnetChange::default() };
    assert_eq!(change(&moved, None).unwrap_err().fault().exception, "GatewayConflictWithAllocationPools");
    let both = SubnetChange { allocation_pools: pools("10.0.0.1", "10.0.0.8"), ..moved };
    assert_eq!(change(&both, None).unwrap()[0].to_string(), "10.0.0.1-10.0.0.8");
    assert_eq!(change(&SubnetChange::default(), None).unwrap()[0].to_string(), "10.0.0.2-10.0.0.254");
}

#[test]
fn dhcp_is_switched_where_it_can_be() {
    let switch = |enable_dhcp| SubnetChange { enable_dhcp: Some(enable_dhcp), ..SubnetChange::default() };
    let plan =
        |change: &SubnetChange, subnet: &Subnet| change.plan(subnet, None, None, &SubnetLimits::default());
    let link = Subnet { enable_dhcp: false, ..subnet(1, "10.0.0.0/31") };
    assert!(plan(&switch(true), &link).is_err());
    let slaac = Subnet { ipv6_ra_mode: Some(Ipv6Mode::Slaac), ..subnet(1, "fd00::/64") };
    let error = plan(&switch(false), &slaac).unwrap_err();
    assert_eq!(
        (error.fault(), error.to_string()),
        bad_input("Cannot disable enable_dhcp with ipv6 attributes set")
    );
    assert!(plan(&switch(false), &subnet(1, "fd00::/64")).is_ok());
}

#[test]
fn a_change_names_its_subnet() {
    let dns = SubnetChange { dns_nameservers: Some(vec![ip("8.8.8.8"); 6]), ..SubnetChange::default() };
    let error = change(&dns, None).unwrap_err().to_string();
    assert!(error.starts_with(&format!("Unable to complete operation for {}. ", subnet_id(1))), "{error}");
}

#[test]
fn who_may_have_which_address() {
    let v4 = subnet(1, "10.0.0.0/24");
    assert!(v4.admits(ip("10.0.0.1"), "") && v4.admits(ip("10.0.0.254"), "compute:nova"));
    assert!(!v4.admits(ip("10.0.0.0"), owner::ROUTER_INTERFACE) && !v4.admits(ip("10.0.0.255"), ""));
    assert!(!v4.admits(ip("10.0.1.1"), "") && !v4.admits(ip("fd00::1"), ""));
    let v6 = subnet(2, "fd00::/64");
    assert!(v6.admits(ip("fd00::"), "") && v6.admits(ip("fd00::"), owner::ROUTER_GATEWAY));
    assert!(
        !v6.admits(ip("fd00::"), "compute:nova")
            && v6.admits(ip("fd00::ffff:ffff:ffff:ffff"), "compute:nova")
    );
    let link = subnet(3, "10.0.0.0/31");
    assert!(link.admits(ip("10.0.0.0"), "") && link.admits(ip("10.0.0.1"), ""));
}

#[test]
fn modes_have_the_names_of_the_api() {
    for mode in [Ipv6Mode::Slaac, Ipv6Mode::DhcpStateful, Ipv6Mode::DhcpStateless] {
        assert_eq!(Ipv6Mode::from_text(mode.as_str()), Some(mode));
    }
    assert_eq!(Ipv6Mode::from_text("dhcp"), None);
}
