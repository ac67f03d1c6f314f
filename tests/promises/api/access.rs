//! Who may do what over HTTP.

use insta::assert_snapshot;
use longshore_tests::api::{Api, Request, role_arn};
use longshore_tests::exports::Exporting;
use longshore_tests::{ORG, World, later, small};
use serde_json::Value;

/// Every route of an owner.
const ROUTES: [(&str, &str); 7] = [
    ("GET", "/candlepin/owners/{owner}/upstream_consumer"),
    ("HEAD", "/candlepin/owners/{owner}/upstream_consumer"),
    ("GET", "/candlepin/owners/{owner}/upstream_consumers"),
    ("HEAD", "/candlepin/owners/{owner}/upstream_consumers"),
    ("GET", "/candlepin/owners/{owner}/imports"),
    ("HEAD", "/candlepin/owners/{owner}/imports"),
    ("DELETE", "/candlepin/owners/{owner}/imports"),
];

/// The route of a consumer, which the last column of a table is for.
const EXPORT: &str = "/candlepin/consumers/{uuid}/export";

/// Another organisation, with an owner of its own.
const OTHER: &str = "6000001";

/// Each kind of caller, and how a request is made his.
type Caller = (&'static str, fn(Request) -> Request);
const CALLERS: [Caller; 14] = [
    ("nobody", |request| request),
    ("forged identity", |request| request.identity(ORG)),
    ("a role without grants", |request| request.role("nothing")),
    ("a role that may import", |request| request.role("importer")),
    ("a role that may read", |request| request.role("reader")),
    ("a role that may read keys", |request| request.role("key-reader")),
    ("a role that may undo", |request| request.role("undoer")),
    ("a role that may export", |request| request.role("exporter")),
    ("a role that may do all", |request| request.role("admin")),
    ("another organisation", |request| request.org(OTHER)),
    ("another with a forged identity", |request| request.org(OTHER).identity(ORG)),
    ("another that may read", |request| request.org("6000002")),
    ("its organisation", |request| request.org(ORG)),
    ("its organisation by a role's name", |request| request.org(&role_arn("admin"))),
];

/// The usual owner with a distributor, those who were granted something for it, and another owner.
async fn world() -> Exporting {
    let world = Exporting::start().await;
    world.execute("DELETE FROM grants").await;
    world.owner(OTHER).await;
    for (role, permission) in [
        ("importer", "import"),
        ("reader", "read"),
        ("key-reader", "read-keys"),
        ("undoer", "undo"),
        ("exporter", "export"),
        ("admin", "admin"),
    ] {
        world.grant(&role_arn(role), ORG, permission).await;
    }
    world.grant("6000002", ORG, "read").await;
    world
}

/// Both functions, and what they are asked about.
struct Asked<'w> {
    world: &'w Exporting,
    consumers: Api,
    exporter: Api,
    distributor: String,
    made: i64,
}

impl<'w> Asked<'w> {
    async fn of(world: &'w Exporting, further: &[(&str, &str)]) -> Self {
        world.import(&small()).await;
        let distributor = world.distributor_with(ORG, "distributor", 1).await;
        let (consumers, exporter) = (Api::process(world, further).await, Api::exporter(world, further).await);
        Self { world, consumers, exporter, distributor, made: 0 }
    }

    /// What each route answers to a caller, in the order of [`ROUTES`], and whether the private key is among it.
    async fn answers(&mut self, (name, caller): Caller) -> String {
        let mut statuses = Vec::new();
        let mut with_key = false;
        for (method, route) in ROUTES {
            let answer = self.consumers.ask(&caller(Request::new(method, &route.replace("{owner}", ORG)))).await;
            if answer.status == 200 && route.contains("consumer") && method == "GET" {
                with_key |= answer.json().pointer("/0/idCert/key").is_some_and(Value::is_string);
            }
            statuses.push(answer.status.to_string());
        }
        let export = Request::get(&EXPORT.replace("{uuid}", &self.distributor));
        statuses.push(self.exporter.ask(&caller(export)).await.status.to_string());
        // Who may undo has done so.
        self.made += 1;
        self.world.import(&later(&small(), self.made)).await;
        format!("{name:<34} {}{}", statuses.join(" "), if with_key { " with key" } else { "" })
    }

    async fn table(&mut self, callers: &[Caller]) -> String {
        let mut table = Vec::new();
        for caller in callers {
            table.push(self.answers(*caller).await);
        }
        table.join("\n")
    }
}

