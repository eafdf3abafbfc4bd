//! What is refused, with Neutron's names, texts and statuses.

use serde_json::{Value, json};

use crate::support::Api;

/// A request, and what it is refused with.
pub(crate) struct Case {
    method: &'static str,
    path: String,
    body: Value,
    status: u16,
    kind: &'static str,
    message: String,
}

pub(crate) fn case(
    method: &'static str,
    path: impl Into<String>,
    body: Value,
    (status, kind): (u16, &'static str),
    message: impl Into<String>,
) -> Case {
    Case { method, path: path.into(), body, status, kind, message: message.into() }
}

pub(crate) const BAD: (u16, &str) = (400, "HTTPBadRequest");
pub(crate) const INPUT: (u16, &str) = (400, "InvalidInput");

pub(crate) async fn check(api: &Api, cases: Vec<Case>) {
    let mut admin = api.admin();
    for case in cases {
        let body = if case.body.is_null() { String::new() } else { case.body.to_string() };
        let reply = admin.send(case.method, &case.path, &[], body.as_bytes()).await;
        let (status, error) = (reply.status, reply.json()["NeutronError"].take());
        let found = (status, error["type"].as_str().unwrap(), error["message"].as_str().unwrap());
        assert_eq!(
            found,
            (case.status, case.kind, case.message.as_str()),
            "{} {} {body}",
            case.method,
            case.path
        );
    }
}

#[tokio::test]
async fn bodies_that_make_no_sense() {
    let api = Api::start().await;
    let networks = "/v2.0/networks";
    let network = |attributes: Value| json!({"network": attributes});
    check(
        &api,
        vec![
            case("POST", networks, json!([]), BAD, "Body contains invalid data"),
            case("POST", networks, Value::Null, BAD, "Body contains invalid data"),
            case("POST", networks, json!({"port": {}}), BAD, "Unable to find 'network' in request body"),
            case("POST", networks, json!({"network": []}), BAD, "Object 'network' contains invalid data"),
            case("POST", networks, json!({"networks": []}), BAD, "Resources required"),
            case("POST", networks, json!({"networks": [1]}), BAD, "Body contains invalid data"),
            case("POST", networks, network(json!({"x": 1, "a": 2})), BAD, "Unrecognized attribute(s) 'a, x'"),
            case(
                "POST",
                networks,
                network(json!({"unique_key": 1})),
                BAD,
                "Unrecognized attribute(s) 'unique_key'",
            ),
            case(
                "POST",
                networks,
                network(json!({"status": "UP"})),
                BAD,
                "Attribute 'status' not allowed in POST",
            ),
            case(
                "POST",
                networks,
                network(json!({"name": "a".repeat(256)})),
                BAD,
                format!(
                    "Invalid input for name. Reason: '{}' exceeds maximum length of 255.",
                    "a".repeat(256)
                ),
            ),
            case(
                "POST",
                networks,
                network(json!({"name": {"a": [true, null]}})),
                BAD,
                "Invalid input for name. Reason: '{'a': [True, None]}' is not a valid string.",
            ),
            case(
                "POST",
                networks,
                network(json!({"admin_state_up": "maybe"})),
                INPUT,
                "Invalid input for operation: 'maybe' cannot be converted to boolean.",
            ),
            case(
                "POST",
                networks,
                network(json!({"provider:segmentation_id": "x"})),
                INPUT,
                "Invalid input for operation: 'x' is not an integer.",
            ),
            case(
                "POST",
                networks,
                network(json!({"project_id": "a", "tenant_id": "b"})),
                BAD,
                "'project_id' and 'tenant_id' do not match",
            ),
            case(
                "POST",
                networks,
                network(json!({"availability_zone_hints": ["mars"]})),
                (404, "AvailabilityZoneNotFound"),
                "AvailabilityZone mars could not be found.",
            ),
            case(
                "POST",
                networks,
                network(json!({"mtu": 9000})),
                INPUT,
                "Invalid input for operation: Requested MTU is too big, maximum is 1442.",
            ),
            case(
                "POST",
                networks,
                network(json!({"vlan_transparent": true, "provider:network_type": "flat",
                    "provider:physical_network": "x"})),
                (400, "VlanTransparencyDriverError"),
                "Backend does not support VLAN Transparency.",
            ),
            case(
                "PATCH",
                networks,
                Value::Null,
                (405, "HTTPMethodNotAllowed"),
                "The method is not allowed for the requested resource.",
            ),
            case(
                "GET",
                "/v2.0/nothing",
                Value::Null,
                (404, "HTTPNotFound"),
                "The resource could not be found.",
            ),
            case("GET", "/v9", Value::Null, (404, "HTTPNotFound"), "The resource could not be found."),
            case(
                "GET",
                "/v2.0/extensions/none",
                Value::Null,
                (404, "HTTPNotFound"),
                "Extension with alias none does not exist",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn subnets_that_cannot_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await["id"].clone();
    let subnets = "/v2.0/subnets";
    let taken = json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"});
    admin.create("subnet", taken.clone()).await;
    let subnet = |more: Value| {
        let mut attributes = json!({"network_id": network, "ip_version": 4});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"subnet": attributes})
    };
    let id = network.as_str().unwrap();
    check(
        &api,
        vec![
            case("POST", subnets, json!({"subnet": {}}), BAD, "Failed to parse request. Required attribute 'ip_version' not specified"),
            case("POST", subnets, json!({"subnet": {"ip_version": 4}}), BAD, "Failed to parse request. Required attribute 'network_id' not specified"),
            case("POST", subnets, json!({"subnet": {"ip_version": 5, "network_id": network}}), BAD, "Invalid input for ip_version. Reason: 5 is not in valid_values."),
            case("POST", subnets, json!({"subnet": {"ip_version": 4, "network_id": "x"}}), BAD, "Invalid input for network_id. Reason: 'x' is not a valid UUID."),
            case("POST", subnets, subnet(json!({"cidr": "10.0.0"})), INPUT, "Invalid input for operation: 10.0.0 is not in a CIDR format."),
            case("POST", subnets, subnet(json!({})), (400, "BadRequest"), "Bad subnets request: a subnetpool must be specified in the absence of a cidr."),
            case("POST", subnets, subnet(json!({"cidr": "10.0.0.128/25"})), INPUT, format!("Invalid input for operation: Requested subnet with cidr: 10.0.0.128/25 for network: {id} overlaps with another subnet.")),
            case("POST", subnets, subnet(json!({"cidr": "10.1.0.0/24", "gateway_ip": "010.1.0.1"})), BAD, "Invalid input for gateway_ip. Reason: '010.1.0.1' is not an accepted IP address, '10.1.0.1' is recommended."),
            case("POST", subnets, subnet(json!({"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.1.0.9", "end": "10.1.1.9"}]})), (400, "OutOfBoundsAllocationPool"), "The allocation pool 10.1.0.9-10.1.1.9 spans beyond the subnet cidr 10.1.0.0/24."),
            case("POST", subnets, subnet(json!({"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.1.0.1", "end": "10.1.0.9"}]})), (409, "GatewayConflictWithAllocationPools"), "Gateway ip 10.1.0.1 conflicts with allocation pool 10.1.0.1-10.1.0.9."),
            case("POST", subnets, subnet(json!({"cidr": "10.1.0.0/24", "dns_nameservers": ["8.8.8.8", "8.8.8.8"]})), BAD, "Invalid input for dns_nameservers. Reason: Duplicate nameserver '8.8.8.8'."),
            case("POST", subnets, subnet(json!({"cidr": "10.1.0.0/24", "host_routes": [{"destination": "10.2.0.1/16", "nexthop": "10.1.0.1"}]})), BAD, "Invalid input for host_routes. Reason: '10.2.0.1/16' is not a valid CIDR."),
            case("POST", subnets, subnet(json!({"cidr": "10.1.0.0/24", "service_types": ["cat"]})), (400, "InvalidSubnetServiceType"), "Subnet service type cat does not correspond to a valid device owner."),
            case("PUT", format!("{subnets}/x"), json!({"subnet": {"cidr": "10.3.0.0/24"}}), BAD, "Cannot update read-only attribute cidr"),
            case("PUT", format!("{subnets}/x"), json!({"subnet": {"name": "y"}}), (404, "SubnetNotFound"), "Subnet x could not be found."),
            case("PUT", format!("/v2.0/networks/{id}"), json!({"network": {"mtu": 60}}), (409, "NetworkMTUSubnetConflict"), format!("MTU of {id} is not valid, subnet requires a minimum of 68")),
        ],
    )
    .await;
}

