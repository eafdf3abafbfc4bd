use proptest::prelude::*;

use super::*;
use crate::ipam::Fault;

fn settings(project_types: &[SegmentType]) -> SegmentSettings {
    let range = |text, kind| vec![IdRange::parse(text, kind).unwrap()];
    SegmentSettings {
        project_types: project_types.to_vec(),
        tunnels: BTreeMap::from([
            (SegmentType::Geneve, range("10:12", SegmentType::Geneve)),
            (SegmentType::Vxlan, range("1:1000", SegmentType::Vxlan)),
        ]),
        vlans: VlanNetwork::parse_all(["p1:100:101", "p2"]).unwrap(),
        flat: FlatNetworks::parse_all(["p1", "p3"]),
        ..SegmentSettings::default()
    }
}

fn pool(project_types: &[SegmentType]) -> SegmentPool {
    SegmentPool::new(settings(project_types))
}

fn asking(
    network_type: &str,
    physical_network: Option<&str>,
    segmentation_id: Option<i64>,
) -> SegmentRequest {
    SegmentRequest {
        network_type: Some(network_type.to_owned()),
        physical_network: physical_network.map(str::to_owned),
        segmentation_id,
        is_external: false,
    }
}

fn geneve(id: u32) -> Segment {
    Segment::Tunnel { kind: SegmentType::Geneve, id }
}

fn vlan(physical_network: &str, id: u32) -> Segment {
    Segment::Vlan { physical_network: physical_network.to_owned(), id }
}

fn flat(physical_network: &str) -> Segment {
    Segment::Flat { physical_network: physical_network.to_owned() }
}

/// Creates, as a store would write it.
fn create(pool: &mut SegmentPool, request: &SegmentRequest) -> Result<Segment, SegmentError> {
    let plan = pool.create(request, &mut || 5)?;
    assert_eq!(plan.claims.take, plan.segment.key().into_iter().collect::<Vec<_>>());
    pool.occupy(&plan.segment);
    Ok(plan.segment)
}

fn refuse(pool: &SegmentPool, request: &SegmentRequest) -> (Fault, String) {
    let error = pool.create(request, &mut || 5).unwrap_err();
    (error.fault(), error.to_string())
}

fn bad_input(text: &str) -> (Fault, String) {
    (Fault { exception: "InvalidInput", status: 400 }, format!("Invalid input for operation: {text}."))
}

#[test]
fn projects_get_the_first_type_that_has_a_number_left() {
    let mut pool = pool(&[SegmentType::Flat, SegmentType::Vlan, SegmentType::Geneve]);
    let mut made: Vec<Segment> =
        (0..2 + 4094 + 3).map(|_| create(&mut pool, &SegmentRequest::default()).unwrap()).collect();
    assert!(made[..2].iter().all(|segment| segment.physical_network() == Some("p1")));
    assert!(made[2..2 + 4094].iter().all(|segment| segment.physical_network() == Some("p2")));
    assert!(made[2 + 4094..].iter().all(|segment| segment.kind() == SegmentType::Geneve));
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 2 + 4094 + 3, "nothing was given twice");
    let text = "Unable to create the network. No project network is available for allocation.".to_owned();
    let fault = Fault { exception: "NoNetworkAvailable", status: 503 };
    assert_eq!(refuse(&pool, &SegmentRequest::default()), (fault, text));
    pool.vacate(&geneve(11));
    assert_eq!(create(&mut pool, &SegmentRequest::default()), Ok(geneve(11)));
}

#[test]
fn external_networks_may_have_a_type_of_their_own() {
    let external = SegmentRequest { is_external: true, ..SegmentRequest::default() };
    assert_eq!(create(&mut pool(&[SegmentType::Geneve]), &external).unwrap().kind(), SegmentType::Geneve);
    let settings =
        SegmentSettings { external_type: Some(SegmentType::Vlan), ..settings(&[SegmentType::Geneve]) };
    let mut pool = SegmentPool::new(settings);
    assert_eq!(create(&mut pool, &external).unwrap().kind(), SegmentType::Vlan);
    assert_eq!(create(&mut pool, &SegmentRequest::default()).unwrap().kind(), SegmentType::Geneve);
}

