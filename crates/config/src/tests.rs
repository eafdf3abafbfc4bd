//! The table as a whole: what it says has to be so, for every option that is in it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::laws::check_text;
use crate::load::find_option;
use crate::table::{Default, OptionSpec, Support};
use crate::{Config, Environment, Loaded, Source, load, reference, sample};

/// Options whose default is deliberately not the original's.
///
/// `apps_list` does what the API promises, see its help; `tunnel_type` has become a list, of all types.
const OTHER_DEFAULTS: [(&str, &str); 2] = [("df", "apps_list"), ("df", "tunnel_type")];

fn all_options() -> impl Iterator<Item = &'static OptionSpec> {
    Config::SECTIONS.iter().flat_map(|section| section.options)
}

fn load_text(text: &str) -> Loaded {
    let source = Source::Text { name: "text".to_owned(), text: text.to_owned() };
    load(&[source], &Environment::new("compute-1")).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Where an option of the original is in our table.
fn find_place(section: &str, name: &str) -> Option<&'static OptionSpec> {
    all_options().find(|spec| spec.places().any(|place| place == (section, name)))
}

#[test]
fn names_are_unique_and_sections_are_in_the_spelling_of_comparisons() {
    let mut seen = BTreeSet::new();
    for spec in all_options() {
        for (section, name) in spec.places() {
            assert!(seen.insert((section, name)), "[{section}] {name} is there twice");
            assert_eq!(section, crate::ini::section_key(section));
        }
        assert_eq!(
            spec.places().count(),
            spec.also.len() + 1,
            "{}: a former name is section/name",
            spec.name
        );
        assert!(find_option(spec.section, spec.name).is_some());
    }
    let sections: BTreeSet<_> = Config::SECTIONS.iter().map(|section| section.name).collect();
    assert_eq!(sections.len(), Config::SECTIONS.len());
}

#[test]
fn everything_is_explained() {
    for spec in all_options() {
        let help: String = spec.help.concat();
        assert!(help.trim().len() > 4 && help.ends_with(['.']), "[{}] {}: {help}", spec.section, spec.name);
        let (Support::Refused(why) | Support::NoEffect(why) | Support::Deprecated(why)) = spec.support else {
            continue;
        };
        assert!(!why.is_empty() && !why.ends_with('.'), "[{}] {}: {why}", spec.section, spec.name);
    }
}

#[test]
fn every_option_of_the_original_is_known_with_its_default() {
    let mut count = 0;
    for line in include_str!("../tests/original_options.txt").lines() {
        let mut words = line.split_whitespace();
        let (Some(section), Some(name), Some(default)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if section == "#" {
            continue;
        }
        count += 1;
        let spec = find_place(section, name).unwrap_or_else(|| panic!("[{section}] {name} is not known"));
        if OTHER_DEFAULTS.contains(&(section, name)) {
            continue;
        }
        if default == "<none>" {
            assert_eq!(spec.default, Default::Unset, "[{section}] {name}");
            continue;
        }
        let Default::Text(ours) = spec.default else { panic!("[{section}] {name} has no default") };
        if default.contains('$') {
            assert_eq!(ours, default, "[{section}] {name}");
            continue;
        }
        let canonical = |text: &str| (spec.canonical)(&[text.to_owned()]).unwrap();
        let ours = ours.replace("$enable_df_pub_sub", "False");
        assert_eq!(canonical(&ours), canonical(default), "[{section}] {name}");
    }
    assert_eq!(count, 97);
}

#[test]
fn every_default_is_a_value_of_its_option() {
    for spec in all_options() {
        if let Default::Text(text) = spec.default {
            let Loaded { notices, .. } =
                load_text(&format!("[{}]\n{} = {}\n", spec.section, spec.name, text));
            let expected = usize::from(spec.support != Support::Supported);
            assert_eq!(notices.len(), expected, "[{}] {}: {notices:?}", spec.section, spec.name);
        }
    }
}

#[test]
fn every_option_that_is_not_known_to_be_harmless_is_refused() {
    for spec in all_options() {
        let Support::Refused(_) = spec.support else { continue };
        let candidates = ["True", "False", "7", "/other", "other"];
        let default = if let Default::Text(text) = spec.default { text } else { "" };
        let other = candidates.iter().find(|text| {
            let canonical = (spec.canonical)(&[(**text).to_owned()]);
            canonical.is_ok() && canonical != (spec.canonical)(&[default.to_owned()])
        });
        let text = format!("[{}]\n{} = {}\n", spec.section, spec.name, other.unwrap());
        let source = Source::Text { name: "text".to_owned(), text };
        let problems = load(&[source], &Environment::new("compute-1")).unwrap_err().to_string();
        let expected = format!("text:2: [{}] {} is refused: ", spec.section, spec.name);
        assert!(problems.starts_with(&expected) && problems.lines().count() == 1, "{problems}");
    }
}

#[test]
fn mistakes_of_syntax_and_of_values_are_named_at_once() {
    let text = "[df]\nnonsense\nmanagement_ip = 1.2.3\n[df_store\nembedded_path =\n".to_owned();
    let source = Source::Text { name: "text".to_owned(), text };
    let problems = load(&[source], &Environment::new("compute-1")).unwrap_err().to_string();
    let places: Vec<_> = problems.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(places, ["text:2", "text:4", "text:3"], "{problems}");
}

#[test]
fn the_sample_file_changes_nothing_with_and_without_its_comments() {
    let defaults = load_text("");
    assert_eq!(load_text(&sample()), defaults);
    let lines = sample();
    let uncommented: Vec<&str> = lines
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(option) if !option.starts_with(' ') => option,
            _ => line,
        })
        .collect();
    let set = uncommented
        .iter()
        .filter(|line| !line.starts_with(['#', '[']))
        .filter(|line| !line.is_empty())
        .count();
    assert_eq!(set, all_options().filter(|spec| spec.support == Support::Supported).count());
    assert_eq!(load_text(&uncommented.join("\n")), defaults);
}

