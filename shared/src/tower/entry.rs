//! What an entry's name says: `api/v<N>/<collection>/page<N>.json` and its relatives.

use super::Collection;

/// An entry that a refresh reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryName {
    /// `<collection>/page<N>.json`: a list response, or one bare object.
    Page(Collection, u32),
    /// `<collection>/id<N>.json`: a list of ids.
    Ids(Collection, u32),
    /// `<templates>/<id>/survey_spec/page1.json`: the survey of one template.
    Survey(i64),
}

/// Reads a name without a leading `/` or `./`. `None` is a file of no interest.
pub fn parse(name: &str) -> Option<EntryName> {
    let mut parts = name.split('/');
    if parts.next()? != "api" || number(parts.next()?.strip_prefix('v')?).is_none() {
        return None;
    }
    let collection = Collection::from_name(parts.next()?)?;
    let file = parts.next()?;
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => numbered(file, "page")
            .map(|page| EntryName::Page(collection, page))
            .or_else(|| numbered(file, "id").map(|page| EntryName::Ids(collection, page))),
        (Some("survey_spec"), Some(page), None) if collection.object_type().is_some() => {
            numbered(page, "page")?;
            file.parse().ok().filter(|id| *id >= 0).map(EntryName::Survey)
        }
        _ => None,
    }
}

/// The number in `page12.json`.
fn numbered(file: &str, prefix: &str) -> Option<u32> {
    number(file.strip_prefix(prefix)?.strip_suffix(".json")?)
}

fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_say_what_an_entry_holds() {
        use Collection as C;
        let survey = "api/v2/job_templates/10/survey_spec/page1.json";
        for (name, expected) in [
            ("api/v2/job_templates/page1.json", Some(EntryName::Page(C::JobTemplates, 1))),
            ("api/v1/workflow_job_template_nodes/page12.json", Some(EntryName::Page(C::Nodes, 12))),
            ("api/v2/inventories/id3.json", Some(EntryName::Ids(C::Inventories, 3))),
            (survey, Some(EntryName::Survey(10))),
            ("api/v2/inventories/10/survey_spec/page1.json", None),
            ("api/v2/job_templates/x/survey_spec/page1.json", None),
            ("api/v2/job_templates/page.json", None),
            ("api/v2/job_templates/page+1.json", None),
            ("api/v2/users/page1.json", None),
            ("api/x/job_templates/page1.json", None),
            ("api/v2/job_templates/page99999999999.json", None),
            ("readme.txt", None),
        ] {
            assert_eq!(parse(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name in "(api/v2/)?[a-z_/0-9.+-]{0,40}") {
            let _ = parse(&name);
        }
    }
}
