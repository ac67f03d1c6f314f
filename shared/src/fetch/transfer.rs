//! One download: opened, read up to the limit, resumed where it broke.

use super::{FetchError, Location, http};
use crate::aws::Aws;
use crate::failure::{Chain, Classified};
use crate::settings::FetchSettings;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_MATCH, LOCATION, RANGE};
use reqwest::{Client, StatusCode, Url};
use std::sync::OnceLock;
use std::time::Duration;

/// First pause between two tries; doubled each time, with jitter, so that functions do not return in step.
const BACKOFF: Duration = Duration::from_millis(200);

/// Redirects followed, each checked as the first URL was.
const MAX_REDIRECTS: usize = 4;

/// Downloads archives.
#[derive(Debug, Clone)]
pub struct Fetcher {
    settings: FetchSettings,
    maximum: u64,
    s3: aws_sdk_s3::Client,
    // Made when first needed: it loads the system's certificates, which an s3:// download does on its own.
    http: OnceLock<Client>,
}

/// What has arrived so far.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    /// Strong entity tag of what the bytes belong to; without one a transfer starts again.
    etag: Option<String>,
}

impl Partial {
    /// Prepares for the body of an answer: the rest of the archive, or all of it.
    fn continue_with(&mut self, opened: &mut Opened) -> Result<(), FetchError> {
        // Taken first: without a tag the next try starts again.
        let tag = self.etag.take();
        if opened.start == 0 {
            // All of it, whatever the server was asked for.
            self.bytes.clear();
        } else if opened.start != self.bytes.len() as u64 {
            return Err(FetchError::Unavailable("the server sent another range than the one asked for".into()));
        } else if tag != opened.etag {
            // Not every server heeds If-Match.
            return Err(FetchError::Unavailable("the archive changed during the download".into()));
        }
        self.etag = opened.etag.take();
        Ok(())
    }

