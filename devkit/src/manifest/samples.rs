//! One consumer's manifests in the course of time: what the demonstration imports and what the sample events point to.

use time::OffsetDateTime;
use time::macros::datetime;

use super::{Algorithm, Authority, Content, Entitlement, Era, Manifest, Product, Spelling};

/// The consumer of all samples, which `events/setup/register-upstream-consumer.json` registers.
const UUID: &str = "8f2d6a70-5f0b-4b0e-9a0e-3f6f5f7c1d22";

/// When subscriptions start and end, whichever manifest tells of them.
const TERM: (OffsetDateTime, OffsetDateTime) = (datetime!(2025-01-01 00:00 UTC), datetime!(2039-12-31 23:59:59 UTC));

/// Manifests of one consumer, each as it would be downloaded on another day.
#[derive(Clone, Debug)]
pub struct Versions {
    /// Before the others: one subscription.
    pub older: Manifest,
    /// Three subscriptions, one of them with guests.
    pub first: Manifest,
    /// One subscription more, one gone, one changed, one as it was.
    pub next: Manifest,
}

impl Versions {
    /// The same each time.
    pub fn new() -> Self {
        let suite = |quantity| subscription("SUITE", quantity, "CON-5", "ORD-71");
        let (storage, desktop) =
            (subscription("STORE", 4, "CON-6", "ORD-72"), subscription("DESK", 30, "CON-6", "ORD-72"));
        let tools = subscription("TOOLS", 8, "CON-7", "ORD-90");
        Self {
            older: exported(datetime!(2026-02-10 08:30 UTC), &["SUITE"]).entitlement(suite(10)),
            first: exported(datetime!(2026-03-05 10:10 UTC), &["SUITE", "STORE", "DESK"])
                .entitlement(suite(12))
                .entitlement(storage.clone())
                .entitlement(desktop),
            next: exported(datetime!(2026-03-05 11:10 UTC), &["SUITE", "STORE", "TOOLS"])
                // A server that changes an entitlement issues its certificate anew.
                .entitlement(suite(20).serial(7_340_912_557_180_664_013))
                .entitlement(storage)
                .entitlement(tools),
        }
    }

    /// The next one as somebody would like it: with more in it than was signed.
    pub fn tampered(&self, authority: &Authority) -> Vec<u8> {
        let signature = authority.sign(&self.next.inner_zip(), Algorithm::Sha256);
        let more = self.next.clone().entitlement(subscription("SUITE", 20_000, "CON-5", "ORD-71"));
        more.wrap(more.inner_zip(), |_| signature)
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self::new()
    }
}

/// Keys and bytes of what the local S3 server holds for the files in `events/manifest-importer/`. All are signed by
/// [`Authority::new`], the next version through a certificate that the authority has issued for signing.
pub fn manifest_samples() -> Vec<(&'static str, Vec<u8>)> {
    let (authority, versions) = (Authority::new(), Versions::new());
    let bundle = versions.next.clone().created(datetime!(2026-03-05 15:10 UTC));
    let (bundle, signature) = bundle.signed_bundle(Spelling::LeadingSlash, &authority);
    vec![
        ("manifests/first.zip", versions.first.build(&authority)),
        ("manifests/next.zip", versions.next.build_with_scheme(&authority.scheme("Example Manifest Signing"))),
        ("manifests/older.zip", versions.older.build(&authority)),
        ("manifests/tampered.zip", versions.tampered(&authority)),
        ("manifests/unsigned.zip", versions.next.build_unsigned()),
        ("manifests/incomplete.zip", versions.next.clone().without("consumer.json").build(&authority)),
        ("manifests/bundle.tar.gz", bundle),
        ("manifests/bundle.tar.gz.sig", signature),
    ]
}

fn exported(at: OffsetDateTime, skus: &[&str]) -> Manifest {
    let manifest = Manifest::new(Era::D)
        .uuid(UUID)
        .name("example-distributor")
        .principal("jdoe")
        .created(at)
        .cdn("example-cdn", "Example CDN", "https://cdn.example")
        .cdn_label("example-cdn")
        .distributor_version("lab-1", "Lab 1", &["cert_v3", "derived_product"]);
    skus.iter().flat_map(|sku| products(sku)).fold(manifest, Manifest::product)
}

/// The id is the pool's and the product's, so that a manifest of another day tells of the same subscription.
fn subscription(sku: &str, quantity: i64, contract: &str, order: &str) -> Entitlement {
    let (id, pool) = (super::authority::id_of("sample", sku), super::authority::id_of("sample pool", sku));
    Entitlement::new(&id, &pool, &format!("EX-{sku}"))
        .quantity(quantity)
        .dates(TERM.0, TERM.1)
        .contract(contract)
        .account("1460290")
        .order(order)
}

/// What is sold, and the products that come with it.
fn products(sku: &str) -> Vec<Product> {
    let engine = || engineering("901", "Example Engine", &["rpms", "source"]);
    let tools = || engineering("902", "Example Tools", &["rpms"]);
    match sku {
        "SUITE" => vec![
            engine(),
            tools(),
            engineering("903", "Example Guest", &["rpms", "iso"]),
            sold("EX-GUEST", "Example Suite for guests").provides(&["903"]),
            sold("EX-SUITE", "Example Suite")
                .provides(&["901", "902"])
                .attribute("virt_limit", "4")
                .derived("EX-GUEST"),
        ],
        "STORE" => vec![
            engineering("904", "Example Storage", &["rpms", "source"]),
            sold("EX-STORE", "Example Storage").provides(&["904"]),
        ],
        "DESK" => vec![engine(), sold("EX-DESK", "Example Desktop").provides(&["901"])],
        _ => vec![tools(), sold("EX-TOOLS", "Example Tools").provides(&["902"])],
    }
}

fn sold(id: &str, name: &str) -> Product {
    Product::new(id, name).attribute("arch", "x86_64").attribute("support_level", "Standard")
}

fn engineering(id: &str, name: &str, repositories: &[&str]) -> Product {
    let product = Product::new(id, name).attribute("arch", "x86_64").attribute("version", "2.4");
    let label = name.to_lowercase().replace(' ', "-");
    repositories.iter().enumerate().fold(product, |product, (number, kind)| {
        let content = Content::new(&format!("{id}{number:02}"), &format!("{label}-{kind}"));
        product.content(if number == 0 { content } else { content.disabled() })
    })
}
