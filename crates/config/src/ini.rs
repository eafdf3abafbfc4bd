//! The text of one configuration file, read as oslo.config reads it.
//!
//! What holds for every input: each value is reported with the line that it begins on, every error names
//! its line, and memory is bounded by the size of the text. Nothing is known here about which options exist.
//!
//! The rules are not those of other INI dialects, so here they are in full:
//!
//! * `[section]` begins a section; the bracket has to close at the end of the line. A section may come again.
//! * `key = value` or `key: value`; whichever sign comes first divides. Blanks around both sides go.
//! * A value in a pair of equal quotes, single or double, loses them. Only the first line is looked at.
//! * A line that begins with a blank continues the value above it, joined with a newline, even if it looks like a
//!   comment or an assignment. An empty line and everything that begins in the first column end the value.
//! * `#` and `;` begin a comment in the first column and nowhere else: `key = a # b` has the value `a # b`.
//! * A key that comes twice has two values. What that means is the option's affair.
//! * Keys know upper and lower case. Sections do not, except that `DEFAULT` is written just so.

use std::sync::Arc;

#[cfg(test)]
mod tests;

/// How much of an offending line an error quotes.
const QUOTED_CHARS_MAX: usize = 80;

/// After so many errors the rest is not looked at: the text is no configuration.
pub const ERRORS_MAX: usize = 20;

/// The section that other services' options lie in, and those that several services share.
pub(crate) const DEFAULT_SECTION: &str = "DEFAULT";

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The section in lower case, or `DEFAULT`.
    pub section: Arc<str>,
    /// The key, as written.
    pub key: String,
    /// The value without what the syntax needed; continuation lines are joined with a newline.
    pub value: String,
    /// The line that the assignment begins on, counted from one.
    pub line: usize,
}

/// Why a text is not a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}: {text:?}")]
pub struct SyntaxError {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub fault: SyntaxFault,
    /// The beginning of the line.
    pub text: String,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxFault {
    /// Neither a section, nor a comment, nor an assignment.
    #[error("no '=' or ':' found, write \"option = value\"")]
    NoAssignment,
    /// `= value`.
    #[error("the option has no name")]
    NoKey,
    /// A line that begins with a blank and has nothing above it to continue.
    #[error("a line that begins with a blank continues an option, and there is none above it")]
    NothingToContinue,
    /// `[section`, or something behind the bracket.
    #[error("a section has to end with ']', with nothing behind it")]
    SectionNotClosed,
    /// `[]`.
    #[error("the section has no name")]
    NoSectionName,
    /// An assignment above the first section.
    #[error("an option has to be in a section, write for example \"[df]\" above it")]
    NoSection,
}

/// The spelling by which sections are compared.
pub(crate) fn section_key(name: &str) -> String {
    if name == DEFAULT_SECTION { name.to_owned() } else { name.to_lowercase() }
}

/// What a text says, and which of its lines say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// All assignments, in their order.
    pub entries: Vec<Entry>,
    /// All lines that break the rules of this module; of a text that is no configuration, the first ones. What follows from
    /// another mistake is none: options below a section that cannot be read are left out without a word.
    pub errors: Vec<SyntaxError>,
}

/// Reads a text.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let text = text.replace("\r\n", "\n");
    let mut parser = Parser { section: Section::NoneYet, above: Above::Nothing, entries: Vec::new() };
    let mut errors = Vec::new();
    for (index, line) in text.split(['\n', '\r']).enumerate() {
        let line = line.trim_end();
        if let Err(fault) = parser.line(line, index + 1) {
            errors.push(SyntaxError { line: index + 1, fault, text: quote(line) });
            if errors.len() == ERRORS_MAX {
                break;
            }
        }
    }
    parser.finish();
    Parsed { entries: parser.entries, errors }
}

/// Where a line is.
enum Section {
    NoneYet,
    Named(Arc<str>),
    /// Below a line that should have named one.
    Unknown,
}

/// What a line may continue.
enum Above {
    Nothing,
    Assignment(Entry),
    /// Something that could not be read, which was said already.
    Mistake,
}

struct Parser {
    section: Section,
    above: Above,
    entries: Vec<Entry>,
}

impl Parser {
    fn line(&mut self, line: &str, number: usize) -> Result<(), SyntaxFault> {
        if line.starts_with([' ', '\t']) {
            match &mut self.above {
                Above::Nothing => return Err(SyntaxFault::NothingToContinue),
                Above::Assignment(entry) => {
                    entry.value.push('\n');
                    entry.value.push_str(line.trim_start());
                }
                Above::Mistake => {}
            }
            return Ok(());
        }
        self.finish();
        self.begin(line, number).inspect_err(|_| self.above = Above::Mistake)
    }

    /// Reads a line that continues nothing.
    fn begin(&mut self, line: &str, number: usize) -> Result<(), SyntaxFault> {
        if let Some(section) = line.strip_prefix('[') {
            self.section = Section::Unknown;
            let name = section.strip_suffix(']').ok_or(SyntaxFault::SectionNotClosed)?;
            if name.is_empty() {
                return Err(SyntaxFault::NoSectionName);
            }
            self.section = Section::Named(section_key(name).into());
        } else if !line.is_empty() && !line.starts_with(['#', ';']) {
            let (key, value) = line.split_once(['=', ':']).ok_or(SyntaxFault::NoAssignment)?;
            let key = key.trim();
            if key.is_empty() {
                return Err(SyntaxFault::NoKey);
            }
            self.above = match &self.section {
                Section::NoneYet => return Err(SyntaxFault::NoSection),
                Section::Unknown => Above::Mistake,
                Section::Named(section) => {
                    let (section, value) = (Arc::clone(section), unquote(value.trim()).to_owned());
                    Above::Assignment(Entry { section, key: key.to_owned(), value, line: number })
                }
            };
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let Above::Assignment(entry) = std::mem::replace(&mut self.above, Above::Nothing) {
            self.entries.push(entry);
        }
    }
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            // A lone quote is its own partner.
            return if rest.is_empty() { rest } else { rest.strip_suffix(quote).unwrap_or(value) };
        }
    }
    value
}

fn quote(line: &str) -> String {
    let mut quoted: String = line.chars().take(QUOTED_CHARS_MAX).collect();
    if quoted.len() < line.len() {
        quoted.push('…');
    }
    quoted
}

/// Writes a value so that [`parse`] gives it back.
///
/// That is possible for every value that [`parse`] can give: others lose blanks at the ends of their lines and lines that
/// are empty.
pub(crate) fn write_value(value: &str) -> String {
    let (first, rest) = value.split_once('\n').map_or((value, None), |(first, rest)| (first, Some(rest)));
    let looks_quoted = unquote(first).len() != first.len();
    let mut written =
        if first != first.trim() || looks_quoted { format!("\"{first}\"") } else { first.to_owned() };
    for line in rest.into_iter().flat_map(|rest| rest.split('\n')) {
        written.push_str("\n    ");
        written.push_str(line);
    }
    written
}
