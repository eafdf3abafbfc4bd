use super::*;

fn tunnel(kind: SegmentType) -> Segment {
    Segment::Tunnel { kind, id: 1 }
}

fn vlan(name: &str) -> Segment {
    Segment::Vlan { physical_network: name.to_owned(), id: 1 }
}

fn flat(name: &str) -> Segment {
    Segment::Flat { physical_network: name.to_owned() }
}

#[test]
fn tunnels_put_their_headers_around_packets() {
    let settings = MtuSettings::default();
    assert_eq!(settings.mtu_max(&tunnel(SegmentType::Geneve)), 1500 - 58);
    assert_eq!(settings.mtu_max(&tunnel(SegmentType::Vxlan)), 1500 - 50);
    assert_eq!(settings.mtu_max(&tunnel(SegmentType::Gre)), 1500 - 42);
    let v6 = MtuSettings { overlay_ip_version: IpVersion::V6, ..MtuSettings::default() };
    assert_eq!(v6.mtu_max(&tunnel(SegmentType::Geneve)), 1500 - 78);
    let short = MtuSettings { global_physnet_mtu: 9000, path_mtu: 1400, ..MtuSettings::default() };
    assert_eq!(short.mtu_max(&tunnel(SegmentType::Vxlan)), 1350);
    let long = MtuSettings { global_physnet_mtu: 1500, path_mtu: 9000, ..MtuSettings::default() };
    assert_eq!(long.mtu_max(&tunnel(SegmentType::Vxlan)), 1450);
}

#[test]
fn physical_networks_carry_what_they_carry() {
    let physical_network_mtus = BTreeMap::from([("short".to_owned(), 1400), ("long".to_owned(), 9000)]);
    let settings = MtuSettings { physical_network_mtus, ..MtuSettings::default() };
    for (segment, mtu) in [
        (vlan("short"), 1400),
        (flat("short"), 1400),
        (vlan("long"), 1500),
        (flat("other"), 1500),
        (Segment::Local, 1500),
    ] {
        assert_eq!(settings.mtu_max(&segment), mtu, "{segment:?}");
    }
    let unknown = MtuSettings { global_physnet_mtu: 0, ..settings };
    assert_eq!(unknown.mtu_max(&vlan("long")), 9000);
    assert_eq!(unknown.mtu_max(&vlan("other")), 0);
    assert_eq!(unknown.mtu_max(&tunnel(SegmentType::Geneve)), 0);
}

#[test]
fn networks_may_ask_for_less() {
    let settings = MtuSettings::default();
    let geneve = tunnel(SegmentType::Geneve);
    assert_eq!(settings.choose(&geneve, None), Ok(1442));
    assert_eq!(settings.choose(&geneve, Some(0)), Ok(1442));
    assert_eq!(settings.choose(&geneve, Some(1400)), Ok(1400));
    assert_eq!(settings.choose(&geneve, Some(1442)), Ok(1442));
    let error = settings.choose(&geneve, Some(1443)).unwrap_err();
    assert_eq!(error.to_string(), "Requested MTU is too big, maximum is 1442");
    let unknown = MtuSettings { global_physnet_mtu: 0, ..settings };
    assert_eq!(unknown.choose(&geneve, Some(9000)), Ok(9000), "nobody knows that it does not fit");
}
