//! The database's password is changed while a batch is worked on.
//!
//! A download is held back meanwhile, so that the moment is always the same: some records are done, the others are not.

use longshore_devkit::runtime_api::Function;
use longshore_tests::cloud::Cloud;
use longshore_tests::manifest::Authority;
use longshore_tests::{Announcement, ArchiveBuilder, World, database, function, later, object, small};
use serde_json::json;
use uuid::Uuid;

const GET_SECRET: &str = "secretsmanager.GetSecretValue";

/// A role whose password is in a secret.
struct Rotation {
    world: World,
    cloud: Cloud,
    role: String,
    secret: String,
}

impl Rotation {
    /// With a function that logs in as that role.
    async fn start(function: &str, world: World) -> (Self, Function) {
        let cloud = Cloud::start().await;
        let id = Uuid::new_v4().simple().to_string();
        let (role, first) = (format!("role_{id}"), format!("first-{id}"));
        world.execute(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{first}'")).await;
        let secret = cloud.secret("database", &json!({"username": role, "password": first}).to_string()).await;
        let (_, place) = world.database_url().split_once('@').unwrap();
        let further = [
            ("DATABASE_URL", &*format!("postgres://{place}")),
            ("DATABASE_SECRET_ARN", &secret),
            // One source after the other, so that it is known which were done.
            ("LONGSHORE_CONCURRENCY", "1"),
        ];
        let process = cloud.function(function, &world, &further).await;
        (Self { world, cloud, role, secret }, process)
    }

    /// PostgreSQL knows the next password alone, and the sessions of the former one are over.
    async fn change_password(&self) {
        let Self { role, .. } = self;
        let end = format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{role}'");
        self.world.execute(&format!("ALTER ROLE {role} PASSWORD '{}'; {end}", self.next())).await;
    }

    /// So does the secret.
    async fn change_secret(&self) {
        let text = json!({"username": self.role, "password": self.next()}).to_string();
        self.cloud.replace_secret(&self.secret, &text).await;
    }

    fn next(&self) -> String {
        self.role.replace("role_", "second-")
    }

    /// Archives of four sources in S3, and their URLs.
    async fn archives(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for n in 1..=4 {
            let archive = ArchiveBuilder::new().collection("inventories", [object::inventory(n)]);
            urls.push(self.cloud.upload(&format!("tower-{n}.tar.gz"), archive.build()).await);
        }
        urls
    }

    /// Invokes the function, and does that while it waits for what is at `url`. Returns the offsets that are to come
    /// again.
    async fn call(&self, process: &mut Function, event: &str, url: &str, meanwhile: impl AsyncFnOnce()) -> Vec<i64> {
        let gate = self.cloud.hold(url);
        let rotated = async {
            gate.reached().await;
            meanwhile().await;
            gate.open();
        };
        let (failed, ()) = tokio::join!(function::call(process, event), rotated);
        failed.unwrap()
    }

    /// Each of the four sources has its refresh, once, and its object.
    async fn all_is_there_once(&self, process: &Function, invocations: usize) {
        let sql = "SELECT string_agg(format('%s %s', s.uid, n), ', ' ORDER BY s.uid)
                   FROM (SELECT source_id, count(*) n FROM refreshes WHERE outcome = 'applied' GROUP BY 1) r
                   JOIN sources s ON s.id = r.source_id";
        assert_eq!(self.world.value::<String>(sql).await, "tower-1 1, tower-2 1, tower-3 1, tower-4 1");
        let objects = "SELECT string_agg(source_ref, ' ' ORDER BY source_ref) FROM service_inventories";
        assert_eq!(self.world.value::<String>(objects).await, "1 2 3 4");
        assert_eq!(self.world.value::<i64>("SELECT count(*) FROM rejected_records").await, 0);
        self.cloud.nothing_is_told(process, invocations).await;
    }
}

/// Records of four sources, tower-1 to tower-4.
fn announced(urls: &[String]) -> Vec<Announcement> {
    let uids = (1..).map(|n| format!("tower-{n}"));
    urls.iter().zip(uids).map(|(url, uid)| Announcement::of(url).reporter(&uid)).collect()
}

#[tokio::test]
async fn a_secret_that_is_rotated_in_the_middle_of_a_batch_costs_no_redelivery() {
    let (rotation, mut process) = Rotation::start("tower-persister", World::start().await).await;
    let urls = rotation.archives().await;
    let event = rotation.world.event(&announced(&urls));
    let failed = rotation.call(&mut process, &event, &urls[2], async || {
        assert_eq!(rotation.world.outcomes().await, "applied | full\napplied | full");
        rotation.change_secret().await;
        rotation.change_password().await;
    });
    assert!(failed.await.is_empty(), "{:#?}", process.logs());
    rotation.all_is_there_once(&process, 1).await;
    assert_eq!(rotation.cloud.asked(GET_SECRET), 2);
    let url = database::url_for(rotation.world.database_url(), &rotation.role, &rotation.next());
    assert!(tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_ok());
}

#[tokio::test]
async fn a_secret_that_is_rotated_between_two_manifests_costs_no_redelivery() {
    let (rotation, mut process) = Rotation::start("manifest-importer", World::with_owner().await).await;
    let (mut urls, authority) = (Vec::new(), Authority::new());
    for (name, manifest) in [("1.zip", small()), ("2.zip", later(&small(), 1))] {
        urls.push(rotation.cloud.upload(name, manifest.build(&authority)).await);
    }
    let manifests: Vec<_> = urls.iter().map(|url| Announcement::manifest(url)).collect();
    let event = rotation.world.event(&manifests);
    let failed = rotation.call(&mut process, &event, &urls[1], async || {
        assert_eq!(rotation.world.import_log().await, "imported");
        rotation.change_secret().await;
        rotation.change_password().await;
    });
    assert!(failed.await.is_empty(), "{:#?}", process.logs());
    assert_eq!(rotation.world.import_log().await, "imported\nimported");
    assert_eq!(rotation.cloud.asked(GET_SECRET), 2);
    assert_eq!(rotation.world.orphans().await, "");
    rotation.cloud.nothing_is_told(&process, 1).await;
}

#[tokio::test]
async fn while_the_secret_lags_behind_the_password_records_come_again_and_the_others_stay_done() {
    let (rotation, mut process) = Rotation::start("tower-persister", World::start().await).await;
    let urls = rotation.archives().await;
    let event = rotation.world.event(&announced(&urls));
    let failed = rotation.call(&mut process, &event, &urls[2], async || rotation.change_password().await).await;
    assert_eq!(failed, [2, 3]);
    assert_eq!(rotation.world.outcomes().await, "applied | full\napplied | full");
    function::left(&process, "DatabaseLogin").await;

    // Still lagging: what comes again comes again once more.
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![0, 1, 2, 3]));
    rotation.change_secret().await;
    assert_eq!(function::call(&mut process, &event).await, Ok(vec![]));
    rotation.all_is_there_once(&process, 3).await;
}
