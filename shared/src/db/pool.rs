//! A few connections an execution environment, opened when first needed and checked before each use.

use super::{Connector, DbError};
use deadpool::managed::{Manager, Metrics, Object, PoolError, RecycleError, RecycleResult};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

/// How long a connection for lookups counts as checked: no server or router drops one that
/// soon. By the clock on the wall, the only one that goes on while Lambda freezes the process.
const FRESH: time::Duration = time::Duration::SECOND;

/// How long a connection has to prove that it survived the freeze between two invocations.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long [`Pool::settle`] waits for abandoned work to be cancelled.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections, at most as many as sources are handled side by side. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: deadpool::managed::Pool<Connections>,
    abandoned: Arc<Mutex<JoinSet<()>>>,
}

#[derive(Debug)]
struct Connections(Arc<Connector>);

/// A client, and what it has prepared.
struct Connection {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
    checked: OffsetDateTime,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Manager for Connections {
    type Type = Connection;
    type Error = DbError;

    async fn create(&self) -> Result<Connection, DbError> {
        let client = self.0.connect().await?;
        Ok(Connection { client, prepared: HashMap::new(), checked: self.0.now() })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<DbError> {
        let now = self.0.now();
        let age = now - connection.checked;
        if self.0.looks_up() && !connection.client.is_closed() && (time::Duration::ZERO..FRESH).contains(&age) {
            return Ok(());
        }
        connection.checked = now;
        match tokio::time::timeout(CHECK_TIMEOUT, connection.client.simple_query("")).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(RecycleError::Backend(error.into())),
            Err(_) => Err(RecycleError::message("it does not answer")),
        }
    }
}

impl Pool {
    /// A pool of at most `size` connections.
    pub fn new(connector: Connector, size: usize) -> Self {
        let manager = Connections(Arc::new(connector));
        let inner = deadpool::managed::Pool::builder(manager).max_size(size).build();
        // Building fails only where a time-out is set without a runtime, and none is set.
        #[expect(clippy::expect_used, reason = "no time-out is set, which is the one thing that can fail")]
        let inner = inner.expect("a pool without time-outs can be built");
        Self { inner, abandoned: Arc::default() }
    }

    /// A connection that works.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn get(&self) -> Result<Session, DbError> {
        let object = self.inner.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            other => DbError::Pool(other.to_string()),
        })?;
        Ok(Session { object: Some(object), pool: self.clone(), in_transaction: false })
    }

    /// The settings that connections are opened with.
    pub fn settings(&self) -> &crate::settings::DatabaseSettings {
        self.inner.manager().0.settings()
    }

    /// Waits until statements of abandoned sessions are cancelled. Called before an invocation is answered: after
    /// that Lambda freezes the process, and a frozen client would keep its locks.
    pub async fn settle(&self) {
        let mut abandoned = std::mem::take(&mut *self.abandoned.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while abandoned.join_next().await.is_some() {} };
        if tokio::time::timeout(SETTLE_TIMEOUT, all).await.is_err() {
            tracing::warn!("a statement could not be cancelled in time; the server's own time-out ends it");
        }
    }

    fn abandon(&self, client: Client) {
        let manager = self.inner.manager().0.clone();
        let token = client.cancel_token();
        let mut abandoned = self.abandoned.lock().unwrap_or_else(PoisonError::into_inner);
        abandoned.spawn(async move {
            if let Err(error) = manager.cancel(token).await {
                tracing::debug!(%error, "cancelling failed");
            }
            // Closing the connection rolls its transaction back.
            drop(client);
        });
    }
}

/// A connection in use.
///
/// Between [`Session::begin`] and [`Session::done`] it holds a transaction. Dropped in between (an error, the
/// deadline) its statement is cancelled and the connection closed, so that no lock outlives the work.
pub struct Session {
    object: Option<Object<Connections>>,
    pool: Pool,
    in_transaction: bool,
}

impl Session {
    /// Marks the beginning of work that must not be left half done.
    pub fn begin(&mut self) {
        self.in_transaction = true;
    }

    /// The settings that the connection was opened with.
    pub fn settings(&self) -> &crate::settings::DatabaseSettings {
        self.pool.settings()
    }

    fn connection(&mut self) -> &mut Connection {
        self.object.as_mut().unwrap_or_else(|| unreachable!("taken only when dropped"))
    }

    /// Asks what is asked again and again, with a plan that the connection keeps: planning a join of five tables takes
    /// several times as long as executing it. Not for use inside a transaction, which one error ends.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn query_prepared(
        &mut self,
        sql: &'static str,
        types: &[Type],
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DbError> {
        let connection = self.connection();
        if let Some(statement) = connection.prepared.get(sql) {
            match connection.client.query(statement, values).await {
                Err(error) if is_outdated(&error) => drop(connection.prepared.remove(sql)),
                answered => return Ok(answered?),
            }
        }
        let statement = connection.client.prepare_typed(sql, types).await?;
        let rows = connection.client.query(&statement, values).await?;
        connection.prepared.insert(sql, statement);
        Ok(rows)
    }

    /// Marks its end: the connection may be used by others.
    pub fn done(&mut self) {
        self.in_transaction = false;
    }
}

/// Whether a statement has to be prepared again: a migration has changed what it returns, or a proxy has lost it.
fn is_outdated(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME))
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && self.in_transaction
        {
            self.pool.abandon(Object::take(object).client);
        }
    }
}

impl Deref for Session {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.object.as_ref().unwrap_or_else(|| unreachable!("taken only when dropped")).client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.connection().client
    }
}
