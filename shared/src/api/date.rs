//! Dates as the REST API writes them.

use serde::{Serialize, Serializer};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio_postgres::types::{FromSql, Type};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type as JsonType};

/// Unlike those of a manifest, without fractions of a second, and the zone without a colon.
const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+0000");

/// A moment in UTC, `2023-02-02T20:32:54+0000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RestDate(pub PrimitiveDateTime);

impl Serialize for RestDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.format(FORMAT).map_err(serde::ser::Error::custom)?)
    }
}

impl<'a> FromSql<'a> for RestDate {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        PrimitiveDateTime::from_sql(of, raw).map(Self)
    }

    fn accepts(of: &Type) -> bool {
        <PrimitiveDateTime as FromSql<'_>>::accepts(of)
    }
}

impl utoipa::PartialSchema for RestDate {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(JsonType::String))
            .pattern(Some(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+0000$"))
            .description(Some("A moment in UTC"))
            .into()
    }
}

impl utoipa::ToSchema for RestDate {}
