use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ipam::fixture::{entropy, in_use, ip, network_id, range};

#[test]
fn only_claims_of_the_network_count() {
    let other = "99999999-1111-4111-8111-111111111111".parse().unwrap();
    let mut network = in_use(&["10.0.0.5", "fd00::5"]);
    network.occupy(&Claim::Address(other, ip("10.0.0.6")));
    assert!(network.has_address(ip("10.0.0.5")) && network.has_address(ip("fd00::5")));
    assert!(!network.has_address(ip("10.0.0.6")) && !network.has_address(ip("::a00:5")));
    network.vacate(&Claim::Address(network_id(), ip("10.0.0.5")));
    network.vacate(&Claim::Address(network_id(), ip("fd00::5")));
    assert!(network.is_empty());
}

#[test]
fn mac_addresses_come_and_go() {
    let mac = "fa:16:3e:00:00:01".parse().unwrap();
    let mut network = in_use(&[]);
    network.occupy(&Claim::Mac(network_id(), mac));
    assert!(network.has_mac(mac) && !network.is_empty());
    network.vacate(&Claim::Mac(network_id(), mac));
    assert!(!network.has_mac(mac) && network.is_empty());
}

#[test]
fn what_is_in_use_is_counted_in_a_range() {
    let network = in_use(&["10.0.0.5", "10.0.0.7", "10.0.1.1", "fd00::1"]);
    assert_eq!(network.count_used(&range("10.0.0.0", "10.0.0.255")), 2);
    assert_eq!(network.count_used(&range("10.0.0.5", "10.0.0.5")), 1);
    assert_eq!(network.count_used(&range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), 1);
    assert_eq!(in_use(&[]).count_used(&range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), 0);
}

#[test]
fn the_second_pool_is_used_when_the_first_is_full() {
    let pools = [range("10.0.0.5", "10.0.0.6"), range("10.0.0.9", "10.0.0.9")];
    let network = in_use(&["10.0.0.5"]);
    assert_eq!(network.draw(&pools, &[], &mut entropy(1)), Some(ip("10.0.0.6")));
    assert_eq!(network.draw(&pools, &[ip("10.0.0.6")], &mut entropy(1)), Some(ip("10.0.0.9")));
    assert_eq!(network.draw(&pools, &[ip("10.0.0.6"), ip("10.0.0.9")], &mut entropy(1)), None);
    assert_eq!(network.first(&pools, &[ip("10.0.0.6")]), Some(ip("10.0.0.9")));
}

#[test]
fn a_draw_stays_in_the_window_and_two_servers_seldom_meet() {
    let pools = [range("10.0.0.1", "10.255.255.254")];
    let network = in_use(&["10.0.0.1"]);
    let last = number(ip("10.0.0.2")) + u128::from(WINDOW) - 1;
    let mut drawn = BTreeSet::new();
    for seed in 0..8 {
        let address = network.draw(&pools, &[], &mut entropy(seed)).unwrap();
        assert!(number(address) <= last, "{address}");
        drawn.insert(address);
    }
    assert!(drawn.len() >= 7, "{drawn:?}");
}

/// One that keeps every address by itself.
#[derive(Default)]
struct Naive {
    used: BTreeSet<IpAddr>,
}

fn small_pools() -> impl Strategy<Value = Vec<AddressRange>> {
    let v4 = vec![range("10.0.0.250", "10.0.1.5"), range("10.0.1.9", "10.0.1.12")];
    let v6 = vec![range("fd00::fffe", "fd00::1:a")];
    prop::sample::select(vec![v4, v6])
}

proptest! {
    /// Any history of draws and releases: nothing is given twice, everything is given before the pools are exhausted.
    #[test]
    fn draws_agree_with_a_naive_model(
        pools in small_pools(),
        steps in prop::collection::vec((any::<u64>(), any::<prop::sample::Index>(), prop::bool::weighted(0.7)), 1..60),
    ) {
        let mut network = in_use(&[]);
        let mut naive = Naive::default();
        let size: u128 = pools.iter().map(|pool| pool.bounds().1 - pool.bounds().0 + 1).sum();
        for (random, which, draws) in steps {
            if draws {
                let drawn = network.draw(&pools, &[], &mut || random);
                prop_assert_eq!(drawn.is_none(), naive.used.len() as u128 == size);
                let Some(address) = drawn else { continue };
                prop_assert!(pools.iter().any(|pool| pool.contains(address)));
                prop_assert!(naive.used.insert(address), "{} was given twice", address);
                network.occupy(&Claim::Address(network_id(), address));
            } else if let Some(address) = naive.used.iter().nth(which.index(naive.used.len().max(1))).copied() {
                naive.used.remove(&address);
                network.vacate(&Claim::Address(network_id(), address));
            }
            let used: u128 = pools.iter().map(|pool| network.count_used(pool)).sum();
            prop_assert_eq!(used, naive.used.len() as u128);
        }
    }
}

/// A pool of 16 million addresses takes what its ports take. There is no clock here: with a list the test would not end.
#[test]
fn a_large_pool_costs_nothing() {
    let pools = [range("10.0.0.1", "10.255.255.254"), range("fd00::1", "fd00::ffff:ffff:ffff:ffff")];
    let mut network = in_use(&[]);
    let mut random = entropy(7);
    for _ in 0..5_000 {
        let address = network.draw(&pools, &[], &mut random).unwrap();
        assert!(!network.has_address(address));
        network.occupy(&Claim::Address(network_id(), address));
    }
    assert_eq!(network.count_used(&pools[0]), 5_000);
}
