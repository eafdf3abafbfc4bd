use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::drivers::{NbDriver, TunnelType};

/// What is read, written again; or the reason why it is not read.
fn written<T: Setting>(text: &str) -> Result<Vec<String>, String> {
    T::read(&[text.to_owned()], &mut Remarks::default()).map(|value| value.write())
}

fn check<T: Setting>(good: &[(&str, &str)], bad: &[&str]) {
    for (text, canonical) in good {
        assert_eq!(written::<T>(text), Ok(vec![(*canonical).to_owned()]), "{text:?} as {}", T::KIND);
        assert_eq!(
            written::<T>(canonical),
            Ok(vec![(*canonical).to_owned()]),
            "{canonical:?} as {}",
            T::KIND
        );
    }
    for text in bad {
        let reason = written::<T>(text).expect_err(text);
        assert!(!reason.is_empty() && !reason.ends_with('.'), "{text:?}: {reason}");
    }
}

#[test]
fn truth() {
    let good = ["True", "true", "TRUE", "1", "on", "On", "yes", "YES"].map(|text| (text, "True"));
    check::<bool>(&good, &["", "2", "y", "truely", " true"]);
    let good = ["False", "false", "0", "off", "no", "No"].map(|text| (text, "False"));
    check::<bool>(&good, &["none", "-1"]);
}

#[test]
fn numbers() {
    check::<u16>(
        &[("0", "0"), (" 65535 ", "65535"), ("+7", "7"), ("007", "7")],
        &["", "65536", "-1", "1.0", "a"],
    );
    check::<u32>(&[("4294967295", "4294967295")], &["", "4294967296", "-1", "1e3"]);
    check::<i32>(&[("-1", "-1"), ("0", "0")], &["2147483648", "--1"]);
    check::<FractionalSeconds>(
        &[("30", "30"), ("0.5", "0.5"), ("1e3", "1000"), ("0", "0"), ("100", "100"), ("1.500", "1.5")],
        &["", "-1", "nan", "inf", "1e300", "1,5"],
    );
    check::<Seconds>(&[("30", "30")], &["0.5", "30s"]);
    assert_eq!(Seconds(3).duration().as_millis(), 3000);
    assert_eq!(Milliseconds(3).duration().as_micros(), 3000);
}

#[test]
fn addresses_and_hosts() {
    check::<IpAddr>(
        &[("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1")],
        &["", "192.0.2", "192.0.2.256", "host", "1"],
    );
    check::<SocketAddr>(
        &[("127.0.0.1:1", "127.0.0.1:1"), ("[::1]:9", "[::1]:9")],
        &["::1:9", "127.0.0.1", "localhost:1"],
    );
    check::<Host>(
        &[("db-1.example.org", "db-1.example.org"), ("::1", "::1"), ("10.0.0.1", "10.0.0.1"), ("a_b", "a_b")],
        &["", "10.0.0", "10.0.0.256", "-a", "a-", "a..b", "a b", "[::1]", "http://a", "1"],
    );
    check::<HostPort>(
        &[
            ("db:4001", "db:4001"),
            (" 10.0.0.1:1 ", "10.0.0.1:1"),
            ("[2001:db8::1]:4001", "[2001:db8::1]:4001"),
        ],
        &["", "db", "db:", ":1", "db:65536", "::1:4001", "http://db:4001", "[db]:4001", "db:1:2"],
    );
    check::<BindAddress>(&[("*", "*"), ("::", "::"), ("10.0.0.1", "10.0.0.1")], &["", "any", "**"]);
    check::<OvsdbConnection>(
        &[
            ("unix:/run/db.sock", "unix:/run/db.sock"),
            ("tcp:10.0.0.1:6640", "tcp:10.0.0.1:6640"),
            ("tcp:[::1]:6640", "tcp:[::1]:6640"),
        ],
        &["", "unix:", "tcp:10.0.0.1", "ptcp:6640", "/run/db.sock", "tcp:host:6640"],
    );
}

#[test]
fn ranges() {
    check::<IdRange>(
        &[("1:10", "1:10"), ("7:7", "7:7"), ("1 : 16777215", "1:16777215")],
        &["", "0:1", "2:1", "1:16777216", "1", "1-2"],
    );
    check::<BridgeBandwidth>(
        &[
            ("br-ex:10000000:5000000", "br-ex:10000000:5000000"),
            (" br-ex : 1 ", "br-ex:1:"),
            ("br-ex::7", "br-ex::7"),
            ("br-ex", "br-ex::"),
        ],
        &["", ":1:1", "br-ex:-1:1", "br-ex:1:1:1", "br-ex:fast"],
    );
    check::<VlanRange>(
        &[("physnet1", "physnet1"), ("physnet1:1:4094", "physnet1:1:4094")],
        &["", ":1:2", "p:1", "p:0:1", "p:1:4095", "p:3:2", "p:1:2:3"],
    );
}

