//! The content of one entry of a sound archive: a page of each collection, an id file, a survey.
#![no_main]

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use longshore::archive::Limits;
use longshore::tower::{Object, Sink, Stopped, read};

struct Checked;

impl Sink for Checked {
    fn put(&mut self, object: Object<'_>) -> Result<(), Stopped> {
        // What goes to PostgreSQL must be something that it can hold.
        if let Object::Offering(offering) = object {
            assert!(!offering.common.name.contains('\0'));
            assert!(offering.common.id >= 0);
        }
        Ok(())
    }
}

const NAMES: [&str; 8] = [
    "api/v2/job_templates/page1.json",
    "api/v2/workflow_job_templates/page1.json",
    "api/v2/workflow_job_template_nodes/page1.json",
    "api/v2/inventories/page1.json",
    "api/v2/credentials/page1.json",
    "api/v2/credential_types/page1.json",
    "api/v2/job_templates/id1.json",
    "api/v2/job_templates/7/survey_spec/page1.json",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (which, content) = input;
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, NAMES[usize::from(which) % NAMES.len()], content).unwrap();
    let archive = tar.into_inner().unwrap().finish().unwrap();
    let _ = read(&archive, &Limits::default(), &mut Checked);
});
