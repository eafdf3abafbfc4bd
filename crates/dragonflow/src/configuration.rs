//! From files to a configuration.

use anyhow::{Context as _, Result};
use config::{Environment, Loaded, Source};
use thiserror::Error;

use crate::arguments::{ConfigCommand, Files};
use crate::output;

/// Options that are right, each for itself, and that this program cannot do.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Wrong(pub(crate) String);

/// What the files and the environment say.
pub(crate) fn load(files: &Files) -> Result<Loaded> {
    let mut sources: Vec<Source> = files.files.iter().cloned().map(Source::File).collect();
    sources.extend(files.directories.iter().cloned().map(Source::Directory));
    if sources.is_empty() {
        sources = Source::defaults();
    }
    let environment = Environment::new(host_name()?).with_process_variables();
    Ok(config::load(&sources, &environment)?)
}

fn host_name() -> Result<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .context("cannot read the name of this machine")?;
    Ok(name.trim().to_owned())
}

/// `dragonflow config ...`
pub(crate) fn print(what: ConfigCommand) -> Result<()> {
    let text = match what {
        ConfigCommand::Sample => config::sample(),
        ConfigCommand::Reference => config::reference(),
        ConfigCommand::Check(files) => {
            let loaded = load(&files)?;
            loaded.notices.iter().map(|notice| format!("{notice}\n")).collect::<String>()
                + "the configuration is right\n"
        }
    };
    output::print(&text)
}
