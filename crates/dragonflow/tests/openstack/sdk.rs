//! openstacksdk, which programs use and of which the command line is made.

use std::process::Command;

use testkit::process;

use crate::checker::assert_consistent;
use crate::shell::{python, script};
use crate::support::Server;

/// How many tests `sdk.py` has.
const TESTS: usize = 19;

/// Runs tests of `sdk.py`, of which there have to be so many, with a last argument and an environment.
pub(crate) fn run(tests: (&[&str], usize), argument: &str, environment: &[(&str, &str)]) {
    let (names, count) = tests;
    let mut command = Command::new(python());
    command.arg(script("sdk.py")).args(names).arg(argument).envs(environment.iter().copied());
    let output = process::output_of(&command).expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("Ran {count} tests")), "{said}");
}

#[test]
fn the_sdk_finds_everything_as_it_is_used_to() {
    let server = Server::new();
    run((&[], TESTS), &format!("http://{}", server.address()), &[]);
    assert_consistent(&server.dump());
}
