//! PEM as Candlepin writes it: lines of 64 columns that end in LF.

use base64::{Engine, engine::general_purpose::STANDARD};

/// `bytes` between `BEGIN` and `END` lines (RFC 7468).
pub fn pem_block(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut block = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        block.push_str(line);
        block.push('\n');
        rest = after;
    }
    block.push_str(&format!("-----END {label}-----\n"));
    block
}
