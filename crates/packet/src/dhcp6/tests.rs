use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ParseError;

const OWN: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x11);
const OF_LINK: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x99);
const ELSEWHERE: Ipv6Addr = Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, 0x11);
const CLIENT: [u8; 4] = [0, 3, 0, 1];

fn lease() -> Lease {
    Lease {
        server_id: duid_of(MacAddr([2, 0, 0, 0, 0, 9])),
        addresses: vec![OWN],
        links: vec![("fd00::".parse().unwrap(), 64)],
        valid_s: 80_000,
        dns_servers: vec!["fd00::53".parse().unwrap()],
        domains: vec!["example.org".into()],
        name: None,
        options: BTreeMap::new(),
    }
}

fn group(addresses: &[Ipv6Addr]) -> Association {
    let addresses = addresses.iter().map(|address| Address { address: *address, preferred_s: 1, valid_s: 2 });
    Association { id: 7, renew_s: 0, rebind_s: 0, addresses: addresses.collect(), status: None }
}

fn message(kind: Kind) -> Message {
    Message::new(kind, [1, 2, 3]).with(codes::CLIENT_ID, CLIENT)
}

fn to_server(kind: Kind, addresses: &[Ipv6Addr]) -> Message {
    message(kind).with(codes::SERVER_ID, lease().server_id).with(codes::IA_NA, group(addresses).value())
}

fn granted(reply: &Message) -> Vec<(Ipv6Addr, u32)> {
    let groups = reply.associations();
    assert!(groups.iter().all(|group| group.id == 7));
    groups.iter().flat_map(|group| &group.addresses).map(|given| (given.address, given.valid_s)).collect()
}

fn status_of(reply: &Message) -> Option<u16> {
    reply.associations().into_iter().find_map(|group| group.status).map(|(code, _)| code)
}

