//! The command line of OpenStack.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use testkit::require_tool;

/// Where Debian's packages put what they bring; another Python that comes first in `PATH` does not know of them.
const PYTHON: &str = "/usr/bin/python3";

/// The Python for which Debian installed the clients.
pub(crate) fn python() -> &'static Path {
    require_tool("openstack");
    Path::new(PYTHON)
}

/// A script beside the tests.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openstack").join(name)
}

/// `openstack`, as it runs with certain options in the environment.
pub(crate) struct Shell {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may have ended already; and nobody is left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    command: String,
    code: i64,
    output: String,
    errors: String,
}

impl Shell {
    /// A command line with nothing said but these variables.
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(python());
        command.arg(script("shell.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OS_")) {
            command.env_remove(name);
        }
        let mut process = command.envs(environment.iter().copied()).spawn().expect("python starts");
        let input = process.stdin.take().expect("a pipe");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, input, output }
    }

    /// The way that the documentation recommends without keystone.
    pub(crate) fn without_keystone(address: &str) -> Self {
        Self::new(&[("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", &format!("http://{address}"))])
    }

    /// Runs a command, written as in a terminal; what has spaces is in double quotes.
    #[track_caller]
    pub(crate) fn run(&mut self, command: &str) -> Outcome {
        writeln!(self.input, "{}", json!(words(command))).expect("the command line takes it");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the command line answers");
        let answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command}: {error}: {line}"));
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let code = answer["code"].as_i64().expect("an exit code");
        Outcome { command: command.to_owned(), code, output: text("output"), errors: text("errors") }
    }

    /// What a command shows, as JSON.
    #[track_caller]
    pub(crate) fn json(&mut self, command: &str) -> Value {
        let outcome = self.run(&format!("{command} -f json"));
        outcome.assert_done();
        serde_json::from_str(&outcome.output).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
    }

    /// A column of a list, in its order.
    #[track_caller]
    pub(crate) fn column(&mut self, command: &str, column: &str) -> Vec<String> {
        let outcome = self.run(&format!("{command} -f value -c \"{column}\""));
        outcome.assert_done();
        outcome.output.lines().map(str::to_owned).collect()
    }

    /// The names in a list, sorted.
    #[track_caller]
    pub(crate) fn names(&mut self, command: &str) -> Vec<String> {
        let mut names = self.column(command, "Name");
        names.sort_unstable();
        names
    }

    /// Does something that says nothing.
    #[track_caller]
    pub(crate) fn silently(&mut self, command: &str) {
        let outcome = self.run(command);
        outcome.assert_done();
        assert_eq!(outcome.output, "", "{command}");
    }

    /// Asserts that a command fails, and that it says this.
    #[track_caller]
    pub(crate) fn refuses(&mut self, command: &str, words: &str) {
        let outcome = self.run(command);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert!(outcome.errors.contains(words), "{words:?} is not in {outcome:?}");
    }
}

impl Outcome {
    #[track_caller]
    fn assert_done(&self) {
        assert_eq!(self.code, 0, "{}\n{}\n{}", self.command, self.output, self.errors);
    }

    pub(crate) fn output(&self) -> &str {
        &self.output
    }
}

/// The words of a command.
fn words(command: &str) -> Vec<String> {
    let pieces = command.split('"').enumerate();
    let words = pieces.flat_map(|(place, piece)| {
        if place % 2 == 1 {
            vec![piece.to_owned()]
        } else {
            piece.split_whitespace().map(str::to_owned).collect()
        }
    });
    words.collect()
}
