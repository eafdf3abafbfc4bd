//! What an attribute is: who may say it, what it takes, who sees it.

use serde_json::Value;

use super::check::Check;
use super::convert::Convert;

/// A value that a declaration can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(i64),
    /// A text.
    Text(&'static str),
    /// An empty list.
    EmptyList,
}

impl Literal {
    /// As JSON.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => bool.into(),
            Self::Number(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::EmptyList => Value::Array(Vec::new()),
        }
    }

    /// Whether a JSON value is this one.
    #[must_use]
    pub fn is(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(ours), Value::Bool(theirs)) => ours == *theirs,
            (Self::Number(ours), Value::Number(theirs)) => theirs.as_i64() == Some(ours),
            (Self::Text(ours), Value::String(theirs)) => ours == theirs,
            (Self::EmptyList, Value::Array(items)) => items.is_empty(),
            _ => false,
        }
    }
}

/// What an attribute is when a creation does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// The creation is refused.
    Refused,
    /// The resource decides, and can tell that nothing was said.
    Open,
    /// This.
    Is(Literal),
}

/// Who may do something with an attribute, among those who may do it with the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// All of them.
    Anyone,
    /// Administrators, services, and the owner of the network that the resource is in.
    NetworkOwner,
    /// Administrators, services, and managers of the project.
    Manager,
    /// Administrators and services.
    Service,
    /// Administrators.
    Admin,
}

/// An attribute of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Its name in the API.
    pub name: &'static str,
    /// Whether a creation may say it.
    pub in_post: bool,
    /// Whether a change may say it.
    pub in_put: bool,
    /// What it is when a creation does not say it.
    pub unsaid: Unsaid,
    /// What is done to a value before it is checked.
    pub convert: Convert,
    /// Which values it takes.
    pub check: Check,
    /// Whether answers hold it.
    pub is_visible: bool,
    /// Whether lists can be filtered by it.
    pub is_filter: bool,
    /// Whether lists can be sorted by it.
    pub is_sort_key: bool,
    /// Whether it is computed for each answer and not kept.
    pub is_computed: bool,
    /// Whether answers leave it out where there is nothing to say.
    pub is_left_out: bool,
    /// Whether answers hold the text of it although it is a number.
    pub is_shown_as_text: bool,
    /// Who may say it in a creation.
    pub creator: Who,
    /// Who may say it in a change.
    pub updater: Who,
    /// Who sees it.
    pub reader: Who,
}

impl Attribute {
    /// An attribute that is in answers and that nobody says.
    #[must_use]
    pub const fn output(name: &'static str) -> Self {
        Self {
            name,
            in_post: false,
            in_put: false,
            unsaid: Unsaid::Open,
            convert: Convert::Nothing,
            check: Check::Anything,
            is_visible: true,
            is_filter: false,
            is_sort_key: false,
            is_computed: false,
            is_left_out: false,
            is_shown_as_text: false,
            creator: Who::Anyone,
            updater: Who::Anyone,
            reader: Who::Anyone,
        }
    }

    /// An attribute that is said once, when the resource is created.
    #[must_use]
    pub const fn fixed(name: &'static str, unsaid: Unsaid) -> Self {
        Self { in_post: true, unsaid, ..Self::output(name) }
    }

    /// An attribute that can be changed later.
    #[must_use]
    pub const fn mutable(name: &'static str, unsaid: Unsaid) -> Self {
        Self { in_put: true, ..Self::fixed(name, unsaid) }
    }

    /// An attribute that we keep for ourselves.
    #[must_use]
    pub const fn internal(name: &'static str) -> Self {
        Self { is_visible: false, ..Self::output(name) }
    }

    /// Lists can be filtered by it.
    #[must_use]
    pub const fn filter(self) -> Self {
        Self { is_filter: true, ..self }
    }

    /// Lists can be filtered and sorted by it.
    #[must_use]
    pub const fn filter_and_sort(self) -> Self {
        Self { is_filter: true, is_sort_key: true, ..self }
    }

    /// Takes only these values.
    #[must_use]
    pub const fn check(self, check: Check) -> Self {
        Self { check, ..self }
    }

    /// Does this to values first.
    #[must_use]
    pub const fn convert(self, convert: Convert) -> Self {
        Self { convert, ..self }
    }

    /// Is computed for each answer.
    #[must_use]
    pub const fn computed(self) -> Self {
        Self { is_computed: true, ..self }
    }

    /// Is left out of answers where there is nothing to say.
    #[must_use]
    pub const fn unless_null(self) -> Self {
        Self { is_left_out: true, ..self }
    }

    /// Is a number that answers show as text.
    #[must_use]
    pub const fn shown_as_text(self) -> Self {
        Self { is_shown_as_text: true, ..self }
    }

    /// Is not in answers.
    #[must_use]
    pub const fn hidden(self) -> Self {
        Self { is_visible: false, ..self }
    }

    /// May be said by these.
    #[must_use]
    pub const fn writer(self, who: Who) -> Self {
        Self { creator: who, updater: who, ..self }
    }

    /// May be changed by these.
    #[must_use]
    pub const fn updater(self, who: Who) -> Self {
        Self { updater: who, ..self }
    }

    /// Is seen by these.
    #[must_use]
    pub const fn reader(self, who: Who) -> Self {
        Self { reader: who, ..self }
    }
}
