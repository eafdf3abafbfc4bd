//! Random rows for property tests, as `proptest` strategies.
//!
//! Every row can be stored: required members are there, members do not contradict each other, and what is written is
//! read back as an equal row. Few different ids are used, so that rows refer to each other now and then.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use net_types::{MacAddr, PortRange};
use proptest::collection;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::{DhcpOptions, Id, Number, Record, RowId, Secret, Timestamp, Topic, UniqueKey, Version};

pub use crate::object::any_object;

/// Any row of this type.
pub fn row<R: Record>() -> BoxedStrategy<R> {
    R::any_record()
}

pub(crate) fn text() -> BoxedStrategy<String> {
    prop_oneof![4 => "[a-z0-9:_-]{0,12}", 1 => ".{0,12}"].boxed()
}

pub(crate) fn secret() -> BoxedStrategy<Secret> {
    text().prop_map(Secret::new).boxed()
}

pub(crate) fn row_id() -> BoxedStrategy<RowId> {
    let near = (0_u128..32).prop_map(|number| RowId::from_uuid(Uuid::from_u128(number)));
    let far = any::<u128>().prop_map(|number| RowId::from_uuid(Uuid::from_u128(number)));
    let named = "[a-z][a-z0-9.-]{0,16}".prop_map(|text| RowId::new(&text).expect("the pattern is not empty"));
    prop_oneof![near, far, named].boxed()
}

pub(crate) fn id<M: 'static>() -> BoxedStrategy<Id<M>> {
    row_id().prop_map(Id::from_row).boxed()
}

pub(crate) fn topic() -> BoxedStrategy<Topic> {
    let projects = select(vec!["tenant1", "3f0a4b0e6f5b4a3e8f0d7c2b1a9e5d40", ""]).prop_map(Topic::new);
    prop_oneof![projects, text().prop_map(|text| Topic::new(&text))].boxed()
}

pub(crate) fn mac() -> BoxedStrategy<MacAddr> {
    any::<[u8; 6]>().prop_map(MacAddr).boxed()
}

pub(crate) fn address() -> BoxedStrategy<IpAddr> {
    any::<IpAddr>().boxed()
}

pub(crate) fn network() -> BoxedStrategy<IpNet> {
    let v4 = (any::<std::net::Ipv4Addr>(), 0_u8..=32)
        .prop_map(|(address, length)| Ipv4Net::new(address, length).expect("the length fits").into());
    let v6 = (any::<std::net::Ipv6Addr>(), 0_u8..=128)
        .prop_map(|(address, length)| Ipv6Net::new(address, length).expect("the length fits").into());
    prop_oneof![v4, v6].boxed()
}

pub(crate) fn integer<T: Arbitrary + 'static>() -> BoxedStrategy<T> {
    any::<T>().boxed()
}

pub(crate) fn version() -> BoxedStrategy<Version> {
    prop_oneof![0_u64..8, any::<u64>()].prop_map(Version).boxed()
}

pub(crate) fn unique_key() -> BoxedStrategy<UniqueKey> {
    any::<u32>().prop_filter_map("counters begin with 1", UniqueKey::new).boxed()
}

pub(crate) fn boolean() -> BoxedStrategy<bool> {
    any::<bool>().boxed()
}

pub(crate) fn number() -> BoxedStrategy<Number> {
    let fraction = any::<f64>().prop_filter_map("JSON has finite numbers", Number::from_f64);
    prop_oneof![any::<u64>().prop_map(Number::from), fraction].boxed()
}

pub(crate) fn timestamp() -> BoxedStrategy<Timestamp> {
    number().prop_map(Timestamp).boxed()
}

pub(crate) fn port_range() -> BoxedStrategy<PortRange> {
    any::<(u16, u16)>()
        .prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).expect("the lower port is first"))
        .boxed()
}

pub(crate) fn dhcp_options() -> BoxedStrategy<DhcpOptions> {
    collection::btree_map(1_u8..=254, text(), 0..4)
        .prop_map(|options| DhcpOptions::new(options).expect("the codes are those of options"))
        .boxed()
}

pub(crate) fn option<T: std::fmt::Debug + 'static>(value: BoxedStrategy<T>) -> BoxedStrategy<Option<T>> {
    proptest::option::of(value).boxed()
}

pub(crate) fn list<T: std::fmt::Debug + 'static>(element: BoxedStrategy<T>) -> BoxedStrategy<Vec<T>> {
    collection::vec(element, 0..3).boxed()
}
