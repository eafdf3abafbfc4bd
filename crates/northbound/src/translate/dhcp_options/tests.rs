use super::*;

#[test]
fn names_of_both_servers_and_numbers_are_known() {
    for (name, number) in [
        ("router", 3),
        ("routers", 3),
        ("bootfile-name", 67),
        ("tftp-server", 66),
        ("tftp-server-name", 66),
        ("tftp-server-address", 150),
        ("T1", 58),
        ("FQDN", 81),
        ("fqdn", 81),
        ("nis+-domain", 64),
        ("mtu", 26),
        ("interface-mtu", 26),
        ("classless-static-route", 121),
        ("1", 1),
        ("254", 254),
        ("150", 150),
    ] {
        assert_eq!(tag(name), Some(Tag::Number(number)), "{name}");
    }
    assert_eq!(tag("server-ip-address"), Some(Tag::NextServer));
    assert_eq!(tag("siaddr"), Some(Tag::NextServer));
}

#[test]
fn everything_else_is_unknown() {
    for name in ["", "0", "255", "256", "-1", "1.5", "99999999999999999999999", "Router", "tag:ipxe,67"] {
        assert_eq!(tag(name), None, "{name}");
    }
}
