//! Cancelling runs: the request, and how those that execute runs learn of one. All runs of a host share one look at the
//! store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use flow_runtime_api::{Leases, RunId, StoreError};
use flow_storage::this_process;
use flow_trace::Trace;
use tokio::sync::{Notify, watch};

use crate::{Host, HostError, ResumeOptions, RunHandle};

/// How often the store is looked at while runs go on: a request is seen within a second.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked whether another process has let a run go.
const LOOK_FOR_END: Duration = Duration::from_millis(20);

/// What becomes of a run that is cancelled.
pub enum Cancelling {
    /// Nobody executed it, so its clean-up runs here.
    Here(RunHandle),
    /// Whoever executed it has ended it: how it went.
    Ended(Box<Trace>),
}

impl Host {
    /// Cancels a run and waits until whoever executes it has ended it. Where nobody does, or nobody does any more, the
    /// run is taken over for its clean-up. Fails with usage if the run is over already.
    pub async fn cancel(&self, id: &str, options: ResumeOptions) -> Result<Cancelling, HostError> {
        let run = self.find(id).await?;
        let failed = |error| HostError::of_store(error, None);
        let mut is_asked = false;
        loop {
            let ttl_ms = self.settings.lease_ttl_ms;
            match self.store.leases.acquire(&run, &this_process(), self.clock.now(), ttl_ms).await {
                Ok(lease) if is_asked => {
                    let trace = self.trace(&run).await?;
                    if trace.status.is_final() {
                        // A lease that can't be given back runs out.
                        let _ = self.store.leases.release(&lease).await;
                        return Ok(Cancelling::Ended(Box::new(trace)));
                    }
                    return self.resume_with(&lease, options, true).await.map(Cancelling::Here);
                }
                Ok(lease) => return self.resume_with(&lease, options, true).await.map(Cancelling::Here),
                Err(StoreError::Fenced(_)) => {}
                Err(error) => return Err(failed(error)),
            }
            let status = self.store.leases.request_cancel(&run, self.clock.now()).await.map_err(failed)?;
            is_asked |= !status.is_final();
            self.requests.look();
            while self.alive(&run).await? {
                tokio::time::sleep(LOOK_FOR_END).await;
            }
        }
    }
}

/// The requests that concern runs of this host.
pub(crate) struct Requests {
    leases: Arc<dyn Leases>,
    state: Mutex<State>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct State {
    runs: HashMap<u64, (RunId, watch::Sender<bool>)>,
    count: u64,
    /// Whether somebody looks at the store.
    looks: bool,
}

/// A run that learns of a request to cancel it, until this is dropped.
pub(crate) struct Watched {
    requests: Arc<Requests>,
    key: u64,
    asked: watch::Receiver<bool>,
}

impl Requests {
    pub(crate) fn new(leases: Arc<dyn Leases>) -> Requests {
        Requests { leases, state: Mutex::default(), wake: Arc::default() }
    }

    /// Begins to watch for a request to cancel a run.
    pub(crate) fn watch(self: &Arc<Self>, run: &RunId) -> Watched {
        let (tell, asked) = watch::channel(false);
        let mut state = self.state();
        state.count += 1;
        let key = state.count;
        state.runs.insert(key, (run.clone(), tell));
        if !std::mem::replace(&mut state.looks, true) {
            let looker = Looker(Arc::downgrade(self));
            tokio::spawn(look(looker, self.wake.clone()));
        }
        drop(state);
        Watched { requests: self.clone(), key, asked }
    }

    /// Looks at the store now.
    fn look(&self) {
        self.wake.notify_one();
    }

    async fn tell(&self) {
        // A store that is away for a moment is looked at again soon.
        let Ok(asked) = self.leases.cancel_requests().await else { return };
        if asked.is_empty() {
            return;
        }
        let asked: HashSet<RunId> = asked.into_iter().collect();
        let state = self.state();
        for (_, tell) in state.runs.values().filter(|(run, _)| asked.contains(run)) {
            tell.send_replace(true);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Watched {
    /// Returns what turns true with the request.
    pub(crate) fn asked(&self) -> watch::Receiver<bool> {
        self.asked.clone()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.requests.state().runs.remove(&self.key);
    }
}

/// Who looks at the store; gone with the last run, the host, or the runtime that it lives on.
struct Looker(Weak<Requests>);

impl Drop for Looker {
    fn drop(&mut self) {
        if let Some(requests) = self.0.upgrade() {
            requests.state().looks = false;
        }
    }
}

async fn look(mut looker: Looker, wake: Arc<Notify>) {
    loop {
        let _ = tokio::time::timeout(LOOK, wake.notified()).await;
        let Some(requests) = looker.0.upgrade() else { return };
        {
            let mut state = requests.state();
            if state.runs.is_empty() {
                // Under the lock, so that the next run finds that nobody looks.
                state.looks = false;
                looker.0 = Weak::new();
                return;
            }
        }
        requests.tell().await;
    }
}
