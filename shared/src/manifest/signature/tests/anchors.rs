//! Reading the trusted certificates.

use super::*;
use proptest::prelude::*;

#[test]
fn trusted_certificates_are_read_or_refused_with_their_place() {
    let certificate = pem("CERTIFICATE", &CA_CERTIFICATE);
    let parse =
        |text: &str| TrustAnchors::parse(&[("a.pem".into(), certificate.clone()), ("b.pem".into(), text.into())]);
    assert_eq!(parse(&format!("words\n{certificate}{certificate}")).unwrap().len(), 1, "the same one counts once");
    for text in ["", "words", &pem("PRIVATE KEY", b"x")] {
        assert!(matches!(parse(text), Err(AnchorError::NoCertificate(place)) if place == "b.pem"));
    }
    for text in
        [pem("CERTIFICATE", b"x"), certificate.replace("-----END", "----END"), certificate.replace("MII", "M*I")]
    {
        let error = parse(&format!("{certificate}{text}")).unwrap_err();
        assert!(error.to_string().contains("in b.pem cannot be used"), "{error}");
        assert!(error.is_transient());
    }
    assert!(TrustAnchors::parse(&[]).unwrap().is_empty());
    assert_eq!(format!("{:?}", parse(&certificate).unwrap()), r#"{"CN=A CA"}"#);
}

#[tokio::test]
async fn files_of_a_directory_are_read_and_a_missing_one_is_an_error() {
    use aws_config::{BehaviorVersion, SdkConfig};
    let aws = crate::aws::Aws::with_config(SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build());
    let directory = std::env::temp_dir().join(format!("longshore-trust-{}", uuid::Uuid::new_v4()));
    let source = [TrustSource::Path(directory.clone())];
    assert!(matches!(load(&source, &aws).await, Err(AnchorError::File { .. })), "missing");
    std::fs::create_dir_all(directory.join("below")).unwrap();
    assert!(matches!(load(&source, &aws).await, Err(AnchorError::NoCertificate(_))), "empty");
    std::fs::write(directory.join("b.pem"), pem("CERTIFICATE", &CA_CERTIFICATE)).unwrap();
    std::fs::write(directory.join("a.crt"), pem("CERTIFICATE", &issued(|_| ()))).unwrap();
    assert_eq!(format!("{:?}", load(&source, &aws).await.unwrap()), r#"{"CN=Export signing", "CN=A CA"}"#);
    let one = [TrustSource::Path(directory.join("b.pem"))];
    assert_eq!(load(&one, &aws).await.unwrap().len(), 1);
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(load(&[], &aws).await.unwrap().is_empty());
}

proptest! {
    #[test]
    fn no_text_of_certificates_makes_it_panic(text in "(-----(BEGIN|END) CERTIFICATE-----|[A-Za-z0-9+/=\n]{0,20}|.{0,5}){0,8}") {
        let _ = TrustAnchors::parse(&[("here".into(), text)]);
    }
}
