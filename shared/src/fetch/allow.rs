//! From where archives may come. Deny by default: an empty list allows nothing.

use super::{FetchError, is_public};
use reqwest::Url;

/// Hosts and buckets that may be read.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    hosts: Vec<String>,
    buckets: Vec<String>,
    local_development: bool,
}

/// Where an allowed archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An object.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Object key.
        key: String,
    },
    /// A web address, most often presigned. Only its host and path may be shown.
    Http(Url),
}

impl AllowList {
    /// `hosts` are names, or `*.example.com` for every name below it, in lower case. `local_development` also allows
    /// `http://` and addresses that are not public.
    pub fn new(hosts: Vec<String>, buckets: Vec<String>, local_development: bool) -> Self {
        Self { hosts, buckets, local_development }
    }

    /// Whether connections may go to addresses that are not public.
    pub(super) fn any_address(&self) -> bool {
        self.local_development
    }

    /// Parses and checks a URL from a message or a redirect. A name's addresses are checked when it is resolved.
    ///
    /// # Errors
    /// [`FetchError::NotAllowed`], without the URL's query.
    pub fn check(&self, url: &str) -> Result<Location, FetchError> {
        if let Some(path) = url.strip_prefix("s3://") {
            return self.check_object(path);
        }
        let parsed =
            Url::parse(url).map_err(|error| FetchError::NotAllowed(format!("the URL is damaged ({error})")))?;
        match parsed.scheme() {
            "https" => {}
            "http" if self.local_development => {}
            scheme => return Err(FetchError::NotAllowed(format!("scheme {scheme}"))),
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(FetchError::NotAllowed("a URL with credentials".into()));
        }
        let host = parsed.host_str().unwrap_or_default().to_ascii_lowercase();
        if !self.hosts.iter().any(|pattern| matches(pattern, &host)) {
            return Err(FetchError::NotAllowed(format!("host {host} is not on the allow-list")));
        }
        if !self.local_development && literal_address(&parsed).is_some_and(|address| !is_public(address)) {
            return Err(FetchError::NotAllowed(format!("{host} is not a public address")));
        }
        Ok(Location::Http(parsed))
    }

    fn check_object(&self, path: &str) -> Result<Location, FetchError> {
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if key.is_empty() {
            return Err(FetchError::NotAllowed("an s3:// URL without a key".into()));
        }
        if !self.buckets.iter().any(|allowed| allowed == bucket) {
            return Err(FetchError::NotAllowed(format!("bucket {bucket} is not on the allow-list")));
        }
        Ok(Location::S3 { bucket: bucket.into(), key: key.into() })
    }
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => suffix.starts_with('.') && host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

/// The address in a URL that names one: no resolver is asked then.
fn literal_address(url: &Url) -> Option<std::net::IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> AllowList {
        let hosts = ["uploads.s3.amazonaws.com", "*.example.com", "10.0.0.1", "[::1]"];
        AllowList::new(hosts.map(Into::into).into(), vec!["uploads".into()], false)
    }

    #[test]
    fn what_is_listed_is_allowed_and_nothing_else() {
        for url in [
            "s3://uploads/a/b.tar.gz",
            "https://uploads.s3.amazonaws.com/x?X-Amz-Signature=1",
            "https://A.example.com:8443/x",
        ] {
            assert!(list().check(url).is_ok(), "{url}");
        }
        for url in [
            "s3://uploads",
            "s3://uploads/",
            "s3://other/a",
            "https://example.com/",
            "https://badexample.com/",
            "https://.example.com.evil.org/",
            "http://uploads.s3.amazonaws.com/x",
            "ftp://uploads.s3.amazonaws.com/x",
            "file:///etc/passwd",
            "https://10.0.0.1/x",
            "https://[::1]/x",
            "https://user@uploads.s3.amazonaws.com/x",
            "https://uploads.s3.amazonaws.com@evil.org/x",
            "",
            "https://",
            "https://167772161/x",
        ] {
            assert!(matches!(list().check(url), Err(FetchError::NotAllowed(_))), "{url}");
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert!(AllowList::default().check("https://uploads.s3.amazonaws.com/x").is_err());
        assert!(AllowList::default().check("s3://uploads/x").is_err());
    }

    #[test]
    fn an_error_never_shows_the_query() {
        let error = list().check("https://evil.org/x?X-Amz-Signature=abc").unwrap_err();
        assert!(!error.to_string().contains("abc"), "{error}");
    }
}
