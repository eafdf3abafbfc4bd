//! The harness's hand in our store: loads a workload, changes it, plays the hosts that are not there, and says what happens.
//!
//! Commands come as lines of JSON on standard input and each is answered by a line on standard output. Between answers come
//! lines of events: a port that is forwarding on the measured host, a port that a played host has claimed. Ends with its input.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use model::{
    Chassis, Id, LogicalPort, Model as _, Object, PortState, PortStatus, RowId, SecurityGroup, Table,
};
use nb::{Change, Key, Op, Selector, Store, Txn, WatchItem};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::workload;

/// Numbers that are taken from a counter at once.
const NUMBERS_AT_ONCE: u32 = 4096;

#[derive(Debug)]
struct Agent {
    store: Arc<dyn Store>,
    topic: String,
    numbers: std::collections::BTreeMap<Table, (u32, u32)>,
    loaded: Vec<Key>,
}

/// Runs until standard input ends.
pub(crate) async fn run(store: Arc<dyn Store>) -> Result<()> {
    let watcher = tokio::spawn(watch_status(Arc::clone(&store)));
    let mut agent = Agent { store, topic: String::new(), numbers: Default::default(), loaded: Vec::new() };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let command: Value = serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))?;
        let answer = match agent.obey(&command).await {
            Ok(()) => json!({"answer": "ok"}),
            Err(error) => json!({"answer": "error", "reason": format!("{error:#}")}),
        };
        println!("{answer}");
    }
    watcher.abort();
    Ok(())
}

impl Agent {
    async fn obey(&mut self, command: &Value) -> Result<()> {
        match workload::text(command, "do")? {
            "load" => self.load(workload::text(command, "file")?).await,
            "play" => self.play(workload::list(command, "hosts")).await,
            "create_ports" => {
                let ports = workload::list(command, "ports");
                let mut rows = Vec::new();
                for port in ports {
                    let key = self.number(Table::LogicalPort).await?;
                    rows.push(workload::port(port, &self.topic, key)?);
                }
                self.put(&rows).await
            }
            "delete_ports" => {
                let ids = workload::list(command, "ids").iter().filter_map(Value::as_str);
                let keys = ids
                    .map(|id| Ok(Key::new(Table::LogicalPort, RowId::new(id)?)))
                    .collect::<Result<Vec<_>>>()?;
                self.delete(keys).await
            }
            "add_rule" => self.change_rules(command, true).await,
            "del_rule" => self.change_rules(command, false).await,
            "delete_all" => {
                let keys = std::mem::take(&mut self.loaded);
                self.delete(keys).await
            }
            other => bail!("{other:?} is no command"),
        }
    }

    async fn number(&mut self, table: Table) -> Result<u32> {
        let (next, end) = self.numbers.get(&table).copied().unwrap_or_default();
        let (next, end) = if next == end {
            let first = nb::counter::allocate(&*self.store, table, NUMBERS_AT_ONCE).await?.get();
            (first, first + NUMBERS_AT_ONCE)
        } else {
            (next, end)
        };
        self.numbers.insert(table, (next + 1, end));
        Ok(next)
    }

