use proptest::prelude::*;

use super::*;

#[test]
fn every_length_has_one_mask_and_back() {
    for prefix_len in 0..=32 {
        let mask = ipv4_mask(prefix_len).unwrap();
        assert_eq!(mask.to_bits().count_ones(), u32::from(prefix_len));
        assert_eq!(ipv4_prefix_len(mask), Some(prefix_len));
    }
    for prefix_len in 0..=128 {
        let mask = ipv6_mask(prefix_len).unwrap();
        assert_eq!(mask.to_bits().count_ones(), u32::from(prefix_len));
        assert_eq!(ipv6_prefix_len(mask), Some(prefix_len));
    }
    assert_eq!(ipv4_mask(24), Some(Ipv4Addr::new(255, 255, 255, 0)));
    assert_eq!(ipv6_mask(64), Some("ffff:ffff:ffff:ffff::".parse().unwrap()));
}

#[test]
fn lengths_past_the_address_have_no_mask() {
    assert_eq!(ipv4_mask(33), None);
    assert_eq!(ipv6_mask(129), None);
    assert_eq!(ipv6_mask(u8::MAX), None);
}

proptest! {
    #[test]
    fn only_contiguous_masks_have_a_length(v4: u32, v6: u128) {
        let v4_is_contiguous = (!v4).wrapping_add(1) & !v4 == 0;
        prop_assert_eq!(ipv4_prefix_len(Ipv4Addr::from_bits(v4)).is_some(), v4_is_contiguous);
        let v6_is_contiguous = (!v6).wrapping_add(1) & !v6 == 0;
        prop_assert_eq!(ipv6_prefix_len(Ipv6Addr::from_bits(v6)).is_some(), v6_is_contiguous);
    }

    #[test]
    fn one_flipped_bit_below_the_last_one_breaks_contiguity(prefix_len in 0_u8..31, bit in 0_u32..31) {
        let mask = ipv4_mask(prefix_len).unwrap().to_bits();
        let flipped = mask ^ (1 << bit);
        let still_contiguous = bit == 31 - u32::from(prefix_len) || bit == 32 - u32::from(prefix_len);
        prop_assert_eq!(ipv4_prefix_len(Ipv4Addr::from_bits(flipped)).is_some(), still_contiguous);
    }
}
