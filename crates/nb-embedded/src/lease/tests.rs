use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn leases() -> (Leases, Instant) {
    let epoch = Instant::now();
    let mut leases = Leases::new(epoch);
    leases.grant(1, 10, epoch);
    leases.grant(2, 20, epoch);
    (leases, epoch)
}

#[test]
fn a_lease_runs_out_unless_it_is_kept_alive() {
    let (leases, epoch) = leases();
    assert_eq!(leases.next_deadline(), Some(epoch + 10 * SECOND));
    assert!(leases.take_expired(epoch + 9 * SECOND).is_empty());
    assert_eq!(leases.keep_alive(1, epoch + 9 * SECOND), Some(10));
    assert_eq!(leases.remaining_s(1, epoch + 9 * SECOND), Some(10));
    assert!(leases.take_expired(epoch + 18 * SECOND).is_empty());
    assert_eq!(leases.take_expired(epoch + 19 * SECOND), [1]);
}

#[test]
fn a_lease_that_ran_out_is_never_said_to_live() {
    let (leases, epoch) = leases();
    assert_eq!(leases.take_expired(epoch + 10 * SECOND), [1]);
    assert_eq!(leases.keep_alive(1, epoch + 10 * SECOND), None);
    assert_eq!(leases.remaining_s(1, epoch + 10 * SECOND), Some(0));
    assert_eq!(leases.keep_alive(3, epoch), None);
    // Its rows could not be deleted: it is given again.
    assert_eq!(leases.take_expired(epoch + 11 * SECOND), [1]);
    assert_eq!(leases.keep_alive(2, epoch + 11 * SECOND), Some(20));
}

#[test]
fn a_renewal_never_shortens_a_life() {
    let (leases, epoch) = leases();
    assert_eq!(leases.keep_alive(1, epoch + 5 * SECOND), Some(10));
    assert_eq!(leases.keep_alive(1, epoch + SECOND), Some(10));
    assert_eq!(leases.remaining_s(1, epoch), Some(15));
}

#[test]
fn a_row_goes_with_one_lease() {
    let (mut leases, _) = leases();
    let key = Bytes::from_static(b"a");
    leases.attach(&key, 0, 1);
    leases.attach(&key, 1, 2);
    assert!(leases.get(1).unwrap().keys().is_empty());
    assert_eq!(leases.get(2).unwrap().keys().len(), 1);
    leases.attach(&key, 2, 0);
    assert!(leases.get(2).unwrap().keys().is_empty());
}

#[test]
fn a_life_without_an_end_in_sight_does_not_overflow() {
    let epoch = Instant::now();
    let mut leases = Leases::new(epoch);
    leases.grant(1, i64::MAX, epoch);
    leases.grant(2, TTL_S_MAX, epoch + SECOND);
    assert!(leases.take_expired(epoch + 1000 * SECOND).is_empty());
    assert!(leases.next_deadline().is_none_or(|at| at > epoch + 1000 * SECOND));
}
