//! What units disagree about, in words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use openflow::Match;
use openflow::flow::FlowKey;
use pipeline::regs;

/// A flow by its key, with the address that it is for: registers hold addresses as numbers.
pub(crate) fn flow(key: &FlowKey) -> String {
    match address(&key.matching()) {
        Some(ip) => format!("flow {key} (address {ip})"),
        None => format!("flow {key}"),
    }
}

/// The address in the registers of a match.
fn address(matching: &Match) -> Option<IpAddr> {
    let v4 = matching.exact(regs::NEXT_HOP.bits.field).and_then(|bits| u32::try_from(bits).ok());
    if let Some(v4) = v4.filter(|bits| *bits != 0) {
        return Some(Ipv4Addr::from_bits(v4).into());
    }
    let v6 = regs::next_hop_v6(|part| matching.exact(part).unwrap_or_default());
    (v6 != 0).then(|| Ipv6Addr::from_bits(v6).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_for_an_address_names_it_and_others_nothing() {
        let of = |matching: Match| flow(&FlowKey::new(96, 1, &matching));
        let v4 = Ipv4Addr::new(10, 0, 0, 3);
        assert!(
            of(regs::NEXT_HOP.matched(Match::new(), v4.to_bits().into())).ends_with(" (address 10.0.0.3)")
        );
        let v6: Ipv6Addr = "fd00::3".parse().expect("an address");
        let long = Match::new().with(regs::NEXT_HOP_V6.bits.field, v6.to_bits());
        assert!(of(long).ends_with(" (address fd00::3)"));
        assert!(!of(regs::NETWORK.matched(Match::new(), 3)).contains("address"));
    }
}
