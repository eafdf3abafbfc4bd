//! What the original left in stores, as the recordings beside the checkout have it.

use std::collections::BTreeMap;
use std::fs;

use model::Layout;
use serde_json::Value;
use testkit::shared_fixture;

/// A recording of a whole store: keys and what they hold.
pub(crate) struct Dump {
    pub(crate) layout: Layout,
    pub(crate) entries: BTreeMap<String, String>,
}

/// The lines of a recording, or `None` where the machine does not have it, which was said then.
#[track_caller]
pub(crate) fn lines(name: &str) -> Option<Vec<Value>> {
    let path = shared_fixture(&format!("fixtures/dragonflow/{name}"))?;
    let text = fs::read_to_string(path).expect("a recording can be read");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect())
}

/// The content of a store, of `recording` as `redis-single-db-create.jsonl`, without what is not the model's: the
/// last event that etcd keeps, the nodes between ZooKeeper's root and its rows.
#[track_caller]
pub(crate) fn dump(recording: &str) -> Option<Dump> {
    let layout = match recording.split('-').next() {
        Some("etcd") => Layout::Etcd,
        Some("zookeeper") => Layout::ZooKeeper,
        _ => Layout::Redis,
    };
    let text = |entry: &Value, name: &str| entry[name].as_str().expect("a text").to_owned();
    let name = if layout == Layout::ZooKeeper { "path" } else { "key" };
    let entries = lines(recording)?.into_iter().map(|entry| (text(&entry, name), text(&entry, "value")));
    let entries = entries.filter(|(key, value)| !key.starts_with("/pubsub/") && !value.is_empty()).collect();
    Some(Dump { layout, entries })
}
