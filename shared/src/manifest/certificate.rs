//! X.509 certificates and private keys as they stand in manifests: PEM in JSON and in files.
