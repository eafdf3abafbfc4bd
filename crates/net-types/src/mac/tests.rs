use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn text_and_integer_forms_give_the_value_back(octets: [u8; 6]) {
        let mac = MacAddr(octets);
        prop_assert_eq!(mac.to_string().parse::<MacAddr>(), Ok(mac));
        prop_assert_eq!(mac.to_string().to_uppercase().parse::<MacAddr>(), Ok(mac));
        prop_assert_eq!(MacAddr::from_u64(mac.to_u64()), Some(mac));
    }

    #[test]
    fn only_canonical_text_parses(text in "[0-9a-fA-F:+g ]{0,20}") {
        if let Ok(mac) = text.parse::<MacAddr>() {
            prop_assert_eq!(mac.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn every_address_is_exactly_one_of_zero_unicast_multicast(octets: [u8; 6]) {
        let mac = MacAddr(octets);
        let kinds = [mac.is_zero(), mac.is_unicast(), mac.is_multicast()];
        prop_assert_eq!(kinds.iter().filter(|&&is| is).count(), 1);
    }
}

#[test]
fn malformed_text_is_refused_and_named() {
    for text in
        ["", "fa:16:3e:00:00", "fa:16:3e:00:00:01:02", "fa-16-3e-00-00-01", "a:b:c:d:e:f", "+1:0:0:0:0:0"]
    {
        let error = text.parse::<MacAddr>().unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }
    assert!("+1:00:00:00:00:00".parse::<MacAddr>().is_err());
}

#[test]
fn integers_above_48_bits_are_refused() {
    assert_eq!(MacAddr::from_u64((1 << 48) - 1), Some(MacAddr::BROADCAST));
    assert_eq!(MacAddr::from_u64(1 << 48), None);
    assert_eq!(MacAddr([1, 2, 3, 4, 5, 6]).to_u64(), 0x0102_0304_0506);
}

#[test]
fn classes() {
    assert!(MacAddr::BROADCAST.is_broadcast() && MacAddr::BROADCAST.is_multicast());
    let group = MacAddr([0x01, 0, 0x5e, 0, 0, 1]);
    assert!(group.is_multicast() && !group.is_broadcast() && !group.is_unicast());
    assert!(MacAddr([0xfa, 0x16, 0x3e, 0, 0, 1]).is_unicast());
    assert!(!MacAddr::ZERO.is_unicast());
}

#[test]
fn derived_addresses_are_those_of_the_rfcs() {
    // The example of RFC 4291, appendix A: 34-56-78-9A-BC-DE has the universal bit inverted.
    let mac = MacAddr([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
    assert_eq!(mac.eui64(), 0x3656_78ff_fe9a_bcde);
    assert_eq!(mac.link_local(), "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap());
    assert_eq!(
        mac.slaac_address("2001:db8:1:2:ffff::1".parse().unwrap()),
        "2001:db8:1:2:3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap()
    );
    assert_eq!(
        MacAddr::of_ipv4_multicast(Ipv4Addr::new(239, 255, 1, 2)),
        MacAddr([0x01, 0x00, 0x5e, 0x7f, 1, 2])
    );
    assert_eq!(
        MacAddr::of_ipv6_multicast("ff02::1:ff12:3456".parse().unwrap()),
        MacAddr([0x33, 0x33, 0xff, 0x12, 0x34, 0x56])
    );
}
