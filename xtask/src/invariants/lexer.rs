//! Just enough of Rust's lexical grammar to tell code from comments and strings.
//!
//! Rules that look for text in code would otherwise trip over a number in a comment, or miss one
//! behind a line break. The lexer never fails: what it does not understand becomes punctuation, and
//! the compiler will say more about it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Identifier,
    Number,
    /// A string of any kind; the text is what is between the quotes.
    String,
    /// One character; `::` is two tokens.
    Punctuation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// From 1.
    pub(super) line: usize,
}

/// The tokens of a source text, without comments, character literals and lifetimes.
pub(super) fn lex(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, position: 0, line: 1, tokens: Vec::new() };
    while lexer.position < source.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    position: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.position..).unwrap_or_default()
    }

    /// Moves on by `length` bytes, counting the lines.
    fn advance(&mut self, length: usize) {
        let passed = self.rest().get(..length).unwrap_or_default();
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.position += length;
    }

    /// Takes `length` bytes as a token whose text is `text`.
    fn take(&mut self, kind: Kind, text: &'a str, length: usize) {
        self.tokens.push(Token { kind, text, line: self.line });
        self.advance(length);
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        if first.is_whitespace() {
            self.advance(first.len_utf8());
        } else if rest.starts_with("//") {
            self.advance(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.advance(block_comment_length(rest));
        } else if let Some((text, length)) = string_literal(rest) {
            self.take(Kind::String, text, length);
        } else if first == '\'' {
            self.advance(quote_length(rest));
        } else if first.is_ascii_digit() {
            let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            self.take(Kind::Number, &rest[..length], length);
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            self.take(Kind::Identifier, &rest[..length], length);
        } else {
            self.take(Kind::Punctuation, &rest[..first.len_utf8()], first.len_utf8());
        }
    }
}

/// Block comments nest.
fn block_comment_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut position) = (0_usize, 0);
    while position < bytes.len() {
        match bytes.get(position..position + 2) {
            Some(b"/*") => (depth, position) = (depth + 1, position + 2),
            Some(b"*/") => (depth, position) = (depth - 1, position + 2),
            _ => position += 1,
        }
        if depth == 0 {
            return position;
        }
    }
    bytes.len()
}

/// The content and the whole length of a string that starts here: `"…"`, `b"…"`, `r#"…"#`, …
fn string_literal(rest: &str) -> Option<(&str, usize)> {
    let prefix = rest.find(|c: char| !matches!(c, 'b' | 'c' | 'r'))?;
    let is_prefix = matches!(&rest[..prefix], "" | "b" | "c" | "r" | "br" | "cr");
    if !is_prefix {
        return None;
    }
    let after_prefix = &rest[prefix..];
    let hashes = after_prefix.len() - after_prefix.trim_start_matches('#').len();
    let body = after_prefix[hashes..].strip_prefix('"')?;
    let start = prefix + hashes + 1;
    if rest[..prefix].ends_with('r') {
        let close = format!("\"{}", &"#".repeat(hashes));
        let end = body.find(&close).unwrap_or(body.len());
        return Some((&body[..end], (start + end + close.len()).min(rest.len())));
    }
    if hashes > 0 {
        return None;
    }
    let mut escaped = false;
    for (end, byte) in body.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((&body[..end], start + end + 1)),
            _ => {}
        }
    }
    Some((body, rest.len()))
}

/// The length of a character literal or, where there is no closing quote, of the quote of a
/// lifetime.
fn quote_length(rest: &str) -> usize {
    let body = &rest[1..];
    if let Some(escape) = body.strip_prefix('\\') {
        // The character after the backslash may be a quote itself.
        let skip = 2 + escape.chars().next().map_or(0, char::len_utf8);
        return rest.get(skip..).and_then(|tail| tail.find('\'')).map_or(rest.len(), |end| skip + end + 1);
    }
    let width = body.chars().next().map_or(0, char::len_utf8);
    if body[width..].starts_with('\'') { width + 2 } else { 1 }
}

/// Removes what only tests compile: each item after `#[cfg(test)]`.
pub(super) fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        let window = tokens.get(position..position + CFG_TEST.len()).unwrap_or_default();
        if !window.is_empty() && window.iter().map(|token| token.text).eq(CFG_TEST) {
            position += CFG_TEST.len();
            position += item_length(&tokens[position..]);
        } else {
            kept.push(*token);
            position += 1;
        }
    }
    kept
}

/// Up to the semicolon or the closing brace that ends the item.
fn item_length(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Punctuation) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.text == "}" {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        lex(source).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_are_left_out_and_lines_counted() {
        let tokens = lex("a // 1\n/* 2 /* 3 */ 4 */ b\n/* open");
        assert_eq!(
            tokens.iter().map(|token| (token.text, token.line)).collect::<Vec<_>>(),
            [("a", 1), ("b", 2)]
        );
    }

    #[test]
    fn strings_of_every_kind_are_one_token() {
        for (source, text) in [
            (r#""a\"b" c"#, r#"a\"b"#),
            (r##"r#"a"b"# c"##, r#"a"b"#),
            (r#"b"a" c"#, "a"),
            (r#"br"a\" c"#, r"a\"),
            ("\"// no comment\" c", "// no comment"),
        ] {
            let tokens = lex(source);
            assert_eq!(tokens[0].kind, Kind::String, "{source}");
            assert_eq!((tokens[0].text, tokens[1].text), (text, "c"), "{source}");
        }
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(texts("'\"' x"), ["x"]);
        assert_eq!(texts(r"'\'' x"), ["x"]);
        assert_eq!(texts(r"'\u{1F600}' x"), ["x"]);
        assert_eq!(texts("&'a str"), ["&", "a", "str"]);
    }

    #[test]
    fn numbers_carry_their_suffix() {
        assert_eq!(texts("0x1F_u64 1..2 x1"), ["0x1F_u64", "1", ".", ".", "2", "x1"]);
    }

    #[test]
    fn identifiers_that_begin_like_strings_are_identifiers() {
        assert_eq!(texts("bridge crate br c"), ["bridge", "crate", "br", "c"]);
    }

    #[test]
    fn broken_text_does_not_stop_it() {
        for source in ["\"open", "r#\"open", "'", "'\\", "/*", "\u{20ac}", "b'x", "#"] {
            lex(source);
        }
    }

    #[test]
    fn items_of_tests_are_removed() {
        let source = "a #[cfg(test)] mod tests; b #[cfg(test)] #[expect(x)] mod t { fn f() { [1]; } } c";
        let tokens = lex(source);
        let kept: Vec<&str> = without_tests(&tokens).iter().map(|token| token.text).collect();
        assert_eq!(kept, ["a", "b", "c"]);
    }
}