    /// Adds what arrived. Where no length was announced it grows by a quarter, not to twice its size.
    fn append(&mut self, chunk: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < chunk.len() {
            self.bytes.reserve_exact(chunk.len().max(self.bytes.len() / 4).max(1 << 20));
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// What a refusal means. The archive may have changed since the first part arrived: then it starts again.
    fn refused(&mut self, status: u16) -> FetchError {
        match status {
            412 | 416 if self.etag.take().is_some() => {
                FetchError::Unavailable("the archive changed during the download".into())
            }
            status => FetchError::from_status(status),
        }
    }
}

/// An answer whose body is to be read.
struct Opened {
    /// Position of its first byte in the archive.
    start: u64,
    /// Bytes that are still to come, when announced.
    remaining: Option<u64>,
    etag: Option<String>,
    body: Body,
}

enum Body {
    Http(reqwest::Response),
    S3(ByteStream),
}

impl Fetcher {
    /// `maximum` is the size limit in bytes.
    pub fn new(settings: FetchSettings, maximum: u64, aws: &Aws) -> Self {
        Self { settings, maximum, s3: aws.s3_without_retries(), http: OnceLock::new() }
    }

    /// The same with a smaller size limit, in bytes.
    #[must_use]
    pub fn limited(&self, maximum: u64) -> Self {
        Self { maximum: maximum.min(self.maximum), ..self.clone() }
    }

    /// Downloads `url` into memory. `announced` is the size that the message gives, if it does.
    ///
    /// # Errors
    /// See [`FetchError`]. What may pass is tried again first, as often as the settings say.
    pub async fn download(&self, url: &str, announced: Option<u64>) -> Result<Vec<u8>, FetchError> {
        let location = self.settings.allowed.check(url)?;
        self.check_size(announced.unwrap_or(0))?;
        let all = async {
            let mut partial = Partial::default();
            let mut attempt = 1;
            loop {
                match self.transfer(&location, &mut partial).await {
                    Ok(()) => return Ok(partial.bytes),
                    Err(error) if error.is_transient() && attempt < self.settings.attempts => {
                        let pause = backoff(attempt);
                        tracing::info!(attempt, received = partial.bytes.len(), error = %error, "download tried again");
                        tokio::time::sleep(pause).await;
                        attempt += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let timeout = self.settings.timeout;
        tokio::time::timeout(timeout, all)
            .await
            .unwrap_or_else(|_| Err(FetchError::Unavailable(format!("not done after {} s", timeout.as_secs_f32()))))
    }

    /// One try, from where the last one broke.
    async fn transfer(&self, location: &Location, partial: &mut Partial) -> Result<(), FetchError> {
        if partial.etag.is_none() {
            partial.bytes.clear();
        }
        let opening = self.open(location, partial);
        let mut opened = self.in_time(opening).await??;
        partial.continue_with(&mut opened)?;
        if let Some(remaining) = opened.remaining {
            self.check_size(opened.start.saturating_add(remaining))?;
            partial.bytes.reserve_exact(usize::try_from(remaining).unwrap_or(0));
        }
        let expected = opened.remaining.map(|remaining| opened.start.saturating_add(remaining));
        while let Some(chunk) = self.in_time(opened.body.chunk()).await?? {
            self.check_size((partial.bytes.len() + chunk.len()) as u64)?;
            partial.append(&chunk);
        }
        match expected {
            Some(expected) if expected != partial.bytes.len() as u64 => {
                Err(FetchError::Unavailable(format!("{} of {expected} bytes arrived", partial.bytes.len())))
            }
            _ => Ok(()),
        }
    }

    fn check_size(&self, found: u64) -> Result<(), FetchError> {
        if found > self.maximum { Err(FetchError::TooLarge { found, maximum: self.maximum }) } else { Ok(()) }
    }

    /// A server that stops sending is left after a quarter of the whole time, so that there is time to resume.
    async fn in_time<T>(&self, step: impl Future<Output = T>) -> Result<T, FetchError> {
        tokio::time::timeout(self.settings.timeout / 4, step)
            .await
            .map_err(|_| FetchError::Unavailable("the server stopped sending".into()))
    }

    async fn open(&self, location: &Location, partial: &mut Partial) -> Result<Opened, FetchError> {
        match location {
            Location::S3 { bucket, key } => self.open_object(bucket, key, partial).await,
            Location::Http(url) => self.open_url(url.clone(), partial).await,
        }
    }

    async fn open_object(&self, bucket: &str, key: &str, partial: &mut Partial) -> Result<Opened, FetchError> {
        let received = partial.bytes.len() as u64;
        let mut request = self.s3.get_object().bucket(bucket).key(key);
        if received > 0 {
            request = request.range(format!("bytes={received}-")).set_if_match(partial.etag.clone());
        }
        let object = request.send().await.map_err(|error| match &error {
            SdkError::ServiceError(answer) => match answer.err().code() {
                Some(code) if passes(code) => FetchError::Unavailable(format!("S3 answered {code}")),
                _ => partial.refused(answer.raw().status().as_u16()),
            },
            other => FetchError::Unavailable(Chain(other).to_string()),
        })?;
        Ok(Opened {
            start: object.content_range().and_then(range_start).unwrap_or(0),
            remaining: object.content_length().and_then(|length| u64::try_from(length).ok()),
            etag: object.e_tag().map(Into::into),
            body: Body::S3(object.body),
        })
    }

    async fn open_url(&self, mut url: Url, partial: &mut Partial) -> Result<Opened, FetchError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get(&url, partial).await?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                url = self.redirected(&url, response.headers())?;
                continue;
            }
            if !status.is_success() {
                return Err(partial.refused(status.as_u16()));
            }
            return Ok(Opened {
                start: header(response.headers(), CONTENT_RANGE).and_then(range_start).unwrap_or(0),
                remaining: response.content_length(),
                etag: header(response.headers(), ETAG).filter(|tag| !tag.starts_with("W/")).map(Into::into),
                body: Body::Http(response),
            });
        }
        Err(FetchError::NotAllowed(format!("more than {MAX_REDIRECTS} redirects")))
    }

    async fn get(&self, url: &Url, partial: &Partial) -> Result<reqwest::Response, FetchError> {
        let mut request = self.http()?.get(url.clone());
        if let (Some(etag), received @ 1..) = (&partial.etag, partial.bytes.len()) {
            request = request.header(RANGE, format!("bytes={received}-")).header(IF_MATCH, etag);
        }
        request.send().await.map_err(http::error)
    }

    fn redirected(&self, from: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
        let target = header(headers, LOCATION).ok_or_else(|| FetchError::NotAllowed("a redirect to nowhere".into()))?;
        let url = from.join(target).map_err(|_| FetchError::NotAllowed("a redirect to a damaged URL".into()))?;
        match self.settings.allowed.check(url.as_str())? {
            Location::Http(url) => Ok(url),
            Location::S3 { .. } => Err(FetchError::NotAllowed("a redirect to s3://".into())),
        }
    }

    fn http(&self) -> Result<&Client, FetchError> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = http::client(self.settings.connect_timeout, self.settings.allowed.any_address())?;
        Ok(self.http.get_or_init(|| client))
    }
}

impl Body {
    async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        match self {
            Self::Http(response) => response.chunk().await.map_err(http::error),
            Self::S3(stream) => {
                stream.try_next().await.map_err(|error| FetchError::Unavailable(Chain(&error).to_string()))
            }
        }
    }
}

/// Whether S3 says with a status of 400 what is no fault of the request.
fn passes(code: &str) -> bool {
    matches!(code, "RequestTimeout" | "ExpiredToken" | "RequestTimeTooSkewed" | "SlowDown" | "ServiceUnavailable")
        || code.contains("Throttling")
}

fn header(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The first position of `bytes 100-199/200`.
fn range_start(content_range: &str) -> Option<u64> {
    content_range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Doubles with each attempt; half of it is chance, taken from a hash's random state.
fn backoff(attempt: u32) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let full = BACKOFF * 2u32.pow(attempt.min(6) - 1);
    let chance = RandomState::new().hash_one(attempt) % 1_000;
    full / 2 + full.mul_f64(chance as f64 / 2_000.0)
}
