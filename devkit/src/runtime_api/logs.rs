//! The lines that a function prints.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{ChildStderr, ChildStdout},
    sync::watch,
};

type Sink = Box<dyn Fn(&str) + Send + Sync>;

/// Collects lines while the process prints them.
pub(super) struct Logs {
    lines: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
    sink: Sink,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("count", &*self.count.borrow()).finish_non_exhaustive()
    }
}

impl Logs {
    pub(super) fn collect(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>, sink: Sink) -> Arc<Self> {
        let logs = Arc::new(Self { lines: Mutex::default(), count: watch::Sender::new(0), sink });
        if let Some(stdout) = stdout {
            tokio::spawn(Arc::clone(&logs).read(stdout));
        }
        if let Some(stderr) = stderr {
            tokio::spawn(Arc::clone(&logs).read(stderr));
        }
        logs
    }

    async fn read(self: Arc<Self>, pipe: impl AsyncRead + Unpin) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while let Ok(1..) = pipe.read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            (self.sink)(&text);
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            self.count.send_modify(|count| *count += 1);
            line.clear();
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn line(&self, matches: impl Fn(&str) -> bool) -> Result<String> {
        let mut count = self.count.subscribe();
        let found = async {
            loop {
                count.mark_unchanged();
                if let Some(line) = self.lines().into_iter().find(|line| matches(line)) {
                    return Some(line);
                }
                count.changed().await.ok()?;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), found).await.ok().flatten();
        found.with_context(|| format!("no such line within 10 s; the lines are:\n{}", self.lines().join("\n")))
    }
}
