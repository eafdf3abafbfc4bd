use proptest::prelude::*;

use super::*;

fn any_arp() -> impl Strategy<Value = Arp> {
    any::<(u16, [u8; 6], u32, [u8; 6], u32)>().prop_map(
        |(operation, sender_mac, sender_ip, target_mac, target_ip)| Arp {
            operation: ArpOperation(operation),
            sender_mac: MacAddr(sender_mac),
            sender_ip: sender_ip.into(),
            target_mac: MacAddr(target_mac),
            target_ip: target_ip.into(),
        },
    )
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(arp in any_arp(), padding in proptest::collection::vec(any::<u8>(), 0..18)) {
        let mut bytes = arp.emit();
        prop_assert_eq!(bytes.len(), Arp::BYTES);
        bytes.extend(padding);
        prop_assert_eq!(Arp::parse(&bytes), Ok(arp));
    }

    #[test]
    fn truncation_is_an_error_at_every_byte(arp in any_arp()) {
        let bytes = arp.emit();
        for length in 0..bytes.len() {
            let is_truncated = matches!(Arp::parse(&bytes[..length]), Err(ParseError::Truncated { .. }));
            prop_assert!(is_truncated, "{} bytes", length);
        }
    }

    #[test]
    fn what_parses_is_emitted_unchanged(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(arp) = Arp::parse(&bytes) {
            prop_assert_eq!(arp.emit(), &bytes[..Arp::BYTES]);
        }
    }
}

#[test]
fn bytes_of_a_request() {
    let arp =
        Arp::request(MacAddr([2, 0, 0, 0, 0, 1]), Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let expected = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    assert_eq!(arp.emit(), expected);
}

#[test]
fn other_hardware_is_refused() {
    let mut bytes = Arp::announcement(MacAddr::ZERO, Ipv4Addr::LOCALHOST).emit();
    for index in 0..6 {
        bytes[index] ^= 1;
        let error = Arp::parse(&bytes).unwrap_err().to_string();
        assert_eq!(error, "invalid ARP message at offset 0: only IPv4 over Ethernet is supported");
        bytes[index] ^= 1;
    }
    assert!(Arp::parse(&bytes).is_ok());
}

#[test]
fn a_reply_swaps_the_roles() {
    let asker = MacAddr([2, 0, 0, 0, 0, 1]);
    let owner = MacAddr([2, 0, 0, 0, 0, 2]);
    let request = Arp::request(asker, Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let reply = request.reply(owner);
    assert_eq!(reply.operation, ArpOperation::REPLY);
    assert_eq!((reply.sender_mac, reply.sender_ip), (owner, request.target_ip));
    assert_eq!((reply.target_mac, reply.target_ip), (asker, request.sender_ip));
    assert!(!request.is_gratuitous() && !request.is_probe());
    assert!(Arp::announcement(asker, Ipv4Addr::LOCALHOST).is_gratuitous());
    assert!(Arp::request(asker, Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST).is_probe());
}
