//! Bad input: a clear error, nothing written, and the rest of the batch goes on.

use insta::assert_snapshot;
use longshore_devkit::archive::{flip_byte, gzip, truncated};
use longshore_devkit::kafka_event::KafkaEvent;
use longshore_tests::{Announcement, ArchiveBuilder, World, object};

fn good() -> ArchiveBuilder {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1).set("name", "Lab")])
}

fn templates(count: u64) -> Vec<object::Object> {
    (1..=count).map(|id| object::job_template(id).set("name", format!("T{id}")).set("survey_enabled", false)).collect()
}

#[tokio::test]
async fn records_that_are_no_messages_are_rejected_and_the_rest_of_the_batch_goes_on() {
    let world = World::start().await;
    let topic = "platform.upload.catalog";
    let mut event = KafkaEvent::msk();
    for (offset, value) in
        [None, Some(&b"not json"[..]), Some(b"[1]"), Some(b"{\"service\":\"catalog\"}")].into_iter().enumerate()
    {
        event = event.record(topic, 0, 100 + offset as i64, value, &[], -1);
    }
    event = Announcement::of(&world.serve(good().build())).add_to(event, 104);
    let event = String::from_utf8(event.to_json()).unwrap().replace("bm90IGpzb24=", "%not base64%");
    assert!(world.invoke(&event).await.failed().is_empty());
    assert_snapshot!(world.outcomes().await, @r"
    applied | full
    rejected | Message | the record is a tombstone: it has no value
    rejected | Message | the record's value is not base64
    rejected | Message | the record's value is not a JSON object (line 1, column 0)
    rejected | Message | url is missing
    ");
    assert_snapshot!(world.rows().await, @"inventory | 1 | Lab | live");
}

#[tokio::test]
async fn archives_that_cannot_be_read_are_rejected_and_nothing_is_written() {
    let world = World::start().await;
    let whole = good().build();
    let tar = good().build_tar();
    let damaged: Vec<(&str, Vec<u8>)> = vec![
        ("not gzip", b"plain text".to_vec()),
        ("gzip cut", truncated(&whole, whole.len() / 2)),
        ("gzip damaged", flip_byte(&whole, whole.len() - 6)),
        ("tar header damaged", gzip(&flip_byte(&tar, 3), 6)),
        ("tar cut", gzip(&truncated(&tar, 700), 6)),
        ("symlink", good().symlink("api/v2/credentials/page1.json", "/etc/passwd").build()),
        ("hard link", good().hardlink("api/v2/credentials/page1.json", "api/v2/inventories/page1.json").build()),
        ("sparse", good().sparse("api/v2/credentials/page1.json", "{}", 1 << 40).build()),
        ("not json", good().raw("api/v2/credentials/page1.json", "{\"count\": 1,").build()),
        ("another shape", good().raw("api/v2/credentials/page1.json", "[]").build()),
    ];
    for (what, bytes) in damaged {
        let url = world.serve(bytes);
        assert!(world.deliver(&[Announcement::of(&url).set("request_id", what)]).await.is_empty(), "{what}");
    }
    let sql =
        "SELECT string_agg(request_id || ' | ' || kind || ' | ' || reason, E'\\n' ORDER BY id) FROM rejected_records";
    assert_snapshot!(world.value::<String>(sql).await, @r"
    not gzip | Archive | not a gzip file: it starts with [70, 6c, 61, 69]
    gzip cut | Archive | damaged at byte 597 of the expanded archive: incomplete deflate stream
    gzip damaged | Archive | damaged at byte 2048 of the expanded archive: corrupt gzip stream does not have a matching checksum
    tar header damaged | Archive | damaged at byte 512 of the expanded archive: archive header checksum mismatch
    tar cut | Archive | entry api/v2/inventories/page1.json is cut: 188 of 342 bytes
    symlink | Archive | entry api/v2/credentials/page1.json is a link, which is refused
    hard link | Archive | entry api/v2/credentials/page1.json is a link, which is refused
    sparse | Archive | entry api/v2/credentials/page1.json is a sparse file, which is refused
    not json | Page | entry api/v2/credentials/page1.json is damaged at byte 11: EOF while parsing a value at line 1 column 12
    another shape | Page | entry api/v2/credentials/page1.json is damaged at byte 0: invalid type: sequence, expected a list response or an object at line 1 column 0
    ");
    assert_snapshot!(world.rows().await, @"");
    assert_snapshot!(world.value::<String>("SELECT refresh_state || ': ' || last_refresh_message FROM sources").await, @"Error: entry api/v2/credentials/page1.json is damaged at byte 0: invalid type: sequence, expected a list response or an object at line 1 column 0");
}

#[tokio::test]
async fn archives_over_a_limit_are_rejected() {
    let padding = || "x".repeat(600_000);
    let big = good().raw("padding.bin", padding());
    for (setting, value, archive) in [
        ("LONGSHORE_MAX_COMPRESSED_BYTES", "100", good()),
        ("LONGSHORE_MAX_EXPANDED_BYTES", "500000", big.clone()),
        ("LONGSHORE_MAX_ENTRIES", "1", big.clone()),
        ("LONGSHORE_MAX_ENTRY_BYTES", "1000", good().raw("api/v2/inventories/page2.json", padding())),
        (
            "LONGSHORE_MAX_JSON_DEPTH",
            "4",
            good().raw("api/v2/credentials/page1.json", r#"{"count":0,"results":[],"x":[[[[[]]]]]}"#),
        ),
    ] {
        let world = World::with(&[(setting, value)]).await;
        world.deliver(&[world.announce(&archive)]).await;
        let outcome = world.outcomes().await;
        assert!(
            outcome.contains("rejected | ArchiveTooLarge") || outcome.contains("rejected | Page"),
            "{setting}: {outcome}"
        );
        assert_eq!(world.rows().await, "", "{setting}");
    }
}

#[tokio::test]
async fn one_bad_object_is_skipped_and_nothing_of_its_collection_is_archived() {
    let world = World::start().await;
    world
        .apply(
            &ArchiveBuilder::new()
                .collection("job_templates", templates(22))
                .collection("inventories", [object::inventory(1), object::inventory(2)]),
        )
        .await;
    let mut objects = templates(20); // 21 and 22 are gone
    objects[3] = objects[3].clone().without("name");
    objects[4] = objects[4].clone().set("name", "Renamed");
    let archive =
        ArchiveBuilder::new().collection("job_templates", objects).collection("inventories", [object::inventory(1)]);
    world.apply(&archive).await;
    let sql =
        "SELECT string_agg(source_ref || ' ' || name, ', ' ORDER BY id) FILTER (WHERE source_ref IN ('4', '5', '21'))
               || ' live: ' || count(*) FILTER (WHERE archived_at IS NULL) FROM service_offerings";
    assert_snapshot!(world.value::<String>(sql).await, @"4 T4, 5 Renamed, 21 T21 live: 22");
    let inventories =
        "SELECT string_agg(source_ref || ' ' || (archived_at IS NULL), ', ' ORDER BY id) FROM service_inventories";
    assert_snapshot!(world.value::<String>(inventories).await, @"1 true, 2 false");
    assert_snapshot!(world.warnings().await, @r"
    api/v2/job_templates/page1.json object 4 (id 4) | name is missing
    credential_types | nothing of it is archived: it is not in the archive
    credentials | nothing of it is archived: it is not in the archive
    job_templates | nothing of it is archived: 1 of its objects are bad
    workflow_job_templates | nothing of it is archived: it is not in the archive
    workflow_job_template_nodes | nothing of it is archived: it is not in the archive
    ");
}

#[tokio::test]
async fn an_unknown_question_spoils_its_survey_alone() {
    let world = World::start().await;
    let enabled = |id: u64| object::job_template(id).set("name", format!("T{id}")).set("survey_enabled", true);
    let archive = ArchiveBuilder::new()
        .collection("job_templates", (1..=12).map(enabled))
        .survey("job_templates", 1, object::survey("Good", [object::question("text", "a")]))
        .survey(
            "job_templates",
            2,
            object::survey("Odd", [object::question("text", "a"), object::question("hologram", "b")]),
        );
    world.apply(&archive).await;
    let plans = "SELECT string_agg(source_ref || ' ' || name, ', ') FROM service_plans";
    assert_snapshot!(world.value::<String>(plans).await, @"1 Good");
    assert_snapshot!(world.warnings().await, @r#"
    api/v2/job_templates/2/survey_spec/page1.json | question 2: unknown question type "hologram"
    credential_types | nothing of it is archived: it is not in the archive
    credentials | nothing of it is archived: it is not in the archive
    inventories | nothing of it is archived: it is not in the archive
    workflow_job_templates | nothing of it is archived: it is not in the archive
    workflow_job_template_nodes | nothing of it is archived: it is not in the archive
    "#);
}

#[tokio::test]
async fn over_a_tenth_bad_is_rejected_and_nothing_is_written() {
    let world = World::start().await;
    let mut objects = templates(10);
    objects[0] = objects[0].clone().without("name");
    objects[1] = objects[1].clone().set("created", "yesterday");
    world.deliver(&[world.announce(&ArchiveBuilder::new().collection("job_templates", objects))]).await;
    assert_snapshot!(world.outcomes().await, @r"
    failed | TooManyBadObjects | 2 of 10 objects are bad, over 10 %; the first: api/v2/job_templates/page1.json object 1 (id 1): name is missing
    rejected | TooManyBadObjects | 2 of 10 objects are bad, over 10 %; the first: api/v2/job_templates/page1.json object 1 (id 1): name is missing
    ");
    assert_eq!(world.rows().await, "");
}

#[tokio::test]
async fn links_to_nothing_are_null_and_told() {
    let world = World::start().await;
    let archive = ArchiveBuilder::new()
        .collection(
            "job_templates",
            [object::job_template(10).set("name", "T").set("inventory", 99).set("survey_enabled", false)],
        )
        .collection(
            "workflow_job_template_nodes",
            [object::node(1).set("workflow_job_template", 98).set("unified_job_template", 10).set("inventory", 97)],
        )
        .collection("credentials", [object::credential(5).set("credential_type", 96).set("name", "root")])
        .survey("job_templates", 95, object::survey("Orphan", [object::question("text", "a")]));
    world.apply(&archive).await;
    assert_snapshot!(world.rows().await, @r"
    credential | 5 | root | live
    offering | 10 | T | live
    node | 1 | runs 10 | live
    plan | 95 | Orphan | live
    ");
    assert_snapshot!(world.warnings().await, @r"
    credential_types | nothing of it is archived: it is not in the archive
    service_credentials | linked to nothing: 5 -> credential type 96
    inventories | nothing of it is archived: it is not in the archive
    service_offerings | linked to nothing: 10 -> inventory 99
    workflow_job_templates | nothing of it is archived: it is not in the archive
    service_offering_nodes | linked to nothing: 1 -> workflow 98, inventory 97
    service_plans | linked to nothing: 95 -> template 95
    ");
    // Once the inventory is there, the link is too.
    let later = archive.collection("inventories", [object::inventory(99).set("name", "Found")]);
    world.apply(&later).await;
    assert!(world.rows().await.contains("offering | 10 | T | inventory 99 | live"));
}

#[tokio::test]
async fn text_that_postgresql_cannot_hold_is_mended_not_lost() {
    let world = World::start().await;
    let odd = object::inventory(1).set("name", "a\u{0}b").set("variables", "x: \u{0}");
    world.apply(&ArchiveBuilder::new().collection("inventories", [odd])).await;
    assert_snapshot!(world.rows().await, @"inventory | 1 | a�b | live");
}

#[tokio::test]
async fn a_rejected_record_leaves_no_identity_and_no_presigned_url() {
    let world = World::start().await;
    let url = "https://elsewhere.example.com/a?X-Amz-Signature=5ecre7";
    let message = Announcement::of(url).set("b64_identity", "eyJpZGVudGl0eSI6eyJvcmdfaWQiOiI1MzE4MjkwIn19");
    assert!(world.deliver(&[message]).await.is_empty());
    assert_snapshot!(world.outcomes().await, @r"
    failed | NotAllowed | downloading from there is not allowed: host elsewhere.example.com is not on the allow-list
    rejected | NotAllowed | downloading from there is not allowed: host elsewhere.example.com is not on the allow-list
    ");
    let all: String = world.value("SELECT (SELECT jsonb_agg(to_jsonb(r)) FROM rejected_records r)::text || (SELECT jsonb_agg(to_jsonb(f)) FROM refreshes f)::text").await;
    for secret in ["5ecre7", "eyJpZGVudGl0eSI6", "X-Amz"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test]
async fn texts_of_any_length_and_kind_can_be_rejected() {
    let world = World::start().await;
    let long = "x".repeat(100_000);
    let odd_name = good().raw("api/v2/odd\u{0}name", "").symlink(&format!("api/v2/{}", "n".repeat(3_000)), "x");
    let bad_types = templates(12).into_iter().map(|object| object.set("type", long.as_str()));
    let archives = [odd_name, ArchiveBuilder::new().collection("job_templates", bad_types)];
    for archive in archives {
        let message = world.announce(&archive).set("request_id", long.as_str());
        assert!(world.deliver(&[message]).await.is_empty());
    }
    let sql =
        "SELECT string_agg(kind || ' ' || (length(reason) <= 2002) || ' ' || length(request_id), ', ' ORDER BY id)
               FROM rejected_records";
    assert_snapshot!(world.value::<String>(sql).await, @"Archive true 202, TooManyBadObjects true 202");
}

#[tokio::test]
async fn a_survey_that_would_become_a_huge_form_is_skipped() {
    let world = World::start().await;
    let choices = "a\n".repeat(20_000);
    let questions =
        (0..20).map(|n| object::question("multiplechoice", &format!("q{n}")).set("choices", choices.as_str()));
    let archive = ArchiveBuilder::new().collection("job_templates", templates(12)).survey(
        "job_templates",
        1,
        object::survey("Huge", questions),
    );
    world.apply(&archive).await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM service_plans").await, 0);
    assert!(world.warnings().await.contains("the form is larger than"), "{}", world.warnings().await);
}
