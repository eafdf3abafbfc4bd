use super::*;
use crate::datum::{AtomMap, AtomSet};
use crate::vswitch::{Bridge, Interface, Port};
use proptest::prelude::*;

fn round_trip<V: ColumnValue + PartialEq + fmt::Debug>(value: &V) {
    assert_eq!(V::from_datum(&value.to_datum()).as_ref(), Ok(value));
}

#[test]
fn the_wrong_kind_of_content_is_an_error_and_not_a_default() {
    let empty = Datum::Set(AtomSet::default());
    assert!(String::from_datum(&empty).is_err());
    assert_eq!(Option::<String>::from_datum(&empty), Ok(None));
    assert!(Option::<String>::from_datum(&5_i64.to_datum()).is_err());
    assert!(BTreeSet::<i64>::from_datum(&Datum::Map(AtomMap::default())).is_err());
    assert!(BTreeMap::<String, String>::from_datum(&empty).is_err());
    let two: BTreeSet<i64> = [1, 2].into();
    assert!(Option::<i64>::from_datum(&two.to_datum()).is_err());
}

#[test]
fn every_model_column_reads_back_what_it_wrote() {
    fn check<T: Table>(row: &T) {
        let mut copy = T::default();
        for info in T::COLUMNS {
            copy.set_column(info.name, &row.column(info.name).unwrap()).unwrap();
        }
        assert_eq!(&copy, row);
        assert!(T::COLUMNS.is_sorted_by_key(|info| info.name));
        assert_eq!(row.column("no such column"), None);
    }
    check(&Interface {
        name: "vif1".into(),
        ofport: Some(-1),
        external_ids: [("iface-id".to_owned(), "p1".to_owned())].into(),
        statistics: [("rx_packets".to_owned(), 3)].into(),
        cfm_remote_mpids: [1, 2].into(),
        lacp_current: Some(true),
        ..Interface::default()
    });
    check(&Bridge { flow_tables: [(0, Uuid::from_u128(1))].into(), stp_enable: true, ..Bridge::default() });
    check(&Port { interfaces: [Uuid::from_u128(7)].into(), tag: Some(4095), ..Port::default() });
}

proptest! {
    #[test]
    fn rust_values_round_trip(
        integer in any::<i64>(),
        text in proptest::option::of(".*"),
        set in proptest::collection::btree_set(any::<u128>().prop_map(Uuid::from_u128), 0..5),
        map in proptest::collection::btree_map(".{0,5}", any::<bool>(), 0..5),
    ) {
        round_trip(&integer);
        round_trip(&text);
        round_trip(&set);
        round_trip(&map);
    }
}
