//! Random requests: whatever they say, the answer is in Neutron's form, and never that the server failed.

use northbound::registry::Kind;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::support::Api;

/// Requests of one history.
const REQUESTS_MAX: usize = 24;

#[derive(Debug, Clone)]
struct Request {
    method: &'static str,
    path: String,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

/// Words that mean something somewhere; `NET`, `SUBNET`, `PORT` and so on become ids of what is there.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec![
            "NET", "SUBNET", "PORT", "SGROUP", "SRULE", "AGROUP", "tcp", "icmpv6", "ingress", "PARENT", "default", "10.0.0.0/24", "10.0.0.9", "10.1.0.0/30", "fd00::/64", "fd00::5", "0.0.0.0/0",
            "slaac", "dhcpv6-stateful", "fa:16:3e:00:00:01", "ff:ff:ff:ff:ff:ff", "geneve", "vlan", "flat", "local",
            "network:dhcp", "network:router_interface", "compute:nova", "true", "-1", "4294967296", "", "::/0",
            "revision_number=1", "ip_address=10.0.0.9", "subnet_id=", "asc", "id", "255.255.255.255/32",
        ]).prop_map(str::to_owned),
        1 => ".{0,12}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => prop_oneof![any::<i64>(), -2_i64..200].prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        6 => word().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let member = select(vec![
            "start",
            "end",
            "destination",
            "nexthop",
            "subnet_id",
            "ip_address",
            "mac_address",
            "opt_name",
            "opt_value",
            "ip_version",
            "port_key",
            "host_ip",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((member, inner), 0..4).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<Map<_, _>>()
                    .into()
            }),
        ]
    })
}

