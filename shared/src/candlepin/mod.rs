//! The Candlepin database: importing manifests into it, and undoing that.
