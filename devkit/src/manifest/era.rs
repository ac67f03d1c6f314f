//! How manifests looked in the course of time.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::{datetime, format_description};

use super::entitlement::CertificateVersion;
use super::key::KeyForm;

/// A time in the history of Candlepin, and with it the form of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Era {
    /// 2010 to September 2012: `consumer.json` holds a uuid, rules stand in `rules/`, no upstream consumer.
    A,
    /// October 2012 to 2013: upstream consumer, versioned rules, derived products, distributor versions.
    B,
    /// 2014 to 2025, as of 2023: branding, products in products, version 3 certificates.
    C,
    /// 2026: sorted keys, PKCS#8, `scheme.json`.
    D,
}

impl Era {
    /// All of them, oldest first.
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::D];

    /// When a manifest of this era was made, unless told otherwise.
    pub(super) fn created(self) -> OffsetDateTime {
        match self {
            Self::A => datetime!(2012-03-05 10:20:30.400 UTC),
            Self::B => datetime!(2013-11-20 10:20:30.400 UTC),
            Self::C => datetime!(2023-03-05 10:20:30.400 UTC),
            Self::D => datetime!(2026-03-05 10:20:30.400 UTC),
        }
    }

    pub(super) fn dates(self) -> DateSpelling {
        match self {
            Self::A | Self::B => DateSpelling::Plain,
            Self::C => DateSpelling::Colon,
            Self::D => DateSpelling::Z,
        }
    }

    pub(super) fn key_form(self) -> KeyForm {
        match self {
            Self::A | Self::B | Self::C => KeyForm::Pkcs1,
            Self::D => KeyForm::Pkcs8,
        }
    }

    pub(super) fn certificates(self) -> CertificateVersion {
        match self {
            Self::A | Self::B => CertificateVersion::V1,
            Self::C | Self::D => CertificateVersion::V3,
        }
    }

    /// The label of the signature below the data of a version 3 certificate.
    pub(super) fn signature_label(self) -> &'static str {
        if self == Self::D { "SIGNATURE" } else { "RSA SIGNATURE" }
    }

    /// The version of the exporter in `meta.json`.
    pub(super) fn exporter(self) -> &'static str {
        match self {
            Self::A | Self::B => "0.0.0",
            Self::C => "4.2.15-1",
            Self::D => "5.0.1-1",
        }
    }

    /// The version of the rules; the first era's have none.
    pub(super) fn rules(self) -> Option<&'static str> {
        match self {
            Self::A => None,
            Self::B => Some("4.2"),
            Self::C => Some("5.43"),
            Self::D => Some("5.44"),
        }
    }
}

/// How a date is written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateSpelling {
    /// `2013-05-02T13:14:15.678+0000`, until April 2021.
    Plain,
    /// `2023-05-02T13:14:15.678+00:00`, until December 2025.
    Colon,
    /// `2026-05-02T13:14:15.678Z`, since then.
    Z,
    /// `2026-05-02`, which loses the time.
    Day,
    /// Milliseconds since 1970, as a number.
    Milliseconds,
}

impl DateSpelling {
    /// A time in this spelling, cut to milliseconds.
    pub fn json(self, time: OffsetDateTime) -> Value {
        let zone = match self {
            Self::Plain => "+0000",
            Self::Colon => "+00:00",
            Self::Z => "Z",
            Self::Day => return json!(time.to_utc().date().to_string()),
            Self::Milliseconds => return json!((time.unix_timestamp_nanos() / 1_000_000) as i64),
        };
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]");
        // A year beyond 9999 is the only one without a form.
        json!(time.to_utc().format(format).map(|text| text + zone).unwrap_or_default())
    }
}
