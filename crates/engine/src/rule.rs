//! Apps, and the rules that they are made of.

use std::fmt;

use model::{Id, Model, RowId, Table};
use pipeline::AppId;

use crate::node::Interface;
use crate::numbers::Space;
use crate::packet::Responder;
use crate::sink::Sink;
use crate::view::View;

/// An app: some rules, and answers to the packets that their flows send up.
#[derive(Debug)]
pub struct App {
    /// The owner of its tables.
    pub id: AppId,
    /// What it says, for each of its subjects.
    pub rules: Vec<Rule>,
    /// What it answers.
    pub responders: Vec<Responder>,
}

/// A function from the facts to flows, for each subject of a kind. Functions are pure and total.
pub struct Rule {
    pub(crate) name: &'static str,
    pub(crate) subjects: Subjects,
    pub(crate) compile: Compile,
}

type Compile = Box<dyn Fn(&mut View<'_>, Option<&RowId>, &mut Sink) + Send + Sync>;

/// For what a rule is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Once.
    Node,
    /// For each row of a table.
    Rows(Table),
    /// For each interface of the node.
    Interfaces,
    /// For each owner of a number.
    Owners(Space),
}

impl Rule {
    /// Says what the node needs whatever there is.
    pub fn once(
        name: &'static str,
        compile: impl Fn(&mut View<'_>, &mut Sink) + Send + Sync + 'static,
    ) -> Self {
        Self { name, subjects: Subjects::Node, compile: Box::new(move |view, _, sink| compile(view, sink)) }
    }

    /// Says what is needed for each row of a table.
    pub fn each<T: Model + 'static>(
        name: &'static str,
        compile: impl Fn(&mut View<'_>, &T, &mut Sink) + Send + Sync + 'static,
    ) -> Self {
        let compile = move |view: &mut View<'_>, subject: Option<&RowId>, sink: &mut Sink| {
            let row = subject.and_then(|id| view.get::<T>(&Id::from_row(id.clone())));
            if let Some(row) = row {
                compile(view, &row, sink);
            }
        };
        Self { name, subjects: Subjects::Rows(T::TABLE), compile: Box::new(compile) }
    }

    /// Says what is needed for each interface that is plugged into the node.
    pub fn each_interface(
        name: &'static str,
        compile: impl Fn(&mut View<'_>, &Interface, &mut Sink) + Send + Sync + 'static,
    ) -> Self {
        let compile = move |view: &mut View<'_>, subject: Option<&RowId>, sink: &mut Sink| {
            let interface = subject.and_then(|id| view.interface(&Id::from_row(id.clone())));
            if let Some(interface) = interface {
                compile(view, &interface, sink);
            }
        };
        Self { name, subjects: Subjects::Interfaces, compile: Box::new(compile) }
    }

    /// Says what is needed for each owner of a number, as long as somebody reads the number.
    pub fn each_owner(
        name: &'static str,
        space: Space,
        compile: impl Fn(&mut View<'_>, &RowId, u32, &mut Sink) + Send + Sync + 'static,
    ) -> Self {
        let compile = move |view: &mut View<'_>, subject: Option<&RowId>, sink: &mut Sink| {
            let owner = subject.and_then(|owner| Some((owner, view.given(space, owner)?)));
            if let Some((owner, number)) = owner {
                compile(view, owner, number, sink);
            }
        };
        Self { name, subjects: Subjects::Owners(space), compile: Box::new(compile) }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("subjects", &self.subjects)
            .finish_non_exhaustive()
    }
}
