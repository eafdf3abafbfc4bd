//! Manners of source files: they say what they guarantee, they are small, and they are finished.

use super::Finding;
use super::lexer::{Kind, lex};
use super::workspace::{SourceFile, Workspace};

/// Where a file should have been split long before.
const LINES_MAX: usize = 600;
/// Stands in the head of files that a program wrote.
const GENERATED_MARK: &str = "@generated";

/// Words of unfinished work. Spelled in pieces, so that this file may contain them.
const UNFINISHED: [&str; 8] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("for ", "now,"),
    concat!("for ", "now."),
    concat!("not yet ", "implemented"),
    concat!("place", "holder"),
];
const UNFINISHED_MACROS: [&str; 2] = ["todo", "unimplemented"];

/// Directories of somebody's machine.
const PRIVATE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &workspace.files {
        findings.extend(check_private_paths(file));
        if !file.is_rust() {
            continue;
        }
        findings.extend(check_head(file));
        findings.extend(check_length(file));
        findings.extend(check_finished(file));
    }
    findings
}

/// Tests explain themselves by their names; every other module opens with prose.
fn check_head(file: &SourceFile) -> Option<Finding> {
    let explained =
        file.is_test() || file.text.starts_with("//!") || file.text.starts_with("#![no_main]\n//!");
    (!explained)
        .then(|| Finding::in_line(&file.path, 1, "does not open with `//!` and what the module guarantees"))
}

fn check_length(file: &SourceFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let generated =
        file.text.lines().take_while(|line| line.starts_with("//")).any(|line| line.contains(GENERATED_MARK));
    (lines > LINES_MAX && !generated).then(|| {
        Finding::new(&file.path, format!("{lines} lines, more than {LINES_MAX}: where is the seam?"))
    })
}

fn check_finished(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let found = UNFINISHED.iter().find(|words| contains_words(line, words));
        findings.extend(
            found.map(|words| Finding::in_line(&file.path, number, format!("unfinished: `{words}`"))),
        );
    }
    let tokens = lex(&file.text);
    for pair in tokens.windows(2) {
        let is_macro = pair[1].kind == Kind::Punctuation && pair[1].text == "!";
        if is_macro && pair[0].kind == Kind::Identifier && UNFINISHED_MACROS.contains(&pair[0].text) {
            findings.push(Finding::in_line(
                &file.path,
                pair[0].line,
                format!("unfinished: `{}!`", pair[0].text),
            ));
        }
    }
    findings
}

fn check_private_paths(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let found = PRIVATE_PATHS.iter().find(|path| is_absolute_in(line, path));
        findings.extend(
            found.map(|path| Finding::in_line(&file.path, number, format!("a path of one machine: {path}"))),
        );
    }
    findings
}

/// The words, and not as part of longer ones.
fn contains_words(line: &str, words: &str) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    line.match_indices(words).any(|(start, _)| {
        let end = start + words.len();
        let begins = start.checked_sub(1).and_then(|before| line.as_bytes().get(before));
        !is_word(begins) && (words.ends_with([',', '.']) || !is_word(line.as_bytes().get(end)))
    })
}

/// The path from the root, and not the tail of another.
fn is_absolute_in(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(start, _)| {
        let before = start.checked_sub(1).and_then(|before| line.as_bytes().get(before));
        !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._-~>}*".contains(byte))
    })
}

#[cfg(test)]
mod tests;
