use super::*;

const NETWORK: &str = "11111111-1111-4111-8111-111111111111";

fn network() -> NetworkId {
    NETWORK.parse().unwrap()
}

#[test]
fn a_claim_is_a_row_and_back() {
    let claims = [
        (Claim::Address(network(), "10.0.0.5".parse().unwrap()), "neutron_address", "10.0.0.5"),
        (Claim::Address(network(), "fd00::5".parse().unwrap()), "neutron_address", "fd00::5"),
        (Claim::Mac(network(), "fa:16:3e:00:00:05".parse().unwrap()), "neutron_mac", "fa:16:3e:00:00:05"),
    ];
    for (claim, table, text) in claims {
        let key = claim.key();
        assert_eq!(key.table.as_str(), table);
        assert_eq!(key.id.to_string(), format!("{NETWORK}:{text}"));
        assert_eq!(Claim::of_key(&key), Some(claim));
    }
}

#[test]
fn rows_that_we_did_not_write_are_no_claims() {
    let foreign = [
        (ADDRESSES, format!("{NETWORK}:10.0.0.500")),
        (ADDRESSES, format!("{NETWORK}:FD00::5")),
        (ADDRESSES, NETWORK.to_owned()),
        (ADDRESSES, ":10.0.0.5".to_owned()),
        (MACS, format!("{NETWORK}:10.0.0.5")),
        (MACS, format!("{NETWORK}:FA:16:3E:00:00:05")),
        (TableName::new("lport"), format!("{NETWORK}:10.0.0.5")),
    ];
    for (table, id) in foreign {
        assert_eq!(Claim::of_key(&row(table, &id)), None, "{id}");
    }
}

#[test]
fn a_move_leaves_alone_what_stays() {
    let key = |last: u8| Claim::Address(network(), IpAddr::from([10, 0, 0, last])).key();
    let claims = Claims::moving(&[key(1), key(2)], &[key(2), key(3)]);
    assert_eq!(claims, Claims { take: vec![key(3)], release: vec![key(1)] });
    assert!(Claims::moving(&[key(1)], &[key(1)]).is_empty());
}

#[test]
fn taking_requires_absence_and_names_the_owner() {
    let key = |last: u8| Claim::Address(network(), IpAddr::from([10, 0, 0, last])).key();
    let claims = Claims::moving(&[key(1)], &[key(2)]);
    assert!(claims.required().eq([Require::Absent(key(2))]));
    let rows = [(key(2), Some("port".to_owned())), (key(1), None)];
    assert!(claims.rows(&RowId::new("port").unwrap()).eq(rows));
}
