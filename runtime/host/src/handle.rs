//! A run that goes on, from the outside.

use flow_runtime_api::RunId;
use flow_trace::{RunEvent, Trace};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::HostError;

/// A run that was started or resumed. Dropping it interrupts the run.
pub struct RunHandle {
    run: RunId,
    /// Unbounded: what a run shows is bounded by what models may write, and a slow reader must not slow it down.
    events: mpsc::UnboundedReceiver<RunEvent>,
    task: JoinHandle<Result<Outcome, HostError>>,
    interrupter: Interrupter,
}

/// Stops a run from outside, without clean-up; it can be resumed.
#[derive(Clone)]
pub struct Interrupter(watch::Sender<bool>);

impl Interrupter {
    pub(crate) fn new() -> (Interrupter, watch::Receiver<bool>) {
        let (sender, receiver) = watch::channel(false);
        (Interrupter(sender), receiver)
    }

    /// Closes the run's connections, records that it was interrupted, and gives its lease back. Asking again does
    /// nothing, nor does it once the run is over.
    pub fn interrupt(&self) {
        self.0.send_replace(true);
    }
}

/// A run that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which run.
    pub run: RunId,
    /// The flow's result as JSON of its type.
    pub result: serde_json::Value,
    /// How it went.
    pub trace: Trace,
}

impl RunHandle {
    pub(crate) fn new(
        run: RunId,
        events: mpsc::UnboundedReceiver<RunEvent>,
        task: JoinHandle<Result<Outcome, HostError>>,
        interrupter: Interrupter,
    ) -> RunHandle {
        RunHandle { run, events, task, interrupter }
    }

    /// Returns the run's id.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Returns what stops the run from elsewhere: a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Waits for the next event; `None` once nothing more will come.
    pub async fn next(&mut self) -> Option<RunEvent> {
        self.events.recv().await
    }

    /// Waits for the end; events that weren't read are dropped.
    pub async fn finish(mut self) -> Result<Outcome, HostError> {
        self.events.close();
        (&mut self.task).await.unwrap_or_else(|error| {
            let what =
                if error.is_panic() { "failed inside; this is a fault of flowc" } else { "was given up" };
            Err(HostError::Environment {
                message: format!("the execution of the run {what}"),
                help: String::new(),
                run: Some(self.run.clone()),
            })
        })
    }
}

impl Drop for RunHandle {
    fn drop(&mut self) {
        self.interrupter.interrupt();
    }
}
