//! Worlds with a hosted side: products, pools and distributors by the commands of `setup`.

use crate::{ORG, World};
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::failure::Classified;
use longshore::hosted::{Authorities, Certified, HostedError, certify};
use longshore::keyring::{Keys, Sealed};
use longshore::settings::Settings;
use longshore::setup::Setup;
use serde_json::{Value, json};

impl World {
    /// `setup` on this world's database, with its keys and its authority, for so many commands side by side.
    pub async fn setup_for(&self, connections: usize, clock: Clock) -> Setup {
        Setup::new(self.settings(), &Aws::from_env().await, clock, connections)
    }

    /// What `setup` answers to a command, which it must carry out.
    pub async fn setup(&self, command: Value) -> Value {
        let setup = self.setup_for(1, Clock::system()).await;
        setup.handle(&command.to_string(), None).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Why `setup` does not carry out a command: `kind: text`.
    pub async fn setup_refuses(&self, command: Value) -> String {
        let setup = self.setup_for(1, Clock::system()).await;
        let error = setup.handle(&command.to_string(), None).await.expect_err(&command.to_string());
        format!("{}: {error}", error.kind())
    }

    /// Makes a distributor of the usual owner, and returns its uuid.
    pub async fn distributor(&self, name: &str) -> String {
        let made = self.setup(json!({"command": "create-distributor", "owner": ORG, "name": name})).await;
        made["uuid"].as_str().unwrap().to_owned()
    }

    /// Makes a distributor of the usual owner that has two of [`World::hosted_pool`] and may have them exported, and
    /// returns its uuid.
    pub async fn distributor_with_tools(&self) -> String {
        let grant = "INSERT INTO grants SELECT account, id, 'export', now() FROM cp_owner WHERE account = $1";
        self.client().execute(grant, &[&ORG]).await.unwrap();
        let (pool, uuid) = (self.hosted_pool(10).await, self.distributor("lab").await);
        self.entitle(&uuid, &pool, 2).await;
        uuid
    }

    /// Makes a product of the usual owner with one engineering product of one content set, and a pool of it. Returns the
    /// pool's id.
    pub async fn hosted_pool(&self, quantity: i64) -> String {
        let content =
            json!([{"id": "70001", "type": "yum", "label": "tool-rpms", "name": "Tool RPMs", "url": "/content/tool"}]);
        for product in [
            json!({"product": "7001", "name": "Tool", "attributes": {"arch": "x86_64", "version": "1.0"}, "content": content}),
            json!({"product": "TOOL-1", "name": "Tools", "attributes": {"support_level": "Gold"}, "provided": ["7001"]}),
        ] {
            let mut command = product;
            command["command"] = "create-product".into();
            command["owner"] = ORG.into();
            self.setup(command).await;
        }
        let made = self
            .setup(json!({"command": "create-pool", "owner": ORG, "product": "TOOL-1", "quantity": quantity,
                          "start": "2026-01-01", "end": "2036-01-01", "contract": "C-1", "account": "A-1", "order": "O-1"}))
            .await;
        made["pool"].as_str().unwrap().to_owned()
    }

    /// The settings of this world's functions.
    fn settings(&self) -> Settings {
        let variables = self.variables();
        Settings::read(|name| Some(variables.iter().find(|(known, _)| known == name)?.1.clone())).unwrap()
    }

    /// Makes the certificates of a distributor say what is so, as an export does first.
    ///
    /// # Errors
    /// See [`HostedError`].
    pub async fn certify(&self, consumer: &str) -> Result<Certified, HostedError> {
        let (settings, aws, clock) = (self.settings(), Aws::from_env().await, Clock::system());
        let authority = Authorities::new(settings.authority, &aws, &clock).get().await?;
        let pool = Pool::new(Connector::new(settings.database, aws, clock.clone()), 1);
        let mut session = pool.get().await?;
        session.begin();
        let transaction = session.transaction().await?;
        let certified = certify(&transaction, consumer, &authority, &clock).await?;
        transaction.commit().await?;
        session.done();
        Ok(certified)
    }

    /// The certificate in the only row of a table.
    pub async fn pem(&self, table: &str) -> String {
        self.value(&format!("SELECT convert_from(cert, 'UTF8') FROM {table}")).await
    }

    /// A private key of this world, opened: of `table`, bound to `<table>/<id>`.
    pub async fn open_key(&self, table: &str) -> String {
        let sql = format!("SELECT id, privatekey, privatekey_key_id FROM {table}");
        let row = self.client().query_one(&sql, &[]).await.unwrap();
        let sealed = Sealed { bytes: row.get(1), key_id: row.get(2) };
        let keys = Keys::new(self.settings().import.keys, &Aws::from_env().await);
        let context = format!("{table}/{}", row.get::<_, &str>(0));
        keys.open_text(&context, &sealed).await.unwrap().expose().to_owned()
    }

    /// What distributors have taken: `product x quantity`, and each pool: `product | consumed of quantity, exported`.
    pub async fn taken(&self) -> String {
        self.lines(
            "SELECT g.product_id || ' x ' || e.quantity
             FROM cp_entitlement e JOIN cp_pool p ON p.id = e.pool_id JOIN cp_products g ON g.uuid = p.product_uuid
             ORDER BY g.product_id, e.created, e.id",
            "SELECT concat_ws(' ', g.product_id, '|', p.quantity_consumed, 'of', p.quantity, '| exported', p.quantity_exported)
             FROM cp_pool p JOIN cp_products g ON g.uuid = p.product_uuid ORDER BY g.product_id, p.quantity",
        )
        .await
    }

    /// Takes a quantity from a pool for a distributor, and returns the entitlement's id.
    pub async fn entitle(&self, consumer: &str, pool: &str, quantity: i64) -> String {
        let command = json!({"command": "entitle", "consumer": consumer, "pool": pool, "quantity": quantity});
        self.setup(command).await["id"].as_str().unwrap().to_owned()
    }
}
