//! The program `dragonflow`: all daemons and tools, by the first argument or by the name under which it is called.
//!
//! Here is wiring only: arguments to configuration, configuration to libraries, signals to the end. Exit codes: 0 when told to
//! stop, 1 when something failed, 2 when the arguments or the configuration are wrong. `trace` ends as `grep` does: 0 when the packet
//! is delivered, 1 when it is not, 2 when that cannot be said.

mod arguments;
mod configuration;
mod daemon;
mod db;
mod l3_agent;
mod local_controller;
mod logging;
mod metadata_service;
mod output;
mod questions;
mod recording;
mod replay;
mod server;

use std::io::Write as _;
use std::process::ExitCode;

use crate::arguments::{Arguments, Command};

/// Something is wrong with what the operator said, and not with the world.
const EXIT_USAGE: u8 = 2;
/// A traced packet does not get to where it should.
const EXIT_NOT_DELIVERED: u8 = 1;

fn main() -> ExitCode {
    let arguments = match Arguments::parse() {
        Ok(arguments) => arguments,
        // Help and version come here too; they end well.
        Err(error) => {
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let is_question = matches!(arguments.command, Command::Trace(_));
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            let is_usage = error.is::<configuration::Wrong>() || error.is::<::config::Problems>();
            ExitCode::from(if is_usage || is_question { EXIT_USAGE } else { 1 })
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let done = match arguments.command {
        Command::Server(files) => daemon::run(&files, arguments.log, server::run),
        Command::LocalController(local) => {
            let files = local.files.clone();
            daemon::run(&files, arguments.log, |config, shutdown| {
                local_controller::run(local, config, shutdown)
            })
        }
        Command::L3Agent(files) => daemon::run(&files, arguments.log, l3_agent::run),
        Command::MetadataService(files) => daemon::run(&files, arguments.log, metadata_service::run),
        Command::Config(what) => configuration::print(what),
        Command::Db(db) => db::run(&db, arguments.log),
        Command::Replay(replay) => replay::run(&replay),
        Command::Trace(trace) => {
            let is_delivered = questions::trace(&trace, arguments.log)?;
            return Ok(ExitCode::from(if is_delivered { 0 } else { EXIT_NOT_DELIVERED }));
        }
        Command::Explain(explain) => questions::explain(&explain, arguments.log),
        Command::Model => output::print(&model::object_reference()),
    };
    done.map(|()| ExitCode::SUCCESS)
}
