//! The rules of all apps in their places, and who made a flow: the way back from a cookie to a rule and its subject.

use std::collections::BTreeSet;

use model::{RowId, Table};
use pipeline::{AppId, Cookie};

use crate::desired::Finding;
use crate::engine::Engine;
use crate::graph::UnitName;
use crate::rule::{Rule, Subjects};
use crate::sink::cookie_of;

/// A rule with the app that it is of.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) app: AppId,
    pub(crate) rule_of_app: u8,
    pub(crate) rule: Rule,
}

impl Registered {
    pub(crate) fn finding(&self, subject: Option<&RowId>, problem: String) -> Finding {
        Finding { app: self.app.name, rule: self.rule.name, subject: subject.cloned(), problem }
    }

    /// A unit of the rule, for people.
    pub(crate) fn explanation(&self, subject: Option<&RowId>) -> Explanation {
        let table = match self.rule.subjects {
            Subjects::Rows(table) => Some(table),
            Subjects::Node | Subjects::Interfaces | Subjects::Owners(_) => None,
        };
        Explanation { app: self.app.name, rule: self.rule.name, table, subject: subject.cloned() }
    }

    /// What a unit of the rule said to be about another object.
    pub(crate) fn explanation_about(&self, object: &RowId) -> Explanation {
        Explanation { table: None, ..self.explanation(Some(object)) }
    }
}

/// Who made a flow, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The app.
    pub app: &'static str,
    /// Its rule.
    pub rule: &'static str,
    /// The table of the subject; `None` for rules about the node, interfaces and owners of numbers.
    pub table: Option<Table>,
    /// The subject: a row, the port of an interface, the owner of a number, or what an app said a flow to be about (a rule of a
    /// security group, for example).
    pub subject: Option<RowId>,
}

impl Engine {
    /// Who makes flows with this cookie; nobody, for one that is not ours.
    #[must_use]
    pub fn explain(&self, cookie: Cookie) -> Vec<Explanation> {
        self.explain_all(&BTreeSet::from([cookie]))
    }

    /// The same for several at once, at the cost of one.
    #[must_use]
    pub fn explain_all(&self, cookies: &BTreeSet<Cookie>) -> Vec<Explanation> {
        let mut found: Vec<(UnitName<'_>, Explanation)> = Vec::new();
        for unit in self.graph.units() {
            let registered = &self.rules[usize::from(unit.rule)];
            let is_meant =
                |object| cookies.contains(&cookie_of(registered.app, registered.rule_of_app, object));
            let subject = unit.subject();
            if is_meant(subject) {
                found.push((unit.name(), registered.explanation(subject)));
            }
            let about = unit.said.rest.iter().flat_map(|rest| &rest.about);
            found.extend(
                about
                    .filter(|object| is_meant(Some(object)))
                    .map(|object| (unit.name(), registered.explanation_about(object))),
            );
        }
        found.sort_by_key(|(name, _)| *name);
        found.into_iter().map(|(_, explanation)| explanation).collect()
    }
}
