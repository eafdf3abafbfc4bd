//! The device of the host by which guests' packets come: its addresses, and the route to guests.
//!
//! The controller makes the device, as a port of the bridge; here it is made to receive. It resolves no addresses: all that leaves by it
//! goes to one switch, which knows by the IP address whose it is. So there are no neighbours that could be forgotten or too many.
//!
//! What the device has goes with it. It is looked at every [`LOOK_INTERVAL`], in files that the kernel keeps, and mended when something is
//! missing: after a restart of the switch the device is another one.

use std::time::Duration;

use pipeline::metadata::{GUESTS_V4_NETWORK, PROXY_V6, PROXY_V6_BITS};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::ProxyOptions;

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How long one command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// The routes of the kernel, and its IPv6 addresses, as this process sees them.
const ROUTES: &str = "/proc/net/route";
const ADDRESSES_V6: &str = "/proc/net/if_inet6";
const DEVICES: &str = "/proc/net/dev";

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Device,
    V4,
    V6,
}

/// Keeps the device ready, for ever, and counts how often that was something to be done or was done by somebody else.
pub(super) async fn keep(options: &ProxyOptions, mended: &watch::Sender<u64>) {
    let mut said: Option<String> = None;
    let mut before = Vec::new();
    loop {
        let mut failure = None;
        let now = missing(options);
        for missing in now.iter().copied() {
            if missing == Missing::Device {
                failure = Some(format!("there is no device {}", options.interface));
                break;
            }
            if let Err(error) = mend(options, missing).await {
                failure = Some(error);
            } else {
                info!(interface = options.interface, ?missing, "the device of the metadata service is ready");
            }
        }
        // Said after it was mended, and again when it is seen: addresses of IPv6 take a moment.
        if now != before || now.iter().any(|missing| *missing != Missing::Device) {
            mended.send_modify(|count| *count += 1);
        }
        before = now;
        // Once for each failure: the same one lasts for hours on a host without IPv6.
        if failure != said {
            if let Some(failure) = &failure {
                warn!(failure, "guests do not get all of the metadata service; trying on");
            }
            said = failure;
        }
        sleep(LOOK_INTERVAL).await;
    }
}

fn missing(options: &ProxyOptions) -> Vec<Missing> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    if !has_device(&read(DEVICES), &options.interface) {
        return vec![Missing::Device];
    }
    let mut missing = Vec::new();
    if !has_route(&read(ROUTES), &options.interface) {
        missing.push(Missing::V4);
    }
    if !has_address(&read(ADDRESSES_V6), &options.interface) {
        missing.push(Missing::V6);
    }
    missing
}

fn has_device(devices: &str, device: &str) -> bool {
    devices
        .lines()
        .any(|line| line.trim_start().strip_prefix(device).is_some_and(|rest| rest.starts_with(':')))
}

/// Whether packets for guests leave by the device. The route goes with the address that they are sent from.
fn has_route(routes: &str, device: &str) -> bool {
    // As the kernel keeps it: a number in the order of bytes of the network, printed in that of the machine.
    let network = format!("{:08X}", u32::from_ne_bytes(GUESTS_V4_NETWORK.0.octets()));
    routes.lines().any(|line| {
        let mut words = line.split_whitespace();
        (words.next(), words.next()) == (Some(device), Some(network.as_str()))
    })
}

fn has_address(addresses: &str, device: &str) -> bool {
    let address = format!("{:032x}", PROXY_V6.to_bits());
    addresses.lines().any(|line| line.starts_with(&address) && line.split_whitespace().last() == Some(device))
}

fn commands(options: &ProxyOptions, missing: Missing) -> Vec<String> {
    let (device, address) = (&options.interface, options.address);
    let (network, bits) = GUESTS_V4_NETWORK;
    match missing {
        Missing::Device => vec![],
        Missing::V4 => vec![
            format!("link set dev {device} arp off up"),
            format!("address replace {address}/32 dev {device}"),
            format!("route replace {network}/{bits} dev {device} src {address}"),
        ],
        Missing::V6 => vec![
            format!("link set dev {device} arp off up"),
            format!("-6 address replace {PROXY_V6}/{PROXY_V6_BITS} dev {device} nodad"),
        ],
    }
}

async fn mend(options: &ProxyOptions, missing: Missing) -> Result<(), String> {
    for command in commands(options, missing) {
        let mut process = Command::new("ip");
        process.args(command.split(' ')).kill_on_drop(true);
        let output = timeout(COMMAND_TIMEOUT, process.output()).await;
        let output = output.map_err(|_| format!("ip {command}: not done in time"))?;
        let output = output.map_err(|error| format!("ip {command}: {error}; is iproute2 installed?"))?;
        if !output.status.success() {
            return Err(format!("ip {command}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_seen_in_the_files_of_the_kernel() {
        let devices = "Inter-|   Receive\n face |bytes\n    lo: 1 2\ntap-metadata: 0 0\n";
        assert!(has_device(devices, "tap-metadata") && has_device(devices, "lo"));
        assert!(!has_device(devices, "tap-meta"));

        let routes =
            "Iface\tDestination\tGateway\neth0\t00000000\t0102A8C0\ntap-metadata\t000000F0\t00000000\n";
        assert!(has_route(routes, "tap-metadata"));
        assert!(!has_route(routes, "eth0") && !has_route("", "tap-metadata"));

        let addresses =
            "fd6466726d640000000000 00\nfd6466726d64000000000000a9fea9fe 07 40 00 80 tap-metadata\n";
        assert!(has_address(addresses, "tap-metadata"));
        assert!(!has_address(addresses, "eth0"));
    }
}
