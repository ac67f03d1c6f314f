//! What kind of answer a client takes.

use super::Problem;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;

/// The type of nearly every answer.
const JSON: &str = "application/json";

/// That the client takes JSON: an argument of every handler that answers it.
#[derive(Debug, Clone, Copy)]
pub struct AcceptsJson;

impl<S: Send + Sync> FromRequestParts<S> for AcceptsJson {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if accepts(&parts.headers, JSON) { Ok(Self) } else { Err(Problem::not_acceptable(&[JSON])) }
    }
}

/// Whether `Accept` takes a media type (RFC 9110, 12.5.1): the most specific range counts, and one with `q=0` refuses. A
/// client that says nothing takes everything.
pub fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let mut best: Option<(u8, bool)> = None;
    let mut said = false;
    for item in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','))
    {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        said |= !range.is_empty();
        let Some(specific) = matching(range, media) else { continue };
        let taken = !parts.any(is_zero);
        if best.is_none_or(|(than, _)| specific > than) {
            best = Some((specific, taken));
        }
    }
    best.map_or(!said, |(_, taken)| taken)
}

/// Whether `Accept` names a media type itself, and does not refuse it: more than that the client would take anything.
pub fn asks_for(headers: &HeaderMap, media: &str) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let named = |item: &str| item.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case(media));
    values.flat_map(|text| text.split(',')).any(named) && accepts(headers, media)
}

/// How specific a range is that a media type falls into.
fn matching(range: &str, media: &str) -> Option<u8> {
    if range.eq_ignore_ascii_case(media) {
        return Some(2);
    }
    let (kind, _) = media.split_once('/')?;
    match range.split_once('/')? {
        ("*", "*") => Some(0),
        (range_kind, "*") if range_kind.eq_ignore_ascii_case(kind) => Some(1),
        _ => None,
    }
}

/// `q=0`, `Q=0.000`
fn is_zero(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse().is_ok_and(|q: f32| q <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_counts() {
        for (accept, taken) in [
            ("", true),
            ("*/*", true),
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html, application/*;q=0.5", true),
            ("text/html", false),
            ("text/html,", false),
            ("application/json;q=0, */*", false),
            ("application/json;q=0.001, */*;q=0", true),
            ("*/*;q=0.000", false),
            ("nonsense", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(accepts(&headers, JSON), taken, "{accept:?}");
        }
        assert!(accepts(&HeaderMap::new(), JSON));
    }

    #[test]
    fn who_takes_anything_asks_for_nothing() {
        for (accept, asked) in [
            ("*/*", false),
            ("application/*", false),
            ("a/b, Application/Zip;q=0.1", true),
            ("application/zip;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(asks_for(&headers, "application/zip"), asked, "{accept}");
        }
    }
}
