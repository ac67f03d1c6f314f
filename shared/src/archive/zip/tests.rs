mod contents;
mod damage;

use crate::archive::fixture::{Part, deflate, extra_field, zip, zip_with};
use crate::archive::{ArchiveError, Limits, Members};

fn open(bytes: Vec<u8>) -> Result<Members, ArchiveError> {
    Members::zip(bytes.into(), &Limits::for_manifests())
}

/// Every file with its content, read.
fn contents(bytes: Vec<u8>) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    let members = open(bytes)?;
    members.iter().map(|member| Ok((member.name().to_owned(), member.read()?))).collect()
}

fn a() -> Part {
    Part::file("a.json", b"{\"a\": [1, 1, 1, 1, 1, 1, 1, 1]}")
}

fn refusal(parts: &[Part]) -> String {
    contents(zip(parts)).expect_err("it is refused").to_string()
}

#[test]
fn every_form_that_writers_use_is_read() {
    let forms = [
        a(),
        Part { stored: true, ..a() },
        Part { descriptor: Some(12), ..a() },
        Part { descriptor: Some(16), ..a() },
        Part { descriptor: Some(20), zip64: true, ..a() },
        Part { descriptor: Some(24), zip64: true, ..a() },
        Part { descriptor: Some(24), ..a() },
        Part { descriptor: Some(16), stored: true, ..a() },
        Part { zip64: true, ..a() },
        Part { flags: 1 << 11 | 2, local_flags: Some(4), ..a() },
        Part { attributes: 0o100_644 << 16, extra: extra_field(0x5455, &[1, 2, 3, 4, 5]), ..a() },
        Part { extra: extra_field(0x7075, b"\x01....a.json"), ..a() },
        Part { content: Vec::new(), ..a() },
        Part { content: Vec::new(), stored: true, ..a() },
        Part { name: "./é.json".into(), ..a() },
    ];
    for form in forms {
        let name = String::from_utf8(form.name.clone()).unwrap().replace("./", "");
        let parts = [Part::file("0", b"first"), form.clone(), Part::file("z", b"last")];
        for (comment, end64) in [(&b""[..], false), (b"Candlepin export for x", false), (b"", true)] {
            let found = contents(zip_with(&parts, comment, end64)).unwrap_or_else(|error| panic!("{form:?}: {error}"));
            assert!(found.contains(&(name.clone(), form.content.clone())), "{form:?}: {found:?}");
            assert_eq!(found.len(), 3);
        }
    }
    assert_eq!(contents(zip(&[])).unwrap(), []);
}

#[test]
fn directories_are_counted_and_left_out() {
    let directory = |stored, attributes| Part { stored, attributes, ..Part::file("export/", b"") };
    for directory in [directory(true, 0x10), directory(false, 0o040_755 << 16)] {
        let members = open(zip(&[directory, Part::file("export/a", b"1")])).unwrap();
        assert_eq!((members.len(), members.entries(), members.directories()), (1, 2, 1));
        assert_eq!(members.a_directory(), Some("export/"));
    }
    let full = Part { stored: true, ..Part::file("export/", b"x") };
    assert_eq!(refusal(&[full]), "entry export/ is a directory with content, which is refused");
    let hiding = Part { packed: Some(b"hidden".into()), ..Part::file("export/", b"") };
    assert_eq!(refusal(&[hiding]), "entry export/ is a directory with content, which is refused");
}

#[test]
fn encrypted_special_and_otherwise_compressed_members_are_refused() {
    for (part, what) in [
        (Part { flags: 1, ..a() }, "encrypted"),
        (Part { flags: 1 << 6, ..a() }, "encrypted"),
        (Part { flags: 1 << 13, ..a() }, "encrypted"),
        (Part { flags: 1 << 5, ..a() }, "marked with an unknown flag"),
        (Part { attributes: 0o120_777 << 16, ..a() }, "a link"),
        (Part { attributes: 0o010_644 << 16, ..a() }, "a special file"),
        (Part { attributes: 0o020_644 << 16, ..a() }, "a special file"),
        (Part { attributes: 0o040_755 << 16, ..a() }, "a directory by its mode, but not by its name"),
        (Part { attributes: 0x10, ..a() }, "a directory by its attributes, but not by its name"),
        (Part { method: Some(12), ..a() }, "compressed with something other than DEFLATE"),
        (Part { method: Some(93), ..a() }, "compressed with something other than DEFLATE"),
    ] {
        assert_eq!(refusal(&[part]), format!("entry a.json is {what}, which is refused"));
    }
}