#[test]
fn the_reference_in_docs_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let reference = reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &reference).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(checked_in == reference, "{path} is out of date: run UPDATE_GOLDEN=1 cargo test -p config");
    for spec in all_options() {
        assert!(reference.contains(&format!("| `{}` |", spec.name)), "{} is not in the reference", spec.name);
    }
}

/// A value that some option might take, or that looks like one.
fn value() -> impl Strategy<Value = String> {
    let plausible = [
        "True",
        "no",
        "0",
        "1",
        "30",
        "65535",
        "0.25",
        "192.0.2.1",
        "2001:db8::1",
        "*",
        "db:4001",
        "a,b",
        "p:br-ex",
        "gre,geneve",
        "l2,dhcp",
        "l2_app.L2App",
        "unix:/x",
        "1:10",
        "p:1:10",
        "/a path",
        "\"",
        "' x '",
        "\" \"",
        "",
        "a\n    b",
        "$local_ip",
        "${df.publisher_port}",
        "$$x",
        "redis_nb_db_driver",
        "vhostuser",
        "-1",
        "[::1]:1",
    ];
    prop_oneof![8 => prop::sample::select(plausible.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

/// Files that are mostly right: options that exist, in their sections, with plausible values.
fn file() -> impl Strategy<Value = String> {
    let places: Vec<_> = all_options().flat_map(OptionSpec::places).collect();
    let line = (prop::sample::select(places), value());
    prop::collection::vec(line, 0..6).prop_map(|lines| {
        lines.iter().map(|((section, name), value)| format!("[{section}]\n{name} = {value}\n")).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn files_keep_the_laws(text in file()) {
        check_text(&text);
    }

    #[test]
    fn any_text_keeps_the_laws(text in "(\\[(df|DEFAULT|x)\\]\n)?(\\PC|[\\[\\]=:#; \n\r\"'$]|df|local_ip){0,64}") {
        check_text(&text);
    }
}

#[test]
fn each_value_of_each_option_keeps_the_laws() {
    // What random files seldom combine: every option with every plausible value.
    let values = [
        "True",
        "7",
        "30",
        "192.0.2.1",
        "::1",
        "*",
        "db:1",
        "a,b",
        "p:br",
        "gre",
        "dhcp",
        "unix:/x",
        "1:9",
        "",
        "\" x \"",
        "a\n b",
    ];
    let mut accepted = 0;
    for spec in all_options() {
        for value in values {
            let text = format!("[{}]\n{} = {value}\n", spec.section, spec.name);
            check_text(&text);
            let source = Source::Text { name: "text".to_owned(), text };
            accepted += usize::from(load(&[source], &Environment::new("compute-1")).is_ok());
        }
    }
    assert!(accepted > all_options().count(), "only {accepted} were accepted");
}
