//! What may stand on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A distributed SDN controller for Open vSwitch.
#[derive(Debug, Parser)]
#[command(name = "dragonflow", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// How lines of the log look.
    #[arg(long, value_enum, global = true, default_value = "text")]
    pub(crate) log: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object of JSON each.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Neutron's API, and the embedded store.
    Server(Files),
    /// The agent of one chassis (df-local-controller).
    LocalController(LocalController),
    /// The configuration: print the sample file, the reference, or what is in force.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Files {
    /// A file; later ones win. Without any, /etc/neutron/neutron.conf and /etc/neutron/dragonflow.ini are read if they exist.
    #[arg(long = "config-file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A directory, of which the files *.conf are read after all files.
    #[arg(long = "config-dir", value_name = "DIRECTORY")]
    pub(crate) directories: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LocalController {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Writes down all that the engine is told, a line of JSON a step, to be replayed.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// A file with every option at its default.
    Sample,
    /// A page that says all about every option.
    Reference,
    /// Reads the configuration and says what is wrong with it.
    Check(Files),
}

/// The original's names of programs, and the commands that they are.
const OTHER_NAMES: [(&str, &str); 1] = [("df-local-controller", "local-controller")];

impl Arguments {
    /// What this process was called with.
    pub(crate) fn parse() -> Result<Self, clap::Error> {
        Self::try_parse_from(with_command(std::env::args_os().collect()))
    }
}

/// The arguments with the command that the name of the program stands for.
fn with_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let name = args.first().map(PathBuf::from).and_then(|path| path.file_name().map(OsString::from));
    let command = OTHER_NAMES.iter().find(|(other, _)| name.as_deref() == Some(other.as_ref()));
    if let Some((_, command)) = command {
        args.insert(1, OsString::from(command));
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_s_names_are_commands() {
        let args = ["/usr/bin/df-local-controller", "--config-file", "a", "--config-file", "b"];
        let parsed = Arguments::try_parse_from(with_command(args.map(OsString::from).into())).unwrap();
        let Command::LocalController(local) = parsed.command else { panic!("another command") };
        assert_eq!(local.files.files, [PathBuf::from("a"), PathBuf::from("b")]);
    }

    #[test]
    fn the_declarations_fit_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
