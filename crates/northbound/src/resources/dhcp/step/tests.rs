use super::*;
use crate::ipam::{FixedIp, Ipv6Mode};

fn id(number: u8) -> SubnetId {
    format!("22222222-2222-4222-8222-2222222222{number:02x}").parse().unwrap()
}

fn subnet(number: u8, cidr: &str, enable_dhcp: bool) -> Subnet {
    Subnet {
        id: id(number),
        cidr: cidr.parse().unwrap(),
        pools: Vec::new(),
        ipv6_ra_mode: None,
        ipv6_address_mode: None,
        enable_dhcp,
        service_types: Vec::new(),
    }
}

fn port(addresses: &[(u8, &str)]) -> PortAddresses {
    let fixed = |(number, address): &(u8, &str)| FixedIp {
        subnet_id: id(*number),
        ip_address: address.parse().unwrap(),
    };
    PortAddresses {
        mac: "fa:16:3e:00:00:01".parse().unwrap(),
        fixed_ips: addresses.iter().map(fixed).collect(),
    }
}

fn change(requests: &[FixedIpRequest]) -> DhcpPortStep {
    DhcpPortStep::Change(PortChange { mac: None, fixed_ips: Some(requests.to_vec()) })
}

fn kept(number: u8, address: &str) -> FixedIpRequest {
    FixedIpRequest { subnet_id: Some(id(number)), ip_address: Some(address.parse().unwrap()) }
}

#[test]
fn the_port_comes_with_the_first_subnet_and_goes_with_the_last() {
    let v4 = subnet(1, "10.0.0.0/24", true);
    assert_eq!(step(&[], None), DhcpPortStep::Nothing);
    assert_eq!(step(std::slice::from_ref(&v4), None), DhcpPortStep::Create(vec![any_of(&id(1))]));
    assert_eq!(step(&[v4], Some(&port(&[(1, "10.0.0.2")]))), DhcpPortStep::Nothing);
    assert_eq!(
        step(&[subnet(1, "10.0.0.0/24", false)], Some(&port(&[(1, "10.0.0.2")]))),
        DhcpPortStep::Delete
    );
    assert_eq!(step(&[], Some(&port(&[]))), DhcpPortStep::Delete);
}

#[test]
fn only_ipv4_is_served_from_the_port() {
    let v6 = subnet(1, "fd00::/64", true);
    assert_eq!(step(&[v6], None), DhcpPortStep::Nothing);
}

#[test]
fn the_port_follows_its_subnets_and_keeps_its_addresses() {
    let subnets =
        [subnet(2, "10.0.1.0/24", true), subnet(1, "10.0.0.0/24", true), subnet(3, "10.0.2.0/24", false)];
    assert_eq!(step(&subnets, None), DhcpPortStep::Create(vec![any_of(&id(1)), any_of(&id(2))]));
    let added = step(&subnets, Some(&port(&[(2, "10.0.1.2")])));
    assert_eq!(added, change(&[kept(2, "10.0.1.2"), any_of(&id(1))]));
    let removed = step(&subnets, Some(&port(&[(1, "10.0.0.2"), (2, "10.0.1.2"), (3, "10.0.2.2")])));
    assert_eq!(removed, change(&[kept(1, "10.0.0.2"), kept(2, "10.0.1.2")]));
}

#[test]
fn addresses_that_every_port_gets_are_no_reason_to_change() {
    let slaac = Subnet { ipv6_ra_mode: Some(Ipv6Mode::Slaac), ..subnet(2, "fd00::/64", true) };
    let subnets = [subnet(1, "10.0.0.0/24", true), slaac];
    let port = port(&[(1, "10.0.0.2"), (2, "fd00::f816:3eff:fe00:1")]);
    assert_eq!(step(&subnets, Some(&port)), DhcpPortStep::Nothing);
}
