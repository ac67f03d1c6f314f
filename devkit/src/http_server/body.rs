//! Bodies that break off or stall at an exact byte.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hyper::body::Frame;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

const PIECE: usize = 16 * 1024;

/// How the body of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// The connection is closed after so many bytes.
    CutAfter(usize),
    /// Nothing more comes after so many bytes, and the connection stays open.
    StallAfter(usize),
}

/// The body in pieces, and after them the ending. `flushed` tells when everything before was handed to the socket:
/// hyper throws away what it still holds when a body fails, and then it would not be known how many bytes went out.
pub(super) fn frames(
    body: Bytes,
    ending: Ending,
    flushed: Arc<Notify>,
) -> impl Stream<Item = io::Result<Frame<Bytes>>> {
    let length = match ending {
        Ending::Whole => body.len(),
        Ending::CutAfter(bytes) | Ending::StallAfter(bytes) => bytes.min(body.len()),
    };
    let pieces = (0..length).step_by(PIECE).map(move |at| Ok(Frame::data(body.slice(at..length.min(at + PIECE)))));
    let end = async move {
        match ending {
            Ending::Whole => None,
            Ending::CutAfter(_) => {
                flushed.notified().await;
                Some(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Ending::StallAfter(_) => std::future::pending().await,
        }
    };
    stream::iter(pieces).chain(stream::once(end).filter_map(std::future::ready))
}

/// A stream that tells when it was flushed: hyper flushes once it has written all it holds.
#[derive(Debug)]
pub(super) struct Flushing<S> {
    pub(super) stream: S,
    pub(super) flushed: Arc<Notify>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Flushing<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Flushing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.flushed.notify_waiters();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
