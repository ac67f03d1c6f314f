//! The function `manifest-importer` below its handler.

use super::error::ImportError;
use super::import::Import;
use super::message::ManifestMessage;
use super::outcome::{Imported, Outcome};
use super::owner::{OwnerError, ordering_key, resolve};
use super::prepare::{Asked, Judge, Prepared};
use super::record::{self, FailureNote, Origin, Phases, Seen, phase};
use super::trust::Trusted;
use super::{Conflict, upstream};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::db::DbError;
use crate::failure::{Chain, Classified, Failure};
use crate::fetch::FetchError;
use crate::hex::sha256;
use crate::kafka::{BatchResponse, Consumer, Invocation, Plan, Record};
use crate::keyring::Keys;
use crate::manifest::{Kind, SIGNATURE_BYTES, TrustAnchors};
use crate::message::{MessageError, Parsed};
use crate::metrics as emf;
use crate::outbox::{Platform, Subject};
use crate::settings::Settings;
use crate::worker::Worker;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after a bundle was announced its signature is waited for. The minutes of a slow upload, and no more: what
/// follows on the same partition waits too.
const SIGNATURE_MAY_FOLLOW: Duration = Duration::from_mins(5);

/// Imports the manifests and data bundles that Kafka records announce.
pub struct ManifestImporter {
    settings: Settings,
    worker: Worker,
    trusted: Trusted,
    keys: Keys,
}

impl ManifestImporter {
    /// Wires everything; nothing connects before the first record.
    pub fn new(settings: Settings, aws: &Aws, clock: Clock) -> Self {
        let platform = Platform::of_uploads(&settings.platform, "manifest-importer");
        Self {
            worker: Worker::new(&settings, platform, settings.manifest_limits.compressed_bytes, aws, clock),
            trusted: Trusted::new(settings.import.trusted_certificates.clone(), aws),
            keys: Keys::new(settings.import.keys.clone(), aws),
            settings,
        }
    }

    /// Handles one invocation: `payload` is the event of a Kafka event source mapping, `remaining` the time until
    /// Lambda ends it, where that is known.
    ///
    /// # Errors
    /// When the payload is no Kafka event. Everything else is answered for record by record.
    pub async fn handle(&self, payload: &str, remaining: Option<Duration>) -> Result<BatchResponse, Failure> {
        self.worker.handle(self, payload, remaining).await
    }

    /// Downloads, judges and imports. What could be learnt of the manifest stands in `seen`, however it ends.
    async fn import(
        &self,
        origin: &Origin,
        message: &ManifestMessage,
        seen: &mut Seen,
    ) -> Result<Imported, ImportError> {
        let mut phases = Phases::new();
        let begun = Instant::now();
        let mut session = self.worker.pool.get().await?;
        if record::done_before(&*session, origin).await? {
            let (imported, now) = (Imported::before(), self.worker.clock.timestamp());
            origin.subject.begun(&*session, now).await?;
            origin.subject.succeeded(&*session, &imported.message, now).await?;
            return Ok(imported);
        }
        // The connection is for others while this waits for a server.
        drop(session);
        let archive = self.worker.download::<ImportError>(&origin.subject, &message.announced).await?;
        let archive = Bytes::from(archive);
        let signature = self.signature(origin, message, &archive).await?;
        phase(&mut phases, "download", begun.elapsed());
        seen.archive_bytes = Some(archive.len() as u64);
        let judging = Instant::now();
        let asked = Asked { force: self.force(message), consumer_only: message.consumer_only };
        let prepared = self.judge(archive, signature, &asked, seen).await?;
        phase(&mut phases, "verify", judging.elapsed());
        let keyring = self.keys.get().await?;
        session = self.worker.pool.get().await?;
        let import = Import {
            origin,
            named: message.owner.as_deref(),
            org: message.org(),
            principal: message.principal.as_deref(),
            asked: &asked,
            settings: &self.settings.import,
            depth: self.settings.manifest_limits.json_depth,
            clock: &self.worker.clock,
            keyring,
        };
        let imported = import.apply(&mut session, prepared, seen, phases).await?;
        observe(origin, &imported, seen, begun.elapsed());
        Ok(imported)
    }