    async fn load(&mut self, file: &str) -> Result<()> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        let workload: Value = serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))?;
        self.topic = workload::text(&workload, "project_id")?.to_owned();
        // As many numbers as could be needed; those that are left over are used by the phases.
        let most = u32::try_from(text.len() / 100 + 1)?;
        let mut next = std::collections::BTreeMap::new();
        for table in [Table::LogicalSwitch, Table::LogicalPort, Table::SecurityGroup, Table::LogicalRouter] {
            next.insert(table, nb::counter::allocate(&*self.store, table, most).await?.get());
        }
        let rows = workload::rows(&workload, &mut |table| {
            let number = next.entry(table).or_default();
            *number += 1;
            *number - 1
        })?;
        self.loaded = rows.iter().map(Key::of).collect();
        self.put(&rows).await
    }

    /// Writes rows, as many at once as the store takes.
    async fn put(&self, rows: &[Object]) -> Result<()> {
        let limits = self.store.limits();
        let mut txn = Txn::new();
        let mut bytes = 0;
        for row in rows {
            let len = row.to_text().len() + 200;
            if txn.ops.len() == limits.txn_ops || bytes + len > limits.txn_bytes {
                self.store.commit(std::mem::take(&mut txn)).await?;
                bytes = 0;
            }
            bytes += len;
            txn = txn.put_object(row);
        }
        if !txn.ops.is_empty() {
            self.store.commit(txn).await?;
        }
        Ok(())
    }

    async fn delete(&self, keys: Vec<Key>) -> Result<()> {
        for keys in keys.chunks(self.store.limits().txn_ops) {
            let ops = keys.iter().cloned().map(Op::Delete).collect();
            self.store.commit(Txn { require: Vec::new(), ops }).await?;
        }
        Ok(())
    }

    async fn change_rules(&self, command: &Value, add: bool) -> Result<()> {
        let group = workload::text(command, "group")?;
        let key = Key::new(Table::SecurityGroup, RowId::new(group)?);
        let row = self.store.read(&[key]).await?.into_iter().flatten().next().context("no such group")?;
        let mut value: Value = serde_json::from_slice(&row.value)?;
        let rule = workload::rule(&command["rule"], &json!(group), &self.topic);
        let version = value["version"].as_u64().unwrap_or_default();
        value["version"] = json!(version + 1);
        let rules = value["rules"].as_array_mut().context("a group without rules")?;
        rules.retain(|known| known["id"] != rule["id"]);
        if add {
            let mut rule = rule;
            rule.as_object_mut().context("a rule is an object")?.retain(|_, member| !member.is_null());
            rules.push(rule);
        }
        self.put(&[Object::from(SecurityGroup::from_text(&value.to_string())?)]).await
    }

    /// Registers hosts, and claims each port that is bound to one of them, as their controllers would.
    async fn play(&self, hosts: &[Value]) -> Result<()> {
        let rows = hosts.iter().map(workload::chassis).collect::<Result<Vec<_>>>()?;
        self.put(&rows).await?;
        let hosts: BTreeSet<RowId> = rows.iter().map(|row| row.id().clone()).collect();
        tokio::spawn(claim(Arc::clone(&self.store), hosts));
        Ok(())
    }
}

/// Claims the ports of played hosts.
async fn claim(store: Arc<dyn Store>, hosts: BTreeSet<RowId>) -> Result<()> {
    let selector = Selector::tables([Table::LogicalPort]);
    let snapshot = store.snapshot(&selector).await?;
    let mut watch = store.watch(selector, snapshot.revision);
    while let Some(item) = watch.next().await {
        let WatchItem::Batch { changes, .. } = item else { continue };
        let mut txn = Txn::new();
        for change in changes {
            let Change::Put(row) = change else { continue };
            let port = LogicalPort::from_text(std::str::from_utf8(&row.value)?)?;
            let Some(chassis) = port.chassis().filter(|chassis| hosts.contains(chassis.row())) else {
                continue;
            };
            if txn.ops.len() == store.limits().txn_ops {
                store.commit(std::mem::take(&mut txn)).await?;
            }
            txn = txn.put_object(&status(&port, chassis));
        }
        if !txn.ops.is_empty() {
            store.commit(txn).await?;
        }
    }
    Ok(())
}

fn status(port: &LogicalPort, chassis: &Id<Chassis>) -> Object {
    Object::from(PortStatus {
        chassis: chassis.clone(),
        generation: 1,
        id: PortStatus::id_of(&port.id),
        lport: port.id.clone(),
        lport_version: port.version,
        state: PortState::Active,
        topic: port.topic.clone(),
        version: None,
    })
}

/// Says when ports forward, and where.
async fn watch_status(store: Arc<dyn Store>) -> Result<()> {
    let selector = Selector::tables([Table::PortStatus]);
    let snapshot = store.snapshot(&selector).await?;
    let mut watch = store.watch(selector, snapshot.revision);
    while let Some(item) = watch.next().await {
        let WatchItem::Batch { changes, .. } = item else { continue };
        for change in changes {
            match change {
                Change::Put(row) => {
                    let status = PortStatus::from_text(std::str::from_utf8(&row.value)?)?;
                    let is_up = status.state == PortState::Active;
                    let host = status.chassis.to_string();
                    println!(
                        "{}",
                        json!({"event": "status", "port": row.key.id.to_string(), "up": is_up, "host": host})
                    );
                }
                Change::Delete(key, _) => {
                    println!(
                        "{}",
                        json!({"event": "status", "port": key.id.to_string(), "up": false, "host": null})
                    );
                }
            }
        }
    }
    Ok(())
}
