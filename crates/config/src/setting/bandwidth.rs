//! What the links behind a bridge carry.

use super::{Remarks, Single};

/// A bridge, and the kilobits a second that its links carry, each as seen from guests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BridgeBandwidth {
    /// The name of the bridge.
    pub bridge: String,
    /// What guests can send.
    pub egress_kbps: Option<u64>,
    /// What guests can be sent.
    pub ingress_kbps: Option<u64>,
}

impl Single for BridgeBandwidth {
    const KIND: &'static str = "bridge:egress:ingress";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        let wrong = || {
            "bridge:egress:ingress is needed, in kbit/s, such as br-ex:10000000:10000000; either number may be left out".to_owned()
        };
        let mut parts = text.trim().splitn(3, ':').map(str::trim);
        let bridge = parts.next().filter(|name| !name.is_empty()).ok_or_else(wrong)?.to_owned();
        let mut rate = || match parts.next() {
            None | Some("") => Ok(None),
            Some(rate) => rate.parse().map(Some).map_err(|_| wrong()),
        };
        Ok(Self { bridge, egress_kbps: rate()?, ingress_kbps: rate()? })
    }

    fn text(&self) -> String {
        let rate = |rate: Option<u64>| rate.map(|rate| rate.to_string()).unwrap_or_default();
        format!("{}:{}:{}", self.bridge, rate(self.egress_kbps), rate(self.ingress_kbps))
    }
}
