use super::{Member, ZipWriter, unzip};

fn files(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    unzip(zip).unwrap()
}

fn end_of(zip: &[u8]) -> usize {
    zip.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap()
}

#[test]
fn every_sound_form_of_a_member_reads_back() {
    let zip = ZipWriter::new()
        .file("plain", "one")
        .member(Member::file("stored", "two").stored())
        .member(Member::file("streamed", "three").descriptor())
        .member(Member::file("stored and streamed", "four").stored().descriptor())
        .member(Member::directory("folder/"))
        .member(Member::file("ünïcode", "five").extra([0xfe, 0xca, 0, 0]))
        .before("junk")
        .comment("a comment")
        .build();
    let rows: Vec<_> = files(&zip).into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect();
    let expected = [
        ("plain", "one"),
        ("stored", "two"),
        ("streamed", "three"),
        ("stored and streamed", "four"),
        ("folder/", ""),
        ("ünïcode", "five"),
    ];
    assert_eq!(rows, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert!(zip.starts_with(b"junkPK\x03\x04") && zip.ends_with(b"a comment"));
}

#[test]
fn a_bomb_is_small_and_declares_what_it_unpacks_to() {
    let zip = ZipWriter::new().member(Member::zeros("zeros", 50 << 20)).build();
    assert!(zip.len() < 100 << 10, "{}", zip.len());
    assert_eq!(files(&zip)[0].1.len(), 50 << 20);
}

#[test]
fn names_can_differ_between_the_two_headers() {
    let zip = ZipWriter::new().member(Member::file("central", "x").local_name("locale")).build();
    assert_eq!(files(&zip)[0].0, "central");
    assert_eq!(&zip[30..36], b"locale");
}

#[test]
fn a_hidden_member_is_there_and_not_listed() {
    let zip = ZipWriter::new().member(Member::file("hidden", "secret").stored().hidden()).file("seen", "x").build();
    assert_eq!(files(&zip).len(), 1);
    assert!(zip.windows(6).any(|window| window == b"secret"));
}

#[test]
fn overlapping_members_share_bytes() {
    let inner = Member::file("inner", "shared").stored();
    let zip = ZipWriter::new().member(Member::overlapping("outer", inner)).build();
    let files = files(&zip);
    assert_eq!((files[0].0.as_str(), files[1].0.as_str()), ("outer", "inner"));
    assert_eq!(files[1].1, b"shared");
    assert!(files[0].1.starts_with(b"PK\x03\x04") && files[0].1.ends_with(b"shared"));
}

#[test]
fn an_entry_can_point_to_the_member_before_it() {
    let zip = ZipWriter::new().file("one", "x").member(Member::file("two", "").shares_previous()).build();
    let at = end_of(&zip);
    assert_eq!(zip[at + 10], 2, "two entries");
    assert_eq!(zip.windows(4).filter(|window| window == b"PK\x03\x04").count(), 1, "one local header");
}

#[test]
fn lies_stand_where_they_are_told() {
    let member = Member::file("a", "abc").stored().crc(0x0102_0304).declared_size(0x0506_0708).encrypted().method(99);
    let zip = ZipWriter::new().member(member).entry_count(7).build();
    assert_eq!(&zip[6..10], &[1, 0, 99, 0], "flags, method");
    assert_eq!(&zip[14..18], &[4, 3, 2, 1], "CRC");
    assert_eq!(&zip[22..26], &[8, 7, 6, 5], "size");
    assert_eq!(zip[end_of(&zip) + 10], 7);
}

#[test]
fn zip64_moves_sizes_into_an_extra_field() {
    let zip = ZipWriter::new().member(Member::file("a", "abc").stored().zip64()).zip64_end().build();
    assert_eq!(&zip[18..26], &[0xff; 8]);
    assert_eq!(&zip[31..43], &[1, 0, 16, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert!(zip.windows(4).any(|window| window == b"PK\x06\x06"));
}

#[test]
fn more_members_than_sixteen_bits_count_get_a_zip64_end() {
    let zip = ZipWriter::new().empty_files(65_536).build();
    let at = zip.windows(4).rposition(|window| window == b"PK\x06\x06").unwrap();
    assert_eq!(zip[at + 24..at + 32], 65_536_u64.to_le_bytes());
}

#[test]
fn shuffling_moves_members_and_repeats_itself() {
    let zip = |seed| (0..20).fold(ZipWriter::new().shuffled(seed), |zip, n| zip.file(n.to_string(), "x")).build();
    assert_eq!(zip(1), zip(1));
    assert_ne!(zip(1), zip(2));
    assert_ne!(files(&zip(1)), files(&ZipWriter::of(files(&zip(1)).into_iter().rev()).build()));
}
