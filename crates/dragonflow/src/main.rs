//! The program `dragonflow`: all daemons and tools, by the first argument or by the name under which it is called.
//!
//! Here is wiring only: arguments to configuration, configuration to libraries, signals to the end. Exit codes: 0 when told to
//! stop, 1 when something failed, 2 when the arguments or the configuration are wrong.

mod arguments;
mod configuration;
mod daemon;
mod db;
mod local_controller;
mod logging;
mod output;
mod replay;
mod server;

use std::io::Write as _;
use std::process::ExitCode;

use crate::arguments::{Arguments, Command};

/// Something is wrong with what the operator said, and not with the world.
const EXIT_USAGE: u8 = 2;

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
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            let is_usage = error.is::<configuration::Wrong>() || error.is::<::config::Problems>();
            ExitCode::from(if is_usage { EXIT_USAGE } else { 1 })
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Server(files) => daemon::run(&files, arguments.log, server::run),
        Command::LocalController(local) => {
            let files = local.files.clone();
            daemon::run(&files, arguments.log, |config, shutdown| {
                local_controller::run(local, config, shutdown)
            })
        }
        Command::Config(what) => configuration::print(what),
        Command::Db(db) => db::run(&db, arguments.log),
        Command::Replay(replay) => replay::run(&replay),
        Command::Model => output::print(&model::object_reference()),
    }
}
