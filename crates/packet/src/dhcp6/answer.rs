//! What a server says to a client: RFC 8415, section 18.3, for a server that knows every client beforehand.
//!
//! | the client says | answer |
//! |---|---|
//! | solicit | advertise; a reply at once, if the client asks for that (rapid commit) |
//! | request, renew, rebind | reply with the client's addresses; others that it names have no time left |
//! | request for an address that is not of the link | reply that it is not |
//! | confirm | reply whether all addresses are of the link; silence, if it names none |
//! | release, decline | reply that it is so: the addresses stay assigned |
//! | information-request | reply with everything but addresses |
//! | what is for another server, or lacks what it needs | silence |
//!
//! A client that has no address here is told so, in each of its groups: it gets what else there is to know. All its addresses are
//! in the first of its groups, and further groups are told that there are no more.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use super::message::status_value;
use super::{Address, Association, Kind, Message, codes, status};

/// The largest preference ends the client's search.
const PREFERENCE_MAX: u8 = 255;

/// The client's own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName {
    /// With its domain.
    pub full: String,
    /// Whether DNS knows it.
    pub is_known: bool,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lease {
    /// Who tells it.
    pub server_id: Vec<u8>,
    /// The client's addresses; none, if it gets them elsewhere.
    pub addresses: Vec<Ipv6Addr>,
    /// First addresses and lengths of the prefixes of the link.
    pub links: Vec<(Ipv6Addr, u8)>,
    /// For how long addresses are valid; the largest number is for ever.
    pub valid_s: u32,
    /// Name servers.
    pub dns_servers: Vec<Ipv6Addr>,
    /// Domains in which names are looked for.
    pub domains: Vec<String>,
    /// The client's own name, for those that say theirs and ask what it is.
    pub name: Option<ClientName>,
    /// Other options by number, in the place of the above where they are the same; those without content are not told.
    pub options: BTreeMap<u16, Vec<u8>>,
}

/// Why a message is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It is a server's.
    NotARequest,
    /// It does not say who the client is.
    NoClient,
    /// It is for another server, or for none although it has to be for one.
    OtherServer,
    /// It is for one server although it has to be for all.
    NotForAll,
    /// It names no address.
    NoAddress,
    /// It asks for addresses where none may be asked for.
    WithAddresses,
}

impl Silence {
    /// The reason, for people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotARequest => "a DHCPv6 message of a server came from a client",
            Self::NoClient => "a DHCPv6 message does not say who the client is",
            Self::OtherServer => "a DHCPv6 message is for another server",
            Self::NotForAll => "a DHCPv6 message names a server where it has to be for all",
            Self::NoAddress => "a DHCPv6 confirm message names no address",
            Self::WithAddresses => "a DHCPv6 information-request asks for addresses",
        }
    }
}

/// The answer to a message.
///
/// # Errors
/// When there is none.
pub fn answer(message: &Message, lease: &Lease) -> Result<Message, Silence> {
    check(message, lease)?;
    let is_rapid = message.kind == Kind::Solicit && message.get(codes::RAPID_COMMIT).is_some();
    let kind = if message.kind == Kind::Solicit && !is_rapid { Kind::Advertise } else { Kind::Reply };
    let mut reply = Message::new(kind, message.transaction).with(codes::SERVER_ID, lease.server_id.clone());
    if let Some(client) = message.get(codes::CLIENT_ID) {
        reply = reply.with(codes::CLIENT_ID, client);
    }
    match message.kind {
        Kind::Confirm => return confirm(message, lease, reply),
        Kind::Release | Kind::Decline => return Ok(give_up(message, lease, reply)),
        _ => {}
    }
    if is_rapid {
        reply = reply.with(codes::RAPID_COMMIT, []);
    }
    if message.kind == Kind::Solicit {
        reply = reply.with(codes::PREFERENCE, [PREFERENCE_MAX]);
    }
    for (place, asked) in message.associations().into_iter().enumerate() {
        reply = reply.with(codes::IA_NA, grant(message.kind, place, &asked, lease).value());
    }
    // Temporary addresses and prefixes there are none; both groups begin with the number that the client gave them.
    for (code, none, id_and_times) in
        [(codes::IA_TA, status::NO_ADDRESSES, 4), (codes::IA_PD, status::NO_PREFIXES, 12)]
    {
        for group in message.all(code).filter_map(|group| group.get(..id_and_times)) {
            let mut value = group.to_vec();
            Association::push_status(&mut value, none, "there are none here");
            reply = reply.with(code, value);
        }
    }
    Ok(configuration(message, lease, reply))
}

