//! Commands of the hosted side: arguments are checked here, [`crate::hosted`] does the work, each in one transaction.

use super::owners::plain;
use super::{Setup, SetupError};
use crate::hosted::{self, HostedError, NewDistributor, NewPool, NewProduct, Wanted};
use crate::keyring;
use serde_json::{Value, json};
use std::time::Instant;
use tokio_postgres::Transaction;

/// Longest id that the tables hold, in characters.
const MAX_ID: usize = 32;

impl Setup {
    pub(super) async fn create_product(&self, product: &NewProduct) -> Result<Value, SetupError> {
        check("owner", &product.owner)?;
        check("product", &product.product)?;
        check("name", &product.name)?;
        for name in product.attributes.iter().flat_map(|attributes| attributes.keys()) {
            check("the name of an attribute", name)?;
        }
        for content in product.content.iter().flatten() {
            for (argument, text) in [
                ("content: id", &content.id),
                ("content: type", &content.kind),
                ("content: label", &content.label),
                ("content: name", &content.name),
            ] {
                check(argument, text)?;
            }
        }
        let made =
            self.write(async |transaction| hosted::create_product(transaction, product, &self.clock).await).await?;
        Ok(json!(made))
    }

    pub(super) async fn create_pool(&self, wanted: &NewPool) -> Result<Value, SetupError> {
        for (argument, text) in [("contract", &wanted.contract), ("account", &wanted.account), ("order", &wanted.order)]
        {
            text.as_ref().map(|text| check(argument, text)).transpose()?;
        }
        wanted.id.as_ref().map(|id| check_id(id)).transpose()?;
        let id = self.write(async |transaction| hosted::create_pool(transaction, wanted, &self.clock).await).await?;
        Ok(json!({"pool": id, "owner": wanted.owner, "product": wanted.product, "quantity": wanted.quantity}))
    }

    pub(super) async fn list_pools(&self, owner: &str) -> Result<Value, SetupError> {
        let session = self.pool.get().await?;
        Ok(json!({"pools": hosted::list_pools(&*session, owner).await?}))
    }

    pub(super) async fn create_distributor(&self, wanted: &NewDistributor) -> Result<Value, SetupError> {
        check("name", &wanted.name)?;
        wanted.uuid.as_ref().map(|uuid| check("uuid", uuid)).transpose()?;
        let authority = self.authorities.get().await.map_err(HostedError::from)?;
        let keyring = self.keys.get().await.map_err(HostedError::from)?;
        let made = self
            .write(async |transaction| {
                hosted::create_distributor(transaction, wanted, &authority, &keyring, &self.clock).await
            })
            .await?;
        Ok(json!(made))
    }

    pub(super) async fn list_distributors(&self, owner: Option<&str>) -> Result<Value, SetupError> {
        let session = self.pool.get().await?;
        Ok(json!({"distributors": hosted::list_distributors(&*session, owner).await?}))
    }

    pub(super) async fn delete_distributor(&self, uuid: &str) -> Result<Value, SetupError> {
        let removed =
            self.write(async |transaction| hosted::delete_distributor(transaction, uuid, &self.clock).await).await?;
        Ok(json!({"uuid": uuid, "removed": removed}))
    }

    pub(super) async fn entitle(&self, wanted: &Wanted) -> Result<Value, SetupError> {
        wanted.id.as_ref().map(|id| check_id(id)).transpose()?;
        let authority = self.authorities.get().await.map_err(HostedError::from)?;
        let entitled =
            self.write(async |transaction| hosted::entitle(transaction, wanted, &authority, &self.clock).await).await?;
        Ok(json!(entitled))
    }

    pub(super) async fn unentitle(&self, entitlement: &str) -> Result<Value, SetupError> {
        let removed =
            self.write(async |transaction| hosted::unentitle(transaction, entitlement, &self.clock).await).await?;
        Ok(json!({"entitlement": entitlement, "removed": removed}))
    }

    pub(super) async fn list_entitlements(&self, consumer: &str) -> Result<Value, SetupError> {
        let session = self.pool.get().await?;
        Ok(json!({"entitlements": hosted::list_entitlements(&*session, consumer).await?}))
    }

    /// The keys are read anew: what is current may have been changed a minute ago.
    pub(super) async fn rotate_keys(&self, deadline: Option<Instant>) -> Result<Value, SetupError> {
        let keyring = self.keys.reload().await.map_err(HostedError::from)?;
        let mut session = self.pool.get().await?;
        let go_on = || deadline.is_none_or(|deadline| Instant::now() < deadline);
        Ok(json!(keyring::rotate(&mut session, &keyring, go_on).await?))
    }

    /// Runs work in a transaction, which is committed only if all of it was done.
    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, HostedError>,
    ) -> Result<T, HostedError> {
        let mut session = self.pool.get().await?;
        session.begin();
        let transaction = session.transaction().await?;
        let done = work(&transaction).await;
        if done.is_ok() {
            transaction.commit().await?;
            session.done();
        } else if transaction.rollback().await.is_ok() {
            session.done();
        }
        done
    }
}

fn check(argument: &str, text: &str) -> Result<(), SetupError> {
    plain(argument, text).map(drop)
}

/// Ids become names of files in exports.
fn check_id(id: &str) -> Result<(), SetupError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    let expected = "expected 1 to 32 letters, digits, - and _ (a UUID fits without its dashes)";
    Err(SetupError::Argument(format!("id: {expected}")))
}