#[test]
fn names_that_lead_astray_are_refused() {
    for (name, shown, what) in [
        (&b"../a"[..], "../a", "named with a `..`"),
        (b"export/../../a", "export/../../a", "named with a `..`"),
        (b"./../a", "../a", "named with a `..`"),
        (b"../", "../", "named with a `..`"),
        (b"/a", "/a", "named with an absolute path"),
        (b"a\\b", "a\\\\b", "named with a backslash"),
        (b"a\0b", "a\\0b", "named with a control character"),
        (b"a\x1b[2J", "a\\u{1b}[2J", "named with a control character"),
        (b"C:/a", "C:/a", "named with a drive letter"),
        (b"c:a", "c:a", "named with a drive letter"),
        (b"a//b", "a//b", "named with an empty part or a `.`"),
        (b"a/./b", "a/./b", "named with an empty part or a `.`"),
        (b"a\xff", "a\u{fffd}", "named in something other than UTF-8"),
        (b"", "(unnamed)", "without a name"),
    ] {
        let part = Part { name: name.into(), ..a() };
        assert_eq!(refusal(&[part]), format!("entry {shown} is {what}, which is refused"));
    }
}

#[test]
fn one_name_is_there_once() {
    let there_twice = "entry a.json is there twice, which is refused";
    assert_eq!(refusal(&[a(), a()]), there_twice);
    assert_eq!(refusal(&[a(), Part::file("./a.json", b"")]), there_twice);
    assert_eq!(refusal(&[a(), Part::file("a.json/", b"")]), there_twice);
    assert_eq!(refusal(&[Part::file("a.json/", b""), Part::file("a.json/", b"")]), there_twice);
}

#[test]
fn both_headers_must_tell_the_same() {
    let other = |what: &str| format!("member a.json: its header has {what} than the directory");
    for (part, text) in [
        (Part { local_name: Some("b.json".into()), ..a() }, other("another name")),
        (Part { local_name: Some("./a.json".into()), ..a() }, other("another name")),
        (Part { local_method: Some(0), ..a() }, other("another method")),
        (Part { local_flags: Some(1), ..a() }, other("other flags")),
        (Part { local_flags: Some(8), ..a() }, other("other flags")),
        (Part { local_size: Some(1), ..a() }, other("another size or CRC")),
        (Part { local_size: Some(1), descriptor: Some(16), ..a() }, other("another size or CRC")),
        (Part { local_size: Some(0), ..a() }, other("another size or CRC")),
        (Part { local_crc: Some(1), ..a() }, other("another size or CRC")),
        (
            Part { local_size: Some(u32::MAX), ..a() },
            "member a.json: its header's zip64 field is missing or cut".into(),
        ),
    ] {
        assert_eq!(refusal(&[part]), text);
    }
    let unlike = Part { name: "é".into(), local_flags: Some(1 << 11), ..a() };
    assert_eq!(refusal(&[unlike]), "member é: its header has other flags than the directory");
}

#[test]
fn a_second_name_in_an_extra_field_is_refused() {
    let other = extra_field(0x7075, b"\x01....b.json");
    let text = "member a.json: its Unicode path is another name";
    assert_eq!(refusal(&[Part { extra: other.clone(), ..a() }]), text);
    assert_eq!(refusal(&[Part { local_extra: Some(other), ..a() }]), text);
    let cut = Part { extra: vec![1, 0, 9], ..a() };
    assert_eq!(refusal(&[cut]), "member a.json: its extra fields are damaged");
    let twice = Part { zip64: true, extra: extra_field(1, &[0; 16]), ..a() };
    assert_eq!(refusal(&[twice]), "member a.json: it has two zip64 fields");
}

#[test]
fn a_data_descriptor_must_be_there_and_true() {
    let missing = Part { flags: 8, ..a() };
    assert_eq!(refusal(&[missing]), "member a.json: its data descriptor is missing");
    for length in [4, 13, 28] {
        let wrong = Part { descriptor: Some(length), ..a() };
        assert_eq!(refusal(&[wrong]), "member a.json: bytes that are no part of it follow it");
    }
    for length in [12, 16, 20, 24] {
        let part = Part { descriptor: Some(length), ..a() };
        let start = 30 + 6 + deflate(&part.content).len();
        for at in start..start + length {
            let mut bytes = zip(std::slice::from_ref(&part));
            bytes[at] ^= 1;
            assert!(open(bytes).is_err(), "byte {at} of a descriptor of {length}");
        }
    }
}