/// Whether a message is one that has to be answered: RFC 8415, section 16.
fn check(message: &Message, lease: &Lease) -> Result<(), Silence> {
    let is_for_us = message.get(codes::SERVER_ID) == Some(lease.server_id.as_slice());
    let is_for_all = message.get(codes::SERVER_ID).is_none();
    let has_client = message.get(codes::CLIENT_ID).is_some_and(|id| !id.is_empty());
    let unless = |holds: bool, silence| if holds { Ok(()) } else { Err(silence) };
    match message.kind {
        Kind::Advertise | Kind::Reply | Kind::Reconfigure => Err(Silence::NotARequest),
        Kind::Solicit | Kind::Confirm | Kind::Rebind => {
            unless(has_client, Silence::NoClient)?;
            unless(is_for_all, Silence::NotForAll)
        }
        Kind::Request | Kind::Renew | Kind::Release | Kind::Decline => {
            unless(has_client, Silence::NoClient)?;
            unless(is_for_us, Silence::OtherServer)
        }
        Kind::InformationRequest => {
            let has_groups =
                [codes::IA_NA, codes::IA_TA, codes::IA_PD].iter().any(|code| message.get(*code).is_some());
            unless(!has_groups, Silence::WithAddresses)?;
            unless(is_for_us || is_for_all, Silence::OtherServer)
        }
    }
}

/// A group of addresses as it is granted.
fn grant(kind: Kind, place: usize, asked: &Association, lease: &Lease) -> Association {
    let empty = Association { addresses: Vec::new(), status: None, renew_s: 0, rebind_s: 0, ..asked.clone() };
    let refused = |code, text: &str| Association { status: Some((code, text.to_owned())), ..empty.clone() };
    let is_renewal = matches!(kind, Kind::Renew | Kind::Rebind);
    if lease.addresses.is_empty() || place > 0 {
        return match is_renewal {
            true => refused(status::NO_BINDING, "this group has no addresses"),
            false => refused(status::NO_ADDRESSES, "there are no addresses for this group"),
        };
    }
    if kind == Kind::Request && asked.addresses.iter().any(|asked| !is_on_link(asked.address, lease)) {
        return refused(status::NOT_ON_LINK, "an address is not of this link");
    }
    let infinite = u32::MAX;
    let part = |numerator: u64, denominator: u64| match lease.valid_s {
        seconds if seconds == infinite => infinite,
        seconds => u32::try_from(u64::from(seconds) * numerator / denominator).unwrap_or(infinite),
    };
    let granted = lease.addresses.iter().map(|address| Address {
        address: *address,
        preferred_s: part(3, 4),
        valid_s: lease.valid_s,
    });
    // What it has besides is not its any more; what it only wishes for is not mentioned.
    let others =
        asked.addresses.iter().filter(|asked| is_renewal && !lease.addresses.contains(&asked.address));
    let gone = others.map(|other| Address { address: other.address, preferred_s: 0, valid_s: 0 });
    Association {
        renew_s: part(3, 8),
        rebind_s: part(3, 5),
        addresses: granted.chain(gone).collect(),
        ..empty
    }
}

