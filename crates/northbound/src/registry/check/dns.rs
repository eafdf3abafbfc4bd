//! Checks of names and domains for DNS: what their form is. Whether a name fits the domain of the cloud, the resource decides.

use serde_json::Value;

use super::{Verdict, flaw, text};
use crate::registry::python;

const NAME_CHARS_MAX: usize = 255;
const LABEL_CHARS_MAX: usize = 63;

/// The name of a port: relative, or full with a dot at its end. Nothing is no name.
pub(super) fn port_name(value: &Value) -> Verdict {
    form(text(value, usize::MAX)?)
}

/// The name of a floating IP, which is relative.
pub(super) fn floating_ip_name(value: &Value) -> Verdict {
    let name = text(value, usize::MAX)?;
    if name.ends_with('.') {
        return flaw(format!("'{}' is a FQDN. It should be a relative domain name", python::text(value)));
    }
    form(name)?;
    leaves_room(value, name, 3, "domain name")
}

/// A domain, which is full.
pub(super) fn domain(value: &Value) -> Verdict {
    let name = text(value, usize::MAX)?;
    if !name.is_empty() && !name.ends_with('.') {
        return flaw(format!("'{}' is not a FQDN", python::text(value)));
    }
    form(name)?;
    leaves_room(value, name, 2, "sub-domain")
}

fn leaves_room(value: &Value, name: &str, chars: usize, what: &str) -> Verdict {
    let length = name.chars().count();
    if length.saturating_add(chars) <= NAME_CHARS_MAX {
        return Ok(());
    }
    flaw(format!(
        "'{}' contains {length} characters. Adding a {what} will cause it to exceed the maximum length of a FQDN of \
         '{NAME_CHARS_MAX}'",
        python::text(value)
    ))
}

/// Whether a name has the form of one (RFC 952, RFC 1123).
fn form(name: &str) -> Verdict {
    let flaw_of_form = flaw_of(name);
    let Some(reason) = flaw_of_form else { return Ok(()) };
    let name = python::text(&name.into());
    flaw(format!("'{name}' not a valid PQDN or FQDN. Reason: {reason}"))
}

fn flaw_of(name: &str) -> Option<String> {
    let trimmed = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return None;
    }
    if trimmed.chars().count() > NAME_CHARS_MAX {
        return Some(format!(
            "'{}' exceeds the {NAME_CHARS_MAX} character FQDN limit",
            python::text(&trimmed.into())
        ));
    }
    let is_sign = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
    for label in trimmed.split('.') {
        if label.is_empty() {
            return Some("Encountered an empty component".to_owned());
        }
        let shown = python::text(&label.into());
        if label.starts_with('-') || label.ends_with('-') {
            return Some(format!("Name '{shown}' must not start or end with a hyphen"));
        }
        if label.len() > LABEL_CHARS_MAX || !label.chars().all(is_sign) {
            return Some(format!(
                "Name '{shown}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen"
            ));
        }
    }
    let (_, last) = trimmed.rsplit_once('.')?;
    let is_number = last.chars().all(|sign| sign.is_ascii_digit());
    is_number.then(|| format!("TLD '{last}' must not be all numeric"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::check::Flaw;

    fn reason(check: fn(&Value) -> Verdict, name: &str) -> Option<String> {
        check(&name.into()).err().map(|flaw| match flaw {
            Flaw::Reason(reason) => reason,
            Flaw::Refusal(error) => panic!("{error:?}"),
        })
    }

    #[test]
    fn names_are_labels_of_letters_digits_and_hyphens() {
        for name in ["", "a", "a-1", "0", "a.b", "a.b.", "a.1b", &"x".repeat(63)] {
            assert_eq!(reason(port_name, name), None, "{name}");
        }
        let long = ["x"; 129].join(".");
        for (name, expected) in [
            (".", "Encountered an empty component"),
            ("a..b", "Encountered an empty component"),
            ("-a", "Name '-a' must not start or end with a hyphen"),
            ("a.b-.c", "Name 'b-' must not start or end with a hyphen"),
            (
                "a_b",
                "Name 'a_b' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen",
            ),
            ("a.1", "TLD '1' must not be all numeric"),
            ("a.12.", "TLD '12' must not be all numeric"),
            (&long, &format!("'{long}' exceeds the 255 character FQDN limit")),
        ] {
            let expected = format!("'{name}' not a valid PQDN or FQDN. Reason: {expected}");
            assert_eq!(reason(port_name, name), Some(expected));
        }
        assert!(
            reason(port_name, &"x".repeat(64))
                .is_some_and(|reason| reason.contains("must be 1-63 characters long"))
        );
    }

    #[test]
    fn domains_are_full_and_names_of_floating_ips_relative() {
        // A name of so many characters.
        let room = |length: usize| format!("{}{}", "x".repeat(2 - length % 2), ".x".repeat((length - 1) / 2));
        for domain_name in ["", "a.", "example.org.", &format!("{}.", room(252))] {
            assert_eq!(reason(domain, domain_name), None, "{domain_name}");
        }
        assert_eq!(reason(domain, "example.org").as_deref(), Some("'example.org' is not a FQDN"));
        let long = format!("{}.", room(253));
        let expected = format!(
            "'{long}' contains 254 characters. Adding a sub-domain will cause it to exceed the maximum length of a FQDN of '255'"
        );
        assert_eq!(
            (long.len(), reason(domain, &room(254))),
            (254, Some(format!("'{}' is not a FQDN", room(254))))
        );
        assert_eq!(reason(domain, &long), Some(expected));

        assert_eq!(reason(floating_ip_name, "a.b"), None);
        let expected = "'a.b.' is a FQDN. It should be a relative domain name";
        assert_eq!(reason(floating_ip_name, "a.b.").as_deref(), Some(expected));
        let long = room(254);
        assert!(
            reason(floating_ip_name, &long)
                .is_some_and(|reason| reason.contains("Adding a domain name will cause"))
        );
    }
}
