//! `ovs-ofctl` syntax in both directions.

pub mod print;