#[test]
fn local_networks_take_nothing() {
    let mut pool = pool(&[SegmentType::Local]);
    for _ in 0..3 {
        assert_eq!(create(&mut pool, &SegmentRequest::default()), Ok(Segment::Local));
    }
    assert!(SegmentPool::release(&Segment::Local).is_empty());
}

#[test]
fn provider_networks_have_what_they_name() {
    let mut pool = pool(&[]);
    assert_eq!(
        create(&mut pool, &asking("geneve", None, Some(77))),
        Ok(geneve(77)),
        "outside of what projects get"
    );
    assert_eq!(create(&mut pool, &asking("vlan", Some("p1"), Some(4094))), Ok(vlan("p1", 4094)));
    assert_eq!(create(&mut pool, &asking("flat", Some("p3"), None)), Ok(flat("p3")));
    assert_eq!(create(&mut pool, &asking("local", None, None)), Ok(Segment::Local));
    let conflict = |exception, text: &str| (Fault { exception, status: 409 }, text.to_owned());
    assert_eq!(
        refuse(&pool, &asking("geneve", None, Some(77))),
        conflict("TunnelIdInUse", "Unable to create the network. The tunnel ID 77 is in use.")
    );
    assert_eq!(
        refuse(&pool, &asking("vlan", Some("p1"), Some(4094))),
        conflict(
            "VlanIdInUse",
            "Unable to create the network. The VLAN 4094 on physical network p1 is in use."
        )
    );
    assert_eq!(
        refuse(&pool, &asking("flat", Some("p3"), None)),
        conflict("FlatNetworkInUse", "Unable to create the flat network. Physical network p3 is in use.")
    );
    assert!(pool.create(&asking("vxlan", None, Some(77)), &mut || 5).is_ok(), "each type has its numbers");
    assert!(pool.create(&asking("vlan", Some("p2"), Some(4094)), &mut || 5).is_ok());
    for segment in [geneve(77), vlan("p1", 4094), flat("p3")] {
        pool.vacate(&segment);
        assert_eq!(SegmentPool::release(&segment).release, [segment.key().unwrap()]);
    }
    assert_eq!(create(&mut pool, &asking("flat", Some("p3"), None)), Ok(flat("p3")));
}

#[test]
fn what_is_not_named_is_drawn() {
    let mut pool = pool(&[]);
    assert_eq!(create(&mut pool, &asking("vlan", Some("p1"), None)).unwrap().physical_network(), Some("p1"));
    assert_eq!(create(&mut pool, &asking("vlan", None, None)).unwrap().physical_network(), Some("p1"));
    assert_eq!(create(&mut pool, &asking("vlan", None, None)).unwrap().physical_network(), Some("p2"));
    assert_eq!(create(&mut pool, &asking("geneve", Some(""), None)).unwrap().kind(), SegmentType::Geneve);
    assert_eq!(refuse(&pool, &asking("gre", None, None)).0.exception, "NoNetworkAvailable");
}

