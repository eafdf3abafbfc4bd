use super::*;

#[test]
fn vni_is_24_bits() {
    assert_eq!(Vni::new(0).map(Vni::get), Ok(0));
    assert_eq!(Vni::new(0x00ff_ffff), Ok(Vni::MAX));
    let error = Vni::new(0x0100_0000).unwrap_err();
    assert_eq!(error.to_string(), "VNI 16777216 is out of range: use 0 to 16777215");
}

#[test]
fn vlan_id_excludes_the_two_reserved_values() {
    assert_eq!(VlanId::new(1), Ok(VlanId::MIN));
    assert_eq!(VlanId::new(4094), Ok(VlanId::MAX));
    for reserved in [0, 4095, u16::MAX] {
        let error = VlanId::new(reserved).unwrap_err().to_string();
        assert_eq!(error, format!("VLAN id {reserved} is out of range: use 1 to 4094"));
    }
}

#[test]
fn text_gives_the_value_back() {
    for value in [0, 1, 4095, 0x00ff_ffff] {
        let vni = Vni::new(value).unwrap();
        assert_eq!(vni.to_string().parse(), Ok(vni));
    }
    for value in [1, 100, 4094] {
        let id = VlanId::new(value).unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

#[test]
fn bad_text_is_an_error_that_names_the_text() {
    assert!("seven".parse::<Vni>().unwrap_err().to_string().contains("\"seven\""));
    assert!("-1".parse::<VlanId>().is_err());
    assert!("16777216".parse::<Vni>().unwrap_err().to_string().contains("16777216"));
    // Must not be reduced to 16 bits on its way: 65537 would become VLAN 1.
    assert!("65537".parse::<VlanId>().unwrap_err().to_string().contains("65537"));
}
