//! What breaks, and who notices.

use std::io::{Read as _, Write as _};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use testkit::cloud::Vm;
use testkit::try_wait_until;

use crate::support::{Lab, Watch, talks};

const PATIENCE: Duration = Duration::from_secs(60);

fn target(vm: &Vm) -> IpAddr {
    vm.address().expect("an address").into()
}

#[test]
fn a_controller_that_is_killed_and_started_again_costs_no_packet_and_no_flow() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let before = lab.cloud.sites()[0].flows().expect("flows");
    for graceful in [false, true] {
        let mut watch = Watch::start(&one, &two);
        let site = lab.cloud.site_mut(0);
        if graceful { site.stop_controller() } else { site.kill_controller() }.expect("it ends");
        watch.on_for(50);
        site.start_controller().expect("it starts");
        watch.on_for(400);
        watch.nothing_was_lost();
        assert_eq!(lab.cloud.sites()[0].flows().expect("flows"), before, "graceful: {graceful}");
    }
    // It is in control again: a new port is served.
    let three = lab.boot(0, "three", &network);
    talks(&three, &two);
}

#[test]
fn without_its_store_a_cloud_goes_on_and_afterwards_only_differences_are_applied() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let (beside, late) = (lab.boot(0, "beside", &network), lab.boot(0, "late", &network));
    let before = lab.cloud.sites()[0].flows().expect("flows");
    let (near, mut watch) = (Watch::start(&one, &beside), Watch::start(&one, &two));
    lab.cloud.kill_server().expect("it ends");
    let outage = Instant::now();
    late.dhcp().expect("an address, from what the controller knows");
    watch.on_for(500);
    lab.cloud.start_server().expect("it starts");
    assert!(outage.elapsed() > Duration::from_secs(5));
    watch.nothing_was_lost();
    let three = lab.boot(1, "three", &network);
    // The other host tries the store again at its own pace.
    one.namespace().wait_for_ping(target(&three), PATIENCE).expect("the other host hears of it");
    talks(&one, &three);
    near.nothing_was_lost();
    let after = lab.cloud.sites()[0].flows().expect("flows");
    let gone: Vec<_> = before.iter().filter(|flow| !after.contains(flow)).collect();
    assert!(gone.is_empty(), "flows that nothing concerns went: {gone:?}");
}

#[test]
fn a_switch_that_dies_gets_everything_back() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let wanted = lab.cloud.sites()[1].flows().expect("flows");
    let site = lab.cloud.site_mut(1);
    site.ovs.kill9_vswitchd().expect("it ends");
    site.ovs.restart_vswitchd().expect("it starts");
    try_wait_until(PATIENCE, "the flows", || (site.flows().ok()? == wanted).then_some(()))
        .expect("they are back");
    one.namespace().wait_for_ping(target(&two), PATIENCE).expect("they talk again");
    talks(&one, &two);
}

#[test]
fn a_stream_is_not_cut_by_a_restart() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let address = two.address().expect("an address").to_string();
    let mut server = two
        .namespace()
        .command("nc")
        .args(["-l", "5001"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("nc runs");
    try_wait_until(PATIENCE, "nc to listen", || {
        two.namespace().run("ss", &["-Hltn", "sport", "=", ":5001"]).ok().filter(|text| !text.is_empty())
    })
    .expect("it listens");
    let mut client = one
        .namespace()
        .command("nc")
        .args(["-N", &address, "5001"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("nc runs");
    let mut input = client.stdin.take().expect("a pipe");
    let mut output = server.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        output.read_to_end(&mut all).map(|_| all)
    });
    let block: Vec<u8> = (0..=255_u8).cycle().take(1 << 16).collect();
    let mut sent = Vec::new();
    for round in 0..40 {
        input.write_all(&block).expect("the stream goes on");
        sent.extend_from_slice(&block);
        if round == 10 {
            lab.cloud.site_mut(0).kill_controller().expect("it ends");
        }
        if round == 20 {
            lab.cloud.site_mut(0).start_controller().expect("it starts");
        }
    }
    drop(input);
    assert!(client.wait().expect("nc ends").success());
    let got = reader.join().expect("no panic").expect("the stream ends well");
    server.wait().expect("nc ends");
    assert!(got == sent, "{} of {} bytes arrived", got.len(), sent.len());
}