/// Values that an attribute may well have.
fn likely(name: &str) -> Vec<Value> {
    match name {
        "network_id" => vec![json!("NET")],
        "port_id" => vec![json!("PORT"), json!("INNER"), json!(null)],
        "floating_network_id" => vec![json!("OUTSIDE"), json!("NET")],
        "subnet_id" => vec![json!("OUTER"), json!("SUBNET"), json!(null)],
        "floating_ip_address" => {
            vec![json!("172.24.4.9"), json!("172.24.9.9"), json!("fd00::9"), json!(null)]
        }
        "fixed_ip_address" => vec![json!("10.6.0.9"), json!("10.0.0.9"), json!("fd00::9"), json!(null)],
        "sub_ports" => vec![
            json!([{"port_id": "CHILD", "segmentation_type": "vlan", "segmentation_id": 7}]),
            json!([{"port_id": "CHILD", "segmentation_type": "inherit"}]),
            json!([]),
        ],
        "external_gateway_info" => vec![
            json!({"network_id": "EXT"}),
            json!({"network_id": "EXT", "enable_snat": "no", "external_fixed_ips": [{"ip_address": "172.16.0.9"}]}),
            json!({"network_id": "NET"}),
            json!({}),
        ],
        "routes" => vec![
            json!([{"destination": "10.50.0.0/16", "nexthop": "10.0.0.9"}]),
            json!([{"destination": "0.0.0.0/0", "nexthop": "172.16.0.7"}]),
            json!([]),
        ],
        "qos_policy_id" => vec![json!("POLICY"), json!(null)],
        "subnetpool_id" => vec![json!("POOL"), json!(null)],
        "ip_version" => vec![json!(4), json!("6")],
        "cidr" => [
            "10.0.1.0/24",
            "10.7.0.0/28",
            "10.8.0.0/31",
            "10.9.0.1/32",
            "fd00:1::/64",
            "fd00:2::/120",
            "10.7.0.9/27",
        ]
        .map(Value::from)
        .into(),
        "gateway_ip" => {
            vec![json!(null), json!("10.7.0.1"), json!("10.7.0.15"), json!("fd00:1::1"), json!("10.0.0.7")]
        }
        "allocation_pools" => vec![
            json!([{"start": "10.7.0.2", "end": "10.7.0.4"}, {"start": "10.7.0.6", "end": "10.7.0.6"}]),
            json!([{"start": "10.0.0.250", "end": "10.0.0.254"}]),
            json!([]),
        ],
        "dns_nameservers" => vec![json!(["8.8.8.8", "fd00::53"]), json!(["1.1.1.1"]), json!(null)],
        "host_routes" => vec![json!([{"destination": "10.50.0.0/16", "nexthop": "10.7.0.9"}]), json!([])],
        "ipv6_ra_mode" | "ipv6_address_mode" => vec![json!("slaac"), json!("dhcpv6-stateless")],
        "service_types" => vec![json!(["compute:nova"]), json!([]), json!(null)],
        "mac_address" => vec![json!("fa:16:3e:00:00:01"), json!("fa-16-3e-00-00-02")],
        "fixed_ips" => vec![
            json!([]),
            json!([{"subnet_id": "SUBNET"}]),
            json!([{"ip_address": "10.0.0.9"}, {"subnet_id": "SUBNET"}]),
            json!([{"ip_address": "10.0.0.10", "subnet_id": "SUBNET"}]),
        ],
        "device_owner" => {
            vec![json!("compute:nova"), json!("network:router_interface"), json!("network:dhcp")]
        }
        "allowed_address_pairs" => {
            vec![json!([{"ip_address": "10.0.0.77"}]), json!([{"ip_address": "10.3.0.0/24"}]), json!(null)]
        }
        "extra_dhcp_opts" => vec![
            json!([{"opt_name": "mtu", "opt_value": "1400"}]),
            json!([{"opt_name": "mtu", "opt_value": null, "ip_version": "4"}, {"opt_name": "cat", "opt_value": "x"}]),
        ],
        "binding:host_id" => vec![json!("host"), json!(""), json!(null)],
        "binding:profile" => {
            vec![json!({"port_key": "remote_port", "host_ip": "192.0.2.1"}), json!({}), json!(null)]
        }
        "provider:network_type" => {
            ["geneve", "vxlan", "gre", "vlan", "flat", "local"].map(Value::from).into()
        }
        "provider:physical_network" => vec![json!("physnet"), json!("")],
        "provider:segmentation_id" => vec![json!(7), json!("70000"), json!(null)],
        "mtu" => vec![json!(0), json!(60), json!(1280), json!(1442), json!(9000)],
        "prefixes" => {
            vec![json!(["10.128.0.0/20"]), json!(["10.64.0.0/16", "10.65.0.0/16"]), json!(["fd00:9::/48"])]
        }
        "prefixlen" | "min_prefixlen" | "max_prefixlen" | "default_prefixlen" => {
            vec![json!(16), json!(26), json!("32"), json!(200)]
        }
        "security_group_id" => vec![json!("SGROUP")],
        "security_groups" => vec![json!(["SGROUP"]), json!([]), json!(null)],
        "remote_group_id" => vec![json!("SGROUP"), json!("PARENT"), json!(null)],
        "remote_address_group_id" => vec![json!("AGROUP"), json!(null)],
        "remote_ip_prefix" => vec![json!("10.0.0.7/24"), json!("fd00::/64"), json!("10.0.0.1"), json!("x")],
        "normalized_cidr" => vec![json!("10.0.0.0/24")],
        "addresses" => vec![json!(["10.0.0.7/24", "fd00::/64"]), json!(["10.0.0.1"]), json!([])],
        "direction" => vec![json!("ingress"), json!("egress"), json!("both")],
        "ethertype" => vec![json!("IPv4"), json!("ipv6"), json!("ARP")],
        "protocol" => ["tcp", "icmp", "icmpv6", "vrrp", "any", "58", "256"].map(Value::from).into(),
        "port_range_min" | "port_range_max" => {
            vec![json!(1), json!(80), json!("65535"), json!(0), json!(256)]
        }
        "default_quota" => vec![json!(100), json!(null)],
        "tags" => vec![json!(["a", "b"]), json!([])],
        "name" | "description" | "device_id" => vec![json!("a"), json!("b"), json!("")],
        _ => vec![json!(true), json!("false"), json!(null)],
    }
}

/// Attributes that name something which is there.
const IDS: [&str; 8] = [
    "floating_network_id",
    "subnet_id",
    "network_id",
    "qos_policy_id",
    "port_id",
    "security_group_id",
    "remote_group_id",
    "remote_address_group_id",
];

