use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::LogicalPort;

#[test]
fn an_id_takes_three_words() {
    assert_eq!(size_of::<Id<LogicalPort>>(), 24);
    assert_eq!(size_of::<Option<Id<LogicalPort>>>(), 24);
}

#[test]
fn only_canonical_spellings_are_packed() {
    let packed = |text: &str| !matches!(Compact::new(text), Compact::Text(_));
    assert!(packed("00000000-0000-4000-8000-00000000000a"));
    assert!(packed("3f0a4b0e6f5b4a3e8f0d7c2b1a9e5d40"));
    for other in [
        "00000000-0000-4000-8000-00000000000A",
        "{00000000-0000-4000-8000-00000000000a}",
        "urn:uuid:00000000-0000-4000-8000-00000000000a",
        "host-a",
    ] {
        assert!(!packed(other), "{other}");
        assert_eq!(RowId::new(other).unwrap().to_string(), other);
    }
}

#[test]
fn spellings_of_one_uuid_are_different_ids() {
    let spellings = ["00000000-0000-4000-8000-00000000000a", "0000000000004000800000000000000a"];
    let ids: BTreeSet<RowId> = spellings.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn an_id_is_not_empty_and_a_topic_may_be() {
    assert_eq!(RowId::new(""), Err(EmptyId));
    assert_eq!("".parse::<Id<LogicalPort>>(), Err(EmptyId));
    assert!(Topic::new("").is_empty());
    assert!(!Topic::new("tenant1").is_empty());
}

proptest! {
    #[test]
    fn text_comes_back_letter_by_letter(text in "[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|.{1,40}") {
        let id: Id<LogicalPort> = text.parse().unwrap();
        prop_assert_eq!(id.to_string(), text.as_str());
        prop_assert!(id == *text.as_str());
        let recorded = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<Id<LogicalPort>>(&recorded).unwrap(), id);
        prop_assert_eq!(Topic::new(&text).to_string(), text);
    }
}
