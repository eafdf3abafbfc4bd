use super::*;

#[test]
fn every_of10_number_survives_the_round_trip() {
    for number in 0..=u16::MAX {
        let port = OfPort::from_of10(number);
        assert_eq!(port.to_of10(), Some(number));
        assert_eq!(port.to_string().parse(), Ok(port), "{port}");
    }
}

#[test]
fn numbers_between_the_two_ranges_have_no_of10_form() {
    for number in [0xff00, 0xfffe, 0x1_0000, 0xffff_feff] {
        let port = OfPort::new(number);
        assert_eq!(port.to_of10(), None, "{number:#x}");
        // It is not read as the port that has this number in 16 bits.
        assert!(port.to_string().parse::<OfPort>().is_err(), "{port}");
    }
}

#[test]
fn reserved_ports_have_the_numbers_of_both_specifications() {
    for (port, of10) in [
        (OfPort::MAX, 0xff00),
        (OfPort::UNSET, 0xfff7),
        (OfPort::IN_PORT, 0xfff8),
        (OfPort::TABLE, 0xfff9),
        (OfPort::NORMAL, 0xfffa),
        (OfPort::FLOOD, 0xfffb),
        (OfPort::ALL, 0xfffc),
        (OfPort::CONTROLLER, 0xfffd),
        (OfPort::LOCAL, 0xfffe),
        (OfPort::ANY, 0xffff),
    ] {
        assert_eq!(port.to_of10(), Some(of10));
        assert_eq!(port.get(), 0xffff_0000 | u32::from(of10));
        assert!(!port.is_physical());
    }
}

#[test]
fn names_parse_in_any_case_and_print_in_capitals() {
    for (text, port, printed) in [
        ("LOCAL", OfPort::LOCAL, "LOCAL"),
        ("in_port", OfPort::IN_PORT, "IN_PORT"),
        ("Controller", OfPort::CONTROLLER, "CONTROLLER"),
        ("none", OfPort::ANY, "ANY"),
        ("7", OfPort::new(7), "7"),
        ("65534", OfPort::LOCAL, "LOCAL"),
        ("4294967294", OfPort::LOCAL, "LOCAL"),
    ] {
        let parsed: OfPort = text.parse().unwrap();
        assert_eq!((parsed, parsed.to_string().as_str()), (port, printed), "{text}");
    }
}

#[test]
fn what_ovs_refuses_is_refused() {
    for text in ["", "-1", "+1", "65536", "4294967039", "4294967296", "0x1", "eth0", " 1"] {
        assert!(text.parse::<OfPort>().is_err(), "{text:?}");
    }
}
