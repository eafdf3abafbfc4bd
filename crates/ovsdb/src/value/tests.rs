use super::*;
use proptest::prelude::*;

pub(crate) fn any_atom(atomic: AtomicType) -> BoxedStrategy<Atom> {
    match atomic {
        AtomicType::Integer => any::<i64>().prop_map(Atom::Integer).boxed(),
        AtomicType::Real => any::<f64>().prop_filter_map("finite", Real::new).prop_map(Atom::Real).boxed(),
        AtomicType::Boolean => any::<bool>().prop_map(Atom::Boolean).boxed(),
        AtomicType::String => "\\PC{0,12}".prop_map(|text| Atom::String(text.into())).boxed(),
        AtomicType::Uuid => any::<u128>().prop_map(|value| Atom::Uuid(Uuid::from_u128(value))).boxed(),
    }
}

pub(crate) fn any_atomic_type() -> impl Strategy<Value = AtomicType> + Clone {
    prop::sample::select(vec![
        AtomicType::Integer,
        AtomicType::Real,
        AtomicType::Boolean,
        AtomicType::String,
        AtomicType::Uuid,
    ])
}

#[test]
fn uuids_have_one_textual_form() {
    let text = "fb5afa14-e4c7-11f1-a6a1-06a894be9a93";
    let uuid: Uuid = text.parse().unwrap();
    assert_eq!(uuid.to_string(), text);
    assert_eq!(text.to_uppercase().parse::<Uuid>().unwrap(), uuid);
    for bad in [
        "",
        "fb5afa14",
        "fb5afa14-e4c7-11f1-a6a1-06a894be9a9",
        "fb5afa14-e4c7-11f1-a6a1-06a894be9a9g",
        "fb5afa14ee4c7-11f1-a6a1-06a894be9a93",
        "fb5afa14-e4c7-11f1-a6a1-06a894be9a93a",
        "éééééééééééééééééé",
    ] {
        assert_eq!(bad.parse::<Uuid>(), Err(ValueError::MalformedUuid), "{bad}");
    }
}

#[test]
fn reals_have_one_zero_and_no_nan() {
    assert_eq!(Real::new(-0.0), Real::new(0.0));
    assert_eq!(Real::new(f64::NAN), None);
    assert_eq!(Real::new(f64::INFINITY), None);
}

#[test]
fn types_that_lie_are_refused() {
    let cases = [
        (AtomicType::Integer, json!("1")),
        (AtomicType::Integer, json!(1.5)),
        (AtomicType::Integer, json!(u64::MAX)),
        (AtomicType::Real, json!(true)),
        (AtomicType::Boolean, json!(0)),
        (AtomicType::String, json!(["a"])),
        (AtomicType::Uuid, json!("fb5afa14-e4c7-11f1-a6a1-06a894be9a93")),
        (AtomicType::Uuid, json!(["uuid", 3])),
        (AtomicType::Uuid, json!(["uuid"])),
        (AtomicType::Uuid, json!(["named-uuid", "row"])),
    ];
    for (atomic, value) in cases {
        assert!(Atom::parse(&value, atomic, NamedUuids::Refuse).is_err(), "{atomic:?} {value}");
    }
    assert!(Atom::parse(&json!(["named-uuid", "row"]), AtomicType::Uuid, NamedUuids::Accept).is_ok());
}

proptest! {
    #[test]
    fn atoms_round_trip((atomic, atom) in any_atomic_type().prop_flat_map(|t| (Just(t), any_atom(t)))) {
        let text = atom.to_json().to_string();
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(Atom::parse(&value, atomic, NamedUuids::Refuse).unwrap(), atom);
    }

    #[test]
    fn reals_are_totally_ordered(a in any::<f64>(), b in any::<f64>()) {
        if let (Some(a), Some(b)) = (Real::new(a), Real::new(b)) {
            prop_assert_eq!(a == b, a.get() == b.get());
            prop_assert_eq!(a < b, a.get() < b.get());
        }
    }
}
