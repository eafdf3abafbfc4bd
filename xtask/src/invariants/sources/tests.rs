use super::*;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn a_module_opens_with_prose() {
    assert!(check_head(&file("crates/a/src/b.rs", "//! What it guarantees.\n")).is_none());
    assert!(check_head(&file("crates/a/src/b.rs", "use std::fs;\n")).is_some());
    assert!(check_head(&file("crates/a/src/b/tests.rs", "use super::*;\n")).is_none());
}

#[test]
fn only_generated_files_are_long() {
    let long = "//! Prose.\n".to_owned() + &"fn f() {}\n".repeat(LINES_MAX);
    assert!(check_length(&file("a.rs", &long)).is_some());
    assert!(check_length(&file("a.rs", &format!("//! {GENERATED_MARK} by x\n{long}"))).is_none());
    assert!(check_length(&file("a.rs", &format!("{long}// {GENERATED_MARK}\n"))).is_some());
}

#[test]
fn unfinished_work_is_found() {
    for words in UNFINISHED {
        assert_eq!(check_finished(&file("a.rs", &format!("//! x\n// {words} y\n"))).len(), 1, "{words}");
    }
    for name in UNFINISHED_MACROS {
        let findings = check_finished(&file("a.rs", &format!("fn f() {{\n    {name}!()\n}}\n")));
        assert_eq!(findings[0].place, "a.rs:2");
    }
}

#[test]
fn words_inside_words_are_not_meant() {
    for text in
        ["// METHODOLOGY", "// the XXXL size", "// HACKNEY", "fn todo_list() {}", "// \"todo!\" in a string"]
    {
        assert!(check_finished(&file("a.rs", text)).is_empty(), "{text}");
    }
}

#[test]
fn paths_of_one_machine_are_found_and_others_are_not() {
    for path in PRIVATE_PATHS {
        assert_eq!(check_private_paths(&file("a.md", &format!("see `{path}x`"))).len(), 1, "{path}");
        assert_eq!(check_private_paths(&file("a.md", &format!("{path}x"))).len(), 1, "{path}");
        assert!(check_private_paths(&file("a.md", &format!("frame{path}x"))).is_empty(), "{path}");
    }
}
