//! Tables, registers, priorities and cookies have names, and the names live in `pipeline`.
//!
//! A crate that builds flows says `pipeline::tables::…`, never `12`: only then can a table move, and
//! only then does the one owner of a table mean anything. This rule reads the code of such crates,
//! without comments and tests, and finds a raw number where it gives one of the four nouns a value:
//!
//! | found | example |
//! |---|---|
//! | a field | `Flow { table: 12, .. }`, `priority: Some(100)` |
//! | a call, a constructor | `.priority(100)`, `TableId(5)`, `Cookie::new(0x1)` |
//! | a variable, a constant, a comparison | `let table = 5`, `const ACL_PRIORITY: u16 = 100`, `table == 5` |
//! | an argument among others | `Flow::new(3, 100)`, `resubmit(None, 12)`, `.goto(4)` |
//! | a register by its number | `Field::Reg3`, `.reg(3, …)`, `NXM_NX_XXREG1` |
//! | the text form of any of these | `"table=12,priority=7"`, `"resubmit(,12)"`, `"load:1->reg3[]"` |
//!
//! A noun counts as the last word of a name, or the one before `id` or `number`; for constants also
//! as the first word, unless the name ends in a word of measure (`FLOW_TABLE_ENTRIES_MAX`).

use std::collections::BTreeMap;

use super::Finding;
use super::lexer::{Kind, Token, lex, without_tests};
use super::workspace::{SourceFile, Workspace};

/// Crates to which a table is data like any other, and the one that gives the numbers out. Every
/// other crate is checked, a new one too.
const EXEMPT: [&str; 12] = [
    "bench",
    "fuzz-checks",
    "net-types",
    "ofsim",
    "openflow",
    "ovsdb",
    "packet",
    "pipeline",
    "sim",
    "switch",
    "testkit",
    "xtask",
];

const NOUNS: [&str; 3] = ["table", "priority", "cookie"];
const REGISTER_NOUNS: [&str; 3] = ["reg", "xreg", "xxreg"];
/// Calls whose arguments are tables, beside `Flow::new`.
const BY_POSITION: [&str; 2] = ["resubmit", "goto"];
const SUFFIXES: [&str; 3] = ["id", "number", "no"];
const MEASURES: [&str; 14] = [
    "max", "min", "count", "len", "length", "size", "bits", "bytes", "entries", "width", "limit", "ms",
    "seconds", "kib",
];
const INTEGER_TYPES: [&str; 4] = ["u8", "u16", "u32", "u64"];
const TEXT_FORMS: [&str; 7] =
    ["table=", "priority=", "cookie=", "goto_table:", "resubmit(,", "resubmit:", "table_id="];

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.crates.iter().filter(|package| !EXEMPT.contains(&package.name.as_str())) {
        let source = format!("{}/src", package.directory);
        let files = workspace.files.iter().filter(|file| file.is_rust() && file.belongs_to(&source));
        findings.extend(files.filter(|file| !file.is_test()).flat_map(check_file));
    }
    findings
}

/// One finding a line, the outermost: `table: TableId(0)` is one mistake.
fn check_file(file: &SourceFile) -> Vec<Finding> {
    let tokens = without_tests(&lex(&file.text));
    let mut lines = BTreeMap::new();
    for (index, token) in tokens.iter().enumerate() {
        if let Some(what) = raw_number(&tokens, index) {
            lines.entry(token.line).or_insert(what);
        }
    }
    lines
        .into_iter()
        .map(|(line, what)| {
            Finding::in_line(&file.path, line, format!("{what}: name it in the crate `pipeline`"))
        })
        .collect()
}

