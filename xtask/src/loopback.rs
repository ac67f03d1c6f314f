//! The functions at the IPv6 loopback address too: `cargo lambda invoke` looks there unless it is told otherwise, and
//! `cargo lambda watch` listens on one address only.

use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// Passes on connections while it lives.
#[derive(Debug)]
pub struct Loopback(Option<AbortHandle>);

impl Loopback {
    /// From `[::1]:port` to `127.0.0.1:port`. Where there is no IPv6, or the port is taken, nothing is passed on.
    pub async fn open(port: u16) -> Self {
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await else { return Self(None) };
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self(Some(accepting.abort_handle()))
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        if let Some(accepting) = &self.0 {
            accepting.abort();
        }
    }
}
