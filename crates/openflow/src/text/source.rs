//! Text that knows its place, and the items that `ovs-ofctl` syntax is made of.
//!
//! Everything in that syntax is a list of items that commas or blanks separate: `key`, `key=value`, `key:value`,
//! `key(value)` or, once, `key(value)->value`. Parentheses in a value nest, and what they enclose is such a list again.

use std::str::FromStr;

use net_types::OfPort;
use thiserror::Error;

/// Characters of the input that an error message repeats.
const QUOTE_CHARS_MAX: usize = 40;
const BLANK: &[char] = &[' ', '\t', '\r', '\n'];
const SEPARATOR: &[char] = &[',', ' ', '\t', '\r', '\n'];
const KEY_END: &[char] = &[':', '=', '(', ',', ' ', '\t', '\r', '\n'];

/// Text that is not in `ovs-ofctl` syntax: where, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at column {}: {problem}", offset + 1)]
pub struct TextError {
    /// Bytes before the place.
    pub offset: usize,
    /// What is wrong.
    pub problem: String,
}

/// What parsing something for its effect gives.
pub(super) type Done = Result<(), TextError>;

/// A part of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Piece<'a> {
    /// All of the input.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    pub(super) fn as_str(self) -> &'a str {
        self.text
    }

    pub(super) fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn trim(self) -> Self {
        let start = self.text.len() - self.text.trim_start_matches(BLANK).len();
        let (_, rest) = self.split_at(start);
        rest.split_at(rest.text.trim_end_matches(BLANK).len()).0
    }

    /// The bytes before `at` and those from there on; `at` is a place that a search in this piece gave.
    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        match self.text.split_at_checked(at) {
            Some((head, tail)) => {
                (Self { text: head, ..self }, Self { text: tail, offset: self.offset + head.len() })
            }
            None => (self, Self { text: "", offset: self.offset + self.text.len() }),
        }
    }

    /// What is before the first `delimiter`, and what is behind it.
    pub(super) fn split_once(self, delimiter: &str) -> Option<(Self, Self)> {
        let (head, tail) = self.split_at(self.text.find(delimiter)?);
        Some((head, tail.split_at(delimiter.len()).1))
    }

    /// The rest behind `prefix`.
    pub(super) fn strip_prefix(self, prefix: &str) -> Option<Self> {
        self.text.starts_with(prefix).then(|| self.split_at(prefix.len()).1)
    }

    /// The characters at the start for which `belongs` holds, and the rest.
    pub(super) fn take_while(self, belongs: impl Fn(char) -> bool) -> (Self, Self) {
        self.split_at(self.text.find(|c| !belongs(c)).unwrap_or(self.text.len()))
    }

    /// The pieces between separators, without empty ones.
    pub(super) fn words(self, separators: &'static [char]) -> impl Iterator<Item = Piece<'a>> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let (_, start) = rest.take_while(|c| separators.contains(&c));
            let (word, tail) = start.take_while(|c| !separators.contains(&c));
            rest = tail;
            (!word.is_empty()).then_some(word)
        })
    }

    /// This text from where `inner`, a part of it, begins.
    pub(super) fn starting_with(self, inner: Piece<'_>) -> Self {
        self.split_at(inner.offset.saturating_sub(self.offset)).1
    }

    pub(super) fn error(self, problem: impl Into<String>) -> TextError {
        TextError { offset: self.offset, problem: problem.into() }
    }

    /// An error that says what should be here.
    pub(super) fn expected(self, what: &str) -> TextError {
        if self.is_empty() {
            return self.error(format!("expected {what}"));
        }
        self.error(format!("expected {what}, found {}", self.quoted()))
    }

    /// The text in quotes, shortened.
    pub(super) fn quoted(self) -> String {
        match self.text.char_indices().nth(QUOTE_CHARS_MAX) {
            Some((end, _)) => format!("{:?}…", &self.text[..end]),
            None => format!("{:?}", self.text),
        }
    }

    /// A number: decimal, `0x` hexadecimal, or octal behind a zero as in C.
    pub(super) fn number<T: TryFrom<u128>>(self, what: &str) -> Result<T, TextError> {
        self.uint()
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| self.expected(&format!("{what}, a number of at most {} bits", 8 * size_of::<T>())))
    }

    /// A number of at most 128 bits, if this is one.
    pub(super) fn uint(self) -> Option<u128> {
        let text = self.text;
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if text.len() > 1 && text.starts_with('0') => (text, 8),
            None => (text, 10),
        };
        // `from_str_radix` alone would let "+1" through.
        if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(digits, radix).ok()
    }

    /// A port by number or reserved name.
    pub(super) fn port(self) -> Result<OfPort, TextError> {
        self.parse("a port number or a reserved port such as LOCAL")
    }

    /// A value of a type that reads itself.
    pub(super) fn parse<T: FromStr>(self, what: &str) -> Result<T, TextError> {
        self.text.parse().map_err(|_| self.expected(what))
    }

    /// Bytes as pairs of hex digits, with or without dots or blanks between.
    pub(super) fn hex_bytes(self) -> Result<Vec<u8>, TextError> {
        let error = || self.expected("pairs of hex digits");
        let mut bytes = Vec::new();
        let mut digits = self.text.chars().filter(|c| *c != '.' && !BLANK.contains(c));
        while let Some(high) = digits.next() {
            let digit = |c: char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(error);
            let low = digits.next().ok_or_else(error)?;
            bytes.push(digit(high)? << 4 | digit(low)?);
        }
        Ok(bytes)
    }

    /// The items of this list.
    pub(super) fn items(self) -> Items<'a> {
        Items { rest: self }
    }
}

