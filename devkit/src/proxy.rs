//! A TCP proxy that counts bytes and does something the moment the Nth one passes: tests end connections, servers
//! and processes at an exact place, without waiting for any amount of time.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::AbortHandle,
};

/// What happens after the last byte that may pass.
pub enum Action {
    /// All connections are reset. New ones are accepted again.
    Cut,
    /// All connections are reset, and so is every new one until [`Proxy::restore`].
    Refuse,
    /// Nothing passes any more, on old connections and on new ones, until [`Proxy::restore`].
    Hang,
    /// The closure runs, then bytes go on to pass.
    Call(Box<dyn FnOnce() + Send>),
    /// The closure runs, then all connections are reset: with a closure that kills one side's process, nothing that it
    /// sent later reaches the other.
    CallAndCut(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "Cut",
            Self::Refuse => "Refuse",
            Self::Hang => "Hang",
            Self::Call(_) => "Call",
            Self::CallAndCut(_) => "CallAndCut",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forward,
    Refuse,
    Hang,
}

/// What every connection watches. A connection that began under another epoch is reset.
#[derive(Debug, Clone, Copy)]
struct State {
    mode: Mode,
    epoch: u64,
}

#[derive(Debug, Default)]
struct Count {
    bytes: u64,
    plan: Option<(u64, Action)>,
}

#[derive(Debug)]
struct Shared {
    count: Mutex<Count>,
    state: watch::Sender<State>,
}

/// A proxy on a free port of 127.0.0.1. Dropped, it accepts no more and resets its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Starts; connections are made to `upstream` one for one. Needs a Tokio runtime.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free TCP port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let state = watch::Sender::new(State { mode: Mode::Forward, epoch: 0 });
        let shared = Arc::new(Shared { count: Mutex::default(), state });
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that passed in both directions since the start or the last [`Self::reset`].
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.shared.count().bytes
    }

    /// Counts from 0 again, and forgets an action that has not happened.
    pub fn reset(&self) {
        *self.shared.count() = Count::default();
    }

    /// Lets `bytes` in total (since the start or the last [`Self::reset`]) pass, not one more, then acts, once. A number
    /// that has been reached acts at the next byte. Replaces an action that has not happened.
    pub fn cut_after(&self, bytes: u64, action: Action) {
        self.shared.count().plan = Some((bytes, action));
    }

    /// Acts now, without waiting for a byte.
    pub fn cut_now(&self, action: Action) {
        self.shared.act(action);
    }

    /// Ends [`Action::Refuse`] and [`Action::Hang`]. What hung goes on.
    pub fn restore(&self) {
        self.shared.state.send_modify(|state| state.mode = Mode::Forward);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.act(Action::Cut);
    }
}

impl Shared {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of `wanted` bytes may pass, and what to do after them.
    fn admit(&self, wanted: usize) -> (usize, Option<Action>) {
        let mut count = self.count();
        let left = count.plan.as_ref().map_or(u64::MAX, |(limit, _)| limit.saturating_sub(count.bytes));
        let admitted = usize::try_from(left).map_or(wanted, |left| left.min(wanted));
        count.bytes += admitted as u64;
        let action = if admitted < wanted || admitted as u64 == left { count.plan.take() } else { None };
        (admitted, action.map(|(_, action)| action))
    }

    fn act(&self, action: Action) {
        match action {
            Action::Cut => self.cut(Mode::Forward),
            Action::Refuse => self.cut(Mode::Refuse),
            Action::Hang => self.state.send_modify(|state| state.mode = Mode::Hang),
            Action::Call(call) => call(),
            Action::CallAndCut(call) => {
                call();
                self.cut(Mode::Forward);
            }
        }
    }

    fn cut(&self, mode: Mode) {
        self.state.send_modify(|state| *state = State { mode, epoch: state.epoch + 1 });
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(serve(client, upstream, Arc::clone(&shared)));
    }
}

/// Forwards one connection until both directions have ended, or it is cut.
async fn serve(mut client: TcpStream, upstream: SocketAddr, shared: Arc<Shared>) {
    let mut state = shared.state.subscribe();
    let begun = *state.borrow_and_update();
    let server = match begun.mode {
        Mode::Refuse => None,
        Mode::Forward | Mode::Hang => TcpStream::connect(upstream).await.ok(),
    };
    let Some(mut server) = server else { return reset(&client) };
    // What was written is on its way when it is counted. A failure costs speed only.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let was_cut = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = server.split();
        let both = async {
            tokio::try_join!(pump(client_reads, server_writes, &shared), pump(server_reads, client_writes, &shared))
        };
        tokio::select! {
            biased;
            _ = state.wait_for(|state| state.epoch != begun.epoch) => true,
            _ = both => false,
        }
    };
    if was_cut {
        reset(&client);
        reset(&server);
    }
}

/// Makes the coming close a reset, as when a peer crashes. Set earlier, it would lose data at an orderly end.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut state = shared.state.subscribe();
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            // The sender lives in `shared`, so waiting for it cannot fail.
            let _ = state.wait_for(|state| state.mode != Mode::Hang).await;
            let (admitted, action) = shared.admit(rest.len());
            to.write_all(&rest[..admitted]).await?;
            rest = &rest[admitted..];
            if let Some(action) = action {
                shared.act(action);
                // Lets a cut win over the rest of this buffer.
                tokio::task::yield_now().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends back whatever comes.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.split();
                    tokio::io::copy(&mut reads, &mut writes).await
                });
            }
        });
        address
    }

    async fn exchange(proxy: &Proxy, sent: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let _ = stream.write_all(sent).await;
        let _ = stream.shutdown().await;
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            received.extend_from_slice(&buffer[..read]);
        }
        received
    }

    #[tokio::test]
    async fn an_orderly_end_loses_nothing() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let sent = vec![7; 3_000_000];
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let (mut reads, mut writes) = stream.split();
        let mut received = Vec::new();
        let (_, read) = tokio::join!(
            async {
                writes.write_all(&sent).await.unwrap();
                writes.shutdown().await.unwrap();
            },
            reads.read_to_end(&mut received)
        );
        read.unwrap();
        assert_eq!(received.len(), sent.len());
        assert_eq!(proxy.total_bytes(), 6_000_000);
    }

    #[tokio::test]
    async fn not_a_byte_passes_after_a_cut_and_the_next_connection_works() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.cut_after(1003, Action::Cut);
        let received = exchange(&proxy, &[1; 1000]).await;
        assert!(received.len() <= 3, "{}", received.len());
        assert_eq!(proxy.total_bytes(), 1003);
        assert_eq!(exchange(&proxy, b"again").await, b"again");
    }

    #[tokio::test]
    async fn a_refusing_proxy_resets_until_it_is_restored() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.cut_after(0, Action::Refuse);
        assert_eq!(exchange(&proxy, b"one").await, b"");
        assert_eq!(exchange(&proxy, b"two").await, b"");
        proxy.restore();
        assert_eq!(exchange(&proxy, b"three").await, b"three");
    }

    #[tokio::test]
    async fn a_hanging_proxy_goes_on_when_it_is_restored() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        proxy.cut_after(2, Action::Call(Box::new(move || tell.send(()).unwrap())));
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"ab").await.unwrap();
        told.await.unwrap();
        proxy.cut_now(Action::Hang);
        stream.write_all(b"cd").await.unwrap();
        let mut received = [0; 4];
        proxy.restore();
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"abcd");
    }
}
