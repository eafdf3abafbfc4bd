//! Options whose values are words: each word a variant, with the other spellings that it had in the course of time.

use super::Remarks;

/// A word and what it means.
#[derive(Debug)]
pub(crate) struct Spelling<T: 'static> {
    pub(crate) word: &'static str,
    /// Older words for the same, and class paths that the original took instead of an alias.
    pub(crate) old: &'static [&'static str],
    pub(crate) value: T,
}

/// The value for a word.
///
/// An old spelling is remarked upon; a word that the original knew and that is refused gets the reason.
pub(crate) fn find_spelling<T: Copy>(
    text: &str,
    spellings: &[Spelling<T>],
    refused: &[(&str, &str)],
    remarks: &mut Remarks,
) -> Result<T, String> {
    for spelling in spellings {
        if spelling.word == text {
            return Ok(spelling.value);
        }
        if spelling.old.contains(&text) {
            remarks.add(format!("{text} is an old spelling of {}", spelling.word));
            return Ok(spelling.value);
        }
    }
    let words: Vec<_> = spellings.iter().map(|spelling| spelling.word).collect();
    match refused.iter().find(|(word, _)| *word == text) {
        Some((_, reason)) => Err(format!("{reason}; allowed: {}", words.join(", "))),
        None => Err(format!("allowed: {}", words.join(", "))),
    }
}

/// Declares an enum whose variants are written as words.
macro_rules! choice {
    (
        $(#[$about:meta])*
        pub enum $type:ident ($kind:literal) {
            $( $(#[$help:meta])* $variant:ident = $word:literal $(| $old:literal)* , )+
        }
        $(refused { $( $bad:literal => $reason:literal , )+ })?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type {
            $( $(#[$help])* $variant, )+
        }

        impl $type {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$( Self::$variant ),+];

            /// The word that stands for the value in a configuration file.
            pub const fn word(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl $crate::setting::Single for $type {
            const KIND: &'static str = $kind;
            const CHOICES: &'static [&'static str] = &[$($word),+];

            fn parse(text: &str, remarks: &mut $crate::setting::Remarks) -> Result<Self, String> {
                let spellings = [
                    $( $crate::setting::Spelling { word: $word, old: &[$($old),*], value: Self::$variant } ),+
                ];
                let refused: &[(&str, &str)] = &[$($( ($bad, $reason) ),+)?];
                $crate::setting::find_spelling(text, &spellings, refused, remarks)
            }

            fn text(&self) -> String {
                self.word().to_owned()
            }
        }
    };
}
pub(crate) use choice;
