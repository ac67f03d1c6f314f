//! A PEM text as it stands in a manifest, and the DER of a certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore::manifest::{Certificate, PemFile, entitlement_version, key_matches};

fuzz_target!(|bytes: &[u8]| {
    let _ = Certificate::from_der(bytes);
    let _ = entitlement_version(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(file) = PemFile::split(text) else { return };
    let certificate = file.certificate.as_ref().map(|certificate| certificate.text()).unwrap_or_default();
    let key = file.key.as_ref().map(|key| key.text().expose()).unwrap_or_default();
    // What was normalised is normal.
    let again = PemFile::split(&format!("{key}{certificate}")).unwrap();
    assert_eq!(again.certificate.as_ref().map(|again| again.text()).unwrap_or_default(), certificate);
    if let (Some(certificate), Some(key)) = (&file.certificate, &file.key)
        && let Ok(certificate) = certificate.parse()
    {
        let _ = key_matches(&certificate, key);
    }
});
