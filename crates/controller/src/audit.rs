//! Whether what is desired is what it has to be: computed step by step it must be the same as computed anew.
//!
//! A difference is a fault of this program. It is said loudly, with the flows, and mended by starting over: the store and
//! the switch are read again, and the switch is changed by the difference only, so nobody loses a packet to it.

use engine::{Desired, Engine};

/// Entries that a line of the log names.
const NAMED_MAX: usize = 8;

/// What differs, for the log; nothing, if nothing does.
pub(crate) fn audit(engine: &mut Engine) -> Option<String> {
    let (desired, computed) = (engine.desired(), engine.recompute());
    (desired != computed).then(|| describe(&desired, &computed))
}

fn describe(desired: &Desired, computed: &Desired) -> String {
    let mut lines = Vec::new();
    compare("flow", &desired.flows, &computed.flows, ToString::to_string, &mut lines);
    compare("group", &desired.groups, &computed.groups, |group| group.id.to_string(), &mut lines);
    compare("meter", &desired.meters, &computed.meters, |meter| meter.id.to_string(), &mut lines);
    compare("ready port", &desired.ready, &computed.ready, ToString::to_string, &mut lines);
    compare("watched node", &desired.watched, &computed.watched, |one| one.peer.to_string(), &mut lines);
    compare("promise", &desired.reserves, &computed.reserves, |one| one.port.to_string(), &mut lines);
    compare("finding", &desired.findings, &computed.findings, |finding| finding.problem.clone(), &mut lines);
    let more = lines.len().saturating_sub(NAMED_MAX);
    lines.truncate(NAMED_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("; ")
}

fn compare<T: PartialEq>(
    what: &str,
    desired: &[T],
    computed: &[T],
    name: impl Fn(&T) -> String,
    lines: &mut Vec<String>,
) {
    // Differences are a handful in lists of thousands; lists that are the same are not gone through.
    if desired == computed {
        return;
    }
    let only = |in_this: &[T], in_that: &[T]| -> Vec<String> {
        in_this.iter().filter(|entry| !in_that.contains(entry)).map(&name).collect()
    };
    lines
        .extend(only(desired, computed).into_iter().map(|name| format!("{what} {name} should not be there")));
    lines.extend(only(computed, desired).into_iter().map(|name| format!("{what} {name} is missing")));
}

#[cfg(test)]
mod tests {
    use model::RowId;

    use super::*;

    #[test]
    fn an_engine_agrees_with_itself_and_one_that_never_ran_does_not() {
        let mut engine = Engine::new(apps::all());
        let difference = audit(&mut engine).unwrap();
        assert!(difference.contains("is missing") && difference.contains(" more"), "{difference}");
        engine.step(Vec::new());
        assert_eq!(audit(&mut engine), None);
    }

    #[test]
    fn differences_are_named_and_bounded() {
        let ids =
            |range: std::ops::Range<u32>| range.map(|id| RowId::new(&format!("p{id}")).unwrap()).collect();
        let desired = Desired { ready: ids(0..3), ..Desired::default() };
        let computed = Desired { ready: ids(1..4), ..Desired::default() };
        assert_eq!(
            describe(&desired, &computed),
            "ready port p0 should not be there; ready port p3 is missing"
        );
        let text = describe(&Desired { ready: ids(0..100), ..Desired::default() }, &Desired::default());
        assert_eq!(text.matches("should not be there").count(), NAMED_MAX);
        assert!(text.ends_with("and 92 more"), "{text}");
    }
}
