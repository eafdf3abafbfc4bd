use proptest::prelude::*;

use super::*;

/// A file with one packet of three bytes at 1.000002 s, in any of the four forms.
fn sample(encode: fn(u32) -> [u8; 4], magic: u32, ticks: u32) -> Vec<u8> {
    let mut bytes = encode(magic).to_vec();
    bytes.extend([0; 12]);
    for field in [65535, LINK_TYPE_ETHERNET, 1, ticks, 3, 60] {
        bytes.extend(encode(field));
    }
    bytes.extend([7, 8, 9]);
    bytes
}

#[test]
fn both_byte_orders_and_resolutions_are_read() {
    for encode in [u32::to_le_bytes, u32::to_be_bytes] {
        for (magic, ticks) in [(MAGIC_MICROSECONDS, 2), (MAGIC_NANOSECONDS, 2000)] {
            let file = sample(encode, magic, ticks);
            let reader = PcapReader::new(&file).unwrap();
            assert_eq!(reader.link_type(), LINK_TYPE_ETHERNET);
            let records: Vec<_> = reader.collect::<Result<_, _>>().unwrap();
            assert_eq!(records, [Record { seconds: 1, nanoseconds: 2000, wire_bytes: 60, data: &[7, 8, 9] }]);
        }
    }
}

#[test]
fn truncation_is_an_error_everywhere_but_between_records() {
    let file = sample(u32::to_le_bytes, MAGIC_MICROSECONDS, 2);
    for length in 0..file.len() {
        let cut = &file[..length];
        match PcapReader::new(cut) {
            Err(error) => assert!(length < 24 && error == PcapError::Truncated { offset: 0 }),
            Ok(reader) => {
                let records: Vec<_> = reader.collect();
                let expected: &[_] =
                    if length == 24 { &[] } else { &[Err(PcapError::Truncated { offset: 24 })] };
                assert_eq!(records, expected, "{length} bytes");
            }
        }
    }
}

#[test]
fn lying_fields_are_named() {
    let mut file = sample(u32::to_le_bytes, MAGIC_MICROSECONDS, 2);
    file[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = PcapReader::new(&file).unwrap().next().unwrap().unwrap_err();
    assert_eq!(error, PcapError::TooLong { offset: 24, length: 0xffff_ffff });

    for ticks in [1_000_000, u32::MAX] {
        let file = sample(u32::to_le_bytes, MAGIC_MICROSECONDS, ticks);
        let mut reader = PcapReader::new(&file).unwrap();
        assert_eq!(reader.next(), Some(Err(PcapError::BadTimestamp { offset: 24 })));
        assert_eq!(reader.next(), None, "nothing after an error");
    }

    let error = PcapReader::new(&[0x0a, 0x0d, 0x0d, 0x0a]).unwrap_err().to_string();
    assert!(error.contains("pcapng"), "{error}");
}

#[test]
fn the_writer_keeps_the_limit() {
    let mut writer = PcapWriter::new();
    let error = writer.push(0, 0, &vec![0; RECORD_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(error, PcapError::TooLong { offset: 24, length: RECORD_BYTES_MAX + 1 });
    assert_eq!(writer.push(0, NANOS_PER_SECOND, &[]), Err(PcapError::BadTimestamp { offset: 24 }));
    assert_eq!(writer.push(0, 0, &vec![0; RECORD_BYTES_MAX]), Ok(()));
    assert_eq!(PcapReader::new(&writer.finish()).unwrap().count(), 1);
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        packets in proptest::collection::vec((any::<u32>(), 0..NANOS_PER_SECOND, any::<Vec<u8>>()), 0..10)
    ) {
        let mut writer = PcapWriter::new();
        for (seconds, nanoseconds, data) in &packets {
            writer.push(*seconds, *nanoseconds, data).unwrap();
        }
        let file = writer.finish();
        let read: Vec<_> = PcapReader::new(&file).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), packets.len());
        for (record, (seconds, nanoseconds, data)) in read.iter().zip(&packets) {
            prop_assert_eq!((record.seconds, record.nanoseconds, record.data), (*seconds, *nanoseconds, &data[..]));
            prop_assert_eq!(record.wire_bytes as usize, data.len());
        }
    }

    #[test]
    fn hostile_files_never_panic(tail: Vec<u8>, big_endian: bool) {
        let mut file = MAGIC_MICROSECONDS.to_le_bytes().to_vec();
        if big_endian {
            file.reverse();
        }
        file.extend(tail);
        if let Ok(reader) = PcapReader::new(&file) {
            prop_assert!(reader.count() <= file.len() / 16);
        }
    }
}
