//! What all sources say together, as texts: later sources win, and every value knows where it is from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Place;
use crate::ini::{DEFAULT_SECTION, Entry, section_key};
use crate::table::OptionSpec;

/// What begins the name of an environment variable that sets an option.
const VARIABLE_PREFIX: &str = "OS_";
/// What stands between section and option there.
const VARIABLE_SEPARATOR: &str = "__";

/// A value, and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) value: String,
    pub(crate) place: Place,
}

/// What was found for an option: its values, and the name under which they were written.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) section: &'a str,
    pub(crate) option: &'a str,
    pub(crate) written: &'a [Written],
}

/// One source.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    sections: BTreeMap<Arc<str>, BTreeMap<String, Vec<Written>>>,
    /// Whether names are in capitals, as environment variables are.
    in_capitals: bool,
}

impl Layer {
    pub(crate) fn from_entries(name: &str, entries: Vec<Entry>) -> Self {
        let source: Arc<str> = name.into();
        let mut layer = Self::default();
        for Entry { section, key, value, line } in entries {
            let place = Place { source: Arc::clone(&source), line: Some(line) };
            layer.add(section, key, Written { value, place });
        }
        layer
    }

    pub(crate) fn from_environment(variables: &BTreeMap<String, String>) -> Self {
        let mut layer = Self { sections: BTreeMap::new(), in_capitals: true };
        for (name, value) in variables {
            let parts =
                name.strip_prefix(VARIABLE_PREFIX).and_then(|name| name.split_once(VARIABLE_SEPARATOR));
            if let Some((section, option)) = parts {
                let place = Place { source: format!("environment variable {name}").into(), line: None };
                let written = Written { value: value.clone(), place };
                layer.add(section.into(), option.to_owned(), written);
            }
        }
        layer
    }

    fn add(&mut self, section: Arc<str>, option: String, written: Written) {
        self.sections.entry(section).or_default().entry(option).or_default().push(written);
    }

    fn get(&self, section: &str, option: &str) -> Option<Found<'_>> {
        let (section, option) = if self.in_capitals {
            (section.to_uppercase(), option.to_uppercase())
        } else {
            (section_key(section), option.to_owned())
        };
        let (section, options) = self.sections.get_key_value(section.as_str())?;
        let (option, written) = options.get_key_value(&option)?;
        Some(Found { section, option, written })
    }
}

/// All sources, the first the weakest.
#[derive(Debug, Default)]
pub(crate) struct Layers(Vec<Layer>);

impl Layers {
    pub(crate) fn push(&mut self, layer: Layer) {
        self.0.push(layer);
    }

    /// What is said about an option under any of its names, the strongest first. Within a source, a newer name
    /// is stronger than an older one, whatever comes first in the file.
    pub(crate) fn find<'a>(&'a self, spec: &'a OptionSpec) -> impl Iterator<Item = (bool, Found<'a>)> {
        let layers = self.0.iter().rev();
        layers.flat_map(|layer| {
            let names = spec.places().enumerate();
            names.filter_map(|(index, (section, option))| {
                layer.get(section, option).map(|found| (index > 0, found))
            })
        })
    }

    /// The last value under exactly this name.
    pub(crate) fn last(&self, section: &str, option: &str) -> Option<&Written> {
        self.0.iter().rev().find_map(|layer| layer.get(section, option)?.written.last())
    }

    /// Everything that was written, by layer, section and name; whether the names are in capitals; where it was written first.
    pub(crate) fn names(&self) -> impl Iterator<Item = (bool, &str, &str, &Place)> {
        self.0.iter().flat_map(|layer| {
            let options = layer.sections.iter().flat_map(|(section, options)| {
                options.iter().map(move |(option, written)| (section, option, written))
            });
            options.filter_map(|(section, option, written)| {
                Some((layer.in_capitals, &**section, option.as_str(), &written.first()?.place))
            })
        })
    }
}

/// Whether a declared name is the one that was written.
pub(crate) fn same_name(in_capitals: bool, declared: (&str, &str), written: (&str, &str)) -> bool {
    if in_capitals {
        declared.0.eq_ignore_ascii_case(written.0) && declared.1.eq_ignore_ascii_case(written.1)
    } else {
        declared == written
    }
}

/// The name of a section as a reader of the sample file knows it.
pub(crate) fn shown_section(in_capitals: bool, section: &str) -> String {
    if in_capitals && section != DEFAULT_SECTION { section.to_lowercase() } else { section.to_owned() }
}
