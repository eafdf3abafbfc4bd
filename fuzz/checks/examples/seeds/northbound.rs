//! Seeds of what operators and other programs write.

use model::Table;

use crate::{Seeds, numbered};

/// Configuration files: what a node needs, old names, a line that goes on, a substitution.
pub(crate) fn configurations() -> Seeds {
    let texts = [
        "[DEFAULT]\nhost = node\n[df]\nremote_db_hosts = 192.0.2.1:4001,[2001:db8::1]:4001\nlocal_ip = 192.0.2.2\n".to_owned(),
        "[df]\nremote_db_ip = 192.0.2.1\nremote_db_port = 2379\napps_list = l2_app.L2App,dhcp_app.DHCPApp\n".to_owned(),
        "[df]\napps_list = l2,\n  dhcp,\n\tsg\nmanagement_ip = $local_ip\n".to_owned(),
        "[df]\nno_such_option = 1\n[nowhere]\n= 2\n".to_owned(),
    ];
    numbered("file", texts.map(String::into_bytes))
}

/// The shortest row of each table, and a port with everything.
pub(crate) fn rows() -> Seeds {
    let row = |table: Table, text: &str| {
        let place =
            Table::ALL.iter().position(|other| *other == table).and_then(|place| u8::try_from(place).ok());
        [&[place.unwrap_or_default()], text.as_bytes()].concat()
    };
    let mut seeds: Vec<Vec<u8>> =
        Table::ALL.iter().map(|table| row(*table, r#"{"id": "a", "topic": "t", "unique_key": 1}"#)).collect();
    seeds.push(row(
        Table::LogicalPort,
        r#"{"allowed_address_pairs": [{"ip_address": "10.0.0.9", "mac_address": "fa:16:3e:00:00:09"}],
            "binding": {"chassis": "h", "type": "chassis"}, "binding_vnic_type": "normal", "device_id": "d",
            "device_owner": "compute:nova", "dhcp_params": {"opts": {"67": "f"}, "siaddr": "10.0.0.5"}, "enabled": true, "id": "p",
            "ips": ["10.0.0.12", "2001:db8::c"], "lswitch": "n", "macs": ["fa:16:3e:00:00:0c"], "name": "vm",
            "port_security_enabled": true, "security_groups": ["g"], "subnets": ["s"], "topic": "t", "unique_key": 23, "version": 7}"#,
    ));
    seeds.push(row(
        Table::Chassis,
        r#"{"external_host_ip": "203.0.113.11", "id": "compute-1", "ip": "192.0.2.11", "tunnel_types": ["geneve", "vxlan"]}"#,
    ));
    numbered("row", seeds)
}