#[test]
fn attributes_that_make_no_sense_together_are_refused() {
    let pool = pool(&[SegmentType::Geneve]);
    let without_type = SegmentRequest { segmentation_id: Some(7), ..SegmentRequest::default() };
    let cases = [
        (without_type, "network_type required"),
        (asking("uplink", None, None), "network_type value 'uplink' not supported"),
        (asking("local", Some("p1"), None), "physical_network prohibited for local provider network"),
        (asking("local", None, Some(7)), "segmentation_id prohibited for local provider network"),
        (asking("flat", None, None), "physical_network required for flat provider network"),
        (asking("flat", Some("p1"), Some(7)), "segmentation_id prohibited for flat provider network"),
        (asking("flat", Some("p9"), None), "physical_network 'p9' unknown for flat provider network"),
        (
            asking("vlan", None, Some(7)),
            "segmentation_id requires physical_network for VLAN provider network",
        ),
        (asking("vlan", Some("p9"), Some(7)), "physical_network 'p9' unknown for VLAN provider network"),
        (asking("vlan", Some("p1"), Some(0)), "segmentation_id out of range (1 through 4094)"),
        (asking("vlan", Some("p1"), Some(4095)), "segmentation_id out of range (1 through 4094)"),
        (asking("geneve", None, Some(1 << 24)), "segmentation_id out of range (1 through 16777215)"),
        (asking("gre", None, Some(-1)), "segmentation_id out of range (1 through 4294967295)"),
        (asking("geneve", Some("p1"), None), "provider:physical_network specified for geneve network"),
    ];
    for (request, text) in cases {
        assert_eq!(refuse(&pool, &request), bad_input(text), "{request:?}");
    }
    let few = SegmentSettings {
        types: vec![SegmentType::Flat],
        flat: FlatNetworks::parse_all([]),
        ..settings(&[SegmentType::Flat])
    };
    let few = SegmentPool::new(few);
    assert_eq!(
        refuse(&few, &asking("geneve", None, None)),
        bad_input("network_type value 'geneve' not supported")
    );
    assert_eq!(
        refuse(&few, &asking("flat", Some("p1"), None)),
        bad_input("Flat provider networks are disabled")
    );
}

#[test]
fn only_the_number_of_a_vlan_changes() {
    let mut pool = pool(&[]);
    for segment in [vlan("p1", 7), vlan("p1", 8), geneve(10)] {
        pool.occupy(&segment);
    }
    let change = |current: &Segment, request: &SegmentRequest| pool.change(current, request);
    let text = |current: &Segment, request: &SegmentRequest| {
        let error = change(current, request).unwrap_err();
        (error.fault(), error.to_string())
    };
    let to = |id| SegmentRequest { segmentation_id: Some(id), ..SegmentRequest::default() };
    let plan = change(&vlan("p1", 7), &to(9)).unwrap();
    assert_eq!(plan.segment, vlan("p1", 9));
    assert_eq!(plan.claims.take, [vlan("p1", 9).key().unwrap()]);
    assert_eq!(plan.claims.release, [vlan("p1", 7).key().unwrap()]);
    let same = change(&vlan("p1", 7), &asking("vlan", Some("p1"), Some(7))).unwrap();
    assert!(same.claims.is_empty());
    assert_eq!(text(&vlan("p1", 7), &to(8)).0.exception, "VlanIdInUse");
    assert_eq!(text(&vlan("p1", 7), &to(5000)), bad_input("segmentation_id out of range (1 through 4094)"));
    // Neutron's text already ends with a dot.
    assert_eq!(text(&geneve(10), &to(11)), bad_input("Only VLAN type networks can be updated."));
    let only_number = bad_input("Only segmentation_id field can be updated in VLAN type networks");
    assert_eq!(text(&vlan("p1", 7), &asking("vlan", Some("p2"), Some(9))), only_number);
    assert_eq!(text(&vlan("p1", 7), &asking("vlan", Some("p1"), None)), only_number);
}

proptest! {
    /// Any history: no number twice, and every number before there is none left.
    #[test]
    fn numbers_are_given_once(steps in prop::collection::vec((any::<u64>(), prop::bool::weighted(0.7)), 1..60)) {
        let mut pool = pool(&[SegmentType::Vlan, SegmentType::Geneve]);
        pool.settings.vlans.truncate(1);
        let mut given: BTreeSet<Segment> = BTreeSet::new();
        for (random, takes) in steps {
            if !takes {
                if let Some(segment) = given.pop_first() {
                    pool.vacate(&segment);
                }
                continue;
            }
            match pool.create(&SegmentRequest::default(), &mut || random) {
                Ok(plan) => {
                    pool.occupy(&plan.segment);
                    prop_assert!(given.insert(plan.segment));
                }
                Err(error) => {
                    prop_assert_eq!(error, SegmentError::NoNetworkAvailable);
                    prop_assert_eq!(given.len(), 2 + 3);
                }
            }
        }
    }
}
