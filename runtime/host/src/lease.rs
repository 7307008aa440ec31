//! Keeping the right to execute a run, and knowing when it is gone.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime_api::{Clock, Lease, Leases, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A lease that is renewed until it is given back or dropped.
pub(crate) struct Keeper {
    lease: Lease,
    leases: Arc<dyn Leases>,
    task: JoinHandle<()>,
    lost: watch::Receiver<Option<StoreError>>,
}

impl Keeper {
    /// Renews `lease` three times in its life.
    pub(crate) fn start(lease: Lease, leases: Arc<dyn Leases>, clock: Arc<dyn Clock>, ttl_ms: u64) -> Keeper {
        let (tell, lost) = watch::channel(None);
        let task = tokio::spawn(renew(lease.clone(), leases.clone(), clock, ttl_ms, tell));
        Keeper { lease, leases, task, lost }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Waits until the lease is lost, and says to whom.
    pub(crate) async fn lost(&mut self) -> StoreError {
        loop {
            if let Some(error) = self.lost.borrow_and_update().clone() {
                return error;
            }
            if self.lost.changed().await.is_err() {
                // The task ends only after it has told; or with the executor, which then asks no more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Gives the lease back.
    pub(crate) async fn release(self) -> Result<(), StoreError> {
        self.task.abort();
        self.leases.release(&self.lease).await
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn renew(
    mut lease: Lease,
    leases: Arc<dyn Leases>,
    clock: Arc<dyn Clock>,
    ttl_ms: u64,
    tell: watch::Sender<Option<StoreError>>,
) {
    let pause = Duration::from_millis((ttl_ms / 3).max(1));
    loop {
        tokio::time::sleep(pause).await;
        match leases.renew(&lease, clock.now(), ttl_ms).await {
            Ok(renewed) => lease = renewed,
            // A store that is away for a moment costs nothing while the lease still lives.
            Err(StoreError::Unavailable(_)) if clock.now() < lease.until => {}
            Err(error) => {
                let _ = tell.send(Some(error));
                return;
            }
        }
    }
}
