use super::*;
use crate::{LogicalPort, LogicalSwitch};

fn members(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

fn port() -> LogicalPort {
    let text = r#"{"binding": {"chassis": "host-a", "type": "chassis"}, "dhcp_params": {"opts": {"66": "a"}},
        "id": "p", "name": "vm", "security_groups": ["g"], "topic": "t", "unique_key": 1, "version": 3}"#;
    LogicalPort::from_text(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1.0).unwrap()
}

fn patched(text: &str) -> Option<LogicalPort> {
    Patch::new(Table::LogicalPort, members(text)).unwrap().apply(&port(), &now()).unwrap()
}

#[test]
fn what_is_not_named_stays_and_null_removes() {
    let changed = patched(r#"{"id": "p", "name": null, "security_groups": null}"#).unwrap();
    assert_eq!((changed.name.as_deref(), changed.security_groups.len()), (None, 0));
    assert_eq!(changed.binding, port().binding);
    assert_eq!(changed.version.unwrap().0, 4);
}

#[test]
fn a_structure_is_replaced_and_not_merged() {
    let changed =
        patched(r#"{"binding": {"type": "vtep", "vtep_address": "192.0.2.9"}, "id": "p"}"#).unwrap();
    assert_eq!(changed.binding.as_ref().unwrap().chassis, None);
    assert_eq!(changed.chassis(), None);
}

#[test]
fn the_same_in_another_spelling_is_no_change() {
    assert_eq!(patched(r#"{"id": "p", "name": "vm", "qos_policy": null, "ips": []}"#), None);
}

#[test]
fn what_the_table_does_not_have_is_refused() {
    let error = Patch::new(Table::LogicalPort, members(r#"{"id": "p", "colour": "red"}"#)).unwrap_err();
    let text = "row p of table lport: colour: expected a member that the table has, found \"red\"";
    assert_eq!(error.to_string(), text);
    let error = Patch::new(Table::LogicalPort, members(r#"{"name": "vm"}"#)).unwrap_err();
    assert_eq!(error.to_string(), "row without id of table lport: id: expected an id, found nothing");
}

#[test]
fn a_result_that_is_no_row_is_refused() {
    let patch = Patch::new(Table::LogicalPort, members(r#"{"id": "p", "topic": null}"#)).unwrap();
    let error = patch.apply(&port(), &now()).unwrap_err();
    assert_eq!(error.to_string(), "row p of table lport: topic: expected a text, found nothing");
}

#[test]
fn a_change_is_of_one_row() {
    let other_row = Patch::new(Table::LogicalPort, members(r#"{"id": "q", "name": "x"}"#)).unwrap();
    assert!(other_row.apply(&port(), &now()).is_err());
    let other_table = Patch::new(Table::LogicalSwitch, members(r#"{"id": "p", "name": "x"}"#)).unwrap();
    assert!(other_table.apply(&port(), &now()).is_err());
    let network = LogicalSwitch::from_text(r#"{"id": "p", "topic": "t", "unique_key": 1}"#).unwrap();
    assert!(other_table.apply(&network, &now()).unwrap().is_some());
}