/// What is wrong at this token.
fn raw_number(tokens: &[Token<'_>], index: usize) -> Option<String> {
    let token = tokens.get(index)?;
    match token.kind {
        Kind::Identifier if is_register(token.text) => {
            Some(format!("a register by its number, `{}`", token.text))
        }
        Kind::Identifier => argument_by_number(tokens, index).or_else(|| given_value(tokens, index)),
        Kind::String => {
            numbered_text(token.text).map(|text| format!("a number in the text form of a flow, `{text}`"))
        }
        Kind::Number | Kind::Punctuation => None,
    }
}

/// `Reg3`, `reg3`, `XXReg0`, `NXM_NX_REG3`.
fn is_register(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_prefix("nxm_nx_").unwrap_or(&lower);
    let digits = bare.trim_start_matches('x').strip_prefix("reg");
    digits.is_some_and(|digits| {
        !digits.is_empty() && digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A number among the direct arguments of a call that takes a table or a priority by position.
fn argument_by_number(tokens: &[Token<'_>], index: usize) -> Option<String> {
    let after = tokens.get(index + 1..)?;
    let name = tokens.get(index)?.text;
    let arguments = match (name, &texts(after, 4)[..]) {
        ("Flow", [":", ":", "new", "("]) => after.get(3..)?,
        (name, ["(", ..]) if BY_POSITION.iter().any(|call| name.eq_ignore_ascii_case(call)) => after,
        _ => return None,
    };
    let mut depth = 0_usize;
    for token in arguments {
        match (token.kind, token.text) {
            (Kind::Punctuation, "(" | "{" | "[") => depth += 1,
            (Kind::Punctuation, ")" | "}" | "]") => depth = depth.saturating_sub(1),
            (Kind::Number, number) if depth == 1 => {
                return Some(format!("the number {number} in a call of `{name}`"));
            }
            _ => {}
        }
        if depth == 0 {
            return None;
        }
    }
    None
}

/// A noun that gets a number: by `:`, `(`, `=` or `==`, or behind a constructor's path.
fn given_value(tokens: &[Token<'_>], index: usize) -> Option<String> {
    let name = tokens.get(index)?.text;
    let words = words(name);
    let named = names_noun(&words, &NOUNS);
    let after = tokens.get(index + 1..)?;
    let number = match texts(after, 3)[..] {
        // `Cookie::new(1)`; a constructor without a number in it is nobody's business.
        [":", ":", _] if named => match texts(after, 4)[..] {
            [_, _, _, "("] => value(after, 4),
            _ => None,
        },
        // `const ACL_PRIORITY: u16 = 100`, `let table: u8 = 5`
        [":", kind, "="] if INTEGER_TYPES.contains(&kind) && (named || names_constant(&words)) => {
            value(after, 3)
        }
        [":", ..] if named => value(after, 1),
        ["(", ..] if named || names_noun(&words, &REGISTER_NOUNS) => value(after, 1),
        ["=" | "!", "=", _] if named => value(after, 2),
        ["=", ..] if named => value(after, 1),
        _ => None,
    }?;
    Some(format!("the number {number} for `{name}`"))
}

/// The number that begins here, perhaps wrapped: `7`, `Some(7)`, `TableId(7)`, `Some(TableId::new(7))`.
fn value<'a>(tokens: &[Token<'a>], start: usize) -> Option<&'a str> {
    let mut position = start;
    loop {
        let token = tokens.get(position)?;
        let next = texts(tokens.get(position + 1..)?, 2);
        match (token.kind, &next[..]) {
            (Kind::Number, _) => return Some(token.text),
            (Kind::Identifier, ["(", ..]) => position += 2,
            (Kind::Identifier, [":", ":"]) => position += 3,
            _ => return None,
        }
    }
}

fn texts<'a>(tokens: &[Token<'a>], count: usize) -> Vec<&'a str> {
    tokens.iter().take(count).map(|token| token.text).collect()
}

/// `next_table`, `TableId`, `table_id`; not `table_of_contents`.
fn names_noun(words: &[String], nouns: &[&str]) -> bool {
    let significant = match words {
        [rest @ .., last] if SUFFIXES.contains(&last.as_str()) => rest,
        all => all,
    };
    significant.last().is_some_and(|word| nouns.contains(&word.as_str()))
}

/// `PRIORITY_DROP`, `TABLE_ACL`; not `TABLE_ENTRIES_MAX`.
fn names_constant(words: &[String]) -> bool {
    let measured = words.last().is_some_and(|word| MEASURES.contains(&word.as_str()));
    !measured && words.first().is_some_and(|word| NOUNS.contains(&word.as_str()))
}

/// The words of a name in any case: `aclTable`, `ACL_TABLE`, `acl_table` → acl, table.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        let starts_word = character == '_' || (character.is_uppercase() && after_lower);
        if starts_word {
            words.push(String::new());
        }
        after_lower = character.is_lowercase();
        if character != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The part of a string that gives a table, priority, cookie or register by number.
fn numbered_text(text: &str) -> Option<&str> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let begins_word =
        |start: usize| !start.checked_sub(1).and_then(|at| bytes.get(at)).copied().is_some_and(is_word);
    let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let found = TEXT_FORMS.iter().chain(&REGISTER_NOUNS).find_map(|form| {
        let mut matches =
            text.match_indices(form).filter(|(start, _)| begins_word(*start) && digit_at(start + form.len()));
        matches.next().map(|(start, _)| (start, start + form.len()))
    });
    let (start, digits) = found?;
    let end =
        (digits..bytes.len()).find(|at| !bytes.get(*at).copied().is_some_and(is_word)).unwrap_or(bytes.len());
    text.get(start..end)
}

#[cfg(test)]
mod tests;
