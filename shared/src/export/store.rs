//! Where archives go: an S3 bucket, in parts while they are made.

use crate::aws::{Aws, S3Prefix};
use crate::failure::{Chain, Classified};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Size of a part, in bytes: S3 takes none below 5 MiB but the last. Larger ones would only be held longer.
pub(super) const PART: usize = 5 << 20;

/// How long [`Storage::settle`] waits for abandoned uploads to be aborted.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// An archive that was not stored. Texts name no presigned URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no place for archives.
    #[error("no place to store manifests: set LONGSHORE_EXPORT_TARGET")]
    NotConfigured,
    /// The bucket did not take it.
    #[error("cannot store the manifest in bucket {bucket}; see LONGSHORE_EXPORT_TARGET: {reason}")]
    Refused {
        /// The bucket.
        bucket: String,
        /// What S3 said.
        reason: String,
    },
}

impl Classified for StoreError {
    fn kind(&self) -> &'static str {
        "Storage"
    }

    /// An operator can mend a setting, a permission or a bucket.
    fn is_transient(&self) -> bool {
        true
    }
}

/// The bucket.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    s3: aws_sdk_s3::Client,
    place: S3Prefix,
    abandoned: Arc<Mutex<JoinSet<()>>>,
}

impl Storage {
    pub fn new(place: S3Prefix, aws: &Aws) -> Self {
        Self { s3: aws.s3(), place, abandoned: Arc::default() }
    }

    /// Begins an object of that name. Nothing is sent before there is a part, or all of it.
    pub fn upload(&self, name: &str, media_type: &'static str) -> Upload {
        Upload { storage: self.clone(), key: self.place.key(name), media_type, id: None, parts: Vec::new() }
    }

    /// `s3://bucket/key` of an object.
    pub fn location(&self, name: &str) -> String {
        format!("s3://{}/{}", self.place.bucket, self.place.key(name))
    }

    /// A URL by which whoever has it downloads the object for a while, as a file of the name `saved_as`.
    pub async fn link(&self, name: &str, saved_as: &str, lifetime: Duration) -> Result<String, StoreError> {
        let get = self.s3.get_object().bucket(&self.place.bucket).key(self.place.key(name));
        let get = get.response_content_disposition(format!("attachment; filename=\"{saved_as}\""));
        let config = PresigningConfig::expires_in(lifetime).map_err(|error| self.refused(&error))?;
        let signed = Box::pin(get.presigned(config)).await.map_err(|error| self.refused(&error))?;
        Ok(signed.uri().to_owned())
    }

    /// Waits until abandoned uploads are aborted. Called before an invocation is answered: after that Lambda freezes the
    /// process.
    pub async fn settle(&self) {
        let mut abandoned = std::mem::take(&mut *self.abandoned.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while abandoned.join_next().await.is_some() {} };
        if tokio::time::timeout(SETTLE_TIMEOUT, all).await.is_err() {
            tracing::warn!("an upload could not be aborted in time; the bucket's own rule ends it");
        }
    }

    fn refused(&self, error: &(dyn std::error::Error + 'static)) -> StoreError {
        StoreError::Refused { bucket: self.place.bucket.clone(), reason: Chain(error).to_string() }
    }
}

/// An object on its way. Dropped before its end (an error, the deadline) nothing of it stays.
pub(super) struct Upload {
    storage: Storage,
    key: String,
    media_type: &'static str,
    /// Of the multipart upload, once there is one.
    id: Option<String>,
    parts: Vec<CompletedPart>,
}

impl Upload {
    /// Whether nothing has been sent yet.
    pub fn is_unsent(&self) -> bool {
        self.id.is_none()
    }

    /// Sends a part, which must not be smaller than [`PART`] unless it is the last one.
    pub async fn part(&mut self, bytes: Vec<u8>) -> Result<(), StoreError> {
        let Storage { s3, place, .. } = &self.storage;
        let id = match &self.id {
            Some(id) => id.clone(),
            None => self.begin().await?,
        };
        self.id = Some(id.clone());
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let send = s3.upload_part().bucket(&place.bucket).key(&self.key).upload_id(id).part_number(number);
        let sent = Box::pin(send.body(ByteStream::from(bytes)).send()).await;
        let sent = sent.map_err(|error| self.storage.refused(&error))?;
        let part =
            CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32);
        self.parts.push(part.build());
        Ok(())
    }

    async fn begin(&self) -> Result<String, StoreError> {
        let Storage { s3, place, .. } = &self.storage;
        let begin = s3.create_multipart_upload().bucket(&place.bucket).key(&self.key).content_type(self.media_type);
        let begun = Box::pin(begin.send()).await.map_err(|error| self.storage.refused(&error))?;
        let reason = || "it gave no id for an upload in parts".to_owned();
        begun.upload_id.ok_or_else(|| StoreError::Refused { bucket: place.bucket.clone(), reason: reason() })
    }

    /// Sends what is left, and makes the object be there.
    pub async fn finish(mut self, rest: Vec<u8>) -> Result<(), StoreError> {
        if self.id.is_none() {
            let Storage { s3, place, .. } = &self.storage;
            let put = s3.put_object().bucket(&place.bucket).key(&self.key).content_type(self.media_type);
            let sent = Box::pin(put.body(ByteStream::from(rest)).send()).await;
            return sent.map(drop).map_err(|error| self.storage.refused(&error));
        }
        if !rest.is_empty() {
            self.part(rest).await?;
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.parts))).build();
        let Storage { s3, place, .. } = &self.storage;
        let complete = s3.complete_multipart_upload().bucket(&place.bucket).key(&self.key);
        let complete = complete.set_upload_id(self.id.clone()).multipart_upload(parts);
        Box::pin(complete.send()).await.map_err(|error| self.storage.refused(&error))?;
        self.id = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let abort =
            self.storage.s3.abort_multipart_upload().bucket(&self.storage.place.bucket).key(&self.key).upload_id(id);
        let mut abandoned = self.storage.abandoned.lock().unwrap_or_else(PoisonError::into_inner);
        abandoned.spawn(async move {
            if let Err(error) = abort.send().await {
                tracing::warn!(error = %Chain(&error), "an upload could not be aborted; the bucket's own rule ends it");
            }
        });
    }
}
