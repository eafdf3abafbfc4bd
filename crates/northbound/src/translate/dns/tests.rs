use super::*;

fn shown(cloud: &str, name: &str, domain: &str, address: &str) -> (String, String) {
    let shown = CloudDomain::new(cloud).assignment(name, domain, address);
    assert_eq!(shown["ip_address"], address);
    let text = |name: &str| shown[name].as_str().expect("a text").to_owned();
    (text("hostname"), text("fqdn"))
}

fn pair(hostname: &str, fqdn: &str) -> (String, String) {
    (hostname.to_owned(), fqdn.to_owned())
}

#[test]
fn names_are_shown_in_the_domain_that_counts() {
    let cloud = "Example.Test";
    assert_eq!(shown(cloud, "vm", "", "10.0.0.5"), pair("vm", "vm.example.test."));
    assert_eq!(shown(cloud, "vm", "red.org.", "10.0.0.5"), pair("vm", "vm.red.org."));
    let full = "vm.example.test.";
    assert_eq!(shown(cloud, full, "red.org.", "10.0.0.5"), pair(full, full));
    assert_eq!(
        shown(cloud, "", "red.org.", "10.0.0.5"),
        pair("host-10-0-0-5", "host-10-0-0-5.example.test.")
    );
    assert_eq!(shown(cloud, "", "", "fd00::5"), pair("host-fd00--5", "host-fd00--5.example.test."));
}

#[test]
fn without_a_domain_of_its_own_a_cloud_has_no_names_but_those_of_addresses() {
    for (cloud, behind) in
        [("openstacklocal", ".openstacklocal."), ("openstacklocal.", ".openstacklocal."), ("", "")]
    {
        assert!(!CloudDomain::new(cloud).names_ports());
        let fqdn = format!("host-10-0-0-5{behind}");
        assert_eq!(shown(cloud, "vm", "red.org.", "10.0.0.5"), pair("host-10-0-0-5", &fqdn));
        assert_eq!(CloudDomain::new(cloud).check("vm.elsewhere."), Ok(()));
    }
}

#[test]
fn a_full_name_is_in_the_domain_of_the_cloud() {
    let cloud = CloudDomain::new("example.test");
    for name in ["", "vm", "a.b", "vm.example.test.", "a.b.example.test.", "vm.example.test"] {
        assert_eq!(cloud.check(name), Ok(()), "{name}");
    }
    for name in ["vm.", "vm.other.", "example.test.", ".example.test.", "vmexample.test."] {
        let reason = cloud.check(name).expect_err(name);
        assert!(reason.starts_with("The dns_name passed is a FQDN. Its higher"), "{reason}");
        assert!(reason.ends_with("to the left of 'example.test'"), "{reason}");
    }
    let long = ["x"; 121].join(".");
    assert_eq!((long.len(), cloud.check(&long)), (241, Ok(())));
    let reason = cloud.check(&format!("{long}y")).expect_err("256 octets");
    assert!(reason.contains("its size is '242'"), "{reason}");
    assert!(reason.contains("set to example.test, with a length of '14'"), "{reason}");
}

#[test]
fn full_names_are_rows_of_a_name_and_its_domain() {
    let cloud = CloudDomain::new("example.test");
    assert_eq!(cloud.split("vm.example.test."), ("vm", "example.test."));
    assert_eq!(cloud.split("a.b.example.test."), ("a.b", "example.test."));
    // The domain of the cloud was another one before.
    assert_eq!(cloud.split("a.b.elsewhere."), ("a", "b.elsewhere."));
}