#[tokio::test]
async fn ports_that_cannot_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await["id"].clone();
    let subnet = json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/29", "enable_dhcp": false});
    let subnet = admin.create("subnet", subnet).await["id"].clone();
    let own =
        admin.create("port", json!({"network_id": network, "fixed_ips": [{"ip_address": "10.0.0.3"}]})).await;
    let bound = admin.create("port", json!({"network_id": network, "binding:host_id": "h"})).await;
    let (id, bound_id) = (network.as_str().unwrap(), bound["id"].as_str().unwrap());
    let (mac, ports) = (own["mac_address"].as_str().unwrap(), "/v2.0/ports");
    let none = "00000000-0000-0000-0000-000000000000";
    let port = |more: Value| {
        let mut attributes = json!({"network_id": network});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"port": attributes})
    };
    check(
        &api,
        vec![
            case("POST", ports, json!({"port": {"network_id": none}}), (404, "NetworkNotFound"), format!("Network {none} could not be found.")),
            case("POST", ports, port(json!({"mac_address": "x"})), BAD, "Invalid input for mac_address. Reason: 'x' is not a valid MAC address."),
            case("POST", ports, port(json!({"mac_address": mac})), (409, "MacAddressInUse"), format!("Unable to complete operation for network {id}. The mac address {mac} is in use.")),
            case("POST", ports, port(json!({"fixed_ips": [{"ip_address": "10.0.0.3"}]})), (409, "IpAddressAlreadyAllocated"), format!("IP address 10.0.0.3 already allocated in subnet {}", subnet.as_str().unwrap())),
            case("POST", ports, port(json!({"fixed_ips": [{"ip_address": "10.9.0.3"}]})), (400, "InvalidIpForNetwork"), "IP address 10.9.0.3 is not a valid IP for any of the subnets on the specified network."),
            case("POST", ports, port(json!({"fixed_ips": [{"ip_address": "10.0.0.4"}, {"ip_address": "10.0.0.4"}]})), BAD, "Invalid input for fixed_ips. Reason: Duplicate IP address '10.0.0.4'."),
            case("POST", ports, port(json!({"fixed_ips": "x"})), BAD, "Invalid input for fixed_ips. Reason: Invalid data format for fixed IP: 'x'."),
            case("POST", ports, port(json!({"security_groups": [none]})), (404, "SecurityGroupNotFound"), format!("Security group {none} does not exist")),
            case("POST", ports, port(json!({"binding:vnic_type": "x"})), BAD, "Invalid input for binding:vnic_type. Reason: x is not in valid_values."),
            case("POST", ports, port(json!({"allowed_address_pairs": [{}]})), (400, "AllowedAddressPairsMissingIP"), "AllowedAddressPair must contain ip_address"),
            case("POST", ports, port(json!({"port_security_enabled": false, "allowed_address_pairs": [{"ip_address": "10.0.0.9"}]})), (409, "AddressPairAndPortSecurityRequired"), "Port Security must be enabled in order to have allowed address pairs on a port."),
            case("POST", ports, port(json!({"extra_dhcp_opts": [{"opt_name": ""}]})), INPUT, "Invalid input for operation: No valid key specs matched for: {'opt_name': ''}."),
            case("POST", ports, port(json!({"tags": ["a", "a"]})), BAD, "Invalid input for tags. Reason: Duplicate items in the list: 'a'."),
            case("PUT", format!("{ports}/{bound_id}"), json!({"port": {"mac_address": "fa:16:3e:00:00:01"}}), (409, "PortBound"), format!("Unable to complete operation on port {bound_id}, port is already bound, port type: ovs, old_mac {}, new_mac fa:16:3e:00:00:01.", bound["mac_address"].as_str().unwrap())),
            case("PUT", format!("{ports}/{bound_id}"), json!({"port": {"network_id": none}}), BAD, "Cannot update read-only attribute network_id"),
            case("DELETE", format!("{ports}/{none}"), Value::Null, (404, "PortNotFound"), format!("Port {none} could not be found.")),
            case("DELETE", format!("{ports}/{bound_id}"), json!({}), BAD, "Request body is not supported in DELETE."),
            case("DELETE", format!("/v2.0/subnets/{}", subnet.as_str().unwrap()), Value::Null, (409, "SubnetInUse"), format!("Unable to complete operation on subnet {}: One or more ports have an IP allocation from this subnet.", subnet.as_str().unwrap())),
        ],
    )
    .await;
    for _ in 0..3 {
        admin.create("port", json!({"network_id": network})).await;
    }
    let last = case(
        "POST",
        ports,
        port(json!({})),
        (409, "IpAddressGenerationFailure"),
        format!("No more IP addresses available on network {id}."),
    );
    check(&api, vec![last]).await;
}

