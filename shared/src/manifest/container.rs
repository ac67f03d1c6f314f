//! The two containers: a manifest (a zip in a zip, with a signature) and a data bundle (a gzip'd tar).
