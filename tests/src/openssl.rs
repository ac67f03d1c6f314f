//! The program `openssl`, which shares no code with ours.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What `openssl` answers to a text; it must be content.
pub fn openssl(arguments: &[&str], input: &str) -> String {
    let mut process = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need the program openssl");
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// Our extensions as openssl shows them: `1.901.1` -> `Engine`.
pub fn candlepin_extensions(pem: &str) -> BTreeMap<String, String> {
    let shown = openssl(&["x509", "-noout", "-text"], pem);
    let (_, extensions) = shown.split_once("X509v3 extensions:").unwrap();
    let mut said = BTreeMap::new();
    let mut lines = extensions.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(oid) = line.strip_prefix("1.3.6.1.4.1.2312.9.") {
            // Tag and length are shown as two odd characters; the values of these tests are ASCII and short.
            let value = lines.next().unwrap_or_default();
            let value: String = value.chars().skip(2).collect();
            assert_eq!(said.insert(oid.trim_end_matches([':', ' ']).to_owned(), value), None, "{oid} is there twice");
        }
    }
    said
}