fn is_on_link(address: Ipv6Addr, lease: &Lease) -> bool {
    lease.links.iter().any(|(prefix, length)| {
        let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(*length))).unwrap_or_default();
        (address.to_bits() ^ prefix.to_bits()) & mask == 0
    })
}

fn confirm(message: &Message, lease: &Lease, reply: Message) -> Result<Message, Silence> {
    let groups = message.associations();
    let mut addresses = groups.iter().flat_map(|group| &group.addresses).peekable();
    if addresses.peek().is_none() {
        return Err(Silence::NoAddress);
    }
    let (code, text) = match addresses.all(|asked| is_on_link(asked.address, lease)) {
        true => (status::SUCCESS, "all addresses are of this link"),
        false => (status::NOT_ON_LINK, "an address is not of this link"),
    };
    Ok(reply.with(codes::STATUS, status_value(code, text)))
}

fn give_up(message: &Message, lease: &Lease, reply: Message) -> Message {
    let reply = reply.with(codes::STATUS, status_value(status::SUCCESS, "so be it"));
    let unknown = message
        .associations()
        .into_iter()
        .filter(|group| !group.addresses.iter().any(|given| lease.addresses.contains(&given.address)));
    unknown.fold(reply, |reply, group| {
        let status = Some((status::NO_BINDING, "this group has no such addresses".to_owned()));
        let group = Association { addresses: Vec::new(), status, renew_s: 0, rebind_s: 0, ..group };
        reply.with(codes::IA_NA, group.value())
    })
}

/// What a client is told besides addresses.
fn configuration(message: &Message, lease: &Lease, mut reply: Message) -> Message {
    let mut told = BTreeMap::from([
        (codes::DNS_SERVERS, lease.dns_servers.iter().flat_map(Ipv6Addr::octets).collect()),
        (
            codes::DOMAIN_SEARCH,
            lease.domains.iter().filter_map(|domain| crate::domain::encode(domain)).flatten().collect(),
        ),
    ]);
    told.extend(own_name(message, lease).map(|value| (codes::CLIENT_FQDN, value)));
    told.extend(lease.options.clone());
    let refresh_time = told.remove(&codes::REFRESH_TIME);
    for (code, value) in told {
        if !value.is_empty() && message.wants(code) {
            reply = reply.with(code, value);
        }
    }
    if message.kind == Kind::InformationRequest {
        let refresh_time = refresh_time.filter(|time| !time.is_empty());
        reply = reply
            .with(codes::REFRESH_TIME, refresh_time.unwrap_or_else(|| lease.valid_s.to_be_bytes().to_vec()));
    }
    reply
}

/// The name of the client for one that said its own (RFC 4704, section 6): whether DNS knows the name, and whether that is otherwise than the client
/// wanted. Nobody else enters the client's addresses in DNS.
fn own_name(message: &Message, lease: &Lease) -> Option<Vec<u8>> {
    const SERVER_UPDATES: u8 = 1;
    const OVERRIDDEN: u8 = 2;
    const NO_UPDATES: u8 = 4;
    let name = lease.name.as_ref()?;
    let wanted = message.get(codes::CLIENT_FQDN)?.first()? & SERVER_UPDATES;
    // Without a list of what it asks for a client asks for everything, but not for this.
    message.get(codes::REQUESTED)?;
    let does = if name.is_known { SERVER_UPDATES } else { 0 };
    let mut flags = if name.is_known { SERVER_UPDATES } else { NO_UPDATES };
    flags |= if does == wanted { 0 } else { OVERRIDDEN };
    let mut value = vec![flags];
    value.extend(crate::domain::encode(&name.full)?);
    Some(value)
}

impl Association {
    /// Adds what became of a request to the content of a group.
    fn push_status(value: &mut Vec<u8>, code: u16, text: &str) {
        let status = status_value(code, text);
        value.extend(codes::STATUS.to_be_bytes());
        value.extend(u16::try_from(status.len()).unwrap_or_default().to_be_bytes());
        value.extend(status);
    }
}
