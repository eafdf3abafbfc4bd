//! The row of the integration bridge: as specified where it is ours, usable where it is not.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::transaction::{Mutations, Values};
use ovsdb::vswitch::Bridge;

use super::edit::{Seen, Step};
use super::problem::Problem;
use super::spec::BridgeSpec;
use super::{ID_KEY_PREFIX, is_owned, mark};

const SECURE: &str = "secure";
const OPENFLOW13: &str = "OpenFlow13";
/// What an empty `datapath_type` means.
const DEFAULT_DATAPATH_TYPE: &str = "system";

/// The row to insert where there is none.
pub(super) fn new_bridge(spec: &BridgeSpec) -> Bridge {
    let mut external_ids = mark(&spec.name);
    external_ids.extend(id_pairs(spec).unwrap_or_default());
    Bridge {
        name: spec.name.clone(),
        datapath_type: spec.datapath_type.clone().unwrap_or_default(),
        fail_mode: Some(SECURE.to_owned()),
        protocols: spec.protocols.clone(),
        other_config: spec.other_config.clone(),
        external_ids,
        ..Bridge::default()
    }
}

/// The edit that makes an existing bridge fit, if it does not.
pub(super) fn completion(
    spec: &BridgeSpec,
    seen: &Seen<Bridge>,
    problems: &mut Vec<Problem>,
) -> Option<Step> {
    let mut changes = Changes::default();
    if is_owned(&seen.1.external_ids, &spec.name) {
        changes.enforce(spec, &seen.1);
    } else {
        changes.make_usable(spec, &seen.1, problems);
    }
    changes.store_ids(spec, &seen.1);
    let Changes { columns, values, mutations } = changes;
    let seen = seen.clone();
    (!columns.is_empty()).then_some(Step::UpdateBridge { seen, columns, values, mutations })
}

#[derive(Default)]
struct Changes {
    columns: Vec<&'static str>,
    values: Values<Bridge>,
    mutations: Mutations<Bridge>,
}

impl Changes {
    fn enforce(&mut self, spec: &BridgeSpec, row: &Bridge) {
        if row.fail_mode.as_deref() != Some(SECURE) {
            self.secure();
        }
        if let Some(wanted) = other_datapath_type(spec, row) {
            self.columns.push(Bridge::DATAPATH_TYPE.name());
            self.values = std::mem::take(&mut self.values).set(&Bridge::DATAPATH_TYPE, wanted.to_owned());
        }
        if !spec.protocols.is_empty() && row.protocols != spec.protocols {
            self.columns.push(Bridge::PROTOCOLS.name());
            self.values = std::mem::take(&mut self.values).set(&Bridge::PROTOCOLS, spec.protocols.clone());
        }
        let missing = missing_pairs(&spec.other_config, &row.other_config);
        if !missing.is_empty() {
            self.columns.push(Bridge::OTHER_CONFIG.name());
            self.mutations = std::mem::take(&mut self.mutations).put(&Bridge::OTHER_CONFIG, &missing);
        }
    }

    /// Sets what we cannot work without and its owner left open; what its owner decided is reported.
    fn make_usable(&mut self, spec: &BridgeSpec, row: &Bridge, problems: &mut Vec<Problem>) {
        let bridge = || spec.name.clone();
        match row.fail_mode.as_deref() {
            None => self.secure(),
            Some(SECURE) => {}
            Some(other) => {
                problems.push(Problem::FailMode { bridge: bridge(), fail_mode: other.to_owned() });
            }
        }
        if let Some(wanted) = other_datapath_type(spec, row) {
            let (wanted, found) = (wanted.to_owned(), effective(&row.datapath_type).to_owned());
            problems.push(Problem::DatapathType { bridge: bridge(), wanted, found });
        }
        if !row.protocols.is_empty() && !row.protocols.contains(OPENFLOW13) {
            self.columns.push(Bridge::PROTOCOLS.name());
            let added = BTreeSet::from([OPENFLOW13.to_owned()]);
            self.mutations = std::mem::take(&mut self.mutations).insert(&Bridge::PROTOCOLS, &added);
        }
        let left_alone = |setting| Problem::LeftAlone { bridge: bridge(), setting };
        let protocols = spec.protocols.iter().filter(|protocol| {
            !row.protocols.is_empty() && *protocol != OPENFLOW13 && !row.protocols.contains(*protocol)
        });
        problems.extend(protocols.map(|protocol| left_alone(format!("protocol {protocol}"))));
        let missing = missing_pairs(&spec.other_config, &row.other_config);
        let settings = missing.iter().map(|(key, value)| format!("other_config:{key}={value}"));
        problems.extend(settings.map(left_alone));
    }

    fn secure(&mut self) {
        self.columns.push(Bridge::FAIL_MODE.name());
        self.values = std::mem::take(&mut self.values).set(&Bridge::FAIL_MODE, Some(SECURE.to_owned()));
    }

    fn store_ids(&mut self, spec: &BridgeSpec, row: &Bridge) {
        let Some(wanted) = id_pairs(spec) else { return };
        let is_obsolete = |key: &&String| key.starts_with(ID_KEY_PREFIX) && !wanted.contains_key(*key);
        let obsolete: Vec<String> = row.external_ids.keys().filter(is_obsolete).cloned().collect();
        let missing = missing_pairs(&wanted, &row.external_ids);
        if obsolete.is_empty() && missing.is_empty() {
            return;
        }
        self.columns.push(Bridge::EXTERNAL_IDS.name());
        let mutations = std::mem::take(&mut self.mutations);
        let mutations = mutations.delete_keys(&Bridge::EXTERNAL_IDS, obsolete);
        self.mutations = mutations.put(&Bridge::EXTERNAL_IDS, &missing);
    }
}

fn id_pairs(spec: &BridgeSpec) -> Option<BTreeMap<String, String>> {
    let pairs = spec.ids.as_ref()?.iter();
    Some(pairs.map(|(key, value)| (format!("{ID_KEY_PREFIX}{key}"), value.clone())).collect())
}

fn missing_pairs(
    wanted: &BTreeMap<String, String>,
    present: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let missing = wanted.iter().filter(|(key, value)| present.get(*key) != Some(*value));
    missing.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn effective(datapath_type: &str) -> &str {
    if datapath_type.is_empty() { DEFAULT_DATAPATH_TYPE } else { datapath_type }
}

/// The wanted datapath type if the bridge has another.
fn other_datapath_type<'a>(spec: &'a BridgeSpec, row: &Bridge) -> Option<&'a str> {
    let wanted = spec.datapath_type.as_deref()?;
    (effective(wanted) != effective(&row.datapath_type)).then_some(wanted)
}
