use proptest::prelude::*;

use super::*;

/// The assignments of a text without mistakes.
#[track_caller]
fn entries(text: &str) -> Vec<Entry> {
    let parsed = parse(text);
    assert_eq!(parsed.errors, [], "{text:?}");
    parsed.entries
}

fn values(text: &str) -> Vec<(String, String, String, usize)> {
    entries(text)
        .into_iter()
        .map(|entry| (entry.section.to_string(), entry.key, entry.value, entry.line))
        .collect()
}

fn value_of(assignment: &str) -> String {
    let entries = entries(&format!("[df]\n{assignment}"));
    assert_eq!(entries.len(), 1, "{assignment:?} gives {entries:?}");
    entries[0].value.clone()
}

fn fault(text: &str) -> (usize, SyntaxFault) {
    let errors = parse(text).errors;
    assert_eq!(errors.len(), 1, "{text:?} gives {errors:?}");
    (errors[0].line, errors[0].fault)
}

#[test]
fn values_are_what_stands_behind_the_first_sign() {
    let cases = [
        ("a = b", "b"),
        ("a=b", "b"),
        ("a: b", "b"),
        ("a:b=c", "b=c"),
        ("a = b:c", "b:c"),
        ("a   =   b c  ", "b c"),
        ("a =", ""),
        ("a = b # not a comment", "b # not a comment"),
        ("a = b ; nor this", "b ; nor this"),
        ("a = [b]", "[b]"),
    ];
    for (assignment, value) in cases {
        assert_eq!(value_of(assignment), value, "{assignment:?}");
    }
}

#[test]
fn a_pair_of_equal_quotes_is_taken_off_once() {
    let cases = [
        ("a = \" b \"", " b "),
        ("a = ' b '", " b "),
        ("a = \"\"", ""),
        ("a = \"", ""),
        ("a = \"b'", "\"b'"),
        ("a = b\"", "b\""),
        ("a = \"\"b\"\"", "\"b\""),
        ("a = \"b\", \"c\"", "b\", \"c"),
        ("a = \"b\n  c\"", "\"b\nc\""),
    ];
    for (assignment, value) in cases {
        assert_eq!(value_of(assignment), value, "{assignment:?}");
    }
}

#[test]
fn what_begins_with_a_blank_continues() {
    assert_eq!(value_of("a = b\n  c\n\td  "), "b\nc\nd");
    assert_eq!(value_of("a =\n  b,\n  c"), "\nb,\nc");
    assert_eq!(value_of("a = b\n  # part of the value\n  x = y"), "b\n# part of the value\nx = y");
    assert_eq!(value_of("a = b\r\n  c\r\n"), "b\nc");
}

#[test]
fn what_ends_a_value() {
    let text = "[df]\na = b\n\nc = d\n# comment\n; comment\ne = f\n[x]\ng = h";
    let found: Vec<_> = values(text).into_iter().map(|(_, key, value, line)| (key, value, line)).collect();
    let expected = [("a", "b", 2), ("c", "d", 4), ("e", "f", 7), ("g", "h", 9)];
    assert_eq!(found, expected.map(|(key, value, line)| (key.to_owned(), value.to_owned(), line)));
    assert_eq!(fault("[df]\na = b\n\n  c"), (4, SyntaxFault::NothingToContinue));
    assert_eq!(fault("[df]\na = b\n# comment\n  c"), (4, SyntaxFault::NothingToContinue));
    assert_eq!(fault("[df]\n  c"), (2, SyntaxFault::NothingToContinue));
}

#[test]
fn sections_come_again_and_know_no_case_but_for_default() {
    let text = "[DF]\na = 1\n[DEFAULT]\na = 2\n[default]\na = 3\n[df]\na = 4\nA = 5";
    let found: Vec<_> =
        values(text).into_iter().map(|(section, key, value, _)| (section, key, value)).collect();
    let expected =
        [("df", "a", "1"), ("DEFAULT", "a", "2"), ("default", "a", "3"), ("df", "a", "4"), ("df", "A", "5")];
    assert_eq!(found, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
}

#[test]
fn errors_name_the_line() {
    assert_eq!(fault("a = b"), (1, SyntaxFault::NoSection));
    assert_eq!(fault("# c\n[df\n"), (2, SyntaxFault::SectionNotClosed));
    assert_eq!(fault("[df] # c"), (1, SyntaxFault::SectionNotClosed));
    assert_eq!(fault("[]"), (1, SyntaxFault::NoSectionName));
    assert_eq!(fault("[df]\n\nnonsense"), (3, SyntaxFault::NoAssignment));
    assert_eq!(fault("[df]\n = b"), (2, SyntaxFault::NothingToContinue));
    assert_eq!(fault("[df]\n= b"), (2, SyntaxFault::NoKey));
    let error = &parse("[df]\nnonsense").errors[0];
    assert_eq!(error.to_string(), "line 2: no '=' or ':' found, write \"option = value\": \"nonsense\"");
    let long = &parse(&"x".repeat(10_000)).errors[0];
    assert_eq!(long.text.chars().count(), QUOTED_CHARS_MAX + 1);
}

#[test]
fn every_mistake_is_named_and_nothing_that_only_follows_from_one() {
    let text = "= a\n[df]\nnonsense\n  more of it\na = 1\n[x\nb = 2\n  3\n  4\n[y]\nc = 5\n: 6\nd = 7";
    let parsed = parse(text);
    let errors: Vec<_> = parsed.errors.iter().map(|error| (error.line, error.fault)).collect();
    let expected = [
        (1, SyntaxFault::NoKey),
        (3, SyntaxFault::NoAssignment),
        (6, SyntaxFault::SectionNotClosed),
        (12, SyntaxFault::NoKey),
    ];
    assert_eq!(errors, expected);
    let read: Vec<_> = parsed.entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
    assert_eq!(read, [("a", 5), ("c", 11), ("d", 13)]);
    assert_eq!(parse(&"nonsense\n".repeat(1000)).errors.len(), ERRORS_MAX);
}

proptest! {
    /// Whatever comes in: no panic, errors with a line of the text, and values that are written are read again.
    #[test]
    fn what_is_written_is_read_again(text in "(\\[[a-zA-Z]{1,3}\\]\n)?([ #;a=:'\"\t\n\\]\\[éx]|\r\n){0,40}") {
        let lines = text.split('\n').count().max(text.split('\r').count());
        let parsed = parse(&text);
        for error in &parsed.errors {
            prop_assert!(error.line >= 1 && error.line <= lines);
        }
        for entry in &parsed.entries {
            prop_assert!(entry.line >= 1 && entry.line <= lines);
            let written = format!("[{}]\n{} = {}\n", entry.section, "key", write_value(&entry.value));
            let again = entries(&written);
            prop_assert_eq!(again.len(), 1);
            prop_assert_eq!(&again[0].value, &entry.value, "{:?}", written);
        }
    }
}
