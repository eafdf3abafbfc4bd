use model::{RowId, Table};
use nb::{CLAIMS, Op, TableName};

use super::*;

const NOBODY: &str = "null";

fn us() -> Id<Chassis> {
    Id::new("us").unwrap()
}

fn bound_to(chassis: &str) -> String {
    format!(r#"{{"chassis": "{chassis}", "type": "chassis"}}"#)
}

/// The rows as a test describes them; stamps are 1, 2 and 3.
struct Store {
    lport: Option<String>,
    claim: Option<&'static str>,
    status: Option<(&'static str, u64, PortState)>,
}

impl Store {
    fn bound(binding: &str) -> Self {
        let lport = format!(
            r#"{{"id": "p", "topic": "t", "unique_key": 7, "version": 5, "lswitch": "n", "binding": {binding}}}"#
        );
        Self { lport: Some(lport), claim: None, status: None }
    }

    fn claimed_by(self, chassis: &'static str) -> Self {
        Self { claim: Some(chassis), ..self }
    }

    fn status(self, chassis: &'static str, generation: u64, state: PortState) -> Self {
        Self { status: Some((chassis, generation, state)), ..self }
    }

    fn rows(&self) -> Rows {
        let key = |table: TableName| Key::new(table, RowId::new("p").unwrap());
        let lport = self.lport.as_ref().map(|text| {
            let object = Object::from_text(Table::LogicalPort, text).unwrap();
            let Object::LogicalPort(lport) = object else { panic!("a port") };
            lport.as_ref().clone()
        });
        let claim =
            self.claim.map(|chassis| Claim { id: Id::new("p").unwrap(), chassis: Id::new(chassis).unwrap() });
        let status = self.status.map(|(chassis, generation, state)| PortStatus {
            chassis: Id::new(chassis).unwrap(),
            generation,
            id: Id::new("p").unwrap(),
            lport: Id::new("p").unwrap(),
            lport_version: Some(Version(5)),
            state,
            topic: "t".into(),
            version: Some(Version(3)),
        });
        fn stored<T>(key: Key, row: Option<T>, stamp: u64) -> Stored<T> {
            Stored { key, stamp: row.is_some().then_some(Stamp(stamp)), row }
        }
        Rows {
            lport: stored(key(Table::LogicalPort.into()), lport, 1),
            claim: stored(key(CLAIMS), claim, 2),
            status: stored(key(Table::PortStatus.into()), status, 3),
        }
    }

    fn decide(&self, here: Here) -> Decision {
        decide(&us(), &here, &self.rows(), &Timestamp::from_seconds(1.0).unwrap())
    }
}

fn plugged(forwarding: Forwarding) -> Here {
    Here { is_plugged: true, forwarding }
}

const UNPLUGGED: Here = Here { is_plugged: false, forwarding: Forwarding::No };
const ACTIVE: Forwarding = Forwarding::Yes(Some(Version(5)));

fn put<T: model::Model>(decision: &Decision, table: Table) -> Option<T> {
    let text = decision.txn.ops.iter().find_map(|op| match op {
        Op::Put { key, value, .. } if key.table == table.into() => Some(value.clone()),
        _ => None,
    })?;
    Some(T::from_text(std::str::from_utf8(&text).unwrap()).unwrap())
}

fn status_of(decision: &Decision) -> Option<(String, u64, PortState)> {
    let status: PortStatus = put(decision, Table::PortStatus)?;
    Some((status.chassis.to_string(), status.generation, status.state))
}

fn deletes(decision: &Decision, table: impl Into<TableName>) -> bool {
    let table = table.into();
    decision.txn.ops.iter().any(|op| matches!(op, Op::Delete(key) if key.table == table))
}

#[test]
fn an_unbound_port_is_claimed_where_it_is_plugged_in_if_nobody_is_faster() {
    for unbound in [NOBODY, r#"{"chassis": null, "type": "chassis"}"#] {
        let decision = Store::bound(unbound).decide(plugged(Forwarding::No));
        let lport: LogicalPort = put(&decision, Table::LogicalPort).unwrap();
        assert_eq!(lport.chassis(), Some(&us()));
        assert_eq!(lport.version, Some(Version(6)), "as any change counts it");
        assert_eq!(decision.event, Some(ClaimEvent::Claimed));
        let rows = Store::bound(unbound).rows();
        assert!(decision.txn.require.contains(&Require::Unchanged(rows.lport.key, Stamp(1))));
        assert!(decision.txn.require.contains(&Require::Absent(rows.claim.key)));
        assert_eq!(decision.txn.ops.len(), 2, "the binding, and that we wrote it");
    }
}

#[test]
fn what_is_bound_to_another_node_is_left_alone_and_named() {
    let decision = Store::bound(&bound_to("them")).decide(plugged(Forwarding::No));
    assert_eq!(decision.txn, Txn::new());
    assert_eq!(decision.elsewhere, Some(Id::new("them").unwrap()));
    let vtep = r#"{"chassis": null, "type": "vtep", "vtep_address": "192.0.2.1"}"#;
    assert_eq!(Store::bound(vtep).decide(plugged(Forwarding::No)).txn, Txn::new());
    // Where it is not plugged in nobody wonders.
    assert_eq!(Store::bound(&bound_to("them")).decide(UNPLUGGED), Decision::default());
}

#[test]
fn a_binding_that_we_wrote_is_taken_back_and_the_owners_stays() {
    let ours = Store::bound(&bound_to("us")).claimed_by("us").status("us", 1, PortState::Active);
    let decision = ours.decide(UNPLUGGED);
    let lport: LogicalPort = put(&decision, Table::LogicalPort).unwrap();
    assert_eq!(lport.binding, None);
    assert!(deletes(&decision, CLAIMS));
    assert_eq!(status_of(&decision), Some(("us".to_owned(), 1, PortState::Down)));
    assert_eq!(decision.event, Some(ClaimEvent::Released));

    let owners = Store::bound(&bound_to("us")).status("us", 1, PortState::Active);
    let decision = owners.decide(UNPLUGGED);
    assert_eq!(put::<LogicalPort>(&decision, Table::LogicalPort), None);
    assert_eq!(status_of(&decision), Some(("us".to_owned(), 1, PortState::Down)));
}

#[test]
fn a_claim_that_the_owner_overrode_is_forgotten() {
    let decision = Store::bound(&bound_to("them")).claimed_by("us").decide(UNPLUGGED);
    assert!(deletes(&decision, CLAIMS));
    assert_eq!(put::<LogicalPort>(&decision, Table::LogicalPort), None);
    // Somebody else's claim is somebody else's.
    assert_eq!(Store::bound(&bound_to("them")).claimed_by("them").decide(UNPLUGGED), Decision::default());
}

#[test]
fn active_is_said_when_it_is_so_and_not_twice() {
    let decision = Store::bound(&bound_to("us")).decide(plugged(ACTIVE));
    assert_eq!(status_of(&decision), Some(("us".to_owned(), 1, PortState::Active)));
    let known = Store::bound(&bound_to("us")).status("us", 1, PortState::Active);
    assert_eq!(known.decide(plugged(ACTIVE)), Decision::default());
    let newer = known.decide(plugged(Forwarding::Yes(Some(Version(6)))));
    let status: PortStatus = put(&newer, Table::PortStatus).unwrap();
    assert_eq!((status.lport_version, status.version), (Some(Version(6)), Some(Version(4))));
}

#[test]
fn a_restart_says_nothing_before_the_switch_has_spoken() {
    for state in [PortState::Active, PortState::Down] {
        let known = Store::bound(&bound_to("us")).status("us", 4, state);
        assert_eq!(known.decide(plugged(Forwarding::Unknown)), Decision::default());
    }
    assert_eq!(Store::bound(&bound_to("us")).decide(plugged(Forwarding::Unknown)), Decision::default());
}

#[test]
fn a_port_that_ceases_to_forward_is_down_and_one_that_never_did_is_not_spoken_of() {
    let known = Store::bound(&bound_to("us")).status("us", 4, PortState::Active);
    assert_eq!(
        status_of(&known.decide(plugged(Forwarding::No))),
        Some(("us".to_owned(), 4, PortState::Down))
    );
    assert_eq!(Store::bound(&bound_to("us")).decide(plugged(Forwarding::No)), Decision::default());
}

#[test]
fn whoever_takes_a_port_over_makes_the_word_of_the_last_one_void() {
    let moved = Store::bound(&bound_to("us")).status("them", 4, PortState::Active);
    for (forwarding, state) in [
        (Forwarding::Unknown, PortState::Down),
        (Forwarding::No, PortState::Down),
        (ACTIVE, PortState::Active),
    ] {
        let decision = moved.decide(plugged(forwarding));
        assert_eq!(status_of(&decision), Some(("us".to_owned(), 5, state)));
        let status: PortStatus = put(&decision, Table::PortStatus).unwrap();
        assert!(status.may_replace(&moved.rows().status.row.unwrap()));
    }
    // And the last one, that may be late, writes nothing over it.
    let late = Store::bound(&bound_to("them")).status("them", 5, PortState::Active);
    assert_eq!(late.decide(UNPLUGGED), Decision::default());
}

#[test]
fn what_is_left_of_a_port_that_is_gone_is_removed_by_whose_it_was() {
    let gone =
        |chassis| Store { lport: None, claim: Some(chassis), status: Some((chassis, 1, PortState::Active)) };
    let decision = gone("us").decide(plugged(Forwarding::No));
    assert!(deletes(&decision, CLAIMS) && deletes(&decision, Table::PortStatus));
    assert_eq!(gone("them").decide(plugged(Forwarding::No)).txn, Txn::new());
}

#[test]
fn a_status_that_makes_no_sense_is_written_over() {
    let mut rows = Store::bound(&bound_to("us")).rows();
    rows.status.stamp = Some(Stamp(9));
    let decision = decide(&us(), &plugged(ACTIVE), &rows, &Timestamp::from_seconds(1.0).unwrap());
    assert!(decision.txn.require.contains(&Require::Unchanged(rows.status.key, Stamp(9))));
    assert_eq!(decision.txn.ops.len(), 1);
}

/// Whatever the rows say: once a decision is carried out, there is nothing left to decide.
#[test]
fn a_decision_that_was_carried_out_is_the_last() {
    let bindings = [NOBODY.to_owned(), bound_to("us"), bound_to("them")];
    let statuses = [None, Some(("us", 1, PortState::Active)), Some(("them", 1, PortState::Down))];
    let heres = [plugged(Forwarding::No), plugged(Forwarding::Unknown), plugged(ACTIVE), UNPLUGGED];
    for binding in &bindings {
        for claim in [None, Some("us"), Some("them")] {
            for status in statuses {
                for here in &heres {
                    let store = Store { claim, status, ..Store::bound(binding) };
                    let mut rows = store.rows();
                    let now = Timestamp::from_seconds(1.0).unwrap();
                    let first = decide(&us(), here, &rows, &now);
                    carry_out(&first.txn, &mut rows);
                    let second = decide(&us(), here, &rows, &now);
                    assert_eq!(second.txn, Txn::new(), "{binding} {claim:?} {status:?} {here:?}");
                }
            }
        }
    }
}

fn carry_out(txn: &Txn, rows: &mut Rows) {
    for op in &txn.ops {
        let (key, text) = match op {
            Op::Put { key, value, .. } => (key, Some(std::str::from_utf8(value).unwrap())),
            Op::Delete(key) => (key, None),
        };
        let stamp = text.map(|_| Stamp(10));
        if *key == rows.lport.key {
            rows.lport.row = text.map(|text| model::Model::from_text(text).unwrap());
            rows.lport.stamp = stamp;
        } else if *key == rows.status.key {
            rows.status.row = text.map(|text| model::Model::from_text(text).unwrap());
            rows.status.stamp = stamp;
        } else {
            rows.claim.row = text.map(|text| serde_json::from_str(text).unwrap());
            rows.claim.stamp = stamp;
        }
    }
}

#[test]
fn a_port_that_is_translated_here_is_active_without_being_bound_and_moves_with_its_translation() {
    let unbound = || Store::bound("null");
    let translated = |forwarding| Here { is_plugged: false, forwarding };
    let decision = unbound().decide(translated(ACTIVE));
    assert_eq!(status_of(&decision), Some(("us".to_owned(), 1, PortState::Active)));
    assert!(put::<LogicalPort>(&decision, Table::LogicalPort).is_none(), "nobody is bound for that");
    let there = || unbound().status("them", 4, PortState::Active);
    assert_eq!(status_of(&there().decide(translated(Forwarding::Unknown))), None, "they may have it still");
    assert_eq!(status_of(&there().decide(translated(ACTIVE))), Some(("us".to_owned(), 5, PortState::Active)));
    assert_eq!(status_of(&there().decide(translated(Forwarding::No))), None, "it is theirs now");
    let ours = unbound().status("us", 4, PortState::Active).decide(translated(Forwarding::No));
    assert_eq!(status_of(&ours), Some(("us".to_owned(), 4, PortState::Down)));
}
