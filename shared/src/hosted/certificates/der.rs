//! The little DER (X.690) that extensions need.

const UTF8_STRING: u8 = 0x0c;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `directoryName [4]` of GeneralName (RFC 5280 4.2.1.6), explicit because a Name is a choice.
const DIRECTORY_NAME: u8 = 0xa4;

/// Attributes of a name, in the DER of their object identifiers: 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const ORGANISATION: [u8; 3] = [0x55, 0x04, 0x0a];

/// A UTF8String.
pub(super) fn utf8_string(text: &str) -> Vec<u8> {
    element(UTF8_STRING, text.as_bytes())
}

/// GeneralNames of two directory names: `O=<organisation>, CN=<common name>` and `CN=<name>`.
pub(super) fn directory_names(organisation: &str, common_name: &str, name: &str) -> Vec<u8> {
    let subject = [attribute(&ORGANISATION, organisation), attribute(&COMMON_NAME, common_name)].concat();
    let other = attribute(&COMMON_NAME, name);
    let names = [subject, other].map(|attributes| element(DIRECTORY_NAME, &element(SEQUENCE, &attributes)));
    element(SEQUENCE, &names.concat())
}

/// A RelativeDistinguishedName of one attribute.
fn attribute(oid: &[u8], value: &str) -> Vec<u8> {
    let pair = [element(OBJECT_IDENTIFIER, oid), utf8_string(value)].concat();
    element(SET, &element(SEQUENCE, &pair))
}

/// Tag, length, content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let leading = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = bytes.get(leading..).unwrap_or_default();
    let mut der = vec![tag];
    match significant {
        [] => der.push(0),
        [short @ 0..0x80] => der.push(*short),
        // As many bytes of length as follow (X.690 8.1.3.5).
        long => {
            der.push(0x80 | long.len() as u8);
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use x509_parser::asn1_rs::{Any, FromDer, Tag};

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (length, header) in [
            (0, vec![0x0c, 0]),
            (0x7f, vec![0x0c, 0x7f]),
            (0x80, vec![0x0c, 0x81, 0x80]),
            (0xff, vec![0x0c, 0x81, 0xff]),
            (0x100, vec![0x0c, 0x82, 1, 0]),
            (0x1_0000, vec![0x0c, 0x83, 1, 0, 0]),
        ] {
            assert!(utf8_string(&"a".repeat(length)).starts_with(&header), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_again(text in any::<String>(), repeats in 0_usize..300) {
            let text = text.repeat(repeats);
            let der = utf8_string(&text);
            let (rest, any) = Any::from_der(&der).unwrap();
            prop_assert!(rest.is_empty() && any.tag() == Tag::Utf8String);
            prop_assert_eq!(any.data, text.as_bytes());
        }
    }
}