#[tokio::test]
async fn each_caller_may_do_at_each_route_what_he_was_granted() {
    let world = world().await;
    let mut asked = Asked::of(&world, &[]).await;
    assert_snapshot!(asked.table(&CALLERS).await, @"
    nobody                             401 401 401 401 401 401 401 401
    forged identity                    401 401 401 401 401 401 401 401
    a role without grants              403 403 403 403 403 403 403 403
    a role that may import             403 403 403 403 403 403 403 403
    a role that may read               200 200 200 200 200 200 403 403
    a role that may read keys          200 200 200 200 200 200 403 403 with key
    a role that may undo               403 403 403 403 403 403 200 403
    a role that may export             403 403 403 403 403 403 403 303
    a role that may do all             200 200 200 200 200 200 200 303 with key
    another organisation               403 403 403 403 403 403 403 403
    another with a forged identity     403 403 403 403 403 403 403 403
    another that may read              200 200 200 200 200 200 403 403
    its organisation                   200 200 200 200 200 200 403 403
    its organisation by a role's name  401 401 401 401 401 401 401 401
    ");
}

#[tokio::test]
async fn an_identity_is_believed_where_a_setting_says_so_and_no_authorizer_spoke() {
    let world = world().await;
    let mut asked = Asked::of(&world, &[("LONGSHORE_TRUST_IDENTITY_HEADER", "true")]).await;
    let callers: [Caller; 5] = [
        ("nobody", |request| request),
        ("its organisation", |request| request.identity(ORG)),
        ("another organisation", |request| request.identity(OTHER)),
        ("another with a forged identity", |request| request.org(OTHER).identity(ORG)),
        ("its organisation by a role's name", |request| request.identity(&role_arn("admin"))),
    ];
    assert_snapshot!(asked.table(&callers).await, @"
    nobody                             401 401 401 401 401 401 401 401
    its organisation                   200 200 200 200 200 200 403 403
    another organisation               403 403 403 403 403 403 403 403
    another with a forged identity     403 403 403 403 403 403 403 403
    its organisation by a role's name  401 401 401 401 401 401 401 401
    ");
}

#[tokio::test]
async fn an_owner_that_is_not_there_looks_like_one_that_is_forbidden() {
    let world = world().await;
    let mut api = Api::here(&world, &[]).await;
    for (method, route) in ROUTES {
        let mut told = Vec::new();
        for owner in [ORG, "nobody"] {
            let request =
                Request::new(method, &route.replace("{owner}", owner)).org(OTHER).header("x-request-id", "same");
            let answer = api.ask(&request).await;
            assert_eq!(answer.status, 403, "{method} {route} {owner}");
            told.push((answer.headers, answer.body));
        }
        assert_eq!(told[0], told[1], "{method} {route}");
    }
    let request = Request::get("/candlepin/owners/6000009/imports").org("6000009");
    assert_snapshot!(api.ask(&request).await.error(), @"404 there is no such owner; create-owner of setup makes one");
}

#[tokio::test]
async fn a_denial_is_logged_once_with_who_what_and_why() {
    let world = world().await;
    let mut api = Api::process(&world, &[]).await;
    let path = format!("/candlepin/owners/{ORG}/imports");
    let claims = r#"{"sub":"secret-subject"}"#;
    for request in [
        Request::delete(&path).role("reader").header("x-request-id", "r-1"),
        Request::get("/candlepin/owners/nobody/imports").org(OTHER).header("x-request-id", "r-2"),
        Request::get(&path).identity(ORG).header("x-request-id", "r-3").header("authorization", claims),
    ] {
        api.ask(&request).await;
    }
    let Api::Process(function) = &api else { unreachable!("a process") };
    function.log_line(|line| line.contains("r-3") && line.contains("request answered")).await.unwrap();
    let lines = api.logs();
    let denials =
        lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|line| line["level"] == "WARN");
    let told = denials.map(|line| {
        let fields = ["request_id", "message", "caller", "owner", "permission", "reason"];
        fields.iter().filter_map(|field| line[*field].as_str()).collect::<Vec<_>>().join(" | ")
    });
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    r-1 | request refused | arn:aws:iam::123456789012:role/reader | 5318290 | undo | not granted
    r-2 | request refused | 6000001 | nobody | read | not there
    r-3 | request refused: nobody knows who calls | no authorizer; x-rh-identity is not trusted here
    ");
    assert!(!lines.join("\n").contains("secret-subject"));
}

#[tokio::test]
async fn a_grant_to_a_session_is_one_to_its_role() {
    let world = World::with_owner().await;
    let mut api = Api::here(&world, &[]).await;
    let request = Request::get(&format!("/candlepin/owners/{ORG}/imports")).role("katello");
    assert_eq!(api.ask(&request).await.status, 403);
    world.grant("arn:aws:iam::123456789012:role/service/katello", ORG, "read").await;
    assert_eq!(api.ask(&request).await.status, 200);
    let session = serde_json::json!({"command": "revoke", "org": "arn:aws:sts::123456789012:assumed-role/katello/x",
                                     "owner": ORG, "permission": "read"});
    world.setup(session).await;
    assert_eq!(api.ask(&request).await.status, 403);
    let bucket = serde_json::json!({"command": "grant", "org": "arn:aws:s3:::bucket", "owner": ORG});
    assert_snapshot!(world.setup_refuses(bucket).await, @"Command: org begins like an ARN, but is not that of an IAM role, of a user or of an account's root");
}

#[tokio::test]
async fn an_uploader_that_is_called_like_a_role_may_not_use_its_grant() {
    let world = World::with_owner().await;
    world.grant(&role_arn("importer"), ORG, "import").await;
    let announced = world.announce_manifest(&small()).org(&role_arn("importer")).metadata("owner", ORG);
    world.deliver_manifests(&[announced]).await;
    assert_snapshot!(world.import_log().await, @"
    failed | Owner | owner 5318290 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    rejected | Owner | owner 5318290 is unknown, or the organisation may not import for it; see create-owner and grant of setup
    ");
}

#[tokio::test]
async fn who_may_do_all_may_import_too() {
    let world = World::with_owner().await;
    world.grant(OTHER, ORG, "admin").await;
    world.import_announced(world.announce_manifest(&small()).org(OTHER).metadata("owner", ORG)).await;
    assert_snapshot!(world.last_entry().await, @"0 | 5318290: manifest imported");
}
