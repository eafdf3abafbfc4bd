//! `$other`: values that are made of other options' values.
//!
//! `$name` and `${name}` stand for the option of that name in the same section, or else in `DEFAULT`; `$section.name` and
//! `${section.name}` for one elsewhere. An option that is not set stands for its default, one that has none for nothing. `$$`
//! and `\$` are a dollar sign, and so is a dollar sign that no name follows.
//!
//! What ends up in a value is what the option means and not how it was spelt: `yes` arrives as `True`. A reference that
//! leads nowhere or back to itself is an error; how much one value can refer to is limited, so that a
//! file of a few lines cannot make us compute for hours.

use crate::ini::DEFAULT_SECTION;
use crate::layers::Layers;
use crate::table::{Default, OptionSpec};

#[cfg(test)]
mod tests;

/// How large a value may get.
pub(crate) const VALUE_BYTES_MAX: usize = 64 * 1024;
/// How many references may be followed for one value, those of the values that it refers to included.
pub(crate) const REFERENCES_MAX: usize = 1000;
/// How many references may lead from one to the next.
pub(crate) const DEPTH_MAX: usize = 16;

/// What the values of options are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Substitution<'a> {
    pub(crate) layers: &'a Layers,
    pub(crate) host_name: &'a str,
    /// Finds the declaration of an option.
    pub(crate) declared: fn(&str, &str) -> Option<&'static OptionSpec>,
}

/// What has been spent on one value.
#[derive(Default)]
struct Budget {
    references: usize,
    /// The options whose values are being made, for the sake of circles.
    path: Vec<String>,
}

impl Substitution<'_> {
    /// The text with the values that it refers to in their places.
    pub(crate) fn expand(&self, text: &str, section: &str) -> Result<String, String> {
        self.expand_within(text, section, &mut Budget::default())
    }

    fn expand_within(&self, text: &str, section: &str, budget: &mut Budget) -> Result<String, String> {
        // As oslo.config does it, before anything else: so `$\$` is an escaped dollar sign and one that is left.
        let text = text.replace("\\$", "$$");
        let mut expanded = String::new();
        let mut rest = text.as_str();
        while let Some(index) = rest.find('$') {
            let (before, after) =
                (rest.get(..index).unwrap_or_default(), rest.get(index + 1..).unwrap_or_default());
            expanded.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                expanded.push('$');
                rest = after;
            } else if let Some((name, after)) = reference(after) {
                expanded.push_str(&self.value(name, section, budget)?);
                rest = after;
            } else {
                expanded.push('$');
                rest = after;
            }
            check_size(&expanded)?;
        }
        expanded.push_str(rest);
        check_size(&expanded)?;
        Ok(expanded)
    }

    fn value(&self, name: &str, section: &str, budget: &mut Budget) -> Result<String, String> {
        budget.references += 1;
        if budget.references > REFERENCES_MAX {
            return Err(format!("follows more than {REFERENCES_MAX} references"));
        }
        let near = name.split_once('.').unwrap_or((section, name));
        for (section, option) in [near, (DEFAULT_SECTION, name)] {
            if let Some(spec) = (self.declared)(section, option) {
                return self.declared_value(spec, budget);
            }
            if let Some(written) = self.layers.last(section, option) {
                return self.follow(&written.value, section, option, budget);
            }
        }
        Err(format!("${name} leads nowhere, no such option is known or set; write $$ for a dollar sign"))
    }

    fn declared_value(&self, spec: &OptionSpec, budget: &mut Budget) -> Result<String, String> {
        let written = self.layers.find(spec).find_map(|(_, found)| found.written.last());
        let text = match (written, spec.default) {
            (Some(written), _) => written.value.as_str(),
            (None, Default::Text(text)) => text,
            (None, Default::HostName) => return Ok(self.host_name.to_owned()),
            (None, Default::Unset) => return Ok(String::new()),
        };
        let text = self.follow(text, spec.section, spec.name, budget)?;
        // A value that its own option refuses is reported there.
        Ok((spec.canonical)(std::slice::from_ref(&text)).map_or(text, |texts| texts.join(",")))
    }

    fn follow(&self, text: &str, section: &str, option: &str, budget: &mut Budget) -> Result<String, String> {
        let name = format!("{section}.{option}");
        if budget.path.contains(&name) {
            return Err(format!("${name} leads back to itself: {} -> {name}", budget.path.join(" -> ")));
        }
        if budget.path.len() >= DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} references lead from one to the next"));
        }
        budget.path.push(name);
        let expanded = self.expand_within(text, section, budget)?;
        budget.path.pop();
        Ok(expanded)
    }
}

/// The name at the beginning of the text behind a dollar sign, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        let (name, rest) = braced.split_once('}')?;
        return (name_length(name) == name.len() && !name.is_empty()).then_some((name, rest));
    }
    let length = name_length(text);
    (length > 0).then(|| text.split_at(length))
}

/// How many bytes from the beginning can be a name.
fn name_length(text: &str) -> usize {
    let first = text.bytes().next();
    if !first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
        return 0;
    }
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count()
}

fn check_size(text: &str) -> Result<(), String> {
    if text.len() > VALUE_BYTES_MAX {
        return Err(format!("a value has at most {VALUE_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// Writes a value so that nothing in it refers to anything.
///
/// A backslash before a dollar sign is the one thing that cannot be said in this notation; it is lost.
pub(crate) fn escape(value: &str) -> String {
    value.replace('$', "$$")
}
