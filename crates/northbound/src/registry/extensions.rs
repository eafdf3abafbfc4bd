//! What we tell clients that we can do: only what this server really does.
//!
//! Clients ask by alias before they use a feature, so the aliases and names are Neutron's; the descriptions are ours.

mod layer3;
mod policies;
mod resources;

use std::sync::LazyLock;

use serde_json::{Value, json};

/// An extension of the API.
#[derive(Debug, Clone, Copy)]
pub struct Extension {
    /// What clients ask for.
    pub alias: &'static str,
    name: &'static str,
    /// What it means here.
    pub description: &'static str,
    updated: &'static str,
}

impl Extension {
    const fn new(
        alias: &'static str,
        name: &'static str,
        updated: &'static str,
        description: &'static str,
    ) -> Self {
        Self { alias, name, description, updated }
    }

    /// As the API shows it.
    #[must_use]
    pub fn view(&self) -> Value {
        json!({
            "alias": self.alias,
            "name": self.name,
            "description": self.description,
            "updated": self.updated,
            "links": [],
        })
    }
}

/// The extension with this alias.
#[must_use]
pub fn find(alias: &str) -> Option<&'static Extension> {
    EXTENSIONS.iter().find(|extension| extension.alias == alias)
}

/// All extensions, by their aliases.
pub static EXTENSIONS: LazyLock<Vec<Extension>> = LazyLock::new(|| {
    let mut all = [resources::EXTENSIONS, policies::EXTENSIONS, layer3::EXTENSIONS].concat();
    all.sort_unstable_by_key(|extension| extension.alias);
    all
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_have_one_alias_and_all_are_found_by_it() {
        assert!(EXTENSIONS.is_sorted_by(|first, second| first.alias < second.alias));
        assert_eq!(find("quotas").unwrap().view()["alias"], "quotas");
        assert!(find("quota").is_none());
    }
}
