//! `dragonflow db` (`df-db`): arguments to the commands of `nb-admin`, and what they say to text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use model::{RowId, Timestamp};
use nb_admin::Admin;
use serde_json::{Map, Value, json};

use crate::arguments::{Db, DbCommand, Format, LogFormat, Text};
use crate::{configuration, local_controller, logging, output};

pub(crate) fn run(db: &Db, log: LogFormat) -> Result<()> {
    let config = configuration::load(&db.files)?.config;
    logging::start(log, config.default.debug);
    let store = local_controller::store(&config)?;
    let admin = Admin::new(Arc::new(store));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let text = runtime.block_on(carry_out(&admin, &db.command, config.host()))?;
    output::print(&text)
}

async fn carry_out(admin: &Admin, command: &DbCommand, host: &str) -> Result<String> {
    Ok(match command {
        DbCommand::Tables { format } => list(&Admin::tables(), *format),
        DbCommand::Ls { table, format } => list(&admin.ids(Admin::table(table)?).await?, *format),
        DbCommand::Get { table, id, format } => {
            row(&admin.get(Admin::table(table)?, &RowId::new(id)?).await?, *format)
        }
        DbCommand::Dump { format } => {
            let tables = admin.dump().await?;
            match format {
                Format::Json => {
                    let tables = tables.into_iter().map(|(table, rows)| (table.to_string(), json!(rows)));
                    line(&Value::Object(tables.collect::<Map<_, _>>()))
                }
                Format::Pretty => tables.into_iter().fold(String::new(), |mut text, (table, rows)| {
                    for value in rows {
                        let _ = writeln!(text, "{table}\n{}", row(&value, Format::Pretty));
                    }
                    text
                }),
            }
        }
        DbCommand::Bind { port } => changed(admin.bind(port, host, &now()?).await?),
        DbCommand::Clean | DbCommand::Dropall => format!("{} rows deleted\n", admin.clean().await?),
        DbCommand::Rm { table, id } => {
            admin.remove(Admin::table(table)?, &RowId::new(id)?).await?;
            String::new()
        }
        DbCommand::Init => "nothing has to be made ready\n".to_owned(),
        DbCommand::Add(new) => {
            format!("{}\n", admin.add(Admin::table(&new.table)?, &text_of(&new.text)?, now()?).await?)
        }
        DbCommand::Update(new) => {
            changed(admin.update(Admin::table(&new.table)?, &text_of(&new.text)?, &now()?).await?)
        }
    })
}

fn text_of(text: &Text) -> Result<String> {
    match (&text.json, &text.file) {
        (Some(text), _) => Ok(text.clone()),
        (None, Some(file)) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        }
        (None, None) => Ok(String::new()),
    }
}

fn now() -> Result<Timestamp> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    Timestamp::from_seconds(seconds).context("the clock of this machine says no time")
}

fn changed(is_changed: bool) -> String {
    if is_changed { String::new() } else { "it was so before\n".to_owned() }
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn list(items: &[impl ToString], format: Format) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    match format {
        Format::Json => line(&json!(texts)),
        Format::Pretty => texts.into_iter().map(|text| text + "\n").collect(),
    }
}

fn row(value: &Value, format: Format) -> String {
    match (format, value) {
        (Format::Pretty, Value::Object(members)) => {
            let width = members.keys().map(String::len).max().unwrap_or_default();
            members.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
        }
        _ => line(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shown_for_people_and_for_programs() {
        let value = json!({"id": "p", "unique_key": 7});
        assert_eq!(row(&value, Format::Pretty), "id          \"p\"\nunique_key  7\n");
        assert_eq!(row(&value, Format::Json), "{\"id\":\"p\",\"unique_key\":7}\n");
        assert_eq!(row(&json!("{ damaged"), Format::Pretty), "\"{ damaged\"\n");
        assert_eq!(list(&["a", "b"], Format::Pretty), "a\nb\n");
        assert_eq!(list(&["a", "b"], Format::Json), "[\"a\",\"b\"]\n");
    }
}
