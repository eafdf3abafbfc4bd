use proptest::prelude::*;

use super::*;
use crate::ipam::fixture::net;

fn pool(prefixes: &[&str], min: u8, max: u8, quota: Option<u64>) -> SubnetPool {
    let request = PoolRequest {
        id: "pool".to_owned(),
        prefixes: prefixes.iter().map(|prefix| net(prefix)).collect(),
        min_prefix_len: Some(min),
        max_prefix_len: Some(max),
        default_prefix_len: None,
        default_quota: quota,
    };
    SubnetPool::new(&request).unwrap()
}

fn texts(nets: &[IpNet]) -> Vec<String> {
    nets.iter().map(ToString::to_string).collect()
}

#[test]
fn prefixes_become_as_few_as_possible() {
    let pool = pool(&["10.0.1.0/24", "10.0.0.0/24", "10.0.0.128/25", "10.1.0.0/16"], 8, 32, None);
    assert_eq!(texts(&pool.prefixes()), ["10.0.0.0/23", "10.1.0.0/16"]);
}

#[test]
fn defaults_follow_from_the_family() {
    let lengths = |prefix: &str| {
        let request = PoolRequest { prefixes: vec![net(prefix)], ..PoolRequest::default() };
        let pool = SubnetPool::new(&request).unwrap();
        (pool.min_prefix_len(), pool.max_prefix_len(), pool.default_prefix_len())
    };
    assert_eq!(lengths("10.0.0.0/8"), (8, 32, 8));
    assert_eq!(lengths("fd00::/48"), (64, 128, 64));
}

#[test]
fn pools_that_make_no_sense_are_refused() {
    let refuse = |prefixes: &[&str], lengths: [Option<u8>; 3]| {
        let request = PoolRequest {
            prefixes: prefixes.iter().map(|prefix| net(prefix)).collect(),
            min_prefix_len: lengths[0],
            max_prefix_len: lengths[1],
            default_prefix_len: lengths[2],
            ..PoolRequest::default()
        };
        let error = SubnetPool::new(&request).unwrap_err();
        (error.fault().exception, error.fault().status, error.to_string())
    };
    let illegal =
        |text: &str| ("IllegalSubnetPoolPrefixBounds", 400, format!("Illegal prefix bounds: {text}."));
    assert_eq!(
        refuse(&[], [None; 3]),
        ("EmptySubnetPoolPrefixList", 400, "Empty subnet pool prefix list.".to_owned())
    );
    assert_eq!(
        refuse(&["10.0.0.0/8", "fd00::/48"], [None; 3]),
        ("PrefixVersionMismatch", 400, "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.".to_owned())
    );
    let v4 = &["10.0.0.0/8"];
    assert_eq!(refuse(v4, [Some(25), Some(24), None]), illegal("min_prefixlen=25, max_prefixlen=24"));
    assert_eq!(refuse(v4, [None, Some(33), None]), illegal("max_prefixlen=33, ip_version_max=32"));
    assert_eq!(refuse(v4, [Some(16), None, Some(8)]), illegal("default_prefixlen=8, min_prefixlen=16"));
    assert_eq!(refuse(v4, [None, Some(24), Some(25)]), illegal("default_prefixlen=25, max_prefixlen=24"));
}

#[test]
fn the_smallest_block_that_is_large_enough_is_cut() {
    let mut pool = pool(&["10.0.0.0/16", "10.9.0.0/24"], 8, 32, None);
    assert_eq!(pool.choose(26, "p").unwrap(), net("10.9.0.0/26"));
    pool.occupy(&net("10.9.0.0/26"), "p");
    assert_eq!(pool.choose(26, "p").unwrap(), net("10.9.0.64/26"));
    assert_eq!(pool.choose(25, "p").unwrap(), net("10.9.0.128/25"));
    assert_eq!(pool.choose(24, "p").unwrap(), net("10.0.0.0/24"));
    pool.vacate(&net("10.9.0.0/26"), "p");
    assert_eq!(pool.choose(24, "p").unwrap(), net("10.9.0.0/24"));
    assert_eq!(pool.check_unused(), Ok(()));
}

