//! From texts to typed values: every option is read, every mistake is collected, everything odd gets a notice.

use crate::config::Config;
use crate::error::{Notice, Place, Problem, Problems};
use crate::ini::section_key;
use crate::layers::{Layers, Written, same_name, shown_section};
use crate::nearest::nearest;
use crate::setting::{Remarks, Setting};
use crate::source::{Environment, Source, collect};
use crate::substitute::Substitution;
use crate::table::{Default, HOST_NAME_SHOWN, OptionSpec, Owner, SectionSpec, Support, UNSET_SHOWN};

/// What sections of ours begin with. One that does not exist is a typing error, not somebody else's.
const OWN_PREFIX: &str = "df_";
/// After so many names that do not exist the rest is not looked at: the file is not a configuration.
const UNKNOWN_NAMES_MAX: usize = 100;
/// How many names a notice lists.
const LISTED_NAMES_MAX: usize = 8;

/// A configuration, and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Lines for the log: old names and spellings, options without effect, sections that are not ours.
    pub notices: Vec<Notice>,
}

/// A section, as [`crate::table::section`] makes it.
pub(crate) trait Section: Sized {
    const SPEC: SectionSpec;

    /// Every option, or nothing if any is wrong.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;

    /// Every option's name and the texts that it would be read from.
    fn write(&self) -> Vec<(&'static str, Vec<String>)>;
}

/// Reads the sources, later ones winning over earlier ones and the environment over all.
///
/// # Errors
/// Names everything that is wrong, each with its place.
pub fn load(sources: &[Source], environment: &Environment) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let layers = collect(sources, environment, &mut problems);
    let mut reader = Reader::new(&layers, &environment.host_name);
    let config = Config::read(&mut reader);
    problems.append(&mut reader.problems);
    let mut notices = reader.notices;
    check_names(&layers, &mut problems, &mut notices);
    let Some(config) = config.filter(|_| problems.is_empty()) else { return Err(Problems(problems)) };
    let conflicts = config.conflicts();
    if conflicts.is_empty() {
        Ok(Loaded { config, notices })
    } else {
        Err(Problems(conflicts.into_iter().map(Problem::Conflict).collect()))
    }
}

/// Reads options, one after the other.
pub(crate) struct Reader<'a> {
    substitution: Substitution<'a>,
    problems: Vec<Problem>,
    notices: Vec<Notice>,
}

/// What is said about one option, in its sources or by default.
struct Given {
    texts: Vec<String>,
    /// The place, section and name to complain about.
    at: (Place, String, String),
    by_default: bool,
}

impl<'a> Reader<'a> {
    fn new(layers: &'a Layers, host_name: &'a str) -> Self {
        let substitution = Substitution { layers, host_name, declared: find_option };
        Self { substitution, problems: Vec::new(), notices: Vec::new() }
    }

    /// The value of an option of this name; nothing if it is wrong, which is noted.
    pub(crate) fn value<T: Setting>(&mut self, section: &str, name: &str) -> Option<T> {
        let spec = find_option(section, name)?;
        let Some(given) = self.given(spec)? else { return T::absent() };
        let mut remarks = Remarks::default();
        match spec.check_bounds(&given.texts).and_then(|()| T::read(&given.texts, &mut remarks)) {
            Ok(value) => {
                let place = &given.at.0;
                let notice = |text| Notice { place: place.clone(), text };
                self.notices.extend(remarks.into_vec().into_iter().map(notice));
                Some(value)
            }
            Err(reason) => {
                self.complain(spec, given, reason);
                None
            }
        }
    }

    /// Checks an option that nobody reads.
    pub(crate) fn retired(&mut self, section: &str, name: &str) {
        let Some(spec) = find_option(section, name) else { return };
        let Some(Some(given)) = self.given(spec) else { return };
        if given.by_default {
            return;
        }
        let value = match (spec.canonical)(&given.texts) {
            Ok(value) => value,
            Err(reason) => return self.complain(spec, given, reason),
        };
        let default = self.default_texts(spec).and_then(|texts| (spec.canonical)(&texts)).unwrap_or_default();
        let (place, section, option) = given.at;
        let text = match spec.support {
            Support::Refused(reason) if value != default => {
                return self.problems.push(Problem::Refused {
                    place,
                    section,
                    option,
                    reason: reason.to_owned(),
                });
            }
            Support::Refused(why) | Support::NoEffect(why) => {
                format!("[{section}] {option} has no effect: {why}")
            }
            Support::Deprecated(why) => format!("[{section}] {option} is deprecated: {why}"),
            Support::Supported => return,
        };
        self.notices.push(Notice { place, text });
    }

