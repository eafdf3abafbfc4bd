use proptest::prelude::*;

use super::*;
use crate::arbitrary;

#[test]
fn keys_of_others_are_not_ours() {
    for key in ["/pubsub/D", "/lport", "/lport/", "lport/x", "/unique_key/chair", "/openstack/lport/x", ""] {
        assert_eq!(Layout::Etcd.parse(key), None, "{key}");
    }
    for key in ["{lport.t}", "{lport}x", "{unique_key.t}lport", "lport", "{chair.}x", "{unique_key.}chair"] {
        assert_eq!(Layout::Redis.parse(key), None, "{key}");
    }
    for key in ["/lport/x", "/openstack/lport", "/openstack/lport/x/y", "/zookeeper/quota"] {
        assert_eq!(Layout::ZooKeeper.parse(key), None, "{key}");
    }
}

#[test]
fn what_a_store_cannot_hold_is_said() {
    let id = RowId::new("a/b").unwrap();
    assert_eq!(Layout::Etcd.row_key(Table::Chassis, &id, None).unwrap(), "/chassis/a/b");
    let error = Layout::ZooKeeper.row_key(Table::Chassis, &id, None).unwrap_err();
    assert!(error.to_string().contains("a slash in its id"), "{error}");
    let topic = Topic::new("t}x");
    let error = Layout::Redis.row_key(Table::LogicalPort, &id, Some(&topic)).unwrap_err();
    assert_eq!(error, KeyError::Brace { topic });
}

proptest! {
    #[test]
    fn a_key_leads_back_to_its_row(object in prop::sample::select(Table::ALL).prop_flat_map(arbitrary::any_object)) {
        for layout in Layout::ALL {
            let Ok(key) = layout.object_key(&object) else {
                prop_assert!(layout != Layout::Etcd);
                continue;
            };
            prop_assert!(key.starts_with(&layout.table_prefix(object.table())));
            let topic = (layout == Layout::Redis).then(|| object.topic().unwrap_or(Topic::new("")));
            let row = Named::Row { table: object.table(), id: object.id().clone(), topic };
            prop_assert_eq!(layout.parse(&key), Some(row));
        }
    }

    #[test]
    fn any_text_is_a_key_or_not(text in "[{}/.a-z_]{0,24}|.{0,24}") {
        for layout in Layout::ALL {
            let _ = layout.parse(&text);
        }
    }
}
