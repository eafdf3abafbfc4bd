//! `dragonflow trace` and `dragonflow explain`: where a packet goes and why, and what a cookie stands for.
//!
//! Both are answered by the engine and the apps that run on nodes, fed with the rows of the store or with a recording. Nothing is
//! changed anywhere.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use config::Config;
use controller::{Options, inspect};
use model::{Chassis, Id, Object, Table};
use nb::{Selector, Store as _};
use pipeline::Cookie;
use serde::Serialize;
use tracer::{Cloud, Dump};

use crate::arguments::{Explain, Facts, LogFormat, Trace};
use crate::configuration::Wrong;
use crate::{configuration, local_controller, logging, output, recording};

/// What is known, and the host that asks.
struct Known {
    cloud: Cloud,
    host: Id<Chassis>,
    /// The options of a controller here, where the facts are not those of a recording.
    options: Option<Options>,
}

/// Traces a packet; whether it was delivered.
pub(crate) fn trace(arguments: &Trace, log: LogFormat) -> Result<bool> {
    let mut known = know(&arguments.facts, log)?;
    if arguments.live {
        be_live(&mut known)?;
    }
    let report = known.cloud.trace(&arguments.request())?;
    let is_seen = report.visits.iter().any(|visit| visit.is_live);
    if arguments.live && !is_seen {
        output::remark(&format!(
            "the packet does not come to host {}, whose switch was looked at: all of this is computed",
            known.host
        ))?;
    }
    print(&report, arguments.facts.json)?;
    Ok(report.verdict.is_delivered)
}

/// Says what a cookie or a table is.
pub(crate) fn explain(arguments: &Explain, log: LogFormat) -> Result<()> {
    match arguments.what.as_slice() {
        [word, name] if word == "table" => {
            let Some(report) = tracer::explain::table(name) else {
                bail!(Wrong(format!("there is no table {name}; the tables are: {}", tables())));
            };
            print(&report, arguments.facts.json)
        }
        [word] if word == "table" => bail!(Wrong(format!("say which table: {}", tables()))),
        [cookie] => {
            let cookie = parse_cookie(cookie)?;
            let mut known = know(&arguments.facts, log)?;
            let host = match &arguments.chassis {
                Some(name) => chassis(&known, name)?,
                None => known.host,
            };
            print(&known.cloud.explain(&host, cookie), arguments.facts.json)
        }
        _ => bail!(Wrong(
            "say a cookie, as 0x10000d3dbce8588, or `table` and the name or number of one".to_owned()
        )),
    }
}

fn tables() -> String {
    tracer::explain::table_names().join(", ")
}

/// The host of a name, which has to be one that the rows know.
fn chassis(known: &Known, name: &str) -> Result<Id<Chassis>> {
    let hosts: Vec<String> = known.cloud.registered().map(ToString::to_string).collect();
    let host = Id::new(name).context("--chassis is empty")?;
    if host != known.host && !hosts.iter().any(|known| known == name) {
        bail!(Wrong(format!("no host has the name {name:?}; the hosts are: {}", hosts.join(", "))));
    }
    Ok(host)
}

fn parse_cookie(text: &str) -> Result<Cookie, Wrong> {
    let bits = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => u64::from_str(text),
    };
    let bits = bits.map_err(|_| {
        Wrong(format!(
            "{text:?} is no cookie: it is a number, as 0x10000d3dbce8588 in what ovs-ofctl dump-flows shows"
        ))
    })?;
    Ok(Cookie::from_bits(bits))
}

fn print(report: &(impl Display + Serialize), is_json: bool) -> Result<()> {
    if is_json {
        return output::print(&(serde_json::to_string_pretty(report)? + "\n"));
    }
    output::print(&report.to_string())
}

/// The facts, from wherever they are wanted.
fn know(facts: &Facts, log: LogFormat) -> Result<Known> {
    if let Some(file) = &facts.recording {
        let replayed = recording::run(file)?;
        let (cloud, host) = Cloud::of_engine(apps::all, replayed.engine).with_context(|| {
            format!("the recording {} does not say whose it is: its first step is missing", file.display())
        })?;
        return Ok(Known { cloud, host, options: None });
    }
    let config = configuration::load(&facts.files)?.config;
    logging::start(log, config.default.debug);
    let (options, _) = local_controller::options(&config)?;
    let rows = rows(&config)?;
    let for_apps = options.clone();
    let cloud = Cloud::new(move || inspect::apps(&for_apps), inspect::settings(&options), rows);
    let host = options.chassis.clone();
    Ok(Known { cloud, host, options: Some(options) })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")
}

/// All rows of the store. Those that cannot be read are remarked, and left out as controllers leave them out.
fn rows(config: &Config) -> Result<Vec<Object>> {
    let store = local_controller::store(config)?;
    let selector = Selector::tables(Table::ALL.iter().copied());
    let snapshot = runtime()?.block_on(store.snapshot(&selector))?;
    let mut rows = Vec::with_capacity(snapshot.rows.len());
    for row in snapshot.rows {
        let Some(table) = row.key.table.model() else { continue };
        let object = std::str::from_utf8(&row.value).map_err(anyhow::Error::from);
        match object.and_then(|text| Ok(Object::from_text(table, text)?)) {
            Ok(object) => rows.push(object),
            Err(error) => output::remark(&format!("{} cannot be read, and is left out: {error}", row.key))?,
        }
    }
    Ok(rows)
}

/// Gives the host of the configuration the facts and the flows that it really has.
fn be_live(known: &mut Known) -> Result<()> {
    let options = known.options.as_ref().context("a recording has no switch")?;
    let inspect::Held { flows, groups, meters } = inspect::held(options)?;
    let own = runtime()?.block_on(inspect::own_facts(options))?;
    let host = known.cloud.add_host(inspect::settings(options), own);
    host.replace_switch(Dump { flows, groups, meters });
    Ok(())
}
