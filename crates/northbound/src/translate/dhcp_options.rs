//! Options of DHCP by their names.
//!
//! The names are those of dnsmasq and of the ISC's dhcpd, as the original takes both; and any number from 1 to 254 in
//! decimal. One option has no number: `server-ip-address` fills the field of the message that names the next server.

/// Where an option goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// The option with this number.
    Number(u8),
    /// The field of the next server.
    NextServer,
}

/// Where the option with this name or number goes; `None` when there is none.
#[must_use]
pub fn tag(name: &str) -> Option<Tag> {
    if let Ok(number) = name.parse::<u64>() {
        let number = u8::try_from(number).ok().filter(|number| (1..=254).contains(number))?;
        return Some(Tag::Number(number));
    }
    if NEXT_SERVER.contains(&name) {
        return Some(Tag::NextServer);
    }
    NAMES.iter().find(|(_, names)| names.contains(&name)).map(|(number, _)| Tag::Number(*number))
}

/// The names of the field, dnsmasq's and its own.
const NEXT_SERVER: &[&str] = &["server-ip-address", "siaddr"];

/// The names of each option.
const NAMES: &[(u8, &[&str])] = &[
    (1, &["netmask", "subnet-mask"]),
    (2, &["time-offset"]),
    (3, &["router", "routers"]),
    (4, &["time-servers"]),
    (5, &["ien116-name-servers"]),
    (6, &["dns-server", "domain-name-servers"]),
    (7, &["log-server", "log-servers"]),
    (8, &["cookie-servers"]),
    (9, &["lpr-server", "lpr-servers"]),
    (10, &["impress-servers"]),
    (11, &["resource-location-servers"]),
    (12, &["host-name", "hostname"]),
    (13, &["boot-file-size", "boot-size"]),
    (14, &["merit-dump"]),
    (15, &["domain-name"]),
    (16, &["swap-server"]),
    (17, &["root-path"]),
    (18, &["extension-path", "extensions-path"]),
    (19, &["ip-forward-enable", "ip-forwarding"]),
    (20, &["non-local-source-routing"]),
    (21, &["policy-filter"]),
    (22, &["max-datagram-reassembly", "max-dgram-reassembly"]),
    (23, &["default-ip-ttl", "default-ttl"]),
    (24, &["path-mtu-aging-timeout"]),
    (25, &["path-mtu-plateau-table"]),
    (26, &["interface-mtu", "mtu"]),
    (27, &["all-subnets-local"]),
    (28, &["broadcast", "broadcast-address"]),
    (29, &["perform-mask-discovery"]),
    (30, &["mask-supplier"]),
    (31, &["router-discovery"]),
    (32, &["router-solicitation", "router-solicitation-address"]),
    (33, &["static-route", "static-routes"]),
    (34, &["trailer-encapsulation"]),
    (35, &["arp-cache-timeout", "arp-timeout"]),
    (36, &["ethernet-encap", "ieee802-3-encapsulation"]),
    (37, &["default-tcp-ttl", "tcp-ttl"]),
    (38, &["tcp-keepalive", "tcp-keepalive-interval"]),
    (39, &["tcp-keepalive-garbage"]),
    (40, &["nis-domain"]),
    (41, &["nis-server", "nis-servers"]),
    (42, &["ntp-server", "ntp-servers"]),
    (43, &["vendor-encap", "vendor-encapsulated-options"]),
    (44, &["netbios-name-servers", "netbios-ns"]),
    (45, &["netbios-dd", "netbios-dd-server"]),
    (46, &["netbios-node-type", "netbios-nodetype"]),
    (47, &["netbios-scope"]),
    (48, &["font-servers", "x-windows-fs"]),
    (49, &["x-display-manager", "x-windows-dm"]),
    (50, &["dhcp-requested-address", "requested-address"]),
    (51, &["dhcp-lease-time", "lease-time"]),
    (52, &["dhcp-option-overload", "option-overload"]),
    (53, &["dhcp-message-type", "message-type"]),
    (54, &["dhcp-server-identifier", "server-identifier"]),
    (55, &["dhcp-parameter-request-list", "parameter-request"]),
    (56, &["dhcp-message", "message"]),
    (57, &["dhcp-max-message-size", "max-message-size"]),
    (58, &["dhcp-renewal-time", "T1"]),
    (59, &["dhcp-rebinding-time", "T2"]),
    (60, &["vendor-class", "vendor-class-identifier"]),
    (61, &["client-id", "dhcp-client-identifier"]),
    (62, &["nwip-domain"]),
    (63, &["nwip-suboptions"]),
    (64, &["nis+-domain", "nisplus-domain"]),
    (65, &["nis+-server", "nisplus-servers"]),
    (66, &["tftp-server", "tftp-server-name"]),
    (67, &["bootfile-name"]),
    (68, &["mobile-ip-home", "mobile-ip-home-agent"]),
    (69, &["smtp-server"]),
    (70, &["pop-server", "pop3-server"]),
    (71, &["nntp-server"]),
    (72, &["www-server"]),
    (73, &["finger-server"]),
    (74, &["irc-server"]),
    (75, &["streettalk-server"]),
    (77, &["user-class"]),
    (78, &["slp-directory-agent"]),
    (79, &["slp-service-scope"]),
    (80, &["rapid-commit"]),
    (81, &["FQDN", "fqdn"]),
    (82, &["agent-id", "relay-agent-information"]),
    (85, &["nds-servers"]),
    (86, &["nds-tree-name"]),
    (87, &["nds-context"]),
    (88, &["bcms-controller-names"]),
    (89, &["bcms-controller-address"]),
    (91, &["client-last-transaction-time"]),
    (92, &["associated-ip"]),
    (93, &["client-arch", "pxe-system-type"]),
    (94, &["client-interface-id", "pxe-interface-id"]),
    (97, &["client-machine-id", "pxe-client-id"]),
    (98, &["uap-servers"]),
    (99, &["geoconf-civic"]),
    (100, &["pcode", "posix-timezone"]),
    (101, &["tcode", "tzdb-timezone"]),
    (112, &["netinfo-server-address"]),
    (113, &["netinfo-server-tag"]),
    (114, &["default-url"]),
    (116, &["auto-config"]),
    (117, &["name-service-search"]),
    (118, &["subnet-select", "subnet-selection"]),
    (119, &["domain-search"]),
    (120, &["sip-server"]),
    (121, &["classless-static-route"]),
    (124, &["vivco"]),
    (125, &["vendor-id-encap", "vivso"]),
    (128, &["pxe-undefined-1"]),
    (129, &["pxe-undefined-2"]),
    (130, &["pxe-undefined-3"]),
    (131, &["pxe-undefined-4"]),
    (132, &["pxe-undefined-5"]),
    (133, &["pxe-undefined-6"]),
    (134, &["pxe-undefined-7"]),
    (135, &["pxe-undefined-8"]),
    (136, &["pana-agent"]),
    (137, &["v4-lost"]),
    (138, &["capwap-ac-v4"]),
    (141, &["sip-ua-cs-domains"]),
    (142, &["ipv4-address-andsf"]),
    (146, &["rdnss-selection"]),
    (150, &["tftp-server-address"]),
    (159, &["v4-portparams"]),
    (160, &["v4-captive-portal"]),
    (208, &["pxelinux-magic"]),
    (209, &["loader-configfile"]),
    (210, &["loader-pathprefix"]),
    (211, &["loader-reboottime"]),
    (212, &["option-6rd"]),
    (213, &["v4-access-domain"]),
];

#[cfg(test)]
mod tests;
