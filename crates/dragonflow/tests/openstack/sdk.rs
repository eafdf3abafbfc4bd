//! openstacksdk, which programs use and of which the command line is made.

use std::process::Command;

use testkit::process;

use crate::checker::assert_consistent;
use crate::shell::{python, script};
use crate::support::Server;

/// How many tests `sdk.py` has.
const TESTS: usize = 13;

#[test]
fn the_sdk_finds_everything_as_it_is_used_to() {
    let server = Server::new();
    let mut command = Command::new(python());
    command.arg(script("sdk.py")).arg(format!("http://{}", server.address()));
    let output = process::output_of(&command).expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("Ran {TESTS} tests")), "{said}");
    assert_consistent(&server.dump());
}
