//! Candlepin manifests and data bundles of all eras, made for tests: real certificates, real signatures.
