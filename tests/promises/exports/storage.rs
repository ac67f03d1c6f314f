//! How an archive gets into the bucket, and out of it.

use hyper::{Method, StatusCode};
use longshore::export::{By, Format, Place, Request};
use longshore::http::Caller;
use longshore_devkit::http_client;
use longshore_devkit::http_server::{HttpServer, Reply};
use longshore_tests::exports::{BUCKET, Exporting, contents, export_record, json_file};
use longshore_tests::manifest::{Entitlement, Product};
use longshore_tests::{ORG, small};

/// A distributor whose archive is larger than one part.
async fn large(world: &Exporting) -> String {
    let parts: Vec<String> = (0..25).map(|n| format!("{}", 1000 + n)).collect();
    let ids: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut manifest = small().product(Product::new("SKU", "Suite").provides(&ids));
    for id in &ids {
        manifest = manifest.product(Product::new(id, "Part"));
    }
    world.import(&manifest.entitlement(Entitlement::new("e1", "p1", "SKU"))).await;
    let noise = "INSERT INTO cp_product_attributes
                 SELECT uuid, 'noise', (SELECT string_agg(md5(uuid::text || n), '') FROM generate_series(1, 25000) n)
                 FROM cp_products WHERE product_id LIKE '10%'";
    world.execute(noise).await;
    world.distributor_with(ORG, "large", 1).await
}

#[tokio::test]
async fn a_large_archive_is_stored_in_parts_and_is_whole() {
    let world = Exporting::start().await;
    let uuid = large(&world).await;
    for format in [Format::Zip, Format::Tar] {
        let (archive, _) = world.export(ORG, &uuid, format).await;
        assert!(archive.len() > 6 << 20, "{}", archive.len());
        assert_eq!(contents(archive).keys().filter(|name| name.starts_with("products/1")).count(), 25 + 25);
    }
}

#[tokio::test]
async fn a_link_downloads_the_archive_under_its_name_until_it_expires() {
    let world = Exporting::with(&[("LONGSHORE_EXPORT_LINK_SECONDS", "60")]).await;
    world.import(&small()).await;
    let uuid = world.distributor_with(ORG, "first", 1).await;
    let request = Request { consumer: uuid.clone(), format: Format::Tar, ..Request::default() };
    let exported = world.try_export(ORG, request).await.unwrap();
    let links = world.exports().links(&exported).await.unwrap();
    let archive = links.archive.unwrap();
    let found = http_client::send(Method::GET, &archive, &[], Default::default()).await.unwrap();
    assert_eq!((found.status, found.body.to_vec()), (StatusCode::OK, world.stored(&exported).await.0));
    let disposition = found.headers["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, format!("attachment; filename=\"{uuid}-export.tar.gz\""));
    let found = http_client::send(Method::GET, &links.signature.unwrap(), &[], Default::default()).await.unwrap();
    assert_eq!(found.body.len(), 256);
    assert!(archive.contains("X-Amz-Expires=60"));
}

#[tokio::test]
async fn a_small_archive_is_given_at_once_to_who_takes_it_and_a_large_one_is_not() {
    let world = Exporting::start().await;
    world.import(&small()).await;
    let uuid = world.distributor_with(ORG, "first", 1).await;
    let request = Request { consumer: uuid, ..Request::default() };
    let caller = Caller::Organisation(ORG.into());
    let by = By { caller: &caller, principal: None, request_id: "", trace: None, at_once: Some(4 << 20) };
    let exported = world.exports().export(request.clone(), &by).await.unwrap();
    let Place::AtOnce { archive, .. } = exported.place else { panic!("{:?}", exported.place) };
    assert!(contents(archive).contains_key("meta.json"));
    assert_eq!(world.s3().list(BUCKET, "").unwrap(), Vec::<String>::new());
    assert!(world.value::<bool>("SELECT location IS NULL AND outcome = 'exported' FROM exports").await);
    let by = By { at_once: Some(1_000), ..by };
    let exported = world.exports().export(request, &by).await.unwrap();
    assert!(matches!(exported.place, Place::Stored { .. }));
}

/// A server that takes parts and refuses to put them together.
#[tokio::test]
async fn an_upload_that_fails_is_aborted() {
    let world = Exporting::start().await;
    let uuid = large(&world).await;
    let server = HttpServer::start(|request| match request.method.as_str() {
        "POST" if request.path.contains("?uploads") => {
            Reply::ok("<InitiateMultipartUploadResult><UploadId>up-1</UploadId></InitiateMultipartUploadResult>")
        }
        "PUT" => Reply::ok("").header("etag", "\"1\""),
        "DELETE" => Reply::status(StatusCode::NO_CONTENT),
        _ => Reply::status(StatusCode::FORBIDDEN),
    });
    let server = server.await.unwrap();
    let failing = world.also_at(&server.url("")).await;
    assert_eq!(failing.ask_again(1, &[export_record(&uuid)]).await, [1]);
    let aborted = server.requests().iter().filter(|request| request.method == Method::DELETE).count();
    assert_eq!(aborted, 1);
    assert!(world.export_log().await.contains("Storage | cannot store the manifest in bucket exports"));
}

#[tokio::test]
async fn settings_stand_in_for_what_a_request_leaves_open() {
    let bases = [
        ("LONGSHORE_EXPORT_WEB_PREFIX", "https://web.example/c"),
        ("LONGSHORE_EXPORT_API_URL", "https://api.example/c/"),
    ];
    let world = Exporting::with(&bases).await;
    let uuid = world.distributor("empty").await;
    let request = Request { consumer: uuid, web_prefix: Some(" ".into()), ..Request::default() };
    let exported = world.try_export(ORG, request).await.unwrap();
    let consumer = json_file(&contents(world.stored(&exported).await.0), "consumer.json");
    assert_eq!(consumer["urlWeb"], "https://web.example/c/");
    assert_eq!(consumer["urlApi"], "https://api.example/c/");
}
