//! Manifests of all eras, and data bundles, become the same products, subscriptions, pools and upstream consumer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use longshore_tests::manifest::{
    Algorithm, Authority, DateSpelling, Entitlement, Era, Manifest, Spelling, sign_bundle,
};
use longshore_tests::{World, small};
use serde_json::Value;
use time::macros::datetime;

/// A bit of everything, made at the same moment in each era.
fn sample(era: Era) -> Manifest {
    Manifest::sample(era).created(datetime!(2026-03-05 10:20:30.400 UTC))
}

async fn imported(manifest: &Manifest) -> World {
    let world = World::with_owner().await;
    world.import(manifest).await;
    world
}

/// The lines that only one of two texts has: `-` the first one, `+` the second.
fn difference(before: &str, after: &str) -> String {
    let only = |sign: &str, these: &str, those: &str| -> Vec<String> {
        let these = these.lines().filter(|line| !those.lines().any(|other| other == *line));
        these.map(|line| format!("{sign} {line}")).collect()
    };
    [only("-", before, after), only("+", after, before)].concat().join("\n")
}

#[tokio::test]
async fn a_manifest_of_today_is_imported_with_every_column() {
    let world = imported(&sample(Era::D)).await;
    assert_snapshot!(world.import_log().await, @"imported");
    assert_snapshot!(world.import_warnings().await, @"");
    assert_snapshot!(world.imported_rows().await, @"
    consumer: owner=5318290 | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | type=candlepin | web=upstream.example/subs/ | api=https://upstream.example/candlepin/consumers/ | mode=entitlement | serial=4222494339595690431 | expires=2049-01-01T00:00:00 | sealed=k1
    product: id=901 | name=Example Engine | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90101,90102 off
    product: id=902 | name=Example Tools | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90201,90202 off | dependent=901
    product: id=903 | name=Example Guest | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90301,90302 off
    product: id=EX-SKU-1 | name=Example Suite | managed=true | multiplier=1 | attributes=arch:x86_64,support_level:Gold,virt_limit:4 | provided=901,902 | derived=EX-SKU-2
    product: id=EX-SKU-2 | name=Example Guests | managed=true | multiplier=1 | attributes=arch:x86_64,support_level:Gold,virt_limit:4 | provided=903
    content: id=90101 | label=example-engine-rpms | name=Content example-engine-rpms | type=yum | vendor=Example | url=/content/example-engine-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | arches=x86_64 | expire=1
    content: id=90102 | label=example-engine-rpms-source | name=Content example-engine-rpms-source | type=yum | vendor=Example | url=/content/example-engine-rpms-source/$releasever/os | arches=x86_64 | expire=1
    content: id=90201 | label=example-tools-rpms | name=Content example-tools-rpms | type=yum | vendor=Example | url=/content/example-tools-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | arches=x86_64 | expire=1
    content: id=90202 | label=example-tools-rpms-source | name=Content example-tools-rpms-source | type=yum | vendor=Example | url=/content/example-tools-rpms-source/$releasever/os | arches=x86_64 | expire=1
    content: id=90301 | label=example-guest-rpms | name=Content example-guest-rpms | type=yum | vendor=Example | url=/content/example-guest-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | arches=x86_64 | expire=1
    content: id=90302 | label=example-guest-rpms-source | name=Content example-guest-rpms-source | type=yum | vendor=Example | url=/content/example-guest-rpms-source/$releasever/os | arches=x86_64 | expire=1
    subscription: product=EX-SKU-1 | quantity=12 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | derived=EX-SKU-2 | provided=901,902 | derived_provided=903 | branding=901 OS Example Engine OEM | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | cdn=main
    subscription: product=EX-SKU-2 | quantity=3 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-6 | account=ACC-9 | order=ORD-8 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | provided=903 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | cdn=main
    certificate: cn=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | serial=8263475745773579442 | expires=2040-01-01T00:00:00 | sealed=k1
    certificate: cn=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | serial=1891085019420891195 | expires=2040-01-01T00:00:00 | sealed=k1
    pool: product=EX-SKU-1 | type=NORMAL | managed=true | active=true | quantity=12 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=master | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908
    pool: product=EX-SKU-2 | type=NORMAL | managed=true | active=true | quantity=3 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=master | contract=CON-6 | account=ACC-9 | order=ORD-8 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909
    pool: product=EX-SKU-2 | type=UNMAPPED_GUEST | managed=true | active=true | quantity=12 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=derived | contract=CON-6 | account=ACC-9 | order=ORD-8 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | attributes=physical_only:false,pool_derived:true,unmapped_guests_only:true,virt_limit:0,virt_only:true
    pool: product=EX-SKU-2 | type=UNMAPPED_GUEST | managed=true | active=true | quantity=48 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=derived | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | attributes=physical_only:false,pool_derived:true,unmapped_guests_only:true,virt_limit:0,virt_only:true
    rules: version=5.44 | source=DATABASE | text=e5d634a63122d884f7662111cb6e8d9b
    ");
}

#[tokio::test]
async fn a_manifest_of_2014_to_2025_is_imported() {
    let today = imported(&sample(Era::D)).await.imported_rows().await;
    let world = imported(&sample(Era::C)).await;
    assert_snapshot!(world.import_warnings().await, @"");
    assert_snapshot!(difference(&today, &world.imported_rows().await), @"
    - product: id=901 | name=Example Engine | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90101,90102 off
    - product: id=902 | name=Example Tools | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90201,90202 off | dependent=901
    - product: id=903 | name=Example Guest | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90301,90302 off
    - rules: version=5.44 | source=DATABASE | text=e5d634a63122d884f7662111cb6e8d9b
    + product: id=901 | name=Example Engine | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90101,90102 off | certificate=54212342295644514 until 2049-01-01 00:00:00
    + product: id=902 | name=Example Tools | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90201,90202 off | dependent=901 | certificate=9124057532349337001 until 2049-01-01 00:00:00
    + product: id=903 | name=Example Guest | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90301,90302 off | certificate=8142990844490584288 until 2049-01-01 00:00:00
    + rules: version=5.43 | source=DATABASE | text=3eb75387ac88ac181eab18b5dae12e2b
    ");
}

#[tokio::test]
async fn a_manifest_of_2013_is_imported() {
    let later = imported(&sample(Era::C)).await.imported_rows().await;
    let world = imported(&sample(Era::B)).await;
    assert_snapshot!(world.import_warnings().await, @"");
    assert_snapshot!(difference(&later, &world.imported_rows().await), @"
    - consumer: owner=5318290 | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | type=candlepin | web=upstream.example/subs/ | api=https://upstream.example/candlepin/consumers/ | mode=entitlement | serial=4222494339595690431 | expires=2049-01-01T00:00:00 | sealed=k1
    - product: id=902 | name=Example Tools | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90201,90202 off | dependent=901 | certificate=9124057532349337001 until 2049-01-01 00:00:00
    - product: id=EX-SKU-1 | name=Example Suite | managed=true | multiplier=1 | attributes=arch:x86_64,support_level:Gold,virt_limit:4 | provided=901,902 | derived=EX-SKU-2
    - product: id=EX-SKU-2 | name=Example Guests | managed=true | multiplier=1 | attributes=arch:x86_64,support_level:Gold,virt_limit:4 | provided=903
    - subscription: product=EX-SKU-1 | quantity=12 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | derived=EX-SKU-2 | provided=901,902 | derived_provided=903 | branding=901 OS Example Engine OEM | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | cdn=main
    - rules: version=5.43 | source=DATABASE | text=3eb75387ac88ac181eab18b5dae12e2b
    + consumer: owner=5318290 | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | type=candlepin | web=upstream.example/subs/ | api=https://upstream.example/candlepin/consumers/ | serial=4222494339595690431 | expires=2049-01-01T00:00:00 | sealed=k1
    + product: id=902 | name=Example Tools | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90201,90202 off | dependent=901 | relies_on=901 | certificate=9124057532349337001 until 2049-01-01 00:00:00
    + product: id=EX-SKU-1 | name=Example Suite | managed=true | multiplier=1 | attributes=arch:x86_64,support_level:Gold,virt_limit:4
    + product: id=EX-SKU-2 | name=Example Guests | managed=true | multiplier=1 | attributes=arch:x86_64,support_level:Gold,virt_limit:4
    + subscription: product=EX-SKU-1 | quantity=12 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | derived=EX-SKU-2 | provided=901,902 | derived_provided=903 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | cdn=main
    + rules: version=4.2 | source=DATABASE | text=352f8c1f4ec6c2f2ac95896f1ec5b9d1
    ");
}

#[tokio::test]
async fn a_manifest_of_before_the_upstream_consumer_is_imported() {
    let later = imported(&sample(Era::B)).await.imported_rows().await;
    let world = imported(&sample(Era::A)).await;
    assert_snapshot!(world.import_warnings().await, @"");
    assert_snapshot!(difference(&later, &world.imported_rows().await), @"
    - consumer: owner=5318290 | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=lab-distributor | type=candlepin | web=upstream.example/subs/ | api=https://upstream.example/candlepin/consumers/ | serial=4222494339595690431 | expires=2049-01-01T00:00:00 | sealed=k1
    - product: id=902 | name=Example Tools | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90201,90202 off | dependent=901 | relies_on=901 | certificate=9124057532349337001 until 2049-01-01 00:00:00
    - content: id=90101 | label=example-engine-rpms | name=Content example-engine-rpms | type=yum | vendor=Example | url=/content/example-engine-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | arches=x86_64 | expire=1
    - content: id=90102 | label=example-engine-rpms-source | name=Content example-engine-rpms-source | type=yum | vendor=Example | url=/content/example-engine-rpms-source/$releasever/os | arches=x86_64 | expire=1
    - content: id=90201 | label=example-tools-rpms | name=Content example-tools-rpms | type=yum | vendor=Example | url=/content/example-tools-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | arches=x86_64 | expire=1
    - content: id=90202 | label=example-tools-rpms-source | name=Content example-tools-rpms-source | type=yum | vendor=Example | url=/content/example-tools-rpms-source/$releasever/os | arches=x86_64 | expire=1
    - content: id=90301 | label=example-guest-rpms | name=Content example-guest-rpms | type=yum | vendor=Example | url=/content/example-guest-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | arches=x86_64 | expire=1
    - content: id=90302 | label=example-guest-rpms-source | name=Content example-guest-rpms-source | type=yum | vendor=Example | url=/content/example-guest-rpms-source/$releasever/os | arches=x86_64 | expire=1
    - subscription: product=EX-SKU-1 | quantity=12 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | derived=EX-SKU-2 | provided=901,902 | derived_provided=903 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | cdn=main
    - subscription: product=EX-SKU-2 | quantity=3 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-6 | account=ACC-9 | order=ORD-8 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | provided=903 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | cdn=main
    - pool: product=EX-SKU-1 | type=NORMAL | managed=true | active=true | quantity=12 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=master | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908
    - pool: product=EX-SKU-2 | type=NORMAL | managed=true | active=true | quantity=3 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=master | contract=CON-6 | account=ACC-9 | order=ORD-8 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909
    - pool: product=EX-SKU-2 | type=UNMAPPED_GUEST | managed=true | active=true | quantity=12 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=derived | contract=CON-6 | account=ACC-9 | order=ORD-8 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | attributes=physical_only:false,pool_derived:true,unmapped_guests_only:true,virt_limit:0,virt_only:true
    - pool: product=EX-SKU-2 | type=UNMAPPED_GUEST | managed=true | active=true | quantity=48 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=derived | contract=CON-5 | account=ACC-9 | order=ORD-7 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | cdn=main | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | attributes=physical_only:false,pool_derived:true,unmapped_guests_only:true,virt_limit:0,virt_only:true
    - rules: version=4.2 | source=DATABASE | text=352f8c1f4ec6c2f2ac95896f1ec5b9d1
    + consumer: owner=5318290 | uuid=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | name=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | type=candlepin
    + product: id=902 | name=Example Tools | managed=true | multiplier=1 | attributes=arch:x86_64,version:2.0 | contents=90201,90202 off | dependent=901 | certificate=9124057532349337001 until 2049-01-01 00:00:00
    + content: id=90101 | label=example-engine-rpms | name=Content example-engine-rpms | type=yum | vendor=Example | url=/content/example-engine-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | expire=1
    + content: id=90102 | label=example-engine-rpms-source | name=Content example-engine-rpms-source | type=yum | vendor=Example | url=/content/example-engine-rpms-source/$releasever/os | expire=1
    + content: id=90201 | label=example-tools-rpms | name=Content example-tools-rpms | type=yum | vendor=Example | url=/content/example-tools-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | expire=1
    + content: id=90202 | label=example-tools-rpms-source | name=Content example-tools-rpms-source | type=yum | vendor=Example | url=/content/example-tools-rpms-source/$releasever/os | expire=1
    + content: id=90301 | label=example-guest-rpms | name=Content example-guest-rpms | type=yum | vendor=Example | url=/content/example-guest-rpms/$releasever/os | gpg=/keys/example.gpg | tags=engine | release=2 | expire=1
    + content: id=90302 | label=example-guest-rpms-source | name=Content example-guest-rpms-source | type=yum | vendor=Example | url=/content/example-guest-rpms-source/$releasever/os | expire=1
    + subscription: product=EX-SKU-1 | quantity=12 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-5 | account=ACC-9 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | provided=901,902 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908
    + subscription: product=EX-SKU-2 | quantity=3 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | contract=CON-6 | account=ACC-9 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | provided=903 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909
    + pool: product=EX-SKU-1 | type=NORMAL | managed=true | active=true | quantity=12 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=master | contract=CON-5 | account=ACC-9 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908
    + pool: product=EX-SKU-1 | type=UNMAPPED_GUEST | managed=true | active=true | quantity=48 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=derived | contract=CON-5 | account=ACC-9 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493827 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908 | attributes=physical_only:false,pool_derived:true,unmapped_guests_only:true,virt_limit:0,virt_only:true
    + pool: product=EX-SKU-2 | type=NORMAL | managed=true | active=true | quantity=3 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=master | contract=CON-6 | account=ACC-9 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909
    + pool: product=EX-SKU-2 | type=UNMAPPED_GUEST | managed=true | active=true | quantity=12 | consumed=0 | exported=0 | from=2026-03-05T00:00:00 | to=2040-01-01T00:00:00 | key=derived | contract=CON-6 | account=ACC-9 | pool=77aa0c1e5d3b4b2f9e8d7c6b5a493828 | entitlement=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | consumer=0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10 | certificate=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909 | attributes=physical_only:false,pool_derived:true,unmapped_guests_only:true,virt_limit:0,virt_only:true
    + rules: version=0 | source=DATABASE | text=2370e708f2480d609424378eadc32b2a
    ");
}

/// A line of a PEM block that only whoever has the key knows: the first half of a private key is its public key.
fn secret_line(pem: &str) -> &str {
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    lines[lines.len() * 3 / 4]
}

#[tokio::test]
async fn private_keys_stand_nowhere_in_clear() {
    for era in Era::ALL {
        let manifest = sample(era).chained();
        let world = imported(&manifest).await;
        let mut keys = 0;
        for (name, bytes) in manifest.files() {
            let Ok(json) = serde_json::from_slice::<Value>(&bytes) else { continue };
            let certificate = if name.contains("/entitlements/") { &json["certificates"][0] } else { &json };
            let Some(key) = certificate["key"].as_str().filter(|key| key.contains("PRIVATE")) else { continue };
            keys += 1;
            let line = secret_line(key);
            assert_eq!(world.where_is(line).await, Vec::<String>::new(), "{era:?} {name}");
            // The search does find what is there.
            let found = world.where_is(secret_line(certificate["cert"].as_str().unwrap())).await;
            assert!(found.iter().any(|column| column.ends_with("cert")), "{found:?}");
            let der = STANDARD.decode(line).unwrap();
            let sql = "SELECT (SELECT count(*) FROM cp_certificate WHERE position($1 IN privatekey) > 0)
                            + (SELECT count(*) FROM cp_id_cert WHERE position($1 IN privatekey) > 0)";
            assert_eq!(world.client().query_one(sql, &[&der]).await.unwrap().get::<_, i64>(0), 0);
        }
        assert_eq!(keys, if era == Era::A { 2 } else { 3 }, "{era:?}");
        assert_eq!(world.where_is("PRIVATE KEY").await, Vec::<String>::new(), "{era:?}");
        let sealed: i64 = world.value("SELECT count(privatekey) FROM cp_certificate").await;
        assert_eq!(sealed, 2, "{era:?}");
    }
}

#[tokio::test]
async fn dates_mean_the_same_in_every_spelling() {
    let z = imported(&sample(Era::D)).await;
    let dates = "SELECT generated_date || ' ' || exported FROM cp_import_record, cp_export_metadata";
    assert_snapshot!(z.list(dates).await, @"2026-03-05 10:20:30.4 2026-03-05 10:20:30.4");
    for spelling in [DateSpelling::Plain, DateSpelling::Colon, DateSpelling::Milliseconds] {
        let other = imported(&sample(Era::D).dates(spelling)).await;
        assert_eq!(other.imported_rows().await, z.imported_rows().await, "{spelling:?}");
        assert_eq!(other.list(dates).await, z.list(dates).await, "{spelling:?}");
    }
    let days = imported(&sample(Era::D).dates(DateSpelling::Day)).await;
    assert_eq!(days.imported_rows().await, z.imported_rows().await, "its dates have no time of day anyway");
}

#[tokio::test]
async fn serial_numbers_up_to_the_largest_are_exact() {
    let authority = Authority::new();
    let manifest = small()
        .identity_certificate(authority.identity(longshore_tests::UPSTREAM).serial(9_220_396_096_563_832_429))
        .entitlement(Entitlement::new("e1", "p1", "SKU").serial(i64::MAX))
        .entitlement(Entitlement::new("e2", "p1", "SKU").serial(9_007_199_254_740_993));
    let world = imported(&manifest).await;
    assert_snapshot!(world.list("SELECT x509_serial::text FROM cp_cert_serial ORDER BY x509_serial").await, @"
    9007199254740993
    9220396096563832429
    9223372036854775807
    ");
    let mixed: i64 = world.value("SELECT count(*) FROM cp_cert_serial WHERE id = x509_serial OR id <= 0").await;
    assert_eq!(mixed, 0, "local numbers are drawn here");
}

#[tokio::test]
async fn a_manifest_is_imported_whatever_scheme_has_signed_it() {
    let expected = imported(&small()).await.imported_rows().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let world = World::with_owner().await;
        let signer = Authority::new().scheme("rsa").algorithm(algorithm);
        world.import_announced(world.announce_bytes(small().build_with_scheme(&signer))).await;
        assert_eq!(world.import_log().await, "imported", "{algorithm:?}");
        assert_eq!(world.imported_rows().await, expected, "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_data_bundle_is_imported_like_the_manifest_whatever_its_names_begin_with() {
    let manifest = small();
    let expected = imported(&manifest).await.imported_rows().await;
    for spelling in Spelling::ALL {
        let world = World::with_owner().await;
        let (bundle, signature) = manifest.signed_bundle(spelling, &Authority::new());
        let announced = world.announce_bytes(bundle).metadata("signature", STANDARD.encode(signature));
        world.import_announced(announced).await;
        assert_eq!(world.import_log().await, "imported");
        assert_eq!(difference(&expected, &world.imported_rows().await), "", "{spelling:?}");
    }
}

#[tokio::test]
async fn the_signature_of_a_bundle_may_be_downloaded() {
    let world = World::with_owner().await;
    let (bundle, signature) = small().signed_bundle(Spelling::Plain, &Authority::new());
    let url = world.serve(signature);
    world.import_announced(world.announce_bytes(bundle).set("signature_url", url)).await;
    assert_snapshot!(world.history().await, @"0 | 5318290: manifest imported");
}

#[tokio::test]
async fn a_bundle_without_its_signature_is_refused() {
    let world = World::with_owner().await;
    let bundle = small().bundle(Spelling::Plain);
    let strangers = STANDARD.encode(sign_bundle(&bundle, &Authority::named("Stranger")));
    let forced = ["SIGNATURE_CONFLICT"];
    world.import_announced(world.announce_bytes(bundle.clone())).await;
    world.import_announced(world.announce_bytes(bundle.clone()).force(&forced)).await;
    world.import_announced(world.announce_bytes(bundle.clone()).metadata("signature", strangers)).await;
    let of_other_bytes = STANDARD.encode(sign_bundle(b"other bytes", &Authority::new()));
    world.import_announced(world.announce_bytes(bundle).metadata("signature", of_other_bytes)).await;
    assert_snapshot!(world.history().await, @"
    1 | the signature is missing or empty
    1 | the signature is missing or empty
    1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    1 | SIGNATURE_CONFLICT: the signature does not verify: CN=Longshore Test Authority: does not match; to force it, name SIGNATURE_CONFLICT in metadata.force
    ");
    assert_eq!(world.imported_rows().await, "");
}
