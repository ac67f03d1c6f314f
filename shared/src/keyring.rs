//! Private keys at rest: sealed with AES-256-GCM under keys that can be rotated.
