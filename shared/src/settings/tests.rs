use super::*;
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
    assert_eq!(settings.limits, Limits::default());
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
fn the_readme_lists_each_variable_with_its_default() {
    let readme = include_str!("../../../README.md");
    for (name, default, text) in Settings::VARIABLES {
        let row = format!("| `{name}` | {default} | {text} |");
        assert!(readme.contains(&row), "the README lacks the row\n{row}");
    }
}
