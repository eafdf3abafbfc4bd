//! Documents that say what is there. A crate that the architecture does not mention is one that a
//! newcomer cannot find, and a crate it mentions that is gone sends them looking.

use std::fs;

use anyhow::{Context, Result};

use super::Finding;
use super::workspace::Workspace;
use crate::shell::root;

const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";
/// The first column of the code map.
const MAP_HEAD: &str = "| crate |";
/// What behaviour is tested where.
const CHECKLIST: &str = "docs/checklist.md";
const README: &str = "README.md";
/// The commands that the README promises.
const COMMANDS: [&str; 2] = ["cargo xtask test", "cargo xtask demo"];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let read = |path: &str| fs::read_to_string(root().join(path)).with_context(|| format!("read {path}"));
    let names: Vec<&str> = workspace.crates.iter().map(|package| package.name.as_str()).collect();
    let architecture = read(ARCHITECTURE)?;
    let mut findings = unmentioned(&architecture, &names);
    findings.extend(gone(&architecture, &names));
    let sources: String = workspace.files.iter().map(|file| file.text.as_str()).collect();
    findings.extend(untested(&read(CHECKLIST)?, &sources));
    let readme = read(README)?;
    let missing = COMMANDS.iter().filter(|command| !readme.contains(**command));
    findings.extend(missing.map(|command| Finding::new(README, format!("does not name `{command}`"))));
    Ok(findings)
}

/// Crates that have no line of their own in the code map, a table whose first column is the crate.
fn unmentioned(document: &str, crates: &[&str]) -> Vec<Finding> {
    crates
        .iter()
        .filter(|name| !document.lines().any(|line| line.starts_with(&format!("| `{name}` |"))))
        .map(|name| Finding::new(ARCHITECTURE, format!("the code map has no line for the crate `{name}`")))
        .collect()
}

/// Lines of the code map whose crate does not exist.
fn gone(document: &str, crates: &[&str]) -> Vec<Finding> {
    let map = document
        .lines()
        .skip_while(|line| !line.starts_with(MAP_HEAD))
        .take_while(|line| line.starts_with('|'));
    map.filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .filter(|(name, _)| !crates.contains(name))
        .map(|(name, _)| {
            Finding::new(ARCHITECTURE, format!("the code map has a line for `{name}`, which is gone"))
        })
        .collect()
}

/// Tests that the checklist names, as `module::name_of_the_test`, and that are not there.
fn untested(document: &str, sources: &str) -> Vec<Finding> {
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let quoted = rows.flat_map(|line| line.split('`').skip(1).step_by(2));
    let named = quoted.filter_map(|code| Some((code, code.rsplit_once("::")?.1)));
    named
        .filter(|(_, test)| !sources.contains(&format!("fn {test}(")))
        .map(|(code, _)| Finding::new(CHECKLIST, format!("names the test `{code}`, which is gone")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_of_the_checklist_has_to_be_there() {
        let document = "`not::in_a_table`\n| 1 | it works | `suite::it_works`, `suite::it_worked` |\n";
        let findings = untested(document, "fn it_works() {}");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].problem.contains("it_worked"));
    }

    #[test]
    fn a_crate_needs_a_line_in_the_code_map() {
        let document = "| crate | what |\n|---|---|\n| `openflow` | the codec |\n\nSee `switch`.\n";
        let findings = unmentioned(document, &["openflow", "switch"]);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].problem.contains("`switch`"));
    }

    #[test]
    fn a_line_of_the_code_map_needs_a_crate() {
        let document =
            "| `other` | a table of something else |\n\n| crate | what |\n|---|---|\n| `switch` | x |\n";
        assert_eq!(gone(document, &["switch"]), []);
        assert_eq!(gone(document, &["openflow"]).len(), 1);
    }
}