    /// What the message forces and what may be forced here.
    fn force(&self, message: &ManifestMessage) -> Vec<Conflict> {
        let forceable = &self.settings.import.forceable;
        let (force, not): (Vec<_>, Vec<_>) = message.force.iter().copied().partition(|c| forceable.contains(c));
        if !not.is_empty() {
            tracing::warn!(conflicts = ?not, "the message forces what may not be forced here");
        }
        force
    }

    /// The detached signature of a data bundle: where the message says, else in the message, else beside the archive,
    /// which is done for `s3://` only.
    async fn signature(
        &self,
        origin: &Origin,
        message: &ManifestMessage,
        archive: &[u8],
    ) -> Result<Option<Vec<u8>>, ImportError> {
        // A manifest carries its signature itself.
        if Kind::of(archive) != Some(Kind::DataBundle) {
            return Ok(None);
        }
        let fetcher = self.worker.fetcher.limited(SIGNATURE_BYTES as u64);
        if let Some(url) = &message.signature_url {
            return Ok(Some(fetcher.download(url, None).await?));
        }
        if message.signature.is_some() || !message.announced.url.starts_with("s3://") {
            return Ok(message.signature.clone());
        }
        let url = format!("{}.sig", message.announced.url);
        match fetcher.download(&url, None).await {
            Ok(signature) => Ok(Some(signature)),
            Err(FetchError::Refused { .. }) if self.may_follow(origin) => Err(ImportError::SignatureMayFollow),
            Err(FetchError::Refused { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a signature that is not there may still be under way: archive and signature are two uploads, and nobody should
    /// have to announce a bundle again because the second one took a moment longer.
    fn may_follow(&self, origin: &Origin) -> bool {
        (self.worker.clock.timestamp() - origin.record_time).abs() < SIGNATURE_MAY_FOLLOW
    }

    /// Opens the archive and checks its signature, again with certificates loaded anew where those at hand do not do.
    async fn judge(
        &self,
        archive: Bytes,
        signature: Option<Vec<u8>>,
        asked: &Asked,
        seen: &mut Seen,
    ) -> Result<Prepared, ImportError> {
        let (anchors, fresh) = self.trusted.get().await?;
        let judged = self.judge_with(anchors, archive.clone(), signature.clone(), asked, seen).await;
        if fresh || !matches!(judged, Err(ImportError::Conflicts(_))) {
            return judged;
        }
        let anchors = self.trusted.reload().await?;
        self.judge_with(anchors, archive, signature, asked, seen).await
    }

    /// On a thread of its own: other records go on meanwhile.
    async fn judge_with(
        &self,
        anchors: Arc<TrustAnchors>,
        archive: Bytes,
        signature: Option<Vec<u8>>,
        asked: &Asked,
        seen: &mut Seen,
    ) -> Result<Prepared, ImportError> {
        let limits = self.settings.manifest_limits.clone();
        let judge = Judge { limits, anchors, asked: asked.clone(), now: self.worker.clock.now() };
        let mut found = seen.clone();
        let judging = tokio::task::spawn_blocking(move || {
            found.sha256 = Some(sha256(&archive));
            let prepared = judge.prepare(archive, signature, &mut found);
            (found, prepared)
        });
        let (found, prepared) = judging.await.map_err(|error| ImportError::Panic(error.to_string()))?;
        *seen = found;
        prepared
    }

    /// Leaves a failure on record, where the database can be reached. Returns whether the record turns out to have been
    /// imported after all, or before.
    async fn record_failure(
        &self,
        origin: &Origin,
        message: &ManifestMessage,
        seen: &Seen,
        error: &ImportError,
    ) -> bool {
        let write = async {
            let mut session = self.worker.pool.get().await?;
            let uuid = seen.consumer.as_ref().map(|consumer| consumer.uuid.as_str());
            // Nobody's history but that of whom the caller may act for.
            let owner = match resolve(&*session, uuid, message.owner.as_deref(), message.org()).await {
                Ok(found) => Some(found),
                Err(OwnerError::Database(error)) => return Err(error),
                Err(_) => None,
            };
            let snapshot = seen.consumer.as_ref().map(upstream::named);
            let note = FailureNote {
                kind: error.kind(),
                text: Chain(error).to_string(),
                is_transient: error.is_transient(),
                conflicts: match error {
                    ImportError::Conflicts(conflicts) => conflicts.names(),
                    _ => Vec::new(),
                },
                owner: owner.as_ref().map(|found| found.owner.id.as_str()),
                upstream: snapshot.as_ref(),
                records: self.settings.import.records,
            };
            record::write_failure(&mut session, origin, seen, note, self.worker.clock.timestamp()).await
        };
        match write.await {
            Ok(done) => done,
            Err::<_, DbError>(unwritten) => {
                tracing::warn!(error = %Chain(&unwritten), "the failure could not be recorded");
                false
            }
        }
    }
}

impl Consumer for ManifestImporter {
    /// Whose manifest it is is known only when it has been read, so records keep the order of all owners that their
    /// callers may act for.
    type Key = String;
    type Job = (Box<ManifestMessage>, Subject);

    async fn plan(&self, record: &Record) -> Result<Plan<String, Self::Job>, Failure> {
        let subject = self.worker.subject(record);
        let message = match ManifestMessage::parse(record)? {
            Parsed::NotOurs(why) => return Ok(Plan::Skip(why)),
            Parsed::Message(message) => message,
        };
        tracing::Span::current().record("request_id", message.announced.request_id.as_deref());
        if message.announced.identity.contradicts(&message.announced.claim) {
            return Err(MessageError::Identity("of another organisation than the message names").into());
        }
        let session = self.worker.pool.get().await?;
        let key = ordering_key(&*session, message.org()).await?;
        Ok(Plan::Run { key, job: (message, subject) })
    }

    async fn run(&self, record: &Record, job: Self::Job, _: Invocation) -> Result<&'static str, Failure> {
        let (message, subject) = job;
        let now = self.worker.clock.timestamp();
        let request_id = message.announced.request_id.as_deref();
        let origin = Origin::new(record, subject, request_id, message.file_name.as_deref(), now);
        let mut seen = Seen::default();
        match self.import(&origin, &message, &mut seen).await {
            Ok(imported) => {
                if imported.outcome == Outcome::AlreadyImported {
                    tracing::info!(outcome = imported.outcome.name(), "nothing to do: it had been imported before");
                }
                Ok(imported.outcome.name())
            }
            Err(error) if self.record_failure(&origin, &message, &seen, &error).await => {
                tracing::info!(error = %Chain(&error), "the record had been imported before");
                Ok(Outcome::AlreadyImported.name())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn reject(&self, record: &Record, why: &Failure) -> Result<(), Failure> {
        self.worker.reject(record, why).await
    }

    fn ended(&self, record: &Record, outcome: &'static str, failure: Option<&Failure>) {
        self.worker.ended(record, outcome, failure);
    }
}

/// One line and the metrics of an import that was committed.
fn observe(origin: &Origin, imported: &Imported, seen: &Seen, duration: Duration) {
    if imported.outcome != Outcome::Imported {
        return;
    }
    let sum = |of: fn(&super::Counts) -> u64| imported.stats.values().map(of).sum::<u64>();
    let (adds, updates, deletes) = (sum(|c| c.adds), sum(|c| c.updates), sum(|c| c.deletes));
    tracing::info!(
        outcome = imported.outcome.name(),
        signed_by = seen.signed_by,
        adds,
        updates,
        deletes,
        unchanged = sum(|c| c.unchanged),
        warnings = imported.warnings,
        bytes = seen.archive_bytes,
        expanded_bytes = seen.expanded_bytes,
        duration_s = duration.as_secs_f64(),
        "manifest imported"
    );
    metrics::counter!("ObjectsAdded").increment(adds);
    metrics::counter!("ObjectsUpdated").increment(updates);
    metrics::counter!("ObjectsRemoved").increment(deletes);
    metrics::counter!("Warnings").increment(imported.warnings);
    metrics::counter!("ArchiveBytes").increment(seen.archive_bytes.unwrap_or_default());
    metrics::counter!("ExpandedBytes").increment(seen.expanded_bytes.unwrap_or_default());
    metrics::histogram!("ImportSeconds").record(duration.as_secs_f64());
    emf::flush(Some(&origin.request_id));
}
