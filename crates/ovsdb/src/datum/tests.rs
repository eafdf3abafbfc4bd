use super::*;
use crate::value::tests::{any_atom, any_atomic_type};
use proptest::prelude::*;

const STRINGS: Shape = Shape::set(AtomicType::String, 0, None);
const STRING_MAP: Shape = Shape::map(AtomicType::String, AtomicType::String, 0, None);

fn any_shape() -> impl Strategy<Value = Shape> + Clone {
    (
        any_atomic_type(),
        proptest::option::of(any_atomic_type()),
        0u32..2,
        prop::sample::select(vec![Some(1), Some(4), None]),
    )
        .prop_map(|(key, value, min, max)| Shape { key, value, min, max })
}

fn any_datum(shape: Shape) -> BoxedStrategy<Datum> {
    let (min, max) = (shape.min as usize, shape.max.unwrap_or(6) as usize);
    let keys = any_atom(shape.key);
    match shape.value {
        None => proptest::collection::btree_set(keys, 0..=max)
            .prop_map(|atoms| Datum::Set(atoms.into_iter().collect()))
            .boxed(),
        Some(value) => proptest::collection::btree_map(keys, any_atom(value), 0..=max)
            .prop_map(|pairs| Datum::Map(pairs.into_iter().collect()))
            .boxed(),
    }
    .prop_filter("enough elements", move |datum| datum.len() >= min)
    .boxed()
}

fn parse(value: &Value, shape: &Shape) -> Result<Datum, ValueError> {
    Datum::parse(value, shape, NamedUuids::Refuse)
}

#[test]
fn spelling_does_not_matter() {
    let one = parse(&json!("a"), &STRINGS).unwrap();
    assert_eq!(parse(&json!(["set", ["a"]]), &STRINGS).unwrap(), one);
    assert_eq!(one.to_json(), json!("a"));
    let two = parse(&json!(["set", ["b", "a"]]), &STRINGS).unwrap();
    assert_eq!(two.to_json(), json!(["set", ["a", "b"]]));
    let map = parse(&json!(["map", [["z", "1"], ["a", "2"]]]), &STRING_MAP).unwrap();
    assert_eq!(map.to_json(), json!(["map", [["a", "2"], ["z", "1"]]]));
}

#[test]
fn duplicates_and_counts_are_refused() {
    assert_eq!(parse(&json!(["set", ["a", "a"]]), &STRINGS), Err(ValueError::Duplicate("set element")));
    let twice = json!(["map", [["a", "1"], ["a", "2"]]]);
    assert_eq!(parse(&twice, &STRING_MAP), Err(ValueError::Duplicate("map key")));
    let scalar = Shape::scalar(AtomicType::Integer);
    assert_eq!(
        parse(&json!(["set", []]), &scalar),
        Err(ValueError::WrongCount { count: 0, min: 1, max: Some(1) })
    );
    assert!(parse(&json!(["set", [1, 2]]), &Shape::optional(AtomicType::Integer)).is_err());
    assert!(parse(&json!(["map", [["a"]]]), &STRING_MAP).is_err());
    assert!(parse(&json!("a"), &STRING_MAP).is_err());
    assert!(parse(&json!(["map", []]), &STRINGS).is_err());
}

#[test]
fn a_difference_adds_replaces_and_removes_pairs() {
    let old = parse(&json!(["map", [["a", "1"], ["b", "2"], ["c", "3"]]]), &STRING_MAP).unwrap();
    let diff = parse(&json!(["map", [["a", "1"], ["b", "9"], ["d", "4"]]]), &STRING_MAP).unwrap();
    let new = old.apply_diff(&diff, &STRING_MAP).unwrap();
    assert_eq!(new.to_json(), json!(["map", [["b", "9"], ["c", "3"], ["d", "4"]]]));
}

#[test]
fn a_difference_of_an_optional_column_is_its_new_content() {
    let shape = Shape::optional(AtomicType::Integer);
    let old = parse(&json!(7), &shape).unwrap();
    let same = parse(&json!(7), &shape).unwrap();
    assert_eq!(old.apply_diff(&same, &shape).unwrap(), old);
}

#[test]
fn a_difference_may_not_break_the_count() {
    let shape = Shape::set(AtomicType::Integer, 1, Some(2));
    let old = parse(&json!(["set", [1, 2]]), &shape).unwrap();
    let diff = Datum::parse_partial(&json!(3), &shape, NamedUuids::Refuse).unwrap();
    assert!(old.apply_diff(&diff, &shape).is_err());
    assert!(old.apply_diff(&old, &shape).is_err());
}

#[test]
fn of_several_pairs_with_one_key_the_last_wins() {
    let pair = |value: i64| (Atom::Integer(1), Atom::Integer(value));
    let map: AtomMap =
        [pair(1), pair(2), (Atom::Integer(0), Atom::Integer(9)), pair(3)].into_iter().collect();
    assert_eq!(map.as_slice(), [(Atom::Integer(0), Atom::Integer(9)), pair(3)]);
}

#[test]
fn atoms_stay_small() {
    assert!(size_of::<Atom>() <= 24, "{}", size_of::<Atom>());
    assert!(size_of::<Datum>() <= 24, "{}", size_of::<Datum>());
}

proptest! {
    #[test]
    fn datums_round_trip((shape, datum) in any_shape().prop_flat_map(|s| (Just(s), any_datum(s)))) {
        let value: Value = serde_json::from_str(&datum.to_json().to_string()).unwrap();
        prop_assert_eq!(parse(&value, &shape).unwrap(), datum);
    }

    #[test]
    fn applying_the_difference_gives_the_new_content(
        (shape, old, new) in any_shape().prop_flat_map(|s| (Just(s), any_datum(s), any_datum(s))),
    ) {
        let diff = old.difference(&new, &shape);
        prop_assert_eq!(old.apply_diff(&diff, &shape).unwrap(), new);
    }

    #[test]
    fn decoding_any_json_never_panics(text in "[\\[\\]{}\",0-9a-z:]{0,40}", shape in any_shape()) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let _ = parse(&value, &shape);
        }
    }
}