/// What a request says of a resource: mostly what it may say, so that the answer is interesting.
fn attributes(kind: Kind, is_creation: bool) -> impl Strategy<Value = Value> {
    let all = kind.resource().attributes;
    let may = all.iter().filter(move |own| if is_creation { own.in_post } else { own.in_put });
    let mut may: Vec<&'static str> =
        may.map(|own| own.name).filter(|name| !name.ends_with("_id") || IDS.contains(name)).collect();
    if may.is_empty() {
        // Nothing of it can be changed; somebody tries all the same.
        may.push("description");
    }
    let sensible = select(may).prop_flat_map(|name| (Just(name), select(likely(name))));
    let any_name: Vec<&str> = all.iter().map(|own| own.name).chain(["x"]).collect();
    let said = prop::collection::vec(prop_oneof![12 => sensible, 1 => (select(any_name), value())], 0..5);
    let base = match kind {
        Kind::Subnet => json!({"network_id": "NET", "ip_version": 4, "cidr": "10.7.0.0/28"}),
        Kind::Port => json!({"network_id": "NET"}),
        Kind::SubnetPool => json!({"name": "p", "prefixes": ["10.128.0.0/20"]}),
        Kind::Network | Kind::SecurityGroup | Kind::AddressGroup | Kind::Router => json!({}),
        Kind::SecurityGroupRule => json!({"security_group_id": "SGROUP", "direction": "ingress"}),
        Kind::DefaultSecurityGroupRule => {
            json!({"direction": "ingress", "used_in_default_sg": false, "used_in_non_default_sg": true})
        }
        Kind::QosPolicy => json!({"name": "q"}),
        Kind::Trunk => json!({"port_id": "PORT"}),
        Kind::FloatingIp => json!({"floating_network_id": "OUTSIDE"}),
    };
    (said, prop::bool::weighted(0.9)).prop_map(move |(said, has_base)| {
        let mut members = if has_base && is_creation { base.clone() } else { json!({}) };
        for (name, value) in said {
            members[name] = value;
        }
        members
    })
}

fn body(kind: Kind, is_creation: bool) -> impl Strategy<Value = Vec<u8>> {
    let (singular, plural) = (kind.resource().singular, kind.resource().plural);
    prop_oneof![
        20 => attributes(kind, is_creation).prop_map(move |one| json!({singular: one}).to_string().into_bytes()),
        4 => prop::collection::vec(attributes(kind, is_creation), 0..4)
            .prop_map(move |many| json!({plural: many}).to_string().into_bytes()),
        2 => router_body(),
        1 => value().prop_map(|any| json!({"tags": any, "quota": any, "network": any, "addresses": any}).to_string().into_bytes()),
        1 => value().prop_map(|any| any.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just(Vec::new()),
    ]
}

/// What is said of the interfaces, routes and gateways of a router.
fn router_body() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        json!({"subnet_id": "SUBNET"}),
        json!({"port_id": "PORT"}),
        json!({"port_id": "CHILD", "subnet_id": "SUBNET"}),
        json!({"router": {"external_gateways": [{"network_id": "EXT"}, {"network_id": "EXT", "enable_snat": false}]}}),
        json!({"router": {"external_gateways": []}}),
        json!({"router": {"routes": [{"destination": "10.60.0.0/16", "nexthop": "172.16.0.8"}]}}),
    ])
    .prop_map(|body| body.to_string().into_bytes())
}

fn item(kind: Kind) -> String {
    let id = match kind {
        Kind::Network => "NET",
        Kind::Subnet => "SUBNET",
        Kind::Port => "PORT",
        Kind::SubnetPool => "POOL",
        Kind::SecurityGroup => "SGROUP",
        Kind::SecurityGroupRule => "SRULE",
        Kind::AddressGroup => "AGROUP",
        Kind::DefaultSecurityGroupRule => "TEMPLATE",
        Kind::QosPolicy => "POLICY",
        Kind::Trunk => "TRUNK",
        Kind::Router => "ROUTER",
        Kind::FloatingIp => "FLOATING",
    };
    format!("/v2.0/{}/{id}", kind.path())
}

