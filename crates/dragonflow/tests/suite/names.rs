//! Names as an operator gives them, from the API to what guests are told of themselves and hear of others.

use serde_json::{Value, json};
use testkit::cloud::{CloudSpec, Vm};
use testkit::try_wait_until;

use crate::dns::ask;
use crate::ipv6::dhclient_with;
use crate::support::{Lab, PATIENCE, binary};

/// A cloud with a domain of its own.
pub(crate) fn lab(hosts: u8) -> Lab {
    let domain = "\n[DEFAULT]\ndns_domain = example.test\n";
    Lab::with(&CloudSpec { hosts, server_options: domain, host_options: domain, ..CloudSpec::new(binary()) })
}

pub(crate) fn network(lab: &Lab, domain: &str) -> String {
    let body = json!({"network": {"name": "red", "provider:network_type": "geneve", "dns_domain": domain}});
    let made = lab.cloud.api().post("/v2.0/networks", &body).and_then(|made| made.expect(201));
    made.expect("a network")["network"]["id"].as_str().expect("an id").to_owned()
}

/// A machine whose port has a name, or none.
pub(crate) fn boot(lab: &Lab, host: usize, network: &str, name: &str) -> Vm {
    let port = json!({"network_id": network, "dns_name": name});
    let vm = lab.cloud.boot_port(host, &format!("vm-{name}"), &port).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    vm
}

fn change(lab: &Lab, path: &str, body: &Value) {
    let changed = lab.cloud.api().put(path, body).and_then(|changed| changed.expect(200));
    changed.expect("it is changed");
}

/// The host name and the domain that DHCP tells a machine.
fn told(vm: &Vm) -> (Option<String>, Option<String>) {
    let lease = vm.dhcp().expect("an address");
    let text = |name: &str| lease.get(name).map(str::to_owned);
    (text("hostname"), text("domain"))
}

fn pair(host: &str, domain: &str) -> (Option<String>, Option<String>) {
    (Some(host.to_owned()), Some(domain.to_owned()))
}

/// Waits until it is as it should be.
#[track_caller]
fn becomes<T: PartialEq + std::fmt::Debug>(expected: &T, mut now: impl FnMut() -> T) {
    let mut last = None;
    let waited = try_wait_until(PATIENCE, "the change to be seen", || {
        last = Some(now());
        (last.as_ref() == Some(expected)).then_some(())
    });
    waited.unwrap_or_else(|error| panic!("{error}: {last:?} instead of {expected:?}"));
}

#[test]
fn guests_are_told_the_names_that_the_api_gives_and_find_each_other_by_them() {
    let lab = lab(2);
    let network = network(&lab, "red.example.");
    lab.subnet(&json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"}));
    let (web, db) = (boot(&lab, 0, &network, "web"), boot(&lab, 1, &network, "db"));
    let nobody = boot(&lab, 0, &network, "");
    assert_eq!(told(&web), pair("web", "red.example"));
    assert_eq!(told(&db), pair("db", "red.example"));
    let address = nobody.address().expect("an address").to_string();
    assert_eq!(told(&nobody), pair(&format!("host-{}", address.replace('.', "-")), "red.example"));

    // Of a name server that is not there only names of ports are answered.
    let server = "10.0.0.200";
    let device = web.guest().device();
    let neighbour = ["neigh", "replace", server, "lladdr", "02:00:00:00:00:99", "dev", device];
    let on_the_link = || web.namespace().ip(&neighbour).expect("it is on the link");
    on_the_link();
    let address: std::net::Ipv4Addr = db.address().expect("an address").to_string().parse().expect("IPv4");
    let known = (0, vec![format!("{:08x}", address.to_bits())]);
    let questions = ["db.red.example/A", "db.example.test/A", "DB/A"];
    assert_eq!(ask(&web, server, &questions), [known.clone(), known.clone(), known.clone()]);
    let bytes: Vec<String> = address.octets().iter().rev().map(u8::to_string).collect();
    let reverse = format!("{}.in-addr.arpa/PTR", bytes.join("."));
    let full: String = b"\x02db\x03red\x07example\0".iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(ask(&web, server, &[&reverse]), [(0, vec![full])]);

    // Other names, and another domain.
    change(&lab, &format!("/v2.0/ports/{}", db.port_id()), &json!({"port": {"dns_name": "store"}}));
    change(&lab, &format!("/v2.0/networks/{network}"), &json!({"network": {"dns_domain": ""}}));
    becomes(&pair("store", "example.test"), || told(&db));
    becomes(&pair("web", "example.test"), || told(&web));
    // An address that goes takes all neighbours with it.
    on_the_link();
    assert_eq!(ask(&web, server, &["store.example.test/A"]), [known]);
}

#[test]
fn guests_that_say_their_names_by_dhcpv6_are_told_what_they_are() {
    let lab = lab(1);
    let network = network(&lab, "");
    lab.subnet(&json!({
        "network_id": network, "ip_version": 6, "cidr": "fd00:77::/64", "dns_nameservers": ["fd00:77::53"],
        "ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful",
    }));
    let web = crate::ipv6::with_link_local(boot(&lab, 0, &network, "web"));
    let says = "send fqdn.fqdn \"mine.\";\nsend fqdn.server-update on;\nalso request dhcp6.fqdn;\n";
    let heard = dhclient_with(&web, says, &[]);
    assert!(heard.contains("new_fqdn_fqdn=web.example.test\n"), "{heard}");
    assert!(heard.contains("new_dhcp6_domain_search=example.test"), "{heard}");
    let heard = dhclient_with(&web, "also request dhcp6.fqdn;\n", &[]);
    assert!(!heard.contains("web.example.test"), "it did not say that it has a name: {heard}");
}
