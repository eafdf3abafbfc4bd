//! What holds for any text whatsoever, as assertions: for property tests and fuzzers.

use crate::error::{Place, Problem};
use crate::ini;
use crate::load::load;
use crate::render::Secrets;
use crate::source::{Environment, FILE_BYTES_MAX, Source};

/// What texts are called here.
const NAME: &str = "text";

/// Reads a text as a configuration file and checks what this crate promises: no panic, errors with a line of the text, and a
/// configuration that, written as a file, reads to the same configuration without anything to remark upon.
///
/// # Panics
/// If a promise is broken.
pub fn check_text(text: &str) {
    let environment = Environment::new("compute-1");
    let source = |text: &str| Source::Text { name: NAME.to_owned(), text: text.to_owned() };
    let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count();
    let parsed = ini::parse(text);
    assert!(
        parsed.entries.iter().all(|entry| (1..=lines).contains(&entry.line)),
        "a value is beyond the text"
    );
    assert!(parsed.errors.len() <= ini::ERRORS_MAX, "errors without end");
    let loaded = match load(&[source(text)], &environment) {
        Ok(loaded) => loaded,
        Err(problems) => {
            assert!(!problems.0.is_empty(), "refused without a problem");
            return problems.0.iter().for_each(|problem| check_problem(problem, text.len(), lines));
        }
    };
    // What substitution puts together can be more than the syntax can say.
    if text.contains('$') {
        return;
    }
    let written = loaded.config.to_ini(Secrets::Written);
    let again = load(&[source(&written)], &environment).expect("what is written can be read");
    assert_eq!(again.config, loaded.config, "what is written reads differently:\n{written}");
    assert_eq!(again.notices, [], "what is written is remarked upon:\n{written}");
}

fn check_problem(problem: &Problem, bytes: usize, lines: usize) {
    let place = match problem {
        Problem::Syntax { place, .. }
        | Problem::Value { place, .. }
        | Problem::Refused { place, .. }
        | Problem::UnknownOption { place, .. }
        | Problem::UnknownSection { place, .. } => place,
        Problem::Conflict(text) => return assert!(!text.is_empty()),
        Problem::Unreadable { .. } => return assert!(bytes > FILE_BYTES_MAX, "{problem}"),
    };
    // A default can be wrong only because it refers to something that somebody wrote.
    let Place { source, line } = place;
    let in_text = &**source == NAME && line.is_some_and(|line| (1..=lines).contains(&line));
    assert!(in_text || &**source == "default", "{problem} is nowhere in the text");
}
