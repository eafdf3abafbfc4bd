//! A controller that goes and comes is not noticed: not by its switch, and not by a stream at full speed.

use std::path::Path;

use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, Watch, Wire, talks, times_ready, wait_ready};

/// Requests in the time after readiness in which nothing may be sent: two seconds.
const PINGS_WATCHED: usize = 200;
/// Reports of `iperf3` in a second.
const REPORTS_PER_S: usize = 10;

#[test]
fn a_restart_tells_the_switch_to_change_nothing() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let idle = lab.boot(0, "idle", &network);
    let mut watch = Watch::start(&one, &two);
    for graceful in [false, true] {
        let begun = Wire::watch(&lab.cloud.sites()[0]).begun_at();
        let site = lab.cloud.site_mut(0);
        let ready = times_ready(site);
        if graceful { site.stop_controller() } else { site.kill_controller() }.expect("it ends");
        site.start_controller().expect("it starts");
        wait_ready(site, ready);
        idle.dhcp().expect("an address");
        watch.on_for(PINGS_WATCHED);
        let wire = Wire::since(&lab.cloud.sites()[0], begun);
        let received = wire.received();
        assert!(received.iter().any(|kind| kind == "OFPT_HELLO"), "the log says little: {received:?}");
        assert!(received.iter().any(|kind| kind.contains("FLOW")), "the switch was not asked: {received:?}");
        assert_eq!(wire.changes(), [""; 0], "graceful: {graceful}");
    }
    watch.nothing_was_lost();
    // The same log shows the changes where there are some.
    let wire = Wire::watch(&lab.cloud.sites()[0]);
    let three = lab.boot(0, "three", &network);
    assert!(!wire.changes().is_empty());
    talks(&three, &two);
}

/// Sends as much as it can from one machine to another, for as long as it is held.
struct Stream {
    client: Daemon,
    _server: Daemon,
    directory: ScratchDir,
}

impl Stream {
    fn start(from: &Vm, to: &Vm) -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let mut server = to.namespace().command("iperf3");
        server.args(["--server", "--one-off"]);
        let server = Daemon::start("iperf3 --server", &server, &directory.path().join("server"))
            .expect("the server starts");
        try_wait_until(PATIENCE, "iperf3 to listen", || {
            to.namespace().run("ss", &["-Hltn", "sport", "=", ":5201"]).ok().filter(|text| !text.is_empty())
        })
        .expect("it listens");
        let mut client = from.namespace().command("iperf3");
        let address = to.address().expect("an address").to_string();
        client.args(["--client", &address, "--time", "600", "--interval", "0.1", "--forceflush"]);
        client.args(["--format", "k"]);
        let client = Daemon::start("iperf3 --client", &client, &directory.path().join("client"))
            .expect("the client starts");
        Self { client, _server: server, directory }
    }

    /// How much went through in each tenth of a second so far, in kbit/s.
    fn rates(&mut self) -> Vec<f64> {
        self.client.check_running().expect("the stream goes on");
        Self::read(&self.directory.path().join("client"))
    }

    fn read(file: &Path) -> Vec<f64> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        // "[  5]   0.10-0.20   sec  2.50 MBytes  209715 Kbits/sec    0   1.2 MBytes"
        text.lines()
            .filter_map(|line| line.split(" Kbits/sec").next()?.split_whitespace().last()?.parse().ok())
            .collect()
    }

    fn wait_for(&mut self, reports: usize) {
        try_wait_until(PATIENCE, "iperf3 to report", || (self.rates().len() >= reports).then_some(()))
            .expect("it reports");
    }
}

#[test]
fn a_stream_at_full_speed_does_not_stall_while_the_controller_is_replaced() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let mut stream = Stream::start(&one, &two);
    stream.wait_for(REPORTS_PER_S);
    for place in 0..2 {
        let site = lab.cloud.site_mut(place);
        let ready = times_ready(site);
        site.stop_controller().expect("it stops");
        let reports = stream.rates().len();
        stream.wait_for(reports + REPORTS_PER_S / 2);
        site.start_controller().expect("it starts");
        wait_ready(site, ready);
        let reports = stream.rates().len();
        stream.wait_for(reports + REPORTS_PER_S);
    }
    let rates = stream.rates();
    let longest = rates.split(|rate| *rate > 0.0).map(<[f64]>::len).max().unwrap_or_default();
    assert!(longest < REPORTS_PER_S, "nothing passed for {longest} tenths of a second: {rates:?}");
}
