use super::*;

fn read(text: &str) -> Result<(Vec<App>, Vec<String>), String> {
    let mut remarks = Remarks::default();
    let apps = Apps::parse(text, &mut remarks)?;
    Ok((apps.iter().filter(|app| !app.is_basic()).collect(), remarks.into_vec()))
}

#[test]
fn present_names_are_taken_as_they_are() {
    for app in App::ALL {
        let (apps, remarks) = read(app.word()).unwrap();
        let expected: Vec<App> = Some(*app).into_iter().filter(|app| !app.is_basic()).collect();
        assert_eq!((apps, remarks), (expected, Vec::<String>::new()), "{}", app.word());
    }
    assert!(read("").unwrap().0.is_empty());
}

#[test]
fn what_everything_rests_on_is_always_there() {
    let apps = Apps::parse("dhcp", &mut Remarks::default()).unwrap();
    let all: Vec<_> = App::ALL.iter().filter(|app| app.is_basic() || **app == App::Dhcp).copied().collect();
    assert_eq!(apps.iter().collect::<Vec<_>>(), all);
    assert!(apps.contains(App::PortSecurity) && !apps.contains(App::L2));
}

#[test]
fn every_class_of_every_release_is_known() {
    for former in &FORMER {
        for name in [
            format!("{}_app.{}", former.module, former.class),
            format!("dragonflow.controller.{}_app.{}", former.module, former.class),
            format!("dragonflow.controller.apps.{}.{}", former.module, former.class),
        ] {
            let (_, remarks) = read(&name).unwrap();
            assert_eq!(remarks.len(), 1, "{name}: {remarks:?}");
            let apps = Apps::parse(&name, &mut Remarks::default()).unwrap();
            assert!(former.apps.iter().all(|app| apps.contains(*app)), "{name}: {apps:?}");
        }
    }
}

#[test]
fn the_switching_of_earlier_releases_did_provider_networks_as_well() {
    let (apps, remarks) = read("l2_app.L2App").unwrap();
    assert_eq!(apps, [App::L2, App::Provider]);
    let expected = "l2_app.L2App is an old spelling of l2,provider: what it did for flat and VLAN networks is now provider";
    assert_eq!(remarks, [expected]);
}

#[test]
fn what_changed_is_said() {
    assert_eq!(read("aging").unwrap(), (vec![], vec![format!("aging: {RECONCILED}")]));
    assert_eq!(read("l3_reactive").unwrap(), (vec![App::L3], vec![format!("l3_reactive: {PROACTIVE}")]));
}

#[test]
fn others_are_refused_by_name() {
    for name in ["log", "packet_log.LogPacketApp", "dragonflow.controller.apps.packet_log.LogPacketApp"] {
        let reason = read(&format!("l2,{name}")).unwrap_err();
        assert!(reason.starts_with(&format!("{name:?}: it sent every packet")), "{reason}");
    }
    for name in ["l2_app", "l2_app.DHCPApp", "L2", "l2_app.l2app", "nonsense"] {
        let reason = read(name).unwrap_err();
        assert!(reason.contains(name) && reason.contains("allowed: classifier, portbinding"), "{reason}");
    }
}
