//! Names of files, from texts that may be anything.

use super::ExportError;

/// A text as the name of a file or a part of a key: whatever would lead out of its folder is written as `%2F`, and `%` as
/// `%25`, so that two texts never make one name. Readers know these files by what they say, not by their names.
pub(super) fn file_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '/' | '\\' | '%' => name.push_str(&format!("%{:02X}", u32::from(character))),
            _ if character.is_control() => name.push_str(&format!("%{:02X}", u32::from(character))),
            _ => name.push(character),
        }
    }
    // With no ending behind it, it would be a folder.
    if name.chars().all(|character| character == '.') { name.replace('.', "%2E") } else { name }
}

/// Whether a product of this id has a file in manifests, which readers look for by the id.
pub(crate) fn fits_product_file(id: &str) -> bool {
    file_name(id) == id
}

/// The name of a product's file.
pub(super) fn product_file(id: &str, ending: &str) -> Result<String, ExportError> {
    if !fits_product_file(id) {
        return Err(ExportError::unfit("product", &file_name(id), "its id cannot be the name of a file"));
    }
    Ok(format!("products/{id}.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leads_out_of_its_folder() {
        let names = ["system engine", "a/b", "..", "a%2Fb", "\\x\0", "ä", ""].map(file_name);
        assert_eq!(names, ["system engine", "a%2Fb", "%2E%2E", "a%252Fb", "%5Cx%00", "ä", ""]);
    }

    #[test]
    fn a_product_whose_id_leads_elsewhere_is_refused() {
        assert_eq!(product_file("MCT-1 v2", "json").unwrap(), "products/MCT-1 v2.json");
        let error = product_file("../meta", "json").unwrap_err().to_string();
        assert_eq!(error, "product ..%2Fmeta cannot be exported: its id cannot be the name of a file");
    }
}
