//! What guests are told of their own names and of the domains of others.

use engine::Reply;
use model::{Object, Table};
use packet::Headers;
use packet::build::{Transport, Udp};
use packet::dhcp::{self, MessageType, Op, Options};
use packet::dhcp6::{self, Kind, duid_of};
use serde_json::json;

use crate::support::{Cloud, ask, ip, mac, v4};

const CLOUD: &str = "
    node a 192.0.2.1 geneve
    network red 1 geneve
    subnet s red 10.0.0.0/24 dhcp
    subnet six red fd00::/64 dhcp ra=dhcpv6-stateful mode=dhcpv6-stateful
    port web 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 subnet=s,six
    port server 20 red mac=02:00:00:00:00:20 ip=10.0.0.20,fd00::20 subnet=s,six owner=network:dhcp
";

fn cloud(domain: &str) -> Cloud {
    let mut cloud = Cloud::new(CLOUD);
    cloud.set("a", |settings| {
        let dhcp = engine::Dhcp { domain: domain.to_owned(), ..engine::Dhcp::default() };
        settings.dhcp = std::sync::Arc::new(dhcp);
    });
    cloud
}

fn name(cloud: &mut Cloud, name: &str, domain: Option<&str>) {
    let row =
        json!({"id": "web", "lport": "web", "lswitch": "red", "name": name, "domain": domain, "topic": "t"});
    cloud.put_row(Object::from_text(Table::PortDns, &row.to_string()).expect("a row"));
}

fn payload(reply: &Reply) -> &[u8] {
    let Reply::Send { frame, .. } = reply else { panic!("{reply:?}") };
    let start = Headers::parse(frame).layout.transport.expect("a datagram");
    &frame[start + Udp::HEADER_BYTES..]
}

/// The host name and the domain that the guest is told by DHCP.
fn by_dhcp(cloud: &mut Cloud) -> (Option<String>, Option<String>) {
    let guest = mac("02:00:00:00:00:01");
    let options = Options::default()
        .with(dhcp::codes::MESSAGE_TYPE, [MessageType::Discover.number()])
        .with(dhcp::codes::PARAMETER_LIST, [dhcp::codes::HOST_NAME]);
    let message = dhcp::Message { options, ..dhcp::Message::new(Op::Request, 1, guest) };
    let datagram = Udp { src_port: dhcp::CLIENT_PORT, dst_port: dhcp::SERVER_PORT, payload: message.emit() };
    let all = (mac("ff:ff:ff:ff:ff:ff"), v4("255.255.255.255").into());
    let frame = ip((guest, v4("0.0.0.0").into()), all, &Transport::Udp(datagram));
    let (_, reply) = ask(cloud, "web", &frame);
    let offer = dhcp::Message::parse(payload(&reply)).expect("a DHCP message");
    let text = |code| offer.options.get(code).map(|value| String::from_utf8_lossy(value).into_owned());
    (text(dhcp::codes::HOST_NAME), text(dhcp::codes::DOMAIN_NAME))
}

/// The name and the domains that the guest is told by DHCPv6, as they are on the wire.
fn by_dhcpv6(cloud: &mut Cloud) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let guest = mac("02:00:00:00:00:01");
    let message = dhcp6::Message::new(Kind::Solicit, [7, 8, 9])
        .with(dhcp6::codes::CLIENT_ID, duid_of(guest))
        .with(dhcp6::codes::CLIENT_FQDN, [1, 4, b'm', b'i', b'n', b'e'])
        .with(dhcp6::codes::REQUESTED, [0, 24, 0, 39]);
    let datagram =
        Udp { src_port: dhcp6::CLIENT_PORT, dst_port: dhcp6::SERVER_PORT, payload: message.emit() };
    let all = (mac("33:33:00:01:00:02"), dhcp6::SERVERS.into());
    let frame = ip((guest, guest.link_local().into()), all, &Transport::Udp(datagram));
    let (_, reply) = ask(cloud, "web", &frame);
    let offer = dhcp6::Message::parse(payload(&reply)).expect("a DHCPv6 message");
    let value = |code| offer.get(code).map(<[u8]>::to_vec);
    (value(dhcp6::codes::CLIENT_FQDN), value(dhcp6::codes::DOMAIN_SEARCH))
}

fn texts(host: &str, domain: &str) -> (Option<String>, Option<String>) {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (text(host), text(domain))
}

fn wire(name: Option<(u8, &[u8])>, domain: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    (name.map(|(flags, name)| [&[flags][..], name].concat()), Some(domain.to_vec()))
}

#[test]
fn a_guest_is_told_the_name_of_its_port_and_the_domain_of_its_network() {
    let mut cloud = cloud("Cloud.example");
    name(&mut cloud, "web", None);
    assert_eq!(by_dhcp(&mut cloud), texts("web", "Cloud.example"));
    assert_eq!(
        by_dhcpv6(&mut cloud),
        wire(Some((1, b"\x03web\x05cloud\x07example\0")), b"\x05Cloud\x07example\0")
    );

    let row = json!({"id": "red", "lswitch": "red", "topic": "t", "dns_domain": "red.example."});
    cloud.put_row(Object::from_text(Table::NetworkExtra, &row.to_string()).expect("a row"));
    assert_eq!(by_dhcp(&mut cloud), texts("web", "red.example"));
    assert_eq!(
        by_dhcpv6(&mut cloud),
        wire(Some((1, b"\x03web\x03red\x07example\0")), b"\x03red\x07example\0")
    );
    // The domain of a port is for its name; it looks for others in that of the network.
    name(&mut cloud, "a.web", Some("shop.example."));
    assert_eq!(by_dhcp(&mut cloud), texts("a", "red.example"));
    let full = b"\x01a\x03web\x04shop\x07example\0";
    assert_eq!(by_dhcpv6(&mut cloud), wire(Some((1, full)), b"\x03red\x07example\0"));
    // What the port's own options say goes before.
    cloud.put(
        "port web 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 subnet=s,six opt=12:boss;15:other.example \
         opt6=24:other.example",
    );
    assert_eq!(by_dhcp(&mut cloud), texts("boss", "other.example"));
    assert_eq!(by_dhcpv6(&mut cloud), wire(Some((1, full)), b"\x05other\x07example\0"));
}

#[test]
fn without_a_name_it_is_made_of_the_address_where_the_cloud_has_a_domain_of_its_own() {
    let mut named = cloud("cloud.example.");
    assert_eq!(by_dhcp(&mut named), texts("host-10-0-0-1", "cloud.example."));
    let full = b"\x0chost-fd00--1\x05cloud\x07example\0";
    assert_eq!(
        by_dhcpv6(&mut named),
        wire(Some((6, full)), b"\x05cloud\x07example\0"),
        "DNS does not know it"
    );
    let mut default = cloud("openstacklocal");
    assert_eq!(by_dhcp(&mut default), texts("", "openstacklocal"));
    assert_eq!(by_dhcpv6(&mut default), wire(None, b"\x0eopenstacklocal\0"));
    let mut without = cloud("");
    assert_eq!(by_dhcp(&mut without), texts("", ""));
    assert_eq!(by_dhcpv6(&mut without), (None, None));
}