    /// The texts for an option: `None` if they cannot be made, `Some(None)` if there are none.
    fn given(&mut self, spec: &'static OptionSpec) -> Option<Option<Given>> {
        let layers = self.substitution.layers;
        let mut written: Vec<&Written> = Vec::new();
        let mut at = None;
        for (by_old_name, found) in layers.find(spec) {
            if by_old_name {
                self.note_old_name(spec, &found.written.first()?.place, found.section, found.option);
            }
            let last = found.written.last()?;
            if at.is_none() {
                let names = (found.section.to_owned(), found.option.to_owned());
                at = Some((last.place.clone(), names.0, names.1));
            }
            if !spec.repeated {
                written.push(last);
                break;
            }
            // The strongest comes first here, and last in the value.
            written.splice(0..0, found.written);
        }
        // The sample file, uncommented, changes nothing.
        let is_as_shown = match (spec.default, written.last()) {
            (Default::Unset, last) => last.is_none_or(|last| last.value == UNSET_SHOWN),
            (Default::HostName, Some(last)) => last.value == HOST_NAME_SHOWN,
            _ => false,
        };
        if is_as_shown && spec.default == Default::Unset {
            return Some(None);
        }
        let result = match &at {
            Some(_) if !is_as_shown => {
                written.iter().map(|written| self.substitution.expand(&written.value, spec.section)).collect()
            }
            _ => self.default_texts(spec),
        };
        let by_default = at.is_none();
        let place = || Place { source: "default".into(), line: None };
        let at = at.unwrap_or_else(|| (place(), spec.section.to_owned(), spec.name.to_owned()));
        match result {
            Ok(texts) => Some(Some(Given { texts, at, by_default })),
            Err(reason) => {
                let texts = written.iter().map(|written| written.value.clone()).collect();
                self.complain(spec, Given { texts, at, by_default }, reason);
                None
            }
        }
    }

    fn default_texts(&self, spec: &OptionSpec) -> Result<Vec<String>, String> {
        match spec.default {
            Default::Text(text) => self.substitution.expand(text, spec.section).map(|text| vec![text]),
            Default::HostName => Ok(vec![self.substitution.host_name.to_owned()]),
            Default::Unset => Ok(Vec::new()),
        }
    }

    fn note_old_name(&mut self, spec: &OptionSpec, place: &Place, section: &str, option: &str) {
        let text = format!("[{section}] {option} is now [{}] {}", spec.section, spec.name);
        self.notices.push(Notice { place: place.clone(), text });
    }

    fn complain(&mut self, spec: &OptionSpec, given: Given, reason: String) {
        let (place, section, option) = given.at;
        let value = if spec.secret { "****".to_owned() } else { format!("{:?}", given.texts.join(", ")) };
        self.problems.push(Problem::Value { place, section, option, value, reason });
    }
}

/// The declaration of an option under its present name.
pub(crate) fn find_option(section: &str, name: &str) -> Option<&'static OptionSpec> {
    let section = find_section(section)?;
    section.options.iter().find(|spec| spec.name == name)
}

fn find_section(name: &str) -> Option<&'static SectionSpec> {
    let key = section_key(name);
    Config::SECTIONS.iter().find(|section| section.name == key)
}

/// Everything that was written and that no declaration knows: a mistake in sections of ours, a notice elsewhere.
fn check_names(layers: &Layers, problems: &mut Vec<Problem>, notices: &mut Vec<Notice>) {
    let mut foreign: Vec<Foreign> = Vec::new();
    let before = problems.len();
    for (in_capitals, section, option, place) in layers.names() {
        if all_places().any(|declared| same_name(in_capitals, declared, (section, option))) {
            continue;
        }
        if problems.len() - before >= UNKNOWN_NAMES_MAX {
            break;
        }
        let section = shown_section(in_capitals, section);
        let option = if in_capitals { option.to_lowercase() } else { option.to_owned() };
        let owner = find_section(&section).map(|section| section.owner);
        let by_name = owner.is_none() && section.starts_with(OWN_PREFIX);
        if owner == Some(Owner::Dragonflow) || (by_name && all_places().any(|(known, _)| known == section)) {
            let hint = option_hint(&section, &option);
            problems.push(Problem::UnknownOption { place: place.clone(), section, option, hint });
        } else if by_name {
            let known = Config::SECTIONS.iter().map(|section| section.name);
            let hint =
                nearest(&section, known).map_or_else(String::new, |name| format!(", did you mean [{name}]"));
            problems.push(Problem::UnknownSection { place: place.clone(), section, hint });
        } else if !in_capitals {
            // Another service's environment variables say nothing about our configuration.
            note_foreign(&mut foreign, section, option, place);
        }
    }
    notices.extend(foreign.into_iter().map(Foreign::notice));
}

/// Options of one section of one source that are not ours.
struct Foreign {
    place: Place,
    section: String,
    options: Vec<String>,
}

fn note_foreign(foreign: &mut Vec<Foreign>, section: String, option: String, place: &Place) {
    // The names come by source and section.
    match foreign.last_mut() {
        Some(other) if other.section == section && other.place.source == place.source => {
            other.options.push(option);
            if place.line < other.place.line {
                other.place = place.clone();
            }
        }
        _ => foreign.push(Foreign { place: place.clone(), section, options: vec![option] }),
    }
}

impl Foreign {
    fn notice(self) -> Notice {
        let listed =
            self.options.iter().take(LISTED_NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match self.options.len().saturating_sub(LISTED_NAMES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "[{}] has options of other programs, which are left to them: {listed}{more}",
            self.section
        );
        Notice { place: self.place, text }
    }
}

/// Every name that any option has or had.
fn all_places() -> impl Iterator<Item = (&'static str, &'static str)> {
    Config::SECTIONS.iter().flat_map(|section| section.options).flat_map(OptionSpec::places)
}

/// Where the option is, or what it may have been meant to be.
fn option_hint(section: &str, option: &str) -> String {
    let own = all_places().filter(|(own, _)| *own == section).map(|(_, name)| name);
    if let Some(name) = nearest(option, own) {
        return format!(", did you mean {name}");
    }
    match all_places().find(|(_, name)| *name == option) {
        Some((section, _)) => format!(", it is in [{section}]"),
        None => String::new(),
    }
}
