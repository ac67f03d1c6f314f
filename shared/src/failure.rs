//! What went wrong, whether to try again, and how it is told.

use std::error::Error;
use std::fmt;

/// An error that somebody decides on: reject the record, or have it delivered again.
pub trait Classified: Error {
    /// A stable name that alarms and metrics match on. Kinds are added, never renamed.
    fn kind(&self) -> &'static str;

    /// Whether the same record could succeed later.
    fn is_transient(&self) -> bool;
}

/// Any [`Classified`] error, with what the batch processor needs to know of it.
///
/// `Display` and `Debug` both give the whole chain of causes on one line: the Lambda runtime prints a
/// handler's error with `Debug`, and a person reads that line.
pub struct Failure {
    kind: &'static str,
    transient: bool,
    error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure of the stable `kind` that a redelivery may cure.
    pub fn transient(kind: &'static str, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, transient: true, error: error.into() }
    }

    /// A failure of the stable `kind` that no redelivery cures.
    pub fn fatal(kind: &'static str, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, transient: false, error: error.into() }
    }

    /// The stable name of this sort of failure.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether the same record could succeed later.
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}

impl<E: Classified + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { kind: error.kind(), transient: error.is_transient(), error: Box::new(error) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Chain(&*self.error).fmt(f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.kind)
    }
}

/// Shows an error and all its causes on one line, `outer: middle: root`.
///
/// A cause whose text already ends the line is not repeated: many libraries print their source themselves.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.ends_with(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            cause = error.source();
        }
        f.write_str(&text)
    }
}

/// A text for the database and for people: at most `longest` bytes, cut between characters, and without U+0000, which
/// PostgreSQL cannot hold.
pub fn brief(text: &str, longest: usize) -> String {
    let kept = &text[..text.floor_char_boundary(longest)];
    let mut brief = kept.replace('\0', "\u{fffd}");
    if kept.len() < text.len() {
        brief.push_str("..");
    }
    brief
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brief_text_is_cut_between_characters() {
        assert_eq!(brief("a\0b", 10), "a\u{fffd}b");
        assert_eq!(brief("aéé", 2), "a..");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the page is damaged")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_tells_its_whole_chain_once() {
        let outer = Outer(std::io::Error::other("unexpected end"));
        assert_eq!(Chain(&outer).to_string(), "the page is damaged: unexpected end");
        assert_eq!(format!("{:?}", Failure::fatal("Page", outer)), "Page: the page is damaged: unexpected end");
    }
}
