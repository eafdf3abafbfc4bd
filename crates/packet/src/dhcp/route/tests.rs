use proptest::prelude::*;

use super::*;

fn any_route() -> impl Strategy<Value = Route> {
    (any::<u32>(), 0_u8..=32, any::<u32>()).prop_map(|(network, prefix_length, router)| {
        Route::new(network.into(), prefix_length, router.into()).unwrap()
    })
}

proptest! {
    #[test]
    fn encode_then_decode_is_identity(routes in proptest::collection::vec(any_route(), 0..8)) {
        prop_assert_eq!(decode_routes(&encode_routes(&routes)), Ok(routes));
    }

    #[test]
    fn what_decodes_means_the_same_encoded(bytes in proptest::collection::vec(0_u8..40, 0..30)) {
        if let Ok(routes) = decode_routes(&bytes) {
            prop_assert_eq!(encode_routes(&routes).len(), bytes.len());
            prop_assert_eq!(decode_routes(&encode_routes(&routes)), Ok(routes));
        }
    }
}

/// The examples of RFC 3442, behind router 10.0.0.1.
#[test]
fn examples_of_the_rfc() {
    let router = Ipv4Addr::new(10, 0, 0, 1);
    let cases: [(&str, u8, &[u8]); 7] = [
        ("0.0.0.0", 0, &[0]),
        ("10.0.0.0", 8, &[8, 10]),
        ("10.0.0.0", 24, &[24, 10, 0, 0]),
        ("10.17.0.0", 16, &[16, 10, 17]),
        ("10.27.129.0", 24, &[24, 10, 27, 129]),
        ("10.229.0.128", 25, &[25, 10, 229, 0, 128]),
        ("10.198.122.47", 32, &[32, 10, 198, 122, 47]),
    ];
    for (network, prefix_length, descriptor) in cases {
        let route = Route::new(network.parse().unwrap(), prefix_length, router).unwrap();
        assert_eq!(encode_routes(&[route]), [descriptor, &[10, 0, 0, 1]].concat());
    }
}

#[test]
fn bits_behind_the_prefix_are_ignored() {
    let routes = decode_routes(&[9, 10, 0xff, 1, 2, 3, 4]).unwrap();
    assert_eq!(routes, [Route::new([10, 128, 0, 0].into(), 9, [1, 2, 3, 4].into()).unwrap()]);
    assert_eq!(routes[0].destination(), (Ipv4Addr::new(10, 128, 0, 0), 9));
}

#[test]
fn what_is_no_route_is_an_error_with_its_place() {
    let error = |bytes: &[u8]| decode_routes(bytes).unwrap_err().to_string();
    assert_eq!(
        error(&[0, 1, 1, 1, 1, 24, 10]),
        "classless route truncated at offset 6: 3 bytes needed, 1 left"
    );
    assert_eq!(error(&[8, 10, 1, 1]), "classless route truncated at offset 2: 4 bytes needed, 2 left");
    assert_eq!(
        error(&[0, 1, 1, 1, 1, 33, 1, 2, 3, 4, 1, 1, 1, 1]),
        "invalid classless route at offset 5: the prefix is longer than 32 bits"
    );
    assert_eq!(Route::new(Ipv4Addr::LOCALHOST, 33, Ipv4Addr::LOCALHOST), None);
}
