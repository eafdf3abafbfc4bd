use super::*;

fn delays(seed: u64, count: usize) -> Vec<Duration> {
    let mut backoff = Backoff::new(BackoffConfig { jitter_seed: seed, ..BackoffConfig::default() });
    std::iter::repeat_with(|| backoff.failed()).take(count).collect()
}

#[test]
fn delays_double_up_to_the_bound_and_keep_half_of_it() {
    for (index, delay) in delays(7, 40).into_iter().enumerate() {
        let bound = Duration::from_millis(50 << index.min(20)).min(Duration::from_secs(8));
        assert!(delay >= bound / 2 && delay <= bound, "{index}: {delay:?} of {bound:?}");
    }
}

#[test]
fn jitter_is_repeatable_and_depends_on_the_seed() {
    assert_eq!(delays(1, 10), delays(1, 10));
    assert_ne!(delays(1, 10), delays(2, 10));
}

#[test]
fn success_starts_over() {
    let mut backoff = Backoff::new(BackoffConfig::default());
    for _ in 0..10 {
        backoff.failed();
    }
    assert_eq!(backoff.failures(), 10);
    backoff.succeeded();
    assert!(backoff.failed() <= Duration::from_millis(50));
    assert_eq!(backoff.failures(), 1);
}

#[test]
fn absurd_bounds_do_not_overflow() {
    let config = BackoffConfig { min_delay: Duration::MAX, max_delay: Duration::MAX, jitter_seed: 3 };
    assert!(Backoff::new(config).failed() > Duration::from_secs(1));
}