#[test]
fn lists_and_dictionaries() {
    check::<Vec<String>>(
        &[("a, b ,c", "a,b,c"), ("a,b,", "a,b"), ("a\nb", "a\nb"), ("", ""), (" , ", ""), ("a,,b", "a,,b")],
        &[],
    );
    check::<Vec<IpAddr>>(
        &[("\n10.0.0.1,\n10.0.0.2", "10.0.0.1,10.0.0.2")],
        &["10.0.0.1,x", "10.0.0.1,,10.0.0.2"],
    );
    check::<BTreeMap<String, String>>(
        &[("a:b", "a:b"), (" c : d , a:b:c ", "a:b:c,c:d"), ("", ""), ("a:", "a:")],
        &["a", "a:b,", ":b", "a:b,a:c", "a:b,c"],
    );
    check::<BTreeMap<String, Name>>(&[("p:br-ex", "p:br-ex")], &["p:", "p:a b"]);
    check::<Name>(&[(" br-int ", "br-int")], &["", " ", "a b", "a\nb"]);
    let long = vec!["x"; LIST_ITEMS_MAX + 1].join(",");
    check::<Vec<String>>(&[], &[&long]);
    check::<BTreeMap<String, String>>(&[], &[&long]);
}

#[test]
fn an_error_in_a_list_names_the_item() {
    let reason = written::<Vec<TunnelType>>("geneve, stt").unwrap_err();
    assert_eq!(reason, "\"stt\": Open vSwitch has no STT any more; allowed: geneve, vxlan, gre");
}

#[test]
fn absent_empty_and_repeated() {
    assert_eq!(Option::<IpAddr>::absent(), Some(None));
    assert_eq!(IpAddr::absent(), None);
    assert_eq!(written::<Option<IpAddr>>(""), Ok(vec![]));
    assert_eq!(written::<Option<IpAddr>>("::1"), Ok(vec!["::1".to_owned()]));
    let texts = ["1", "2"].map(str::to_owned);
    assert_eq!(Repeated::<u32>::read(&texts, &mut Remarks::default()), Ok(Repeated(vec![1, 2])));
    assert_eq!(u32::read(&texts, &mut Remarks::default()), Ok(2));
    assert!(u32::read(&[], &mut Remarks::default()).is_err());
}

#[test]
fn old_spellings_are_remarked_upon_and_others_are_refused() {
    let mut remarks = Remarks::default();
    let driver = NbDriver::parse("dragonflow.db.drivers.etcd_db_driver.EtcdDbDriver", &mut remarks);
    assert_eq!(driver, Ok(NbDriver::Etcd));
    let expected =
        "dragonflow.db.drivers.etcd_db_driver.EtcdDbDriver is an old spelling of etcd_nb_db_driver";
    assert_eq!(remarks.into_vec(), [expected]);
    let reason = written::<NbDriver>("cassandra_nb_db_driver").unwrap_err();
    assert!(reason.starts_with("cassandra is not supported"), "{reason}");
    assert!(
        reason.ends_with("allowed: etcd_nb_db_driver, redis_nb_db_driver, zookeeper_nb_db_driver"),
        "{reason}"
    );
    check::<NbDriver>(&[("redis_nb_db_driver", "redis_nb_db_driver")], &["Redis_nb_db_driver", "redis", ""]);
}

#[test]
fn secrets_do_not_show() {
    let secret = Secret::new("hush");
    assert_eq!(format!("{secret:?}"), "Secret(****)");
    assert_eq!(secret.reveal(), "hush");
    const { assert!(<Option<Secret> as Setting>::SECRET) };
}

/// Reads any text as any type: what is read is written to something that reads the same.
fn reads_again<T: Setting>(text: &str) {
    if let Ok(texts) = written::<T>(text) {
        let again = T::read(&texts, &mut Remarks::default()).map(|value| value.write());
        assert_eq!(again, Ok(texts), "{text:?} as {}", T::KIND);
    }
}

proptest! {
    #[test]
    fn what_is_read_is_written_so_that_it_is_read(text in "[-+0-9a-f:.,\\[\\]* ]{0,24}|\\PC{0,24}") {
        reads_again::<bool>(&text);
        reads_again::<u16>(&text);
        reads_again::<i32>(&text);
        reads_again::<FractionalSeconds>(&text);
        reads_again::<IpAddr>(&text);
        reads_again::<Host>(&text);
        reads_again::<HostPort>(&text);
        reads_again::<BindAddress>(&text);
        reads_again::<OvsdbConnection>(&text);
        reads_again::<Vec<HostPort>>(&text);
        reads_again::<Vec<IdRange>>(&text);
        reads_again::<VlanRange>(&text);
        reads_again::<BridgeBandwidth>(&text);
        reads_again::<BTreeMap<String, String>>(&text);
        reads_again::<PathBuf>(&text);
        reads_again::<crate::apps::Apps>(&text);
        reads_again::<Name>(&text);
    }
}
