use super::*;

#[test]
fn a_failed_read_consumes_nothing() {
    let mut reader = Reader::new(&[1, 2, 3]);
    assert_eq!(reader.take::<2>(), Some([1, 2]));
    assert_eq!(reader.take::<2>(), None);
    assert_eq!(reader.skip(usize::MAX), None);
    assert_eq!((reader.offset(), reader.rest()), (2, [3].as_slice()));
    assert_eq!(
        reader.require::<4>("label").unwrap_err().to_string(),
        "label truncated at offset 2: 4 bytes needed, 1 left"
    );
    assert_eq!(reader.peek::<1>(), reader.take::<1>());
    assert_eq!(reader.len(), 0);
}

#[test]
fn truncating_never_lengthens() {
    let mut reader = Reader::new(&[1, 2, 3]);
    reader.truncate(9);
    assert_eq!(reader.len(), 3);
    reader.truncate(1);
    assert_eq!(reader.rest(), [1]);
}