/// Paths that are seldom asked for, and some that are none.
fn rare_path(kind: Kind) -> impl Strategy<Value = String> {
    let plural = kind.path();
    let rules = select(vec!["bandwidth_limit_rules", "dscp-marking-rules", "minimum_packet_rate_rules", "x"]);
    let router_actions = select(vec![
        "add_router_interface",
        "remove_router_interface",
        "add_extraroutes",
        "add_external_gateways",
        "update-external-gateways",
        "remove_external_gateways",
    ]);
    let actions = select(vec!["add_subports", "remove-subports", "get_subports"]);
    prop_oneof![
        1 => word().prop_map(move |word| format!("/v2.0/{plural}/{}", escape(&word))),
        2 => Just(format!("{}/tags", item(kind))),
        2 => word().prop_map(move |tag| format!("{}/tags/{}", item(kind), escape(&tag))),
        1 => Just(format!("{}/add_addresses", item(Kind::AddressGroup))),
        1 => Just(format!("{}/remove_addresses", item(Kind::AddressGroup))),
        2 => rules.prop_map(|rules| format!("/v2.0/qos/policies/POLICY/{rules}")),
        2 => actions.prop_map(|action| format!("/v2.0/trunks/TRUNK/{action}")),
        2 => select(vec!["/v2.0/floatingips/FLOATING/port_forwardings", "/v2.0/floatingip_pools"])
            .prop_map(str::to_owned),
        2 => select(vec!["", "/h", "/host", "/h/activate"])
            .prop_map(|rest| format!("/v2.0/ports/PORT/bindings{rest}")),
        4 => router_actions.prop_map(|action| format!("/v2.0/routers/ROUTER/{action}")),
        1 => Just("/v2.0/quotas/p".to_owned()),
        1 => Just("/v2.0/network-ip-availabilities".to_owned()),
        1 => prop::collection::vec(word(), 0..5)
            .prop_map(|words| words.iter().map(|word| format!("/{}", escape(word))).collect::<String>() + "/"),
    ]
}

fn query(kind: Kind) -> impl Strategy<Value = String> {
    let filters = kind.resource().attributes.iter().filter(|own| own.is_filter).map(|own| own.name);
    let more =
        ["fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse", "tags", "not-tags-any", "x"];
    let names: Vec<&str> = filters.chain(more).collect();
    prop::collection::vec((select(names), word()), 0..4).prop_map(|query| {
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) }
    })
}

/// Method, path and body.
fn action(kind: Kind) -> BoxedStrategy<(&'static str, String, Vec<u8>)> {
    let collection = format!("/v2.0/{}", kind.path());
    let methods = select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
    let body_of =
        |method: &str, body: Vec<u8>| if matches!(method, "GET" | "DELETE") { Vec::new() } else { body };
    prop_oneof![
        12 => (Just(collection.clone()), body(kind, true)).prop_map(|(path, body)| ("POST", path, body)),
        12 => (Just(item(kind)), body(kind, false)).prop_map(|(path, body)| ("PUT", path, body)),
        6 => (Just(collection), query(kind)).prop_map(|(path, query)| ("GET", path + &query, Vec::new())),
        2 => (Just(item(kind)), query(kind)).prop_map(|(path, query)| ("GET", path + &query, Vec::new())),
        2 => Just(("DELETE", item(kind), Vec::new())),
        4 => (methods, rare_path(kind), query(kind), body(kind, true))
            .prop_map(move |(method, path, query, body)| (method, path + &query, body_of(method, body))),
    ]
    .boxed()
}

/// Everything that a request line could not have becomes a percent sign and two digits.
fn escape(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(escaped).collect()
}

fn request() -> impl Strategy<Value = Request> {
    select(Kind::ALL.to_vec()).prop_flat_map(|kind| {
        let role = select(vec!["admin", "admin", "admin", "member", "reader", "service"]);
        let project = select(vec!["p", "p", "p", "q"]);
        (action(kind), role, project, prop::bool::weighted(0.1)).prop_map(
            |((method, path, body), role, project, has_if_match)| {
                let mut headers = vec![("X-Roles", role.to_owned()), ("X-Project-Id", project.to_owned())];
                if has_if_match && method != "POST" {
                    headers.push(("If-Match", "revision_number=1".to_owned()));
                }
                Request { method, path, body, headers }
            },
        )
    })
}

