//! The path of a request, with each of its parts percent-encoded exactly once, whatever the gateway made of it.
//!
//! A function URL, like `cargo lambda`, hands on the path as the client wrote it. An API Gateway HTTP API hands it on
//! decoded: there `/a%2Fb` may stand for what the client wrote so, or as `/a%252Fb`. Taken for the wrong one, one owner's
//! key would be another's.

use std::collections::HashMap;
use std::fmt::Write as _;

/// What a gateway says of a request's path.
pub(super) struct Told<'a> {
    /// The route that it chose, `GET /owners/{owner}`; `$default` is none.
    pub route: Option<&'a str>,
    /// The values for that route's names, decoded.
    pub parameters: &'a HashMap<String, String>,
    /// The path, decoded or not.
    pub raw: &'a str,
    /// The stage, which is the beginning of `raw` unless it is `$default`.
    pub stage: Option<&'a str>,
    /// The host name of the request.
    pub domain: Option<&'a str>,
}

impl Told<'_> {
    /// The path as a client would encode it. `None`: it could be understood in two ways, or is not encoded soundly.
    pub fn encoded(&self) -> Option<String> {
        if let Some(path) = self.by_route() {
            return Some(path);
        }
        let raw = self.without_stage();
        if self.is_as_written() {
            return is_sound(raw).then(|| raw.to_owned());
        }
        // Decoded already; with a percent sign left nobody can tell what was meant.
        (!raw.contains('%')).then(|| encode_parts(raw))
    }

    /// The gateway's route with its values: the one form in which nothing is lost.
    fn by_route(&self) -> Option<String> {
        let (_, template) = self.route?.split_once(' ')?;
        let mut path = String::new();
        for part in template.strip_prefix('/')?.split('/') {
            path.push('/');
            match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                None => path.push_str(part),
                Some(name) => match name.strip_suffix('+') {
                    None => encode(self.parameters.get(name)?, &mut path),
                    // Everything that is left: its slashes separate.
                    Some(rest) => path.push_str(&encode_parts(self.parameters.get(rest)?)),
                },
            }
        }
        Some(path)
    }

    fn without_stage(&self) -> &str {
        let stage = self.stage.filter(|stage| *stage != "$default");
        let rest = stage.and_then(|stage| self.raw.strip_prefix('/')?.strip_prefix(stage));
        rest.filter(|rest| rest.starts_with('/')).unwrap_or(self.raw)
    }

    /// Whether the path is what the client wrote: at function URLs, and locally.
    fn is_as_written(&self) -> bool {
        self.domain.is_some_and(|domain| {
            let domain = domain.split_once(':').map_or(domain, |(host, _)| host);
            domain == "localhost" || domain.contains(".lambda-url.") && !domain.contains(".execute-api.")
        })
    }
}

/// Whether each percent sign begins a byte, and everything else may stand in a path.
fn is_sound(path: &str) -> bool {
    let bytes = path.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => hex(at + 1) && hex(at + 2),
        b'?' | b'#' => false,
        other => other.is_ascii_graphic(),
    })
}

fn encode_parts(path: &str) -> String {
    let mut encoded = String::new();
    for (number, part) in path.split('/').enumerate() {
        if number > 0 {
            encoded.push('/');
        }
        encode(part, &mut encoded);
    }
    encoded
}

fn encode(part: &str, into: &mut String) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: &str = "GET /candlepin/owners/{owner}/imports";

    fn told(
        route: &str,
        parameters: &[(&str, &str)],
        raw: &str,
        stage: Option<&str>,
        domain: Option<&str>,
    ) -> Option<String> {
        let parameters = parameters.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Told { route: Some(route), parameters: &parameters, raw, stage, domain }.encoded()
    }

    fn gateway(owner: &str) -> Option<String> {
        let raw = format!("/candlepin/owners/{owner}/imports");
        told(ROUTE, &[("owner", owner)], &raw, None, Some("api.example.com"))
    }

    #[test]
    fn a_gateways_route_and_values_count_and_not_its_decoded_path() {
        for (owner, encoded) in [
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252Fb"),
            ("ä", "%C3%A4"),
            ("..", ".."),
            ("a?b#c+d e%", "a%3Fb%23c%2Bd%20e%25"),
        ] {
            assert_eq!(gateway(owner).unwrap(), format!("/candlepin/owners/{encoded}/imports"));
        }
        let greedy = |rest| told("ANY /{proxy+}", &[("proxy", rest)], "/x", None, None).unwrap();
        assert_eq!(greedy("candlepin/owners/a%2Fb/imports"), "/candlepin/owners/a%252Fb/imports");
    }

    #[test]
    fn a_function_urls_path_is_as_the_client_wrote_it() {
        for domain in ["abc.lambda-url.eu-west-1.on.aws", "localhost", "localhost:9000"] {
            let url = |raw| told("$default", &[], raw, Some("$default"), Some(domain));
            assert_eq!(url("/owners/a%2Fb/imports").unwrap(), "/owners/a%2Fb/imports");
            for bad in ["/owners/%/imports", "/owners/a%2/imports", "/owners/a b", "/owners/ä", "/a?b", "/%zz"] {
                assert_eq!(url(bad), None, "{bad}");
            }
        }
    }

    #[test]
    fn without_a_route_a_decoded_path_counts_only_where_it_is_not_ambiguous() {
        let path = |raw, stage| told("$default", &[], raw, stage, Some("x.execute-api.eu-west-1.amazonaws.com"));
        assert_eq!(path("/owners/ä b/imports", None).unwrap(), "/owners/%C3%A4%20b/imports");
        assert_eq!(path("/v1/owners/a/imports", Some("v1")).unwrap(), "/owners/a/imports");
        assert_eq!(path("/v1x/owners", Some("v1")).unwrap(), "/v1x/owners");
        assert_eq!(path("/owners/a%2Fb/imports", None), None);
        assert_eq!(told(ROUTE, &[], "/owners/a%2Fb/imports", None, None), None, "its value is missing");
    }
}
