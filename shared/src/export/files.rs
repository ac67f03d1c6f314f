//! What is in a manifest, file by file, in the order in which it is written.

use super::ExportError;
use super::certificate::Certificate;
use super::consumer::Distributor;
use super::names::{file_name, product_file};
use super::pack::Packer;
use super::request::{Format, Request};
use super::store::{PART, Upload};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::pin::Pin;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{RowStream, Transaction};

/// How dates are written: as Candlepin has since the end of 2025; to the millisecond, as all its readers can read.
const DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The version of the data bundle's format.
const BUNDLE_VERSION: &str = "1.0";

/// An archive that is being made: packed, and sent away part by part.
pub(super) struct Archive {
    pub packer: Packer,
    pub upload: Upload,
}

impl Archive {
    async fn file(&mut self, name: &str, content: &[u8]) -> Result<(), ExportError> {
        self.packer.file(name, content)?;
        let output = self.packer.output();
        if output.len() >= PART {
            self.upload.part(std::mem::take(output)).await?;
        }
        Ok(())
    }

    /// JSON without blanks, keys sorted.
    async fn json(&mut self, name: &str, content: &Value) -> Result<(), ExportError> {
        let bytes = serde_json::to_vec(content).map_err(std::io::Error::other)?;
        self.file(name, &bytes).await
    }
}

/// All that the files of one manifest are made from.
pub(super) struct Files<'a> {
    /// A snapshot: every statement sees the same.
    pub snapshot: &'a Transaction<'a>,
    pub distributor: &'a Distributor,
    pub request: &'a Request,
    /// Who asked for it.
    pub principal: Option<&'a str>,
    pub created: OffsetDateTime,
}

