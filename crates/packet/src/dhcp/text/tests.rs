use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::{Overrides, decode_routes};
use super::*;

#[test]
fn texts_and_what_dnsmasq_makes_of_them() {
    let cases: [(u8, &str, &[u8]); 33] = [
        (3, "10.0.0.1", &[10, 0, 0, 1]),
        (6, "10.0.0.1, 10.0.0.2", &[10, 0, 0, 1, 10, 0, 0, 2]),
        (42, "10.0.0.1 10.0.0.2", &[10, 0, 0, 1, 10, 0, 0, 2]),
        (26, "1400", &[5, 120]),
        (23, "64", &[64]),
        (25, "68,1500", &[0, 68, 5, 220]),
        (2, "-3600", &[0xff, 0xff, 0xf1, 0xf0]),
        (51, "infinite", &[255, 255, 255, 255]),
        (58, "10m", &[0, 0, 2, 88]),
        (59, "2w", &[0, 0x12, 0x75, 0]),
        (19, "on", &[1]),
        (19, "0", &[0]),
        (66, "server.example.org", b"server.example.org"),
        (67, "  pxelinux.0 ", b"pxelinux.0"),
        (67, "http://10.0.0.5:8080/boot.ipxe", b"http://10.0.0.5:8080/boot.ipxe"),
        (33, "10.1.0.0,10.0.0.9", &[10, 1, 0, 0, 10, 0, 0, 9]),
        (119, "a.bc,d.", &[1, b'a', 2, b'b', b'c', 0, 1, b'd', 0]),
        (120, "10.0.0.1", &[1, 10, 0, 0, 1]),
        (120, "sip.net", &[0, 3, b's', b'i', b'p', 3, b'n', b'e', b't', 0]),
        (121, "0.0.0.0/0,10.0.0.1", &[0, 10, 0, 0, 1]),
        (
            249,
            "10.1.2.3/16,10.0.0.1 10.9.9.9,10.0.0.2",
            &[16, 10, 1, 10, 0, 0, 1, 32, 10, 9, 9, 9, 10, 0, 0, 2],
        ),
        (43, "01:04:0A:ff", &[1, 4, 10, 255]),
        (43, "0x0104", &[1, 4]),
        (43, "0x010", b"0x010"),
        (224, "12:xy", b"12:xy"),
        (224, "some text", b"some text"),
        (224, "12:34", &[0x12, 0x34]),
        (224, "10.0.0.1", &[10, 0, 0, 1]),
        (224, "7", &[7]),
        (224, "300", &[1, 44]),
        (224, "70000", &[0, 1, 0x11, 0x70]),
        (224, "99999999999", b"99999999999"),
        (3, " ", &[]),
    ];
    for (code, text, bytes) in cases {
        assert_eq!(encode(code, text), Ok(bytes.to_vec()), "{code} {text}");
    }
}

#[test]
fn wrong_texts_are_named_with_their_option() {
    let cases = [
        (3, "10.0.0.x", "DHCP option 3 (router): '10.0.0.x' is not an IPv4 address"),
        (3, ",", "DHCP option 3 (router): there is no address"),
        (
            1,
            "255.255.255.0 1.1.1.1",
            "DHCP option 1 (netmask): '255.255.255.0 1.1.1.1' is not an IPv4 address",
        ),
        (26, "67", "DHCP option 26 (mtu): '67' is not a number from 68 to 65535"),
        (26, "70000", "DHCP option 26 (mtu): '70000' is not a number from 68 to 65535"),
        (23, "0", "DHCP option 23 (default-ttl): '0' is not a number from 1 to 255"),
        (2, "x", "DHCP option 2 (time-offset): 'x' is not a number from -2147483648 to 2147483647"),
        (
            51,
            "4000000h",
            "DHCP option 51 (lease-time): '4000000h' is not a time: give seconds, as 600, or 10m, 1h, 1d, infinite",
        ),
        (19, "maybe", "DHCP option 19 (ip-forward-enable): 'maybe' is neither 1 nor 0"),
        (33, "10.0.0.1", "DHCP option 33 (static-route): give pairs of addresses"),
        (119, "a..b", "DHCP option 119 (domain-search): 'a..b' is not a domain name"),
        (119, ",", "DHCP option 119 (domain-search): there is no domain name"),
        (
            121,
            "10.0.0.0/8",
            "DHCP option 121 (classless-static-route): the route to '10.0.0.0/8' has no router",
        ),
        (
            121,
            "10.0.0.0/33,10.0.0.1",
            "DHCP option 121 (classless-static-route): '10.0.0.0/33' is not an IPv4 network",
        ),
        (121, "10.0.0.0/8,x", "DHCP option 121 (classless-static-route): 'x' is not an IPv4 address"),
        (67, "a\0b", "DHCP option 67 (bootfile-name): the text contains a zero byte"),
    ];
    for (code, text, message) in cases {
        assert_eq!(encode(code, text).unwrap_err().to_string(), message);
    }
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let error = encode(224, &long).unwrap_err().to_string();
    assert_eq!(error, "DHCP option 224: the text of 1025 bytes is too long: give at most 1024");
    let domain = ["label"; 50].join(".");
    assert!(encode(119, &domain).unwrap_err().problem.ends_with("is too long"));
    assert!(encode(119, &"l".repeat(64)).unwrap_err().problem.ends_with("is not a domain name"));
}

#[test]
fn options_are_found_by_number_and_by_either_name() {
    for (text, expected) in [
        ("3", Some(3)),
        ("router", Some(3)),
        ("routers", Some(3)),
        ("bootfile-name", Some(67)),
        ("interface-mtu", Some(26)),
        ("mtu", Some(26)),
        ("254", Some(254)),
        ("0", None),
        ("255", None),
        ("256", None),
        ("server-ip-address", None),
        ("Router", None),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
    assert_eq!((name(67), name(224), format(224)), (Some("bootfile-name"), None, Format::Unknown));
}

#[test]
fn the_table_is_in_order_and_no_name_means_two_options() {
    assert!(KINDS.is_sorted_by(|a, b| a.code < b.code));
    let names: Vec<_> = KINDS.iter().flat_map(|kind| kind.names).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), distinct.len());
    assert!(KINDS.iter().all(|kind| !kind.names.is_empty()));
}

proptest! {
    #[test]
    fn nothing_panics_and_routes_are_routes(code: u8, text in "[0-9a-z:./, x-]{0,40}|\\PC{0,40}") {
        if let Ok(bytes) = encode(code, &text) {
            if format(code) == Format::Routes {
                prop_assert!(decode_routes(&bytes).is_ok());
            }
            let mut overrides = Overrides::default();
            prop_assert_eq!(overrides.set(code, bytes).is_ok(), Overrides::allows(code));
        }
    }
}
