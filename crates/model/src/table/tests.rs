use std::collections::BTreeSet;

use super::*;
use crate::{Presence, Shape};

/// The layers in which the original brings its classes, each behind those it refers to.
const ORIGINAL_LAYERS: [&[Table]; 7] = [
    &[
        Table::SecurityGroup,
        Table::QosPolicy,
        Table::Publisher,
        Table::Listener,
        Table::Chassis,
        Table::BGPPeer,
    ],
    &[Table::LogicalSwitch, Table::Service, Table::BGPSpeaker],
    &[Table::Subnet, Table::LogicalRouter],
    &[Table::LogicalPort],
    &[
        Table::FloatingIp,
        Table::ChildPortSegmentation,
        Table::FlowClassifier,
        Table::PortPair,
        Table::Migration,
        Table::AllowedAddressPairsActivePort,
    ],
    &[Table::PortPairGroup],
    &[Table::PortChain],
];

#[test]
fn each_table_stands_behind_those_it_depends_on() {
    let order = Table::dependency_order();
    assert_eq!(order.iter().collect::<BTreeSet<_>>(), Table::ALL.iter().collect::<BTreeSet<_>>());
    assert_eq!(order.len(), Table::ALL.len());
    for (position, table) in order.iter().enumerate() {
        for needed in table.dependencies() {
            let behind = order.iter().position(|other| *other == needed).unwrap();
            assert!(behind < position, "{table} stands before {needed}");
        }
    }
}

/// The depth of a table is that of the deepest it depends on, and one more: the original's layers.
#[test]
fn the_dependencies_are_the_originals() {
    fn depth(table: Table) -> usize {
        table.dependencies().into_iter().map(|needed| depth(needed) + 1).max().unwrap_or(0)
    }
    for (layer, tables) in ORIGINAL_LAYERS.iter().enumerate() {
        for table in *tables {
            assert_eq!(depth(*table), layer, "{table}");
        }
    }
    assert_eq!(ORIGINAL_LAYERS.concat().len(), Table::ALL.iter().filter(|table| table.is_original()).count());
    assert_eq!(Table::PortStatus.dependencies(), []);
}

#[test]
fn names_are_unique_and_lead_back() {
    let names: BTreeSet<&str> = Table::ALL.iter().map(|table| table.name()).collect();
    assert_eq!(names.len(), Table::ALL.len());
    for table in Table::ALL {
        assert_eq!(Table::from_name(table.name()), Some(*table));
    }
    assert_eq!(Table::from_name("unique_key"), None);
    assert_eq!(Table::from_name("LPORT"), None);
}

/// The original writes members in this order, and so rows come out letter by letter.
#[test]
fn members_are_in_alphabetical_order() {
    fn check(name: &str, fields: &[FieldSpec]) {
        assert!(fields.is_sorted_by(|a, b| a.name < b.name), "{name}");
        for field in fields {
            if let Shape::Record { name, fields } | Shape::List(Shape::Record { name, fields }) = &field.shape
            {
                check(name, fields);
            }
        }
    }
    for table in Table::ALL {
        check(table.class(), table.fields());
    }
}

/// What a table says of its rows is what their members say.
#[test]
fn the_rules_of_a_table_follow_from_its_members() {
    for table in Table::ALL {
        let member = |name| table.fields().iter().find(|field| field.name == name);
        assert_eq!(table.is_versioned(), member("version").is_some(), "{table}");
        assert_eq!(table.has_unique_key(), member("unique_key").is_some(), "{table}");
        assert_eq!(table.topic_rule() == TopicRule::Stored, member("topic").is_some(), "{table}");
        let id = member("id").unwrap();
        assert_eq!((id.shape, id.presence), (Shape::Reference(*table), Presence::Required));
        let indexed = |name: &str| table.indexes().contains(&name);
        assert_eq!(indexed("BY_TOPIC"), member("topic").is_some(), "{table}");
        assert_eq!(indexed("BY_UNIQUE_KEY"), member("unique_key").is_some(), "{table}");
        assert_eq!(table.indexes().iter().collect::<BTreeSet<_>>().len(), table.indexes().len());
    }
}
