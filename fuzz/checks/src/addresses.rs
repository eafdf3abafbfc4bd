//! Small values as text: addresses, numbers with limits, ranges.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use net_types::{MacAddr, OfPort, PortRange, VlanId, Vni};
use ovsdb::Uuid;
use switch::endpoint::Endpoint;

/// Pairs of value and mask that the worst range of ports needs.
const MASKED_PAIRS_MAX: usize = 30;

/// Text that may be any of them.
pub fn addresses(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    check::<MacAddr>(input);
    check::<Vni>(input);
    check::<VlanId>(input);
    check::<OfPort>(input);
    check::<Uuid>(input);
    check::<Endpoint>(input);
    if let Some(range) = check::<PortRange>(input) {
        check_masked(range);
    }
}

fn check<T>(input: &str) -> Option<T>
where
    T: FromStr + Display + Debug + PartialEq,
    T::Err: Display,
{
    match input.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            let again = printed.parse::<T>().ok();
            assert_eq!(again.as_ref(), Some(&value), "{printed}");
            Some(value)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

/// The blocks of a range are as many ports as the range, one behind the other.
fn check_masked(range: PortRange) {
    let pairs = range.masked();
    assert!((1..=MASKED_PAIRS_MAX).contains(&pairs.len()), "{pairs:?}");
    let mut next = u32::from(range.first());
    for (value, mask) in pairs {
        assert_eq!((u32::from(value), value & !mask), (next, 0));
        next += u32::from(!mask) + 1;
    }
    assert_eq!(next, u32::from(range.last()) + 1);
}
