use super::super::{Message, Op};
use super::*;

/// Somebody's lease, of 10.0.0.12 in 10.0.0.0/24.
pub(in crate::dhcp) fn lease() -> Lease {
    Lease {
        client_mac: MacAddr([0xfa, 0x16, 0x3e, 0, 0, 1]),
        address: Ipv4Addr::new(10, 0, 0, 12),
        prefix_length: 24,
        server: Ipv4Addr::new(10, 0, 0, 2),
        server_mac: MacAddr([0xfa, 0x16, 0x3e, 0, 0, 2]),
        router: Some(Ipv4Addr::new(10, 0, 0, 1)),
        dns_servers: vec![Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)],
        domain: "openstacklocal".to_owned(),
        host_name: String::new(),
        mtu_bytes: Some(1450),
        routes: Vec::new(),
        seconds: 86_400,
        next_server: None,
        overrides: Overrides::default(),
    }
}

fn told(lease: &Lease, wanted: &[u8]) -> Options {
    let mut options = Options::default();
    lease.add_time(&mut options);
    lease.add_configuration(wanted, true, &mut options);
    options
}

fn codes_told(lease: &Lease, wanted: &[u8]) -> Vec<u8> {
    told(lease, wanted).iter().map(|option| option.code).collect()
}

fn metadata_route() -> Route {
    Route::new([169, 254, 169, 254].into(), 32, lease().address).unwrap()
}

#[test]
fn a_client_that_asks_for_nothing_is_told_what_it_needs() {
    let lease = Lease { routes: vec![metadata_route()], ..lease() };
    let options = told(&lease, &[]);
    assert_eq!(codes_told(&lease, &[]), [51, 1, 121, 3, 6, 15, 26]);
    assert_eq!(options.address(1), Some(Ipv4Addr::new(255, 255, 255, 0)));
    assert_eq!(options.address(3), lease.router);
    assert_eq!(options.addresses(6), Some(lease.dns_servers.clone()));
    assert_eq!(options.get(15), Some(b"openstacklocal".as_slice()));
    assert_eq!(options.fixed(26), Some(1450_u16.to_be_bytes()));
    assert_eq!(options.fixed(51), Some(86_400_u32.to_be_bytes()));
    let default = Route::default_via(lease.router.unwrap());
    assert_eq!(decode_routes(options.get(121).unwrap()), Ok(vec![metadata_route(), default]));
}

#[test]
fn what_a_client_asks_for_comes_first_and_in_its_order() {
    assert_eq!(codes_told(&lease(), &[26, 28, 12, 6, 59, 26, 58]), [51, 1, 26, 28, 6, 59, 58, 3, 15]);
    let options = told(&lease(), &[28, 58, 59]);
    assert_eq!(options.address(28), Some(Ipv4Addr::new(10, 0, 0, 255)));
    assert_eq!(options.fixed(58), Some(43_200_u32.to_be_bytes()));
    assert_eq!(options.fixed(59), Some(75_600_u32.to_be_bytes()));
}

#[test]
fn a_client_that_knows_classless_routes_gets_its_router_there() {
    let with_routes = Lease { routes: vec![metadata_route()], ..lease() };
    for (wanted, expected) in [
        (vec![121, 3, 1], vec![51, 1, 121, 6, 15, 26]),
        (vec![1, 3, 121], vec![51, 1, 121, 6, 15, 26]),
        (vec![3, 249], vec![51, 1, 249, 6, 15, 26]),
        (vec![3, 121, 249], vec![51, 1, 121, 6, 15, 26]),
        (vec![3, 1], vec![51, 1, 3, 121, 6, 15, 26]),
    ] {
        assert_eq!(codes_told(&with_routes, &wanted), expected, "{wanted:?}");
    }
    // Without other routes the router option says it all.
    assert_eq!(codes_told(&lease(), &[121, 3]), [51, 1, 3, 6, 15, 26]);
    let without_router = Lease { router: None, ..with_routes };
    assert_eq!(codes_told(&without_router, &[121, 3]), [51, 1, 121, 6, 15, 26]);
    assert_eq!(decode_routes(told(&without_router, &[]).get(121).unwrap()), Ok(vec![metadata_route()]));
}

#[test]
fn an_operator_has_the_last_word_whether_the_client_asks_or_not() {
    let mut lease = lease();
    for (code, text) in [(67, "pxelinux.0"), (26, "1400"), (51, "600"), (6, "10.0.0.53"), (58, "100")] {
        lease.overrides.set_text(code, text).unwrap();
    }
    let options = told(&lease, &[66, 59]);
    let codes: Vec<_> = options.iter().map(|option| option.code).collect();
    assert_eq!(codes, [51, 1, 59, 6, 26, 58, 67, 3, 15]);
    assert_eq!(options.fixed(51), Some(600_u32.to_be_bytes()));
    assert_eq!(options.fixed(59), Some(525_u32.to_be_bytes()));
    assert_eq!(options.fixed(58), Some(100_u32.to_be_bytes()));
    assert_eq!(options.fixed(26), Some(1400_u16.to_be_bytes()));
    assert_eq!(options.get(67), Some(b"pxelinux.0".as_slice()));
    let mut expected = [0; 128];
    expected[..10].copy_from_slice(b"pxelinux.0");
    assert_eq!(lease.name_field(67), expected);
}