#[tokio::test]
async fn a_change_of_what_others_changed_meanwhile() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let path = format!("/v2.0/networks/{}", network["id"].as_str().unwrap());
    let change = json!({"network": {"name": "new"}}).to_string();
    let mut send =
        async |value: &str| admin.send("PUT", &path, &[("If-Match", value)], change.as_bytes()).await;
    let changed = send("revision_number=1").await.expect(200);
    assert_eq!(changed["network"]["revision_number"], 2);
    let failed = "Constrained to 1, but current revision is 2";
    send("revision_number=1").await.expect_error(412, "RevisionNumberConstraintFailed", failed);
    let wrong = "Bad if-match request: Revision number etag must be in the format of revision_number=<int>.";
    send("\"revision_number=x\"").await.expect_error(400, "BadRequest", wrong);
    send("\"revision_number=2\"").await.expect(200);
    admin.send("DELETE", &path, &[("If-Match", "revision_number=2")], b"").await.expect_error(
        412,
        "RevisionNumberConstraintFailed",
        "Constrained to 2, but current revision is 3",
    );
}

#[tokio::test]
async fn more_than_a_project_may_have() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let quota = admin.put("/v2.0/quotas/p", json!({"quota": {"network": 2, "port": -1}})).await.expect(200);
    assert_eq!(quota["quota"]["network"], 2);
    let mut member = api.member("p");
    let over = "Quota exceeded for resources: ['network'].";
    let three = json!({"networks": [{}, {}, {}]});
    member.post("/v2.0/networks", three).await.expect_error(409, "OverQuota", over);
    member.post("/v2.0/networks", json!({"networks": [{}, {}]})).await.expect(201);
    member.post("/v2.0/networks", json!({"network": {}})).await.expect_error(409, "OverQuota", over);
    let details = member.get("/v2.0/quotas/p/details.json").await.expect(200);
    assert_eq!(details["quota"]["network"], json!({"limit": 2, "used": 2, "reserved": 0}));
    let fewer = |more: Value| {
        let mut quota = json!({"network": 1});
        quota.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"quota": quota})
    };
    for unforced in
        [json!({}), json!({"check_limit": true}), json!({"force": "true"}), json!({"force": false})]
    {
        admin.put("/v2.0/quotas/p", fewer(unforced)).await.expect_error(
            400,
            "HTTPBadRequest",
            "Quota limit 1 for network must be greater than or equal to already used 2",
        );
    }
    let forced = admin.put("/v2.0/quotas/p", fewer(json!({"force": true}))).await.expect(200);
    assert_eq!(forced["quota"]["network"], 1);
    let refused = "User does not have admin privileges: Only admin can view or configure quota.";
    member.get("/v2.0/quotas").await.expect_error(403, "AdminRequired", refused);
    member.delete("/v2.0/quotas/p").await.expect_error(403, "AdminRequired", refused);
    assert_eq!(admin.get("/v2.0/quotas").await.expect(200)["quotas"][0]["project_id"], "p");
    admin.delete("/v2.0/quotas/p").await.expect(204);
    admin.delete("/v2.0/quotas/p").await.expect_error(
        404,
        "TenantQuotaNotFound",
        "Quota for project p could not be found.",
    );
    admin.put("/v2.0/quotas/p", json!({"quota": {"cat": 1}})).await.expect_error(
        400,
        "HTTPBadRequest",
        "Unrecognized attribute(s) 'cat'",
    );
    assert_eq!(admin.get("/v2.0/quotas/p").await.expect(200)["quota"]["network"], 100);
}
