//! One export, from the question to the archive in its bucket.

use super::consumer::{self, Distributor, Found};
use super::files::{Archive, Files};
use super::names::file_name;
use super::pack::{Packer, Sealed};
use super::record::{self, Origin};
use super::request::{Format, Request, given};
use super::store::Storage;
use super::{ExportError, StoreError};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::db::Pool;
use crate::hex::hex;
use crate::hosted::{Authorities, HostedError, certify, is_certified};
use crate::http::Caller;
use crate::keyring::Keys;
use crate::settings::{ExportSettings, Settings};
use crate::trace::TraceParent;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use tokio_postgres::IsolationLevel;
use uuid::Uuid;

/// Makes the manifests of distributors.
pub struct Exports {
    pool: Pool,
    keys: Keys,
    authorities: Authorities,
    storage: Option<Storage>,
    settings: ExportSettings,
    clock: Clock,
}

/// Who asks, how it is found again, and what he takes.
#[derive(Debug, Clone)]
pub struct By<'a> {
    /// Whose rights count.
    pub caller: &'a Caller,
    /// Who, as far as it is known.
    pub principal: Option<&'a str>,
    /// Correlation id.
    pub request_id: &'a str,
    /// The trace that it belongs to.
    pub trace: Option<&'a TraceParent>,
    /// Up to so many bytes an archive is given back instead of being stored; at most 4 MiB.
    pub at_once: Option<u64>,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The consumer's uuid.
    pub consumer: String,
    /// How it is packed.
    pub format: Format,
    /// When it says that it was made.
    pub created: OffsetDateTime,
    /// Entitlements in it.
    pub entitlements: u64,
    /// The archive's size, in bytes.
    pub bytes: u64,
    /// The archive's SHA-256, as hexadecimal digits.
    pub sha256: String,
    /// Where it is.
    pub place: Place,
}

/// Where an archive is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// In the bucket, under that name; a tar's signature under the same name with `.sig` behind it.
    Stored {
        /// The name, to which the setting's prefix is added.
        name: String,
        /// `s3://bucket/key`
        location: String,
    },
    /// Here; a tar's signature is in the bucket, under that name with `.sig` behind it.
    AtOnce {
        /// The archive.
        archive: Vec<u8>,
        /// The name.
        name: String,
    },
}

/// URLs that work for a while, for whoever has them.
pub struct Links {
    /// Of an archive that was stored.
    pub archive: Option<String>,
    /// Of a tar's signature.
    pub signature: Option<String>,
}

impl Exported {
    /// What the archive is called where it is saved.
    pub fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
        let uuid: String = self.consumer.chars().map(plain).collect();
        format!("{uuid}-export.{}", self.format.ending())
    }
}

/// Without archives, which hold private keys.
impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stored { location, .. } => f.debug_tuple("Stored").field(location).finish(),
            Self::AtOnce { archive, .. } => write!(f, "AtOnce({} bytes)", archive.len()),
        }
    }
}

impl Exports {
    /// Wires everything; nothing connects before the first export.
    pub fn new(settings: &Settings, pool: Pool, aws: &Aws, clock: Clock) -> Self {
        Self {
            pool,
            keys: Keys::new(settings.import.keys.clone(), aws),
            authorities: Authorities::new(settings.authority.clone(), aws, &clock),
            storage: settings.export.target.clone().map(|place| Storage::new(place, aws)),
            settings: settings.export.clone(),
            clock,
        }
    }

