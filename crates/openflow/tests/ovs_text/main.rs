//! Open vSwitch judges our text: what it says of bytes that we encode is what we say, what we print it reads as we meant
//! it, and a switch takes our text and gives it back.

mod fixtures;
mod print;
mod read;
mod speakable;
mod switch;

use std::path::Path;
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// `count` values of a strategy, the same in every run.
fn samples<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a value").current()).collect()
}

/// What `ovs-ofctl` prints for a command that reads `file`.
fn ofctl(command: &str, file: &Path) -> String {
    let mut ofctl = Command::new(testkit::require_tool("ovs-ofctl"));
    testkit::process::run(ofctl.args(["-O", "OpenFlow13", command]).arg(file))
        .expect("ovs-ofctl accepts the file")
}
