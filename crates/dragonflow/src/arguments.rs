//! What may stand on the command line.

mod questions;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use controller::options::AUDIT_INTERVAL;

pub(crate) use questions::{Explain, Facts, Trace};

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
    /// Makes this chassis a candidate for the gateways of routers, as long as it runs (df-l3-agent).
    L3Agent(Files),
    /// The proxy of the metadata service of one chassis, beside its agent (df-metadata-service).
    MetadataService(Files),
    /// Runs the engine on a recording of a controller (local-controller --record) and says what follows.
    Replay(Replay),
    /// Says where a packet goes and why, through the switches of all hosts that it crosses.
    Trace(Trace),
    /// Says what a flow's cookie stands for and of what the flow was made, or what a table is for.
    Explain(Explain),
    /// The configuration: prints a sample file or the reference, or says what is wrong with the one that there is.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The rows of the northbound store, by hand (df-db).
    Db(Db),
    /// All objects of the northbound store with their members, as a page of markdown (df-model).
    Model,
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Files {
    /// A file; later ones win. Without any, /etc/neutron/neutron.conf and /etc/neutron/dragonflow.ini are read if they exist.
    #[arg(long = "config-file", value_name = "FILE", global = true)]
    pub(crate) files: Vec<PathBuf>,
    /// A directory, of which the files *.conf are read after all files.
    #[arg(long = "config-dir", value_name = "DIRECTORY", global = true)]
    pub(crate) directories: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Prints the flows that there should be at its end, as ovs-ofctl writes them.
    #[arg(long)]
    pub(crate) flows: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LocalController {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Writes down all that the engine is told, a line of JSON a step, to be replayed. It ends when the file is full.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// How often all flows are computed anew and compared with those in force; 0 is never.
    #[arg(long, value_name = "SECONDS", default_value_t = AUDIT_INTERVAL.as_secs())]
    pub(crate) audit_interval: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Db {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Pretty,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Lists all tables.
    Tables {
        /// How they are printed.
        #[arg(short, long, value_enum, default_value = "pretty")]
        format: Format,
    },
    /// Lists the ids of all rows of a table.
    Ls {
        /// The table.
        table: String,
        /// How they are printed.
        #[arg(short, long, value_enum, default_value = "pretty")]
        format: Format,
    },
    /// Prints a row.
    Get {
        /// The table.
        table: String,
        /// The id of the row.
        id: String,
        /// How it is printed.
        #[arg(short, long, value_enum, default_value = "pretty")]
        format: Format,
    },
    /// Prints all rows of all tables.
    Dump {
        /// How they are printed.
        #[arg(short, long, value_enum, default_value = "pretty")]
        format: Format,
    },
    /// Binds a port to this chassis.
    Bind {
        /// The id of the port.
        port: String,
    },
    /// Deletes all rows.
    Clean,
    /// Deletes a row.
    Rm {
        /// The table.
        table: String,
        /// The id of the row.
        id: String,
    },
    /// Makes the store ready, which the stores that are built need not be.
    Init,
    /// Drops all tables, which here are their rows.
    Dropall,
    /// Adds a row.
    Add(NewRow),
    /// Changes those members of a row that are given.
    Update(NewRow),
}

#[derive(Debug, Args)]
pub(crate) struct NewRow {
    /// The table.
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) text: Text,
}

/// A text, or the file that it is in.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Text {
    /// The members of the row, as an object of JSON.
    #[arg(short, long)]
    pub(crate) json: Option<String>,
    /// A file with them.
    #[arg(short, long)]
    pub(crate) file: Option<PathBuf>,
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

/// The original's programs that are not built yet, and the commands that they will be.
const NOT_BUILT: [(&str, &str); 3] = [
    ("df-publisher-service", "publisher-service"),
    ("df-bgp-service", "bgp-service"),
    ("dragonflow-status", "status"),
];

/// The original's names of programs, and the commands that they are.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("df-local-controller", "local-controller"),
    ("df-l3-agent", "l3-agent"),
    ("df-metadata-service", "metadata-service"),
    ("df-db", "db"),
    ("df-model", "model"),
];

impl Arguments {
    /// What this process was called with.
    pub(crate) fn parse() -> Result<Self, clap::Error> {
        Self::from_words(std::env::args_os().collect())
    }

    fn from_words(args: Vec<OsString>) -> Result<Self, clap::Error> {
        if let Some(program) = not_built(&args) {
            let text = format!(
                "{program} is not built yet; the table in README.md says what is, and `dragonflow --help` the commands\n"
            );
            return Err(clap::Error::raw(clap::error::ErrorKind::InvalidSubcommand, text));
        }
        Self::try_parse_from(with_command(args))
    }
}

/// The program or command that this process was called with, if it is not built yet.
fn not_built(args: &[OsString]) -> Option<&'static str> {
    let name = program_name(args);
    let command = args.get(1);
    NOT_BUILT.iter().find_map(|(program, its_command)| {
        if name.as_deref() == Some(program.as_ref()) {
            Some(*program)
        } else {
            Some(*its_command).filter(|its_command| command.is_some_and(|said| said == its_command))
        }
    })
}

fn program_name(args: &[OsString]) -> Option<OsString> {
    args.first().map(PathBuf::from).and_then(|path| path.file_name().map(OsString::from))
}

/// The arguments with the command that the name of the program stands for.
fn with_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let name = program_name(&args);
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
        let args = ["/usr/bin/df-l3-agent", "--config-file", "a"];
        let parsed = Arguments::try_parse_from(with_command(args.map(OsString::from).into())).unwrap();
        assert!(matches!(parsed.command, Command::L3Agent(files) if files.files == [PathBuf::from("a")]));
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for args in [
            &["/usr/bin/df-bgp-service", "--config-file", "a"][..],
            &["dragonflow-status"],
            &["dragonflow", "bgp-service"],
        ] {
            let refused = Arguments::from_words(args.iter().map(OsString::from).collect()).unwrap_err();
            assert!(refused.use_stderr());
            let named = args.iter().any(|word| {
                let word = word.rsplit('/').next().unwrap_or_default();
                refused.to_string().contains(&format!("{word} is not built yet"))
            });
            assert!(named, "{refused}");
        }
        assert!(Arguments::from_words(["dragonflow", "model"].map(OsString::from).into()).is_ok());
    }

    #[test]
    fn rows_come_as_text_or_in_a_file_and_not_both() {
        let parse = |args: &[&str]| {
            let args = ["df-db"].iter().chain(args).map(OsString::from).collect();
            Arguments::try_parse_from(with_command(args))
        };
        assert!(parse(&["add", "lport", "-j", "{}"]).is_ok());
        assert!(parse(&["add", "lport", "-f", "row.json"]).is_ok());
        assert!(parse(&["add", "lport"]).is_err());
        assert!(parse(&["add", "lport", "-j", "{}", "-f", "row.json"]).is_err());
        let parsed = parse(&["get", "lport", "p", "-f", "json"]).unwrap();
        let Command::Db(db) = parsed.command else { panic!("another command") };
        assert!(matches!(db.command, DbCommand::Get { format: Format::Json, .. }));
    }

    #[test]
    fn the_declarations_fit_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