    /// Makes a manifest: certificates are made to say what is so, then one snapshot of the database becomes the archive,
    /// which is stored while it is made. A row and an event tell of it.
    ///
    /// Dropped at any moment it leaves neither row nor event; at worst an archive that nobody was told of, which the
    /// bucket's own rule removes.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub async fn export(&self, request: Request, by: &By<'_>) -> Result<Exported, ExportError> {
        self.export_from(request, by, None, self.clock.timestamp()).await
    }

    /// As [`Exports::export`], for a Kafka record or none.
    pub(super) async fn export_from(
        &self,
        request: Request,
        by: &By<'_>,
        origin: Option<&Origin>,
        started_at: PrimitiveDateTime,
    ) -> Result<Exported, ExportError> {
        let request = self.complete(request).check()?;
        let found = self.find(&request, by).await?;
        self.certify(&found).await?;
        let exported = self.make(&found, &request, by).await?;
        let finished_at = self.clock.timestamp();
        let mut session = self.pool.get().await?;
        record::write_export(&mut session, &found, &exported, by, origin, [started_at, finished_at]).await?;
        Ok(exported)
    }

    /// What the request leaves open.
    fn complete(&self, request: Request) -> Request {
        Request {
            web_prefix: given(request.web_prefix).or_else(|| self.settings.web_prefix.clone()),
            api_url: given(request.api_url).or_else(|| self.settings.api_url.clone()),
            ..request
        }
    }

    async fn find(&self, request: &Request, by: &By<'_>) -> Result<Found, ExportError> {
        let session = self.pool.get().await?;
        let found = consumer::find(&*session, &request.consumer, by.caller).await?;
        match &request.cdn_label {
            Some(label) if !consumer::has_cdn(&*session, label).await? => Err(ExportError::UnknownCdn(label.clone())),
            _ => Ok(found),
        }
    }

    async fn certify(&self, found: &Found) -> Result<(), ExportError> {
        let authority = self.authorities.get().await.map_err(HostedError::from)?;
        let mut session = self.pool.get().await?;
        session.begin();
        let transaction = session.transaction().await?;
        let certified = certify(&transaction, &found.uuid, &authority, &self.clock).await?;
        transaction.commit().await?;
        session.done();
        if certified != Default::default() {
            let (entitlements, products) = (certified.entitlements, certified.products);
            tracing::info!(entitlements, products, "certificates issued anew");
        }
        Ok(())
    }

    async fn make(&self, found: &Found, request: &Request, by: &By<'_>) -> Result<Exported, ExportError> {
        let storage = self.storage.as_ref().ok_or(StoreError::NotConfigured)?;
        // As precise as it is written, or the same moment would make two archives.
        let now = self.clock.now();
        let created = now.replace_millisecond(now.millisecond()).unwrap_or(now);
        let name = object_name(&found.uuid, request.format, created);
        let mut archive = Archive {
            packer: Packer::new(request.format, &found.uuid, created)?,
            upload: storage.upload(&name, request.format.media_type()),
        };
        let entitlements = self.write_files(found, request, by, created, &mut archive).await?;
        let packed = archive.packer.finish()?;
        let authority = self.authorities.get().await.map_err(HostedError::from)?;
        let signature = authority.sign_digest(&packed.digest).map_err(HostedError::from)?;
        let Sealed { rest, sha256, bytes } = packed.seal(&signature)?;
        // First, so that whoever sees the archive finds its signature.
        if request.format == Format::Tar {
            storage.upload(&format!("{name}.sig"), "application/octet-stream").finish(signature).await?;
        }
        let place = if archive.upload.is_unsent() && by.at_once.is_some_and(|most| bytes <= most) {
            Place::AtOnce { archive: rest, name }
        } else {
            archive.upload.finish(rest).await?;
            Place::Stored { location: storage.location(&name), name }
        };
        Ok(Exported {
            consumer: found.uuid.clone(),
            format: request.format,
            created,
            entitlements,
            bytes,
            sha256: hex(sha256.as_ref()),
            place,
        })
    }

    /// All from one snapshot, which no other export or import waits for.
    async fn write_files(
        &self,
        found: &Found,
        request: &Request,
        by: &By<'_>,
        created: OffsetDateTime,
        archive: &mut Archive,
    ) -> Result<u64, ExportError> {
        let mut session = self.pool.get().await?;
        session.begin();
        let snapshot = session.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let snapshot = snapshot.start().await?;
        // What was issued before the snapshot may not be so in it.
        let authority = self.authorities.get().await.map_err(HostedError::from)?;
        if !is_certified(&snapshot, &found.uuid, &authority, &self.clock).await? {
            return Err(ExportError::Outdated);
        }
        let distributor = Distributor::load(&snapshot, &found.uuid, &self.keys).await?;
        let principal = by.principal;
        let files = Files { snapshot: &snapshot, distributor: &distributor, request, principal, created };
        let entitlements = files.write(archive).await?;
        snapshot.commit().await?;
        session.done();
        Ok(entitlements)
    }

    /// URLs by which an archive that was stored, and a tar's signature, can be downloaded for a while.
    ///
    /// # Errors
    /// When there are no credentials to sign them with.
    pub async fn links(&self, exported: &Exported) -> Result<Links, ExportError> {
        let storage = self.storage.as_ref().ok_or(StoreError::NotConfigured)?;
        let (lifetime, saved_as) = (self.settings.link_lifetime, exported.file_name());
        let (name, is_stored) = match &exported.place {
            Place::Stored { name, .. } => (name, true),
            Place::AtOnce { name, .. } => (name, false),
        };
        let mut links = Links { archive: None, signature: None };
        if is_stored {
            links.archive = Some(storage.link(name, &saved_as, lifetime).await?);
        }
        if exported.format == Format::Tar {
            let (name, saved_as) = (format!("{name}.sig"), format!("{saved_as}.sig"));
            links.signature = Some(storage.link(&name, &saved_as, lifetime).await?);
        }
        Ok(links)
    }

    /// Waits for what was abandoned; called before an invocation is answered.
    pub async fn settle(&self) {
        if let Some(storage) = &self.storage {
            storage.settle().await;
        }
    }
}

/// `<consumer>/<time>-<chance>.zip`: sorted by age, and never that of another export.
fn object_name(uuid: &str, format: Format, created: OffsetDateTime) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = created.format(form).unwrap_or_default();
    format!("{}/{time}-{}.{}", file_name(uuid), Uuid::new_v4().simple(), format.ending())
}
