//! Connections to servers and proxies that are not like a plain PostgreSQL.

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::settings::Settings;
use longshore_tests::{ArchiveBuilder, World, database, object};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What RDS Proxy answers to a start-up packet with options: an ErrorResponse with SQLSTATE 0A000.
fn refusal() -> Vec<u8> {
    let fields = b"SFATAL\0VFATAL\0C0A000\0MFeature not supported: command-line options\0\0";
    let mut message = vec![b'E'];
    message.extend_from_slice(&(fields.len() as u32 + 4).to_be_bytes());
    message.extend_from_slice(fields);
    message
}

/// A proxy that takes no options at start-up. Returns its port, and counts its refusals.
async fn proxy_without_options() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let refused = Arc::new(AtomicUsize::new(0));
    let counter = refused.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let length = client.read_u32().await.unwrap();
            let mut packet = vec![0; length as usize - 4];
            client.read_exact(&mut packet).await.unwrap();
            if packet.windows(9).any(|bytes| bytes == b"\0options\0") {
                counter.fetch_add(1, Ordering::Relaxed);
                client.write_all(&refusal()).await.unwrap();
                continue;
            }
            let mut server = TcpStream::connect(database::database_server()).await.unwrap();
            server.write_u32(length).await.unwrap();
            server.write_all(&packet).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (port, refused)
}

#[tokio::test]
async fn a_proxy_that_takes_no_options_at_start_up_is_asked_once_and_then_served_without() {
    let (port, refused) = proxy_without_options().await;
    let world = World::with(&[("DATABASE_PORT", &port.to_string())]).await;
    let archive =
        |name: &str| ArchiveBuilder::new().collection("inventories", [object::inventory(1).set("name", name)]);
    for (at, reporter) in ["one", "two", "three"].into_iter().enumerate() {
        let batch = [world.announce(&archive("a")).reporter(reporter), world.announce(&archive("b")).reporter("other")];
        assert!(world.deliver(&batch).await.is_empty(), "{at}: {}", world.outcomes().await);
    }
    assert!(refused.load(Ordering::Relaxed) <= 2, "a connection each of the pool at most");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM service_inventories").await, 4);
}

#[tokio::test]
async fn a_statement_that_the_server_takes_no_more_is_prepared_again() {
    const KEPT: &str = "SELECT * FROM public.kept";
    let world = World::start().await;
    world.execute("CREATE TABLE public.kept AS SELECT 1 AS a").await;
    let variables = world.variables();
    let read = |name: &str| Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
    let database = Settings::read(read).unwrap().database;
    let pool = Pool::new(Connector::new(database, Aws::from_env().await, Clock::system()), 1);
    let mut session = pool.get().await.unwrap();
    let mut columns = Vec::new();
    for change in ["", "ALTER TABLE public.kept ADD b int", "DEALLOCATE ALL", ""] {
        session.batch_execute(change).await.unwrap();
        let rows = session.query_prepared(KEPT, &[], &[]).await.unwrap();
        columns.push(rows[0].len());
    }
    assert_eq!(columns, [1, 2, 2, 2]);
}
