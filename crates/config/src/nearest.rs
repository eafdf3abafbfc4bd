//! "Did you mean": the name that a mistyped one was probably meant to be.

/// A name that differs more than this is another name and not a typing error.
const EDITS_MAX: usize = 3;
/// Longer names than any of ours are not compared, which would cost the square of their length.
const NAME_CHARS_MAX: usize = 64;

/// The nearest of the names, if one is near enough.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().count() > NAME_CHARS_MAX {
        return None;
    }
    let ranked = names.map(|candidate| (edits(&name.to_lowercase(), &candidate.to_lowercase()), candidate));
    // In a short name, three edits leave nothing of what was written.
    let limit = EDITS_MAX.min(name.chars().count() / 2);
    ranked.filter(|(edits, _)| *edits <= limit).min().map(|(_, candidate)| candidate)
}

/// How many characters have to be put in, taken out or replaced.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (left, right, count) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(left, right), count, "{left} {right}");
            assert_eq!(edits(right, left), count, "{right} {left}");
        }
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["local_ip", "management_ip", "tunnel_types"];
        assert_eq!(nearest("local_pi", names.into_iter()), Some("local_ip"));
        assert_eq!(nearest("Tunel_types", names.into_iter()), Some("tunnel_types"));
        assert_eq!(nearest("bridge", names.into_iter()), None);
        assert_eq!(nearest("x", ["y"].into_iter()), None);
        assert_eq!(nearest(&"x".repeat(1000), names.into_iter()), None);
    }
}
