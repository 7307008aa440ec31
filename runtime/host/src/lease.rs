//! Keeping the right to execute a run, and knowing when it is gone.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime_api::{Clock, Lease, Leases, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::settings::OnFailure;

/// A lease that is renewed until it is given back or dropped.
pub(crate) struct Keeper {
    lease: Lease,
    leases: Arc<dyn Leases>,
    task: JoinHandle<()>,
    lost: watch::Receiver<Option<StoreError>>,
}

impl Keeper {
    /// Renews `lease` three times in its life; a run that outlives its store goes on trying.
    pub(crate) fn start(
        lease: Lease,
        leases: Arc<dyn Leases>,
        clock: Arc<dyn Clock>,
        ttl_ms: u64,
        on_failure: OnFailure,
    ) -> Keeper {
        let (tell, lost) = watch::channel(None);
        let task = tokio::spawn(renew(lease.clone(), leases.clone(), clock, ttl_ms, on_failure, tell));
        Keeper { lease, leases, task, lost }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether there is, or may be, a loss that wasn't told yet.
    pub(crate) fn may_be_lost(&self) -> bool {
        self.lost.has_changed().unwrap_or(true)
    }

    /// Waits until the lease is lost, and says to whom or why. Each loss is told once.
    pub(crate) async fn lost(&mut self) -> StoreError {
        loop {
            if self.lost.changed().await.is_err() {
                // The task ends only after it has told; or with the executor, which then asks no more.
                std::future::pending::<()>().await;
            }
            if let Some(error) = self.lost.borrow_and_update().clone() {
                return error;
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
    on_failure: OnFailure,
    tell: watch::Sender<Option<StoreError>>,
) {
    let pause = Duration::from_millis((ttl_ms / 3).max(1));
    // A clock that is set back must not make the lease look longer than others see it.
    let mut renewed_at = Instant::now();
    loop {
        tokio::time::sleep(pause).await;
        let asked_at = Instant::now();
        match leases.renew(&lease, clock.now(), ttl_ms).await {
            Ok(renewed) => (lease, renewed_at) = (renewed, asked_at),
            // A store that is away for a moment costs nothing while the lease still lives.
            Err(StoreError::Unavailable(_) | StoreError::Locked(_))
                if clock.now() < lease.until && renewed_at.elapsed() < Duration::from_millis(ttl_ms) => {}
            Err(error) => {
                let is_taken = matches!(error, StoreError::Fenced(_) | StoreError::Missing(_));
                let _ = tell.send(Some(error));
                if is_taken || on_failure == OnFailure::Stop {
                    return;
                }
            }
        }
    }
}
