//! An answer that comes when a test says so.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds answers back until it is opened. Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    reached: bool,
    open: bool,
}

impl Gate {
    /// Waits until a request stands before it.
    pub async fn reached(&self) {
        // The sender is ours, so this cannot fail.
        let _ = self.0.subscribe().wait_for(|state| state.reached).await;
    }

    /// Lets all answers through, from now on.
    pub fn open(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    pub(super) async fn pass(&self) {
        self.0.send_modify(|state| state.reached = true);
        let _ = self.0.subscribe().wait_for(|state| state.open).await;
    }
}