fn whole_status(reply: &Message) -> Option<u16> {
    reply.get(codes::STATUS)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn any_message() -> impl Strategy<Value = Message> {
    let code = prop_oneof![prop::sample::select(vec![1_u16, 2, 3, 4, 5, 6, 13, 14, 25]), any::<u16>()];
    let options = vec((code, vec(any::<u8>(), 0..60)), 0..10);
    ((1_u8..=11), any::<[u8; 3]>(), options).prop_map(|(number, transaction, options)| {
        let kind = Kind::from_number(number).expect("a kind");
        options
            .into_iter()
            .fold(Message::new(kind, transaction), |message, (code, value)| message.with(code, value))
    })
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(message in any_message()) {
        prop_assert_eq!(Message::parse(&message.emit()), Ok(message));
    }

    #[test]
    fn hostile_bytes_are_read_or_refused_with_their_place(bytes in vec(any::<u8>(), 0..200)) {
        match Message::parse(&bytes) {
            Ok(message) => prop_assert_eq!(message.emit(), bytes),
            Err(ParseError::Truncated { offset, .. } | ParseError::Invalid { offset, .. }) => {
                prop_assert!(offset <= bytes.len());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn groups_come_back(id: u32, renew_s: u32, rebind_s: u32, addresses in vec(any::<(u128, u32, u32)>(), 0..4), status in proptest::option::of((any::<u16>(), "[a-z ]{0,20}"))) {
        let addresses = addresses.into_iter().map(|(address, preferred_s, valid_s)| Address {
            address: Ipv6Addr::from_bits(address), preferred_s, valid_s,
        });
        let group = Association { id, renew_s, rebind_s, addresses: addresses.collect(), status };
        prop_assert_eq!(Association::read(&group.value()), Some(group));
    }

    #[test]
    fn whatever_is_asked_the_answer_can_be_read_and_gives_no_other_address(message in any_message()) {
        if let Ok(reply) = answer(&message, &lease()) {
            prop_assert_eq!(Message::parse(&reply.emit()), Ok(reply.clone()));
            prop_assert_eq!(reply.transaction, message.transaction);
            for group in reply.associations() {
                prop_assert!(group.addresses.iter().all(|given| given.address == OWN || given.valid_s == 0));
            }
        }
    }
}

#[test]
fn a_client_is_given_its_address_and_told_the_rest() {
    let solicit = message(Kind::Solicit).with(codes::IA_NA, group(&[]).value());
    let offer = answer(&solicit, &lease()).unwrap();
    assert_eq!((offer.kind, offer.transaction), (Kind::Advertise, [1, 2, 3]));
    assert_eq!(granted(&offer), [(OWN, 80_000)]);
    assert_eq!(offer.get(codes::CLIENT_ID), Some(CLIENT.as_slice()));
    assert_eq!(offer.get(codes::PREFERENCE), Some([255].as_slice()));
    assert_eq!(offer.get(codes::DNS_SERVERS).map(<[u8]>::len), Some(16));
    assert_eq!(offer.get(codes::DOMAIN_SEARCH), Some(b"\x07example\x03org\0".as_slice()));
    let times = &offer.associations()[0];
    assert!(times.renew_s < times.rebind_s && times.rebind_s < times.addresses[0].preferred_s);
    let rapid = answer(&solicit.with(codes::RAPID_COMMIT, []), &lease()).unwrap();
    assert_eq!((rapid.kind, granted(&rapid).len()), (Kind::Reply, 1));
    assert!(rapid.get(codes::RAPID_COMMIT).is_some());
    let taken = answer(&to_server(Kind::Request, &[OWN]), &lease()).unwrap();
    assert_eq!((taken.kind, granted(&taken)), (Kind::Reply, vec![(OWN, 80_000)]));
}

#[test]
fn a_lease_may_be_for_ever() {
    let lease = Lease { valid_s: u32::MAX, ..lease() };
    let group = answer(&to_server(Kind::Renew, &[OWN]), &lease).unwrap().associations().remove(0);
    assert_eq!(
        (group.renew_s, group.rebind_s, group.addresses[0].preferred_s),
        (u32::MAX, u32::MAX, u32::MAX)
    );
}

#[test]
fn addresses_of_others_are_taken_away_or_refused() {
    for kind in [Kind::Renew, Kind::Rebind] {
        let mut asked = to_server(kind, &[OF_LINK, OWN]);
        if kind == Kind::Rebind {
            asked.options.retain(|option| option.code != codes::SERVER_ID);
        }
        assert_eq!(granted(&answer(&asked, &lease()).unwrap()), [(OWN, 80_000), (OF_LINK, 0)], "{kind:?}");
    }
    assert_eq!(granted(&answer(&to_server(Kind::Request, &[OF_LINK]), &lease()).unwrap()), [(OWN, 80_000)]);
    let refused = answer(&to_server(Kind::Request, &[ELSEWHERE]), &lease()).unwrap();
    assert_eq!((granted(&refused), status_of(&refused)), (vec![], Some(status::NOT_ON_LINK)));
}

#[test]
fn who_has_no_address_here_is_told_so() {
    let stateless = Lease { addresses: vec![], ..lease() };
    let solicit = message(Kind::Solicit).with(codes::IA_NA, group(&[]).value());
    let offer = answer(&solicit, &stateless).unwrap();
    assert_eq!((offer.kind, status_of(&offer)), (Kind::Advertise, Some(status::NO_ADDRESSES)));
    assert!(offer.get(codes::DNS_SERVERS).is_some());
    let renewed = answer(&to_server(Kind::Renew, &[OWN]), &stateless).unwrap();
    assert_eq!(status_of(&renewed), Some(status::NO_BINDING));
    // A second group, and one for prefixes.
    let asked = message(Kind::Solicit).with(codes::IA_NA, group(&[]).value());
    let asked = asked.with(codes::IA_NA, group(&[]).value()).with(codes::IA_PD, [9; 12]);
    let offer = answer(&asked, &lease()).unwrap();
    assert_eq!((granted(&offer).len(), status_of(&offer)), (1, Some(status::NO_ADDRESSES)));
    assert_eq!(offer.get(codes::IA_PD).and_then(|value| value.get(16..18)), Some([0, 6].as_slice()));
}

#[test]
fn a_client_that_moved_learns_whether_its_addresses_are_of_the_link() {
    let confirm = |addresses| message(Kind::Confirm).with(codes::IA_NA, group(addresses).value());
    let asked = |addresses| answer(&confirm(addresses), &lease()).map(|reply| whole_status(&reply));
    assert_eq!(asked(&[OWN, OF_LINK]), Ok(Some(status::SUCCESS)));
    assert_eq!(asked(&[OWN, ELSEWHERE]), Ok(Some(status::NOT_ON_LINK)));
    assert_eq!(asked(&[]), Err(Silence::NoAddress));
}

#[test]
fn what_is_given_up_stays_assigned() {
    for kind in [Kind::Release, Kind::Decline] {
        let reply = answer(&to_server(kind, &[OWN]), &lease()).unwrap();
        assert_eq!((whole_status(&reply), status_of(&reply)), (Some(status::SUCCESS), None));
        let other = answer(&to_server(kind, &[OF_LINK]), &lease()).unwrap();
        assert_eq!(status_of(&other), Some(status::NO_BINDING));
    }
}

#[test]
fn who_asks_for_information_alone_gets_no_addresses() {
    let asked = Message::new(Kind::InformationRequest, [1, 2, 3]).with(codes::REQUESTED, [0, 23]);
    let reply = answer(&asked, &lease()).unwrap();
    assert!(reply.get(codes::DNS_SERVERS).is_some() && reply.get(codes::DOMAIN_SEARCH).is_none());
    assert!(reply.get(codes::IA_NA).is_none() && reply.get(codes::REFRESH_TIME).is_some());
    let with_group = asked.with(codes::IA_NA, group(&[]).value());
    assert_eq!(answer(&with_group, &lease()), Err(Silence::WithAddresses));
}

#[test]
fn what_is_for_others_is_not_answered() {
    let other = |kind| message(kind).with(codes::SERVER_ID, [9, 9]);
    for kind in [Kind::Request, Kind::Renew, Kind::Release, Kind::Decline] {
        assert_eq!(answer(&other(kind), &lease()), Err(Silence::OtherServer));
        assert_eq!(answer(&message(kind), &lease()), Err(Silence::OtherServer), "it names none");
    }
    for kind in [Kind::Solicit, Kind::Confirm, Kind::Rebind] {
        assert_eq!(answer(&other(kind), &lease()), Err(Silence::NotForAll));
        assert_eq!(answer(&Message::new(kind, [0; 3]), &lease()), Err(Silence::NoClient));
    }
    for kind in [Kind::Advertise, Kind::Reply, Kind::Reconfigure] {
        assert_eq!(answer(&message(kind), &lease()), Err(Silence::NotARequest));
    }
    assert_eq!(Message::parse(&[12, 0, 0, 0]).map_err(|error| error.to_string().contains("type")), Err(true));
}

#[test]
fn a_client_that_says_its_name_and_asks_for_it_is_told_what_it_is() {
    let name = |is_known| Some(ClientName { full: "web.example.org".to_owned(), is_known });
    let told = |flags: u8, requested: &[u8], lease: &Lease| {
        let asked = message(Kind::Solicit).with(codes::CLIENT_FQDN, [&[flags][..], b"\x04mine"].concat());
        let reply = answer(&asked.with(codes::REQUESTED, requested), lease).unwrap();
        reply.get(codes::CLIENT_FQDN).map(<[u8]>::to_vec)
    };
    let full = |flags: u8| Some([&[flags][..], b"\x03web\x07example\x03org\0"].concat());
    let known = Lease { name: name(true), ..lease() };
    let made = Lease { name: name(false), ..lease() };
    // S is 1, O is 2, N is 4.
    assert_eq!(told(1, &[0, 39], &known), full(1));
    assert_eq!(told(0, &[0, 39], &known), full(3));
    assert_eq!(told(4, &[0, 23, 0, 39], &known), full(3));
    assert_eq!(told(1, &[0, 39], &made), full(6));
    assert_eq!(told(0, &[0, 39], &made), full(4));
    assert_eq!(told(1, &[0, 23], &known), None, "it does not ask");
    assert_eq!(told(1, &[0, 39], &lease()), None, "it has none");
    let asked = message(Kind::Solicit).with(codes::REQUESTED, [0, 39]);
    assert_eq!(
        answer(&asked, &known).unwrap().get(codes::CLIENT_FQDN),
        None,
        "it does not say that it has one"
    );
    let asked = message(Kind::Solicit).with(codes::CLIENT_FQDN, [1]);
    assert_eq!(answer(&asked, &known).unwrap().get(codes::CLIENT_FQDN), None, "it asks for nothing by name");
    let asked = message(Kind::Solicit).with(codes::CLIENT_FQDN, []).with(codes::REQUESTED, [0, 39]);
    assert_eq!(answer(&asked, &known).unwrap().get(codes::CLIENT_FQDN), None, "it says nothing");
    let differently = Lease { options: BTreeMap::from([(39, vec![9])]), ..known };
    assert_eq!(told(1, &[0, 39], &differently), Some(vec![9]));
}
