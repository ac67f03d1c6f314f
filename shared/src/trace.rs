//! W3C Trace Context: which trace an event belongs to, from the record or request that caused it to its readers.
//!
//! Nothing here makes spans. Where none are made, what the header says goes on (its 55 characters; what a later version adds
//! does not, and neither does `tracestate`); where they are, by [`crate::telemetry`], what is caused belongs to the span of the
//! record.

use crate::kafka::Record;
use crate::telemetry;
use axum::http::HeaderMap;
use std::fmt;

/// The header's name, in Kafka, HTTP and CloudEvents alike.
pub const TRACEPARENT: &str = "traceparent";

/// A `traceparent` that is well formed: `version-trace id-span id-flags` in lower-case hexadecimal digits.
///
/// Source: W3C Trace Context (Recommendation of 2021-11-23), section 3.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// Reads a header. What is not well formed counts as none, as the standard asks.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let mut parts = text.splitn(5, '-');
        let expected: [(usize, &str); 4] =
            [(2, "ff"), (32, "00000000000000000000000000000000"), (16, "0000000000000000"), (2, "none is forbidden")];
        for (length, forbidden) in expected {
            parts.next().filter(|part| part.len() == length && is_hex(part) && *part != forbidden)?;
        }
        // A later version may say more; this one says no more.
        let is_longer = parts.next().is_some();
        (!(is_longer && text.starts_with("00"))).then(|| Self(text.get(..55).unwrap_or_default().to_owned()))
    }

    /// What a record causes belongs to this: the span of the work on it, or what the record says.
    pub fn of_record(record: &Record) -> Option<Self> {
        telemetry::here().or_else(|| Self::given(record))
    }

    /// What a record says.
    pub(crate) fn given(record: &Record) -> Option<Self> {
        record.header(TRACEPARENT).and_then(Self::parse)
    }

    /// Of a request over HTTP.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(Self::parse)
    }

    /// As it stands in a header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_taken_as_the_standard_has_it() {
        let known = |text: &str| TraceParent::parse(text).map(|parent| parent.to_string());
        assert_eq!(known(GIVEN).as_deref(), Some(GIVEN));
        let later = GIVEN.replacen("00", "cc", 1);
        assert_eq!(known(&later), Some(later.clone()));
        assert_eq!(known(&format!("{later}-what-comes-with-it")), Some(later));
        for bad in [
            "",
            "00",
            &GIVEN.to_uppercase(),
            &GIVEN.replacen("00", "ff", 1),
            &GIVEN.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GIVEN.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &format!("{GIVEN}-more"),
            &format!(" {GIVEN}"),
            &GIVEN[1..],
            &GIVEN[..54],
        ] {
            assert_eq!(known(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_none_or_55_characters(text in "\\PC*") {
            prop_assert!(TraceParent::parse(&text).is_none_or(|parent| parent.as_str().len() == 55));
        }
    }
}
