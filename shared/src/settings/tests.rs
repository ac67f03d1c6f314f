use super::*;
use crate::candlepin::Conflict;
use crate::manifest::TrustSource;
use crate::secret_source::SecretSource;
use std::collections::HashMap;

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
    let map: HashMap<String, String> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    Settings::read(move |name| map.get(name).cloned())
}

const URL: (&str, &str) = ("DATABASE_URL", "postgres://app:s3cret@db.example.com:6432/inventory");

#[test]
fn everything_has_a_default_but_the_database() {
    let settings = read(&[URL]).unwrap();
    assert!(settings.database.tls);
    assert_eq!(settings.database.port, Some(6432));
    assert_eq!(settings.concurrency, 2);
    assert_eq!((settings.limits, settings.manifest_limits), (Limits::default(), Limits::for_manifests()));
    assert_eq!((settings.import.forceable.as_slice(), settings.import.records), (&Conflict::ALL[..], 10));
    assert_eq!((settings.import.trusted_certificates, settings.import.keys), (vec![], None));
    assert_eq!(settings.database.candlepin_schema, "candlepin");
    assert_eq!(read(&[]).unwrap_err().variable, "DATABASE_URL");
}

#[test]
fn tls_is_off_only_when_the_url_says_so() {
    for (mode, tls) in [("disable", false), ("require", true), ("verify-full", true)] {
        let url = format!("{}?connect_timeout=3&sslmode={mode}", URL.1);
        assert_eq!(read(&[("DATABASE_URL", &url)]).unwrap().database.tls, tls, "{mode}");
    }
    let url = format!("{}?sslmode=prefer", URL.1);
    assert!(read(&[("DATABASE_URL", &url)]).is_err());
}

#[test]
fn a_bad_value_names_its_variable_and_never_shows_a_password() {
    for (name, value) in [
        ("LONGSHORE_CONCURRENCY", "0"),
        ("LONGSHORE_MAX_ENTRIES", "many"),
        ("LONGSHORE_CREATE_SOURCES", "perhaps"),
        ("LONGSHORE_REJECTION_TARGET", "ftp://x"),
        ("INVENTORY_SCHEMA", "public; drop"),
        ("CANDLEPIN_SCHEMA", "Candlepin"),
        ("LONGSHORE_KEYS", "c2VjcmV0"),
        ("LONGSHORE_KEYS", "kms:"),
        ("LONGSHORE_FORCEABLE_CONFLICTS", "MANIFEST_OLD,none"),
        ("LONGSHORE_IMPORT_RECORDS", "0"),
        ("LONGSHORE_EVENTS_SOURCE", "a longshore"),
    ] {
        assert_eq!(read(&[URL, (name, value)]).unwrap_err().variable, name);
    }
    let error = read(&[("DATABASE_URL", "postgres://app:s3cret@host:port/x")]).unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let debug = format!("{:?}", read(&[URL]).unwrap());
    assert!(!debug.contains("s3cret"), "{debug}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    assert!(read(&[URL, ("DATABASE_SECRET_ARN", ""), ("LONGSHORE_CONCURRENCY", " ")]).is_ok());
}

#[test]
fn an_import_trusts_places_as_they_are_written_and_lets_be_forced_what_is_listed() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:Upstream-AbCdEf";
    let places = format!("/opt/Upstream.pem, {arn},");
    let import = |forceable: &str| {
        let variables =
            [URL, ("LONGSHORE_TRUSTED_CERTIFICATES", &places), ("LONGSHORE_FORCEABLE_CONFLICTS", forceable)];
        read(&variables).unwrap().import
    };
    let expected = [TrustSource::Path("/opt/Upstream.pem".into()), TrustSource::Secret(arn.into())];
    assert_eq!(import("").trusted_certificates, expected);
    assert_eq!(import("manifest_same, MANIFEST_OLD").forceable, [Conflict::ManifestOld, Conflict::ManifestSame]);
    assert_eq!(import("none").forceable, []);
}

#[test]
fn one_variable_limits_archives_and_manifests_alike() {
    let settings = read(&[URL, ("LONGSHORE_MAX_ENTRIES", "7")]).unwrap();
    assert_eq!((settings.limits.entries, settings.manifest_limits.entries), (7, 7));
}

#[test]
fn where_keys_are_is_not_shown() {
    let settings = read(&[URL, ("LONGSHORE_KEYS", "kms:c2VjcmV0")]).unwrap();
    assert_eq!(settings.import.keys, Some(SecretSource::Kms(b"secret".into())));
    assert!(!format!("{:?}", settings.import).contains("c2VjcmV0"));
}

#[test]
fn the_readme_lists_each_variable_with_its_default() {
    let readme = include_str!("../../../README.md");
    for (name, default, text) in Settings::VARIABLES {
        let row = format!("| `{name}` | {default} | {text} |");
        assert!(readme.contains(&row), "the README lacks the row\n{row}");
    }
}