/// How an item gives its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It has none.
    Bare,
    /// Behind `=` or `:`.
    Assigned,
    /// In parentheses.
    Parens,
}

/// One item of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) key: Piece<'a>,
    pub(super) value: Piece<'a>,
    pub(super) form: Form,
}

impl Item<'_> {
    /// Refuses an item that has a value.
    pub(super) fn without_value(self) -> Done {
        match self.value.is_empty() {
            true => Ok(()),
            false => Err(self.value.error(format!("{} takes no value", self.key.as_str()))),
        }
    }
}

/// The items of a list, one after the other.
#[derive(Debug)]
pub(super) struct Items<'a> {
    rest: Piece<'a>,
}

impl<'a> Items<'a> {
    /// What was not read yet.
    pub(super) fn place(&self) -> Piece<'a> {
        self.rest
    }

    /// The next item; nothing at the end of the list.
    pub(super) fn next(&mut self) -> Result<Option<Item<'a>>, TextError> {
        let (_, start) = self.rest.take_while(|c| SEPARATOR.contains(&c));
        if start.is_empty() {
            return Ok(None);
        }
        let (key, rest) = start.take_while(|c| !KEY_END.contains(&c));
        let (form, (value, rest)) = if let Some(rest) = rest.strip_prefix("(") {
            (Form::Parens, parenthesised(rest)?)
        } else if let Some(rest) = rest.strip_prefix("=").or_else(|| rest.strip_prefix(":")) {
            (Form::Assigned, assigned(rest)?)
        } else {
            (Form::Bare, rest.split_at(0))
        };
        self.rest = rest;
        Ok(Some(Item { key, value, form }))
    }
}

/// Splits behind the last character of a value that ends at a separator outside parentheses.
fn assigned(text: Piece<'_>) -> Result<(Piece<'_>, Piece<'_>), TextError> {
    let (mut depth, mut inside) = (0_usize, text);
    for (at, c) in text.text.char_indices() {
        match c {
            '(' => {
                if depth == 0 {
                    inside = text.split_at(at + 1).1;
                }
                depth += 1;
            }
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && SEPARATOR.contains(&c) => return Ok(text.split_at(at)),
            _ => {}
        }
    }
    match depth {
        0 => Ok(text.split_at(text.text.len())),
        _ => Err(not_closed(inside)),
    }
}

/// Splits at the parenthesis that closes one opened before `text`; `)->…` belongs to the value.
fn parenthesised(text: Piece<'_>) -> Result<(Piece<'_>, Piece<'_>), TextError> {
    let mut depth = 1_usize;
    for (at, c) in text.text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (value, rest) = text.split_at(at);
            if !rest.text.starts_with(")->") {
                return Ok((value, rest.split_at(1).1));
            }
            let (tail, _) = assigned(rest)?;
            return Ok(text.split_at(at + tail.text.len()));
        }
    }
    Err(not_closed(text))
}

/// The error for a parenthesis before `inside`.
fn not_closed(inside: Piece<'_>) -> TextError {
    inside.error("the parenthesis before this is not closed")
}
