//! Who signed it: the signature over the exact bytes, and whether its certificate is trusted.