#[test]
fn what_the_pool_cannot_give_is_named() {
    let mut pool = pool(&["10.0.0.0/23"], 24, 28, None);
    let text = |error: PoolError| error.to_string();
    assert_eq!(
        text(pool.choose(29, "p").unwrap_err()),
        "Unable to allocate subnet with prefix length 29, maximum allowed prefix is 28."
    );
    assert_eq!(
        text(pool.choose(23, "p").unwrap_err()),
        "Unable to allocate subnet with prefix length 23, minimum allowed prefix is 24."
    );
    pool.occupy(&net("10.0.0.0/25"), "p");
    pool.occupy(&net("10.0.1.0/25"), "p");
    assert_eq!(
        text(pool.choose(24, "p").unwrap_err()),
        "Failed to allocate subnet: Insufficient prefix space to allocate subnet size /24."
    );
    let not_available =
        "Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.";
    for taken in ["10.0.0.0/24", "10.0.0.64/26", "10.0.2.0/24", "fd00::/28"] {
        assert_eq!(text(pool.check_specific(&net(taken), "p").unwrap_err()), not_available, "{taken}");
    }
    assert_eq!(pool.check_specific(&net("10.0.0.128/25"), "p"), Ok(()));
    assert_eq!(pool.check_unused(), Err(PoolError::InUse));
}

#[test]
fn a_project_has_its_share() {
    let mut v4 = pool(&["10.0.0.0/16"], 8, 32, Some(512));
    v4.occupy(&net("10.0.0.0/24"), "a");
    v4.occupy(&net("10.0.1.0/24"), "b");
    assert_eq!(v4.choose(24, "a"), Ok(net("10.0.2.0/24")));
    assert_eq!(v4.choose(23, "a"), Err(PoolError::QuotaExceeded));
    assert_eq!(v4.check_specific(&net("10.0.4.0/23"), "a"), Err(PoolError::QuotaExceeded));
    assert_eq!(v4.choose(23, "c"), Ok(net("10.0.2.0/23")));
    v4.vacate(&net("10.0.0.0/24"), "a");
    assert_eq!(v4.choose(23, "a"), Ok(net("10.0.2.0/23")));

    let mut v6 = pool(&["fd00::/48"], 48, 128, Some(2));
    v6.occupy(&net("fd00::/64"), "a");
    assert_eq!(v6.choose(64, "a"), Ok(net("fd00:0:0:1::/64")));
    assert_eq!(v6.choose(63, "a"), Err(PoolError::QuotaExceeded));
}

#[test]
fn prefixes_in_use_stay() {
    let mut pool = pool(&["10.0.0.0/16", "10.8.0.0/16"], 8, 32, None);
    pool.occupy(&net("10.0.3.0/24"), "p");
    let update = |why| Err(PoolError::IllegalPrefixUpdate(why));
    assert_eq!(pool.check_replacement(&[net("10.0.0.0/8")]), Ok(()));
    assert_eq!(
        pool.check_replacement(&[net("10.0.0.0/16"), net("fd00::/48")]),
        update(PrefixUpdate::NotASuperset)
    );
    assert_eq!(pool.without(&[net("10.0.0.0/17")]), update(PrefixUpdate::InUse).map(|()| Vec::new()));
    assert_eq!(texts(&pool.without(&[net("10.0.128.0/17"), net("10.8.0.0/16")]).unwrap()), ["10.0.0.0/17"]);
    assert_eq!(texts(&pool.without(&[net("172.16.0.0/12")]).unwrap()), ["10.0.0.0/16", "10.8.0.0/16"]);
}

proptest! {
    /// Prefixes of any sizes, given and given back: no two overlap, and a pool refuses only when no block fits.
    #[test]
    fn prefixes_never_overlap(steps in prop::collection::vec((24_u8..=30, prop::bool::weighted(0.7)), 1..80)) {
        let mut pool = pool(&["10.0.0.0/24", "10.0.3.0/25"], 24, 30, None);
        let mut given: Vec<IpNet> = Vec::new();
        for (length, takes) in steps {
            if !takes {
                if let Some(back) = given.pop() {
                    pool.vacate(&back, "p");
                }
                continue;
            }
            let is_free = |block: &IpNet| given.iter().all(|other| !other.contains(block) && !block.contains(other));
            match pool.choose(length, "p") {
                Ok(cidr) => {
                    prop_assert!(is_free(&cidr) && cidr.prefix_len() == length && cidr.trunc() == cidr);
                    prop_assert_eq!(pool.check_specific(&cidr, "p"), Ok(()));
                    pool.occupy(&cidr, "p");
                    given.push(cidr);
                }
                Err(_) => {
                    let prefixes = [net("10.0.0.0/24"), net("10.0.3.0/25")];
                    let fitting = prefixes.iter().filter(|prefix| prefix.prefix_len() <= length);
                    let mut blocks = fitting.flat_map(|prefix| prefix.subnets(length).unwrap());
                    prop_assert!(!blocks.any(|block| is_free(&block)), "there was room for a /{}", length);
                }
            }
        }
    }
}
