//! The table for people: the sample file, the reference page, and a configuration in force as a file.

use std::fmt::Write as _;

use crate::config::Config;
use crate::ini::write_value;
use crate::load::find_option;
use crate::substitute::escape;
use crate::table::{Default, HOST_NAME_SHOWN, OptionSpec, Owner, SectionSpec, Support, UNSET_SHOWN};

/// A configuration file with every option that does something, each with its help and commented out at its default.
pub fn sample() -> String {
    let mut text =
        String::from("# Dragonflow. Every option is at its default; take away the # to change one.\n");
    for section in Config::SECTIONS {
        let options: Vec<_> =
            section.options.iter().filter(|spec| spec.support == Support::Supported).collect();
        if options.is_empty() {
            continue;
        }
        let _ = write!(text, "\n[{}]\n", section.name);
        comment(&mut text, section.about);
        for spec in options {
            text.push('\n');
            comment(&mut text, spec.help);
            let _ = writeln!(text, "# ({})", spec.allowed());
            let _ = writeln!(text, "#{} = {}", spec.name, shown_default(spec));
        }
    }
    text
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(text, "# {}", line.trim());
    }
}

fn shown_default(spec: &OptionSpec) -> &'static str {
    match spec.default {
        Default::Text(text) => text,
        Default::HostName => HOST_NAME_SHOWN,
        Default::Unset => UNSET_SHOWN,
    }
}

/// The reference page: how files are read, and every option that is known, in Markdown.
pub fn reference() -> String {
    let mut text = include_str!("reference.md").to_owned();
    for section in Config::SECTIONS {
        section_reference(&mut text, section);
    }
    text
}

fn section_reference(text: &mut String, section: &SectionSpec) {
    let _ = write!(text, "\n## `[{}]`\n\n{}\n", section.name, joined(section.about));
    if section.owner == Owner::OpenStack {
        text.push_str("\nOther programs have options in this section as well; they are left to them.\n");
    }
    let supported = |spec: &&OptionSpec| spec.support == Support::Supported;
    if section.options.iter().any(|spec| supported(&spec)) {
        text.push_str("\n| option | value | default | what it does |\n|---|---|---|---|\n");
    }
    for spec in section.options.iter().filter(supported) {
        let mut help = joined(spec.help);
        if !spec.also.is_empty() {
            let _ = write!(help, " Also read from {}.", old_names(spec));
        }
        let default = match spec.default {
            Default::Text("") => "(empty)".to_owned(),
            Default::Text(default) => format!("`{default}`"),
            Default::HostName => "name of the machine".to_owned(),
            Default::Unset => "not set".to_owned(),
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            spec.name,
            cell(&spec.allowed()),
            cell(&default),
            cell(&help)
        );
    }
    if section.options.iter().all(|spec| supported(&spec)) {
        return;
    }
    text.push_str("\n| option of earlier times | default | what setting it leads to |\n|---|---|---|\n");
    for spec in section.options.iter().filter(|spec| !supported(spec)) {
        let verdict = match spec.support {
            Support::Supported => continue,
            Support::Deprecated(why) => format!("works, with a notice: {why}"),
            Support::NoEffect(why) => format!("no effect, with a notice: {why}"),
            Support::Refused(why) => format!("refused unless it is the default: {why}"),
        };
        let default = cell(shown_default(spec));
        let _ = writeln!(text, "| `{}` | `{default}` | {} |", spec.name, cell(&verdict));
    }
}

fn old_names(spec: &OptionSpec) -> String {
    let old = spec.places().skip(1).map(|(section, name)| format!("`[{section}] {name}`"));
    old.collect::<Vec<_>>().join(", ")
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Whether secrets are written or hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As they are: the file works.
    Written,
    /// As stars: the file can be shown.
    Hidden,
}

impl Config {
    /// The configuration as a file that reads to the same configuration.
    ///
    /// Options that are not set are left out. Of text, what the syntax cannot express is lost: empty lines, blanks at the
    /// ends of lines, a backslash before a dollar sign.
    pub fn to_ini(&self, secrets: Secrets) -> String {
        let mut text = String::new();
        for (section, options) in self.write() {
            let _ = writeln!(text, "[{section}]");
            for (name, values) in options {
                let hide =
                    secrets == Secrets::Hidden && find_option(section, name).is_some_and(|spec| spec.secret);
                for value in values {
                    let value = if hide { "****".to_owned() } else { write_value(&escape(&value)) };
                    let _ = writeln!(text, "{name} = {value}");
                }
            }
            text.push('\n');
        }
        text
    }
}