#[test]
fn routes_of_an_operator_join_those_of_the_lease() {
    let mut lease = Lease { routes: vec![metadata_route()], ..lease() };
    let text = "10.9.0.0/16,10.0.0.7,169.254.169.254/32,10.0.0.2";
    lease.overrides.set_text(121, text).unwrap();
    lease.overrides.set_text(3, "10.0.0.254,10.0.0.253").unwrap();
    let options = told(&lease, &[]);
    let route = |network: [u8; 4], prefix, router: [u8; 4]| {
        Route::new(network.into(), prefix, router.into()).unwrap()
    };
    let expected = vec![
        route([169, 254, 169, 254], 32, [10, 0, 0, 2]),
        route([10, 9, 0, 0], 16, [10, 0, 0, 7]),
        route([0, 0, 0, 0], 0, [10, 0, 0, 254]),
    ];
    assert_eq!(decode_routes(options.get(121).unwrap()), Ok(expected));
    assert_eq!(options.addresses(3).map(|routers| routers.len()), Some(2));
    // A default route of the operator's is the only one.
    lease.overrides.set_text(121, "0.0.0.0/0,10.0.0.7").unwrap();
    let routes = decode_routes(told(&lease, &[]).get(121).unwrap()).unwrap();
    assert_eq!(routes.last(), Some(&route([0, 0, 0, 0], 0, [10, 0, 0, 7])));
    assert_eq!(routes.len(), 3);
}

#[test]
fn an_empty_option_is_not_told() {
    let mut lease = Lease { routes: vec![metadata_route()], ..lease() };
    lease.overrides.set_text(3, "").unwrap();
    assert_eq!(codes_told(&lease, &[3]), [51, 1, 121, 6, 15, 26]);
    assert_eq!(decode_routes(told(&lease, &[]).get(121).unwrap()), Ok(vec![metadata_route()]));
    lease.overrides.set_text(121, "").unwrap();
    assert_eq!(codes_told(&lease, &[3, 121]), [51, 1, 6, 15, 26]);
    let silent =
        Lease { domain: String::new(), dns_servers: Vec::new(), mtu_bytes: None, router: None, ..lease };
    assert_eq!(codes_told(&silent, &[3, 6, 15, 26]), [51, 1]);
}

#[test]
fn what_belongs_to_the_protocol_cannot_be_set() {
    let mut overrides = Overrides::default();
    for code in [0, 50, 52, 53, 54, 55, 56, 57, 61, 80, 82, 255] {
        assert_eq!(overrides.set(code, vec![1]), Err(OverrideError::Reserved { code }));
        let error = overrides.set_text(code, "1").unwrap_err().to_string();
        assert_eq!(
            error,
            format!("DHCP option {code} belongs to the protocol and cannot be set: leave it out")
        );
    }
    let error = overrides.set(121, vec![33]).unwrap_err().to_string();
    assert!(error.starts_with("DHCP option 121 is not a list of routes: "), "{error}");
    assert!(overrides.set_text(26, "none").is_err());
    assert_eq!(overrides, Overrides::default());
    // Nor asked for.
    let asked = codes_told(&lease(), &[0, 50, 52, 53, 54, 55, 56, 57, 61, 80, 82, 255]);
    assert_eq!(asked, codes_told(&lease(), &[]));
}

#[test]
fn a_lease_without_end_is_not_renewed() {
    let lease = Lease { seconds: u32::MAX, ..lease() };
    assert_eq!(codes_told(&lease, &[58, 59]), [51, 1, 3, 6, 15, 26]);
    let almost = Lease { seconds: u32::MAX - 1, ..lease };
    assert_eq!(told(&almost, &[59]).fixed(59), Some(3_758_096_382_u32.to_be_bytes()));
}

#[test]
fn networks_of_two_addresses_have_no_broadcast() {
    let small = Lease { prefix_length: 31, ..lease() };
    assert_eq!((small.broadcast_address(), small.is_on_network([10, 0, 0, 13].into())), (None, true));
    assert!(!small.is_on_network([10, 0, 0, 14].into()));
    let wrong = Lease { prefix_length: 60, ..lease() };
    assert_eq!(wrong.mask(), Ipv4Addr::BROADCAST);
}

#[test]
fn a_name_that_is_too_long_for_its_field_is_an_option_only() {
    let mut lease = lease();
    for (length, has_field) in [(63, true), (64, false)] {
        lease.overrides.set(66, vec![b'x'; length]).unwrap();
        let message =
            Message { server_name: lease.name_field(66), ..Message::new(Op::Reply, 1, lease.client_mac) };
        assert_eq!(message.server_name != [0; 64], has_field);
        assert_eq!(told(&lease, &[]).get(66).map(<[u8]>::len), Some(length));
    }
}

#[test]
fn a_client_that_asks_for_its_name_is_told_it() {
    let named = Lease { host_name: "web".to_owned(), ..lease() };
    assert_eq!(told(&named, &[12]).get(12), Some(b"web".as_slice()));
    assert_eq!(told(&named, &[]).get(12), None);
    assert_eq!(told(&lease(), &[12]).get(12), None, "it has none");
    let mut differently = named;
    differently.overrides.set_text(12, "db").unwrap();
    assert_eq!(told(&differently, &[12]).get(12), Some(b"db".as_slice()));
    differently.overrides.set_text(12, "").unwrap();
    assert_eq!(told(&differently, &[12]).get(12), None);
}