#[test]
fn nothing_lies_between_before_or_after_the_members() {
    let hidden = zip(&[Part::file("hidden", b"1")]);
    let text = "member a.json: bytes that are no part of it follow it";
    assert_eq!(refusal(&[Part { after: hidden.clone(), ..a() }]), text);
    assert_eq!(refusal(&[Part { after: vec![0], ..a() }, Part::file("b", b"")]), text);
    // Offsets that count from the end of something in front.
    let mut shifted = b"PK\x03\x04".to_vec();
    shifted.extend(zip(&[a()]));
    assert!(open(shifted).is_err());
    let mut trailed = zip(&[a()]);
    trailed.push(0);
    assert_eq!(open(trailed).unwrap_err().to_string(), "not a sound zip file: its end is cut, or bytes follow it");
    // A member that the directory leaves out, in front of the first that it lists.
    let two = zip(&[Part::file("hidden", b""), a()]);
    let directory = two.len() - 22 - (46 + 6) - (46 + 6);
    let mut less = [&two[..directory], &two[directory + 52..]].concat();
    let end = less.len() - 22;
    less[end + 8] = 1;
    less[end + 10] = 1;
    less[end + 12] = 52;
    assert_eq!(open(less).unwrap_err().to_string(), "not a sound zip file: bytes in front of its first member");
}

#[test]
fn members_do_not_overlap() {
    // Both directory records point at the first member.
    let mut bytes = zip(&[a(), a()]);
    let second = bytes.len() - 22 - 52;
    bytes[second + 42..second + 46].fill(0);
    bytes[second + 46] = b'b';
    assert!(open(bytes).is_err());
    // The first claims the second's bytes too, and is taken for a whole.
    let inner = zip(&[a()]);
    let quoted = Part { stored: true, ..Part::file("q", &inner) };
    assert_eq!(contents(zip(std::slice::from_ref(&quoted))).unwrap().len(), 1);
    let longer = Part { packed: Some(inner[..20].into()), size: Some(20), ..quoted };
    let mut bytes = zip(&[longer, a()]);
    let first = bytes.len() - 22 - 52 - 47;
    bytes[18] += 1;
    bytes[22] += 1;
    bytes[first + 20] += 1;
    bytes[first + 24] += 1;
    assert_eq!(open(bytes).unwrap_err().to_string(), "member q: it overlaps with what follows it");
}

#[test]
fn there_is_one_end() {
    let plain = zip(&[a()]);
    let fake = [&plain[plain.len() - 22..], b""].concat();
    let commented = zip_with(&[a()], &fake, false);
    assert_eq!(open(commented).unwrap_err().to_string(), "not a sound zip file: it has two ends");
    let cut = zip_with(&[a()], b"..PK\x05\x06", false);
    assert_eq!(open(cut).unwrap_err().to_string(), "not a sound zip file: its end is cut, or bytes follow it");
    let end = plain.len() - 22;
    for (at, text) in [
        (4, "it is one of several disks"),
        (6, "it is one of several disks"),
        (8, "it is one of several disks"),
        (12, "its central directory is not where its end says"),
        (16, "its central directory is not where its end says"),
    ] {
        let mut bytes = plain.clone();
        bytes[end + at] += 1;
        assert_eq!(open(bytes).unwrap_err().to_string(), format!("not a sound zip file: {text}"));
    }
    let mut more = plain.clone();
    more[end + 8] = 0;
    more[end + 10] = 0;
    assert!(open(more).unwrap_err().to_string().contains("holds more than it counts"));
    let mut wide = plain.clone();
    wide[end + 16..end + 20].fill(0xff);
    assert!(open(wide).unwrap_err().to_string().contains("its zip64 end is missing"));
}

#[test]
fn a_zip64_end_must_agree_and_be_where_it_should() {
    let whole = zip_with(&[a()], b"", true);
    assert_eq!(contents(whole.clone()).unwrap().len(), 1);
    let record = whole.len() - 22 - 20 - 56;
    let informative = record + 12..record + 16;
    for at in (record..whole.len() - 22).filter(|at| !informative.contains(at)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 2;
        assert!(open(bytes).is_err(), "byte {} of the zip64 records", at - record);
    }
    let mut both = whole;
    let end = both.len() - 22;
    both[end + 16..end + 20].copy_from_slice(&[9, 0, 0, 0]);
    assert_eq!(open(both).unwrap_err().to_string(), "not a sound zip file: its two ends disagree");
}
