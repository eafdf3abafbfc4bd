//! From files to a configuration, and what the programs say to it.

use anyhow::{Context as _, Result};
use config::{Config, Environment, Loaded, NbDriver, Source};
use thiserror::Error;

use crate::arguments::{ConfigCommand, Files};
use crate::{local_controller, output, server};

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

/// Refuses a store that there is no driver for.
pub(crate) fn store_is_built(config: &Config) -> Result<(), Wrong> {
    if config.df.nb_db_class == NbDriver::Etcd {
        return Ok(());
    }
    let driver = config.df.nb_db_class.word();
    Err(Wrong(format!(
        "[df] nb_db_class = {driver} is not built yet: use etcd_nb_db_driver, which the embedded store speaks too"
    )))
}

/// `dragonflow config ...`
pub(crate) fn print(what: ConfigCommand) -> Result<()> {
    let text = match what {
        ConfigCommand::Sample => config::sample(),
        ConfigCommand::Reference => config::reference(),
        ConfigCommand::Check(files) => check(&load(&files)?)?,
    };
    output::print(&text)
}

/// What there is to say of a configuration, by itself and by each program that would run on it.
fn check(loaded: &Loaded) -> Result<String, Wrong> {
    let config = &loaded.config;
    let programs = [
        ("server", server::settings(config).map(|_| server::notices(config))),
        ("local-controller", local_controller::options(config).map(|(_, notices)| notices)),
        // Every program but a server with a store of its own.
        ("programs", local_controller::store(config).map(|_| Vec::new())),
    ];
    let mut text: String = loaded.notices.iter().map(|notice| format!("{notice}\n")).collect();
    let mut wrong = Vec::new();
    for (program, said) in programs {
        match said {
            Ok(notices) => {
                text.extend(notices.into_iter().map(|notice| format!("dragonflow {program}: {notice}\n")));
            }
            Err(Wrong(reason)) => wrong.push(format!("dragonflow {program}: {reason}")),
        }
    }
    if wrong.is_empty() { Ok(text + "the configuration is right\n") } else { Err(Wrong(wrong.join("\n"))) }
}
