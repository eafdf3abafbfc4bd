"""What users of the SDK do with networks; the argument is the address of the server."""

import sys

import openstack
from openstack import exceptions

cloud = openstack.connect(auth_type="none", endpoint=sys.argv[1])
network_api = cloud.network

network = network_api.create_network(name="net", mtu=1400, description="a test")
assert network.status == "ACTIVE" and network.mtu == 1400, network
subnet = network_api.create_subnet(
    network_id=network.id, ip_version=4, cidr="10.1.0.0/24", name="sub", dns_nameservers=["192.0.2.53"]
)
assert subnet.gateway_ip == "10.1.0.1", subnet
assert network_api.find_network("net").subnet_ids == [subnet.id]

port = network_api.create_port(
    network_id=network.id, name="port", extra_dhcp_opts=[{"opt_name": "mtu", "opt_value": "1400"}]
)
assert port.status == "DOWN" and port.fixed_ips[0]["subnet_id"] == subnet.id, port
port = network_api.update_port(port, binding_host_id="host", name="renamed", if_revision=port.revision_number)
assert port.binding_vif_type == "ovs" and port.name == "renamed", port
try:
    network_api.update_port(port.id, name="late", if_revision=1)
except exceptions.PreconditionFailedException as error:
    assert "Constrained to 1, but current revision is 2" in str(error), error
else:
    raise AssertionError("a change of an old revision is refused")

created = network_api.create_port(network_id=network.id, fixed_ips=[{"ip_address": "10.1.0.77"}])
try:
    network_api.create_port(network_id=network.id, fixed_ips=[{"ip_address": "10.1.0.77"}])
except exceptions.ConflictException as error:
    assert "10.1.0.77 already allocated" in str(error), error
else:
    raise AssertionError("an address is given once")
assert [own.id for own in network_api.ports(fixed_ips="ip_address=10.1.0.77")] == [created.id]

network_api.set_tags(network, ["red", "big"])
assert network_api.get_network(network).tags == ["big", "red"]
assert [own.id for own in network_api.networks(tags="red")] == [network.id]

# The SDK follows the links from page to page.
for number in range(5):
    network_api.create_network(name=f"page{number}")
assert len(list(network_api.networks(limit=2))) == 6
assert [own.name for own in network_api.networks(sort_key="name", sort_dir="desc")][0] == "page4"

pool = network_api.create_subnet_pool(name="pool", prefixes=["10.8.0.0/16"], default_prefix_length=26)
cut = network_api.create_subnet(
    network_id=network_api.find_network("page0").id, ip_version=4, subnet_pool_id=pool.id
)
assert cut.cidr == "10.8.0.0/26", cut

quota = network_api.update_quota("admin", ports=4)
assert quota.ports == 4, quota
assert network_api.get_quota("admin", details=True).ports["limit"] == 4
try:
    network_api.create_port(network_id=network.id)
except exceptions.ConflictException as error:
    assert "Quota exceeded for resources: ['port']" in str(error), error
else:
    raise AssertionError("there is no place left")
network_api.delete_quota("admin")

(availability,) = network_api.network_ip_availabilities(network_name="net")
assert availability.total_ips == 253 and availability.used_ips == 3, availability
assert {zone.name for zone in network_api.availability_zones()} == {"nova"}
assert network_api.find_extension("revision-if-match") is not None
(default,) = network_api.security_groups()
assert default.name == "default" and network_api.get_port(port).security_group_ids == [default.id], default

group = network_api.create_security_group(name="web", stateful=False)
rule = network_api.create_security_group_rule(
    security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=80, port_range_max=80,
    remote_ip_prefix="10.1.0.7/24",
)
assert rule.normalized_cidr == "10.1.0.0/24" and not rule.belongs_to_default_sg, rule
addresses = network_api.create_address_group(name="friends", addresses=["192.0.2.0/24"])
addresses = network_api.add_addresses_to_address_group(addresses, ["198.51.100.7/32"])
assert addresses.addresses == ["192.0.2.0/24", "198.51.100.7/32"], addresses
friends = network_api.create_security_group_rule(
    security_group_id=group.id, direction="ingress", remote_address_group_id=addresses.id
)
assert len(network_api.get_security_group(group).security_group_rules) == 4
try:
    network_api.delete_address_group(addresses)
except exceptions.ConflictException as error:
    assert "is in use on one or more security group rules" in str(error), error
else:
    raise AssertionError("a rule needs the addresses")
network_api.delete_security_group_rule(friends)
network_api.remove_addresses_from_address_group(addresses, ["192.0.2.0/24"])
network_api.delete_address_group(addresses, ignore_missing=False)
network_api.delete_security_group(group, ignore_missing=False)
(template, *_) = network_api.default_security_group_rules(direction="ingress")
assert template.remote_group_id == "PARENT", template

policy = network_api.create_qos_policy(name="gold")
rate = network_api.create_qos_packet_rate_limit_rule(policy, max_kpps=7, direction="ingress")
assert (rate.max_kpps, rate.max_burst_kpps, rate.direction) == (7, 0, "ingress"), rate
network_api.create_qos_minimum_packet_rate_rule(policy, min_kpps=3, direction="any")
assert [rule["type"] for rule in network_api.get_qos_policy(policy).rules] == [
    "packet_rate_limit", "minimum_packet_rate",
]
assert len(list(network_api.qos_rule_types(all_rules=True))) == 5
guest = network_api.create_port(network_id=network.id, device_owner="compute:nova", qos_policy_id=policy.id)
(group,) = guest.resource_request["request_groups"]
assert group["resources"] == {"NET_PACKET_RATE_KILOPACKET_PER_SEC": 3}, group

# As Nova moves a guest.
network_api.update_port(guest, binding_host_id="one")
moving = network_api.create_port_binding(guest, host="two", vnic_type="normal", profile={})
assert moving.status == "INACTIVE", moving
moved = network_api.activate_port_binding(guest, host="two")
assert (moved.host, moved.status, moved.vif_type) == ("two", "ACTIVE", "ovs"), moved
network_api.delete_port_binding(guest, host="one")
assert [(own.host, own.status) for own in network_api.port_bindings(guest)] == [("two", "ACTIVE")]

child = network_api.create_port(network_id=network.id)
subport = {"port_id": child.id, "segmentation_type": "vlan", "segmentation_id": 7}
trunk = network_api.create_trunk(port_id=guest.id, sub_ports=[subport])
assert network_api.get_port(child).binding_host_id == "two"
assert network_api.get_port(guest).trunk_details["trunk_id"] == trunk.id
network_api.delete_trunk_subports(trunk, [{"port_id": child.id}])
assert network_api.get_trunk_subports(trunk) == {"sub_ports": []}
network_api.delete_trunk(trunk, ignore_missing=False)
network_api.delete_port(guest)
network_api.delete_qos_policy(policy, ignore_missing=False)

for own in network_api.ports(network_id=network.id):
    if own.device_owner != "network:dhcp":
        network_api.delete_port(own)
network_api.delete_network(network)
assert network_api.find_network("net") is None
print("done")
