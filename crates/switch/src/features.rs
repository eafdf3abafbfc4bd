//! What an Open vSwitch has to be able to do, and since which version it can.
//!
//! # Guarantees
//! - A switch that says an older version lacks features that have names here, and a node is told all of them at once, before it changes
//!   anything. One that does not say its version, or says one that makes no sense, is taken to have them all: what it refuses then is
//!   left out entry by entry.

/// A release, as `major.minor`.
type Release = (u32, u32);

/// The features that the pipeline and the connection to the switch need, by the release that brought the last part of each.
const NEEDED: [(Release, &str); 10] = [
    ((2, 5), "connection tracking (ct)"),
    ((2, 5), "options of Geneve tunnels (tun_metadata)"),
    ((2, 6), "bundles of flows and groups in OpenFlow 1.3"),
    ((2, 6), "packets for the controller that carry user data and go on (packet-in 2)"),
    ((2, 6), "emptied zones of connection tracking"),
    ((2, 7), "clone"),
    ((2, 7), "ct_clear"),
    ((2, 8), "translation of addresses in every datapath (ct nat)"),
    ((2, 8), "learned flows with a limit"),
    ((2, 12), "lengths of packets compared (check_pkt_larger)"),
];

/// The first release that has them all.
pub const NEEDED_RELEASE: &str = "2.12";

/// The features that a version lacks.
#[must_use]
pub fn missing(version: &str) -> Vec<&'static str> {
    let Some(release) = release(version) else { return Vec::new() };
    NEEDED.into_iter().filter(|(since, _)| release < *since).map(|(_, feature)| feature).collect()
}

/// The release of a version like `2.13.8` or `3.4.90-git`.
fn release(version: &str) -> Option<Release> {
    let mut parts = version.trim().split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_releases_lack_features_by_name_and_new_ones_lack_none() {
        assert_eq!(missing("2.3.2").len(), NEEDED.len(), "it has none of them");
        assert!(missing("2.3.2").contains(&"connection tracking (ct)"));
        assert_eq!(missing("2.11.90-git"), ["lengths of packets compared (check_pkt_larger)"]);
        for version in [&format!("{NEEDED_RELEASE}.0"), "2.12", "2.13.8", "3.1.0", "3.4.90-git", "10.0.0"] {
            assert_eq!(missing(version), [""; 0], "{version}");
        }
        assert_eq!(missing("2.6.1").len(), 5);
    }

    #[test]
    fn who_does_not_say_a_version_lacks_nothing() {
        for version in ["", "unknown", "3", "x.1", "2.", "-1.5"] {
            assert_eq!(missing(version), [""; 0], "{version}");
        }
    }
}
