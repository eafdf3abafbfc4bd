use proptest::prelude::*;

use super::*;

#[test]
fn the_example_of_rfc_1071() {
    // Section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
    let sum = Checksum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
    assert_eq!(sum.finish(), !0xddf2);
}

#[test]
fn udp_never_sends_zero() {
    let sum = Checksum::default().add(&[0xff, 0xff]);
    assert_eq!((sum.finish(), sum.finish_udp()), (0, 0xffff));
}

proptest! {
    #[test]
    fn data_with_its_checksum_sums_to_zero(mut data: Vec<u8>) {
        if data.len() % 2 == 1 {
            data.push(0);
        }
        let checksum = Checksum::default().add(&data).finish();
        prop_assert_eq!(Checksum::default().add(&data).add(&checksum.to_be_bytes()).finish(), 0);
    }

    #[test]
    fn agrees_with_another_implementation(data: Vec<u8>) {
        let other = etherparse::checksum::Sum16BitWords::new().add_slice(&data).ones_complement();
        prop_assert_eq!(Checksum::default().add(&data).finish(), other.to_be());
    }
}