async fn run(requests: Vec<Request>) {
    let api = Api::start().await;
    let mut admin = api.client(&[("X-Project-Id", "p")]);
    let network = admin.create("network", json!({})).await["id"].clone();
    let subnet = json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"});
    let subnet = admin.create("subnet", subnet).await["id"].clone();
    let port = admin.create("port", json!({"network_id": network})).await["id"].clone();
    let pool =
        admin.create("subnetpool", json!({"name": "p", "prefixes": ["10.64.0.0/16"]})).await["id"].clone();
    let policy = admin.post("/v2.0/qos/policies", json!({"policy": {"name": "p"}})).await.expect(201);
    let policy = policy["policy"]["id"].clone();
    let trunk = admin.create("port", json!({"network_id": network})).await["id"].clone();
    let trunk = admin.create("trunk", json!({"port_id": trunk})).await["id"].clone();
    let child = admin.create("port", json!({"network_id": network})).await["id"].clone();
    let external = admin.create("network", json!({"router:external": true})).await["id"].clone();
    let outside =
        json!({"network_id": external, "ip_version": 4, "cidr": "172.16.0.0/28", "enable_dhcp": false});
    admin.create("subnet", outside).await;
    let router =
        admin.create("router", json!({"external_gateway_info": {"network_id": external}})).await["id"]
            .clone();
    let (outside, outer, inner) = crate::floating_ips::way_out(&mut admin).await;
    let floating = json!({"floating_network_id": outside});
    let floating = admin.create("floatingip", floating).await["id"].clone();
    let group = admin.create("security_group", json!({})).await;
    let addresses = admin.create("address_group", json!({})).await["id"].clone();
    let templates = admin.get("/v2.0/default-security-group-rules").await.expect(200);
    let fill = |text: &str| {
        let names = [
            ("POLICY", &policy),
            ("FLOATING", &floating),
            ("OUTSIDE", &outside),
            ("OUTER", &outer),
            ("INNER", &inner),
            ("TRUNK", &trunk),
            ("CHILD", &child),
            ("ROUTER", &router),
            ("EXT", &external),
            ("SUBNET", &subnet),
            ("NET", &network),
            ("PORT", &port),
            ("POOL", &pool),
            ("SGROUP", &group["id"]),
            ("SRULE", &group["security_group_rules"][0]["id"]),
            ("AGROUP", &addresses),
            ("TEMPLATE", &templates["default_security_group_rules"][0]["id"]),
        ];
        names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id.as_str().unwrap()))
    };
    let mut client = api.client(&[]);
    for Request { method, path, body, headers } in requests {
        let path = fill(&path);
        let body = match String::from_utf8(body) {
            Ok(text) => fill(&text).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = client.send(method, &path, &headers, &body).await;
        let sent = format!("{method} {path} {headers:?} {}", String::from_utf8_lossy(&body));
        if reply.status >= 500 {
            // The one way to be refused for something that may be there later.
            assert_eq!(reply.expect(503)["NeutronError"]["type"], "NoNetworkAvailable", "{sent}");
        }
        if reply.status >= 400 {
            let error = &reply.json()["NeutronError"];
            assert!(error["type"].is_string() && error["message"].is_string(), "{sent}: {}", reply.text);
        } else if reply.status != 204 && !reply.text.is_empty() {
            assert!(reply.json().is_object(), "{sent}: {}", reply.text);
        }
    }
    let ports = api.admin().get("/v2.0/ports").await.expect(200);
    let mut taken: Vec<String> = Vec::new();
    for port in ports["ports"].as_array().unwrap() {
        for fixed in port["fixed_ips"].as_array().unwrap() {
            taken.push(format!("{}:{}", port["network_id"], fixed["ip_address"]));
        }
    }
    let all = taken.len();
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), all, "no address is given twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_request_makes_the_server_fail(requests in prop::collection::vec(request(), 1..REQUESTS_MAX)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(requests));
    }
}