impl Files<'_> {
    /// Writes all files, and returns how many entitlements are among them.
    pub async fn write(&self, archive: &mut Archive) -> Result<u64, ExportError> {
        self.meta(archive).await?;
        self.consumer(archive).await?;
        self.upstream_consumer(archive).await?;
        let entitlements = self.entitlements(archive).await?;
        self.products(archive).await?;
        self.shared(archive).await?;
        self.rules(archive).await?;
        Ok(entitlements)
    }

    async fn meta(&self, archive: &mut Archive) -> Result<(), ExportError> {
        let version = match self.request.format {
            Format::Zip => env!("CARGO_PKG_VERSION"),
            Format::Tar => BUNDLE_VERSION,
        };
        let meta = json!({
            "version": version, "created": date(self.created)?, "principalName": self.principal,
            "webAppPrefix": self.request.web_prefix, "cdnLabel": self.request.cdn_label,
        });
        archive.json("meta.json", &meta).await
    }

    async fn consumer(&self, archive: &mut Archive) -> Result<(), ExportError> {
        let Distributor { uuid, name, kind, owner, content_access_mode, .. } = self.distributor;
        let consumer = json!({
            "uuid": uuid, "name": name, "type": kind, "owner": owner, "contentAccessMode": content_access_mode,
            "urlWeb": self.request.web_prefix, "urlApi": self.request.api_url,
        });
        archive.json("consumer.json", &consumer).await
    }

    /// The folder in both forms: the association design's, and the one that Candlepin reads.
    ///
    /// Candlepin takes every JSON file there for the identity certificate, and the last one counts, whichever that is. So
    /// the file about the consumer holds the certificate, too.
    async fn upstream_consumer(&self, archive: &mut Archive) -> Result<(), ExportError> {
        let Distributor { id, uuid, name, kind, owner, content_access_mode, created, updated, .. } = self.distributor;
        let (identity, key) = (&self.distributor.identity, &self.distributor.identity_key);
        let certificate = identity.json(key);
        let both = json!({
            "id": id, "uuid": uuid, "name": name, "type": kind, "owner": owner,
            "contentAccessMode": content_access_mode, "webUrl": self.request.web_prefix, "apiUrl": self.request.api_url,
            "created": created, "updated": updated, "cert": certificate.get("cert"), "key": certificate.get("key"),
            "serial": certificate.get("serial"),
        });
        archive.json(&format!("upstream_consumer/{}.json", file_name(uuid)), &both).await?;
        archive.json(&format!("upstream_consumer/{}.json", identity.serial), &certificate).await?;
        archive.file(&format!("upstream_consumer/{}.pem", identity.id), identity.pem(key).as_bytes()).await
    }

    async fn entitlements(&self, archive: &mut Archive) -> Result<u64, ExportError> {
        let Distributor { id, owner, key, .. } = self.distributor;
        let mut rows =
            self.rows(include_str!("sql/entitlements.sql"), &[(id, Type::TEXT), (owner, Type::JSON)]).await?;
        let mut count = 0;
        while let Some(row) = rows.next().await {
            let row = row?;
            let id: &str = row.get("id");
            let certificate = Certificate::of(&row);
            let certificate = certificate.ok_or_else(|| ExportError::Uncertified(id.to_owned()))?;
            let mut entitlement = parse(row.get("document"))?;
            if let Some(fields) = entitlement.as_object_mut() {
                fields.insert("certificates".into(), json!([certificate.json(key)]));
            }
            archive.json(&format!("entitlements/{id}.json"), &entitlement).await?;
            let file = format!("entitlement_certificates/{}.pem", certificate.serial);
            archive.file(&file, certificate.pem(key).as_bytes()).await?;
            count += 1;
        }
        Ok(count)
    }

    async fn products(&self, archive: &mut Archive) -> Result<(), ExportError> {
        let mut rows = self.rows(include_str!("sql/products.sql"), &[(&self.distributor.id, Type::TEXT)]).await?;
        while let Some(row) = rows.next().await {
            let row = row?;
            let id: &str = row.get("product_id");
            archive.json(&product_file(id, "json")?, &parse(row.get("document"))?).await?;
            if let Some(certificate) = row.get::<_, Option<&[u8]>>("cert") {
                archive.file(&product_file(id, "pem")?, certificate).await?;
            }
        }
        Ok(())
    }

    async fn shared(&self, archive: &mut Archive) -> Result<(), ExportError> {
        let mut rows = self.rows(include_str!("sql/shared.sql"), &[]).await?;
        while let Some(row) = rows.next().await {
            let row = row?;
            let (folder, name): (&str, &str) = (row.get("folder"), row.get("name"));
            archive.json(&format!("{folder}/{}.json", file_name(name)), &parse(row.get("document"))?).await?;
        }
        Ok(())
    }

    /// The newest rules. Those that say their version have a folder of their own, where readers insist on it.
    async fn rules(&self, archive: &mut Archive) -> Result<(), ExportError> {
        let sql = "SELECT rules_blob, version <> '0' AS versioned FROM cp_rules ORDER BY updated DESC, id DESC LIMIT 1";
        let Some(row) = self.snapshot.query_typed_opt(sql, &[]).await? else { return Ok(()) };
        let rules: &str = row.get("rules_blob");
        let in_zip = self.request.format == Format::Zip;
        let name = if in_zip && row.get("versioned") { "rules2/rules.js" } else { "rules/rules.js" };
        archive.file(name, rules.as_bytes()).await
    }

    /// Rows one after the other, as the server has them.
    async fn rows(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Pin<Box<RowStream>>, ExportError> {
        let values = values.iter().map(|(value, of)| (*value, of.clone()));
        Ok(Box::pin(self.snapshot.query_typed_raw(sql, values).await?))
    }
}

/// A moment as manifests write it.
fn date(moment: OffsetDateTime) -> Result<String, ExportError> {
    Ok(moment.to_offset(UtcOffset::UTC).format(DATE).map_err(std::io::Error::other)?)
}

/// What the database made; its keys are sorted by this.
fn parse(document: &str) -> Result<Value, ExportError> {
    Ok(serde_json::from_str(document).map_err(std::io::Error::other)?)
}
