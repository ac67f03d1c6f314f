//! The certificates that an operator trusts.

use super::signer::Signer;
use crate::failure::Classified;
use std::fmt;

/// Why the trusted certificates cannot be had. An operator can mend each of these, so the record waits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// None is configured.
    #[error("no certificate is trusted: set LONGSHORE_TRUSTED_CERTIFICATES")]
    None,
    /// A file or a directory cannot be read.
    #[error("cannot read trusted certificates from {place}; see LONGSHORE_TRUSTED_CERTIFICATES")]
    File {
        /// The file or the directory.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A secret cannot be read.
    #[error("cannot read trusted certificates from secret {id}; see LONGSHORE_TRUSTED_CERTIFICATES: {reason}")]
    Secret {
        /// The secret's ARN or name.
        id: String,
        /// Why.
        reason: String,
    },
    /// There is no certificate where one should be.
    #[error("no certificate in {0}; put one there or remove it")]
    NoCertificate(String),
    /// One certificate cannot be read.
    #[error("certificate {number} in {place} cannot be used: {reason}")]
    Unreadable {
        /// Where it came from.
        place: String,
        /// Which one, counted from 1.
        number: usize,
        /// Why.
        reason: &'static str,
    },
}

impl Classified for AnchorError {
    fn kind(&self) -> &'static str {
        "TrustAnchors"
    }

    fn is_transient(&self) -> bool {
        true
    }
}

/// The certificates that are trusted. Each may sign; those that are CAs may also issue what signs.
#[derive(Clone, Default)]
pub struct TrustAnchors(Vec<Signer>);

impl TrustAnchors {
    /// Reads PEM texts of several certificates each, `(where it came from, text)`. Other blocks are ignored, a
    /// certificate that is there twice counts once, and no text at all is no anchor at all.
    ///
    /// # Errors
    /// A text without a certificate or with one that cannot be read; the error names the place.
    pub fn parse(texts: &[(String, String)]) -> Result<Self, AnchorError> {
        let mut anchors = Self::default();
        for (place, text) in texts {
            anchors.add(place, text)?;
        }
        Ok(anchors)
    }

    fn add(&mut self, place: &str, text: &str) -> Result<(), AnchorError> {
        let unreadable =
            |number: usize, reason: &'static str| AnchorError::Unreadable { place: place.into(), number, reason };
        let mut number = 0;
        let blocks = pem::parse_many(text).map_err(|_| unreadable(1, "its PEM framing or base64 is damaged"))?;
        for block in blocks.iter().filter(|block| block.tag() == "CERTIFICATE") {
            number += 1;
            let signer = Signer::parse(block.contents()).map_err(|reason| unreadable(number, reason))?;
            if self.iter().all(|known| known.der != signer.der) {
                self.0.push(signer);
            }
        }
        // The parser leaves out a block that never ends.
        if text.matches("-----BEGIN ").count() != blocks.len() {
            return Err(unreadable(number + 1, "it is cut"));
        }
        if number == 0 { Err(AnchorError::NoCertificate(place.into())) } else { Ok(()) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Signer> {
        self.0.iter()
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|signer| &signer.subject)).finish()
    }
}
