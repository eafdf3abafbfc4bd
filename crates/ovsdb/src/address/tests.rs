use super::*;
use proptest::prelude::*;

#[test]
fn the_notation_of_open_vswitch_is_read() {
    let tcp = |host: &str, port| Address::Tcp { host: host.into(), port };
    let listen = |host: &str, port| Address::ListenTcp { host: host.into(), port };
    let cases = [
        ("unix:/run/openvswitch/db.sock", Address::Unix("/run/openvswitch/db.sock".into())),
        ("punix:/tmp/x:y", Address::ListenUnix("/tmp/x:y".into())),
        ("tcp:127.0.0.1:6640", tcp("127.0.0.1", 6640)),
        ("tcp:127.0.0.1", tcp("127.0.0.1", 6640)),
        ("tcp:[::1]:1", tcp("::1", 1)),
        ("tcp:[fe80::1%eth0]", tcp("fe80::1%eth0", 6640)),
        ("ssl:db.example:6641", Address::Tls { host: "db.example".into(), port: 6641 }),
        ("ptcp:", listen("0.0.0.0", 6640)),
        ("ptcp:6641", listen("0.0.0.0", 6641)),
        ("ptcp:0:127.0.0.1", listen("127.0.0.1", 0)),
        ("ptcp::[::]", listen("::", 6640)),
        ("pssl:1:[::1]", Address::ListenTls { host: "::1".into(), port: 1 }),
    ];
    for (text, expected) in cases {
        let address: Address = text.parse().unwrap();
        assert_eq!(address, expected, "{text}");
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

#[test]
fn mistakes_are_named() {
    for text in [
        "",
        "/run/db.sock",
        "unix:",
        "tcp:",
        "tcp:::1:6640",
        "tcp:a:b",
        "tcp:a:70000",
        "tcp:a:0",
        "tcp:[::1",
        "tcp:[::1]x",
        "ssl:[[::1]",
        "tcp:a]:1",
        "ptcp:x",
        "ptcp:1:",
        "ptcp:1:a:b",
        "udp:1.2.3.4",
    ] {
        let error = text.parse::<Address>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("\"{text}\" is not an ovsdb address: ")), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_read_prints_as_itself(text in "(p?(unix|tcp|ssl)):[a-z0-9:\\[\\].]{0,12}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
