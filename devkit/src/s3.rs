//! An S3-compatible server in this process: signature version 4, presigned URLs, range requests. Objects are files.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use hyper::Method;
use hyper_util::rt::TokioIo;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, task::AbortHandle};

use crate::http_client;

/// The region that presigned URLs name. The server accepts any.
pub const REGION: &str = "us-east-1";

/// The one key pair that the server accepts.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: String,
}

impl Credentials {
    /// A new pair, in the form that AWS gives them.
    #[must_use]
    pub fn random() -> Self {
        let digits = || uuid::Uuid::new_v4().simple().to_string();
        Self {
            access_key_id: format!("AKIA{}", digits()[..16].to_uppercase()),
            secret_access_key: digits() + &digits()[..8],
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A running server. Stops when dropped; the objects stay on disk.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    root: PathBuf,
    credentials: Credentials,
    accepting: AbortHandle,
}

impl S3Server {
    /// Starts on a free port of 127.0.0.1; buckets are the folders of `dir`. Needs a Tokio runtime.
    ///
    /// # Errors
    /// `dir` cannot be made, or no port is free.
    pub async fn start(dir: &Path, credentials: Credentials) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let root = dir.canonicalize()?;
        // Its error type is no `std::error::Error`.
        let files = FileSystem::new(&root).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(
            credentials.access_key_id.clone(),
            credentials.secret_access_key.clone(),
        ));
        let service = builder.build();

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free TCP port on 127.0.0.1")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(connection);
            }
        });
        Ok(Self { endpoint, root, credentials, accepting: accepting.abort_handle() })
    }

    /// `http://127.0.0.1:port`, for path-style requests.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The key pair that it accepts.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Makes a bucket. One that is there already is no error.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn create_bucket(&self, bucket: &str) -> Result<()> {
        fs::create_dir_all(self.root.join(bucket)).with_context(|| format!("cannot make the bucket `{bucket}`"))
    }

    /// Stores an object, over HTTP like every client.
    ///
    /// # Errors
    /// The server refused; its answer is part of the text.
    pub async fn put(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) -> Result<()> {
        self.request(Method::PUT, bucket, key, bytes.into()).await.map(drop)
    }

    /// An object's bytes.
    ///
    /// # Errors
    /// There is none; the server's answer is part of the text.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Bytes> {
        self.request(Method::GET, bucket, key, Bytes::new()).await
    }

    /// The keys of a bucket that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// The bucket's folder cannot be read.
    pub fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>> {
        let bucket = self.root.join(bucket);
        let (mut keys, mut folders) = (Vec::new(), vec![bucket.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Ok(key) = entry.path().strip_prefix(&bucket) {
                    keys.push(key.to_string_lossy().into_owned());
                }
            }
        }
        keys.retain(|key| key.starts_with(prefix));
        keys.sort();
        Ok(keys)
    }

    /// A URL that reads one object without credentials, for `expires` from now.
    ///
    /// # Errors
    /// The key cannot stand in a URL.
    pub fn presigned_get(&self, bucket: &str, key: &str, expires: Duration) -> Result<String> {
        self.presign(Method::GET, bucket, key, expires)
    }

    async fn request(&self, method: Method, bucket: &str, key: &str, body: Bytes) -> Result<Bytes> {
        let url = self.presign(method.clone(), bucket, key, Duration::from_secs(300))?;
        let answer = http_client::send(method, &url, &[], body).await?;
        let text = || String::from_utf8_lossy(&answer.body);
        ensure!(answer.status.is_success(), "s3://{bucket}/{key}: {}: {}", answer.status, text());
        Ok(answer.body)
    }

    fn presign(&self, method: Method, bucket: &str, key: &str, expires: Duration) -> Result<String> {
        let keys = &self.credentials;
        let identity = AwsCredentials::new(&keys.access_key_id, &keys.secret_access_key, None, None, "devkit").into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(expires);
        // S3 encodes a path once, unlike the other services.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        #[expect(clippy::disallowed_methods, reason = "the server compares it with the real time")]
        let now = SystemTime::now();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("s3")
            .time(now)
            .settings(settings)
            .build()?
            .into();
        let url = format!("{}/{bucket}/{}", self.endpoint, encode(key));
        let request = SignableRequest::new(method.as_str(), &url, std::iter::empty(), SignableBody::UnsignedPayload)?;
        let (instructions, _) = sign(request, &parameters)?.into_parts();
        let query: Vec<String> =
            instructions.params().iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        Ok(format!("{url}?{}", query.join("&")))
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Percent-encodes what may not stand in a URL as it is. The slashes of a key stay; in the values of a query a slash
/// need not be encoded either, but the signature counts it as if it were, so both forms are the same to the server.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn server() -> (tempfile::TempDir, S3Server) {
        let dir = tempfile::tempdir().unwrap();
        let server = S3Server::start(dir.path(), Credentials::random()).await.unwrap();
        server.create_bucket("uploads").unwrap();
        (dir, server)
    }

    #[tokio::test]
    async fn an_object_comes_back_from_a_presigned_url() {
        let (_dir, server) = server().await;
        server.put("uploads", "a folder/ärchive+1.tar.gz", "0123456789").await.unwrap();
        assert_eq!(server.list("uploads", "a").unwrap(), ["a folder/ärchive+1.tar.gz"]);
        let url = server.presigned_get("uploads", "a folder/ärchive+1.tar.gz", Duration::from_secs(60)).unwrap();
        let whole = http_client::send(Method::GET, &url, &[], Bytes::new()).await.unwrap();
        assert_eq!(whole.body, "0123456789");
        let rest = http_client::send(Method::GET, &url, &[("range", "bytes=4-")], Bytes::new()).await.unwrap();
        assert_eq!((rest.status.as_u16(), rest.body.as_ref()), (206, b"456789".as_ref()));
    }

    #[tokio::test]
    async fn an_unsigned_altered_or_expired_url_is_refused() {
        let (_dir, server) = server().await;
        server.put("uploads", "a", "text").await.unwrap();
        server.put("uploads", "b", "text").await.unwrap();
        let url = server.presigned_get("uploads", "a", Duration::from_secs(60)).unwrap();
        let expired = server.presigned_get("uploads", "a", Duration::ZERO).unwrap();
        for url in [format!("{}/uploads/a", server.endpoint()), url.replace("/uploads/a", "/uploads/b"), expired] {
            let answer = http_client::send(Method::GET, &url, &[], Bytes::new()).await.unwrap();
            assert!(answer.status.is_client_error(), "{url}: {}", answer.status);
        }
    }

    #[tokio::test]
    async fn a_missing_object_is_named_in_the_error() {
        let (_dir, server) = server().await;
        let error = server.get("uploads", "nothing").await.unwrap_err().to_string();
        assert!(error.starts_with("s3://uploads/nothing: 404"), "{error}");
    }
}
