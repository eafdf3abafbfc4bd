use super::*;

fn port() -> Port {
    Port {
        id: "55555555-5555-4555-8555-555555555555".parse().unwrap(),
        network_id: "11111111-1111-4111-8111-111111111111".parse().unwrap(),
        project_id: "project".to_owned(),
        network_project_id: "owner-of-network".to_owned(),
        name: None,
        mac: "fa:16:3e:00:00:01".parse().unwrap(),
        fixed_ips: Vec::new(),
        admin_state_up: true,
        device_id: None,
        device_owner: None,
        security_groups: Vec::new(),
        port_security_enabled: true,
        allowed_address_pairs: Vec::new(),
        vnic_type: None,
        place: Place::Anywhere,
        qos_policy: None,
        dns_name: None,
        dns_domain: None,
        extra_dhcp_opts: Vec::new(),
        revision: 1,
    }
}

fn row(port: &Port) -> LogicalPort {
    port.row(UniqueKey::new(7).unwrap()).unwrap()
}

fn refuse(port: &Port) -> String {
    let error = port.row(UniqueKey::new(7).unwrap()).unwrap_err();
    assert_eq!((error.fault().exception, error.fault().status), ("InvalidInput", 400));
    error.to_string()
}

fn option(name: &str, value: &str, ip_version: IpVersion) -> ExtraDhcpOption {
    ExtraDhcpOption { name: name.to_owned(), value: value.to_owned(), ip_version }
}

fn with_options(options: &[ExtraDhcpOption]) -> Port {
    Port { extra_dhcp_opts: options.to_vec(), ..port() }
}

fn with_pair(address: &str, mac: Option<&str>) -> Port {
    let ip_address = AllowedAddressPair::parse_address(address).unwrap();
    let mac_address = mac.map(|mac| mac.parse().unwrap());
    Port { allowed_address_pairs: vec![AllowedAddressPair { ip_address, mac_address }], ..port() }
}

#[test]
fn a_port_without_a_project_belongs_to_that_of_its_network() {
    assert_eq!(row(&port()).topic, Topic::new("project"));
    assert_eq!(row(&Port { project_id: String::new(), ..port() }).topic, Topic::new("owner-of-network"));
}

#[test]
fn pairs_without_a_mac_have_that_of_the_port() {
    let pair = |port: &Port| row(port).allowed_address_pairs.remove(0);
    assert_eq!(pair(&with_pair("10.0.0.9", None)).mac_address, port().mac);
    let other = pair(&with_pair("fd00::9/128", Some("fa:16:3e:00:00:09")));
    assert_eq!(
        (other.ip_address.to_string(), other.mac_address.to_string()),
        ("fd00::9".to_owned(), "fa:16:3e:00:00:09".to_owned())
    );
}

#[test]
fn pairs_that_are_ranges_have_a_row_of_their_own() {
    let ranged = with_pair("10.9.3.4/16", None);
    assert_eq!(row(&ranged).allowed_address_pairs[0].ip_address.to_string(), "10.9.0.0");
    let ranges = ranged.address_ranges().unwrap();
    assert_eq!(
        (ranges.id.row(), &ranges.lport, &ranges.topic),
        (ranged.id.row(), &ranged.id, &row(&ranged).topic)
    );
    assert_eq!(
        (ranges.ranges[0].cidr.to_string(), ranges.ranges[0].mac_address),
        ("10.9.0.0/16".to_owned(), port().mac)
    );
    for single in ["10.9.0.1", "10.9.0.1/32", "fd00::1", "fd00::1/128"] {
        assert_eq!(with_pair(single, None).address_ranges(), None, "{single}");
    }
    assert_eq!(AllowedAddressPair::parse_address("10.9.0.0/33"), None);
}

#[test]
fn options_go_by_number_and_the_next_server_into_its_field() {
    let v4 = |name, value| option(name, value, IpVersion::V4);
    let params =
        row(&with_options(&[v4("67", "a"), v4("tftp-server", "b"), v4("server-ip-address", "192.0.2.6")]));
    let params = params.dhcp_params.unwrap();
    assert_eq!(params.opts.iter().collect::<Vec<_>>(), [(66, "b"), (67, "a")]);
    assert_eq!(params.siaddr, Some("192.0.2.6".parse().unwrap()));
    let renamed = row(&with_options(&[v4("67", "a"), v4("bootfile-name", "b")])).dhcp_params.unwrap();
    assert_eq!(renamed.opts.get(67), Some("b"), "the last one counts");
}

#[test]
fn options_of_dhcpv6_are_none_of_dhcpv4() {
    let params = row(&with_options(&[option("59", "http://boot", IpVersion::V6)])).dhcp_params.unwrap();
    assert_eq!(params.opts, DhcpOptions::default());
}

#[test]
fn options_that_nobody_knows_are_refused() {
    let text = refuse(&with_options(&[option("no-such", "x", IpVersion::V4)]));
    assert_eq!(text, "Invalid input for operation: extra_dhcp_opt no-such is not supported.");
    let text = refuse(&with_options(&[option("siaddr", "host.example", IpVersion::V4)]));
    let expected =
        "Invalid input for operation: extra_dhcp_opt siaddr is 'host.example', which is not an IP address.";
    assert_eq!(text, expected);
}

#[test]
fn a_binding_says_where_a_port_is() {
    let place = |host, key, ip| Place::of_binding(host, key, ip).unwrap();
    assert_eq!(place("", None, None), Place::Anywhere);
    assert_eq!(place("h1", None, Some("192.0.2.1")), Place::Host(Id::new("h1").unwrap()));
    assert_eq!(place("h1", Some("other"), None), Place::Host(Id::new("h1").unwrap()));
    let remote = place("h1", Some("remote_port"), Some("192.0.2.1"));
    assert_eq!(remote, Place::Remote(Some("192.0.2.1".parse().unwrap())));
    assert_eq!(place("h1", Some("remote_port"), None), Place::Remote(None));
    let error = Place::of_binding("h1", Some("remote_port"), Some("h2")).unwrap_err().to_string();
    let text =
        "Invalid input for operation: binding:profile has the host_ip 'h2', which is not an IP address.";
    assert_eq!(error, text);
}
