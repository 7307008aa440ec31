//! Where a run's records go: into its journal, and when the store fails, as the settings say.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime_api::{Event, Fence, Journal, Record, RunId, StoreError, Time};
use tokio::task::JoinHandle;

use crate::settings::OnFailure;

/// How often it is tried to leave word in a store that has failed.
const MARK_PAUSE: Duration = Duration::from_millis(500);
/// How long that may take once the run is over.
pub(crate) const LAST_WORD: Duration = Duration::from_secs(2);

/// A run's journal, as long as it can be written.
pub(crate) struct Recording {
    run: RunId,
    journal: Arc<dyn Journal>,
    fence: Fence,
    on_failure: OnFailure,
    /// The sequence number of the next record.
    next_seq: u64,
    lost: Option<Lost>,
}

/// What there is in place of a journal that has failed.
struct Lost {
    /// Leaves word in the store that the run went on without it; returns where the log ends then.
    mark: JoinHandle<Option<u64>>,
    /// How the run ended, once it has.
    last: Option<(Time, Event)>,
}

impl Recording {
    pub(crate) fn new(
        run: RunId,
        journal: Arc<dyn Journal>,
        fence: Fence,
        next_seq: u64,
        on_failure: OnFailure,
    ) -> Recording {
        Recording { run, journal, fence, on_failure, next_seq, lost: None }
    }

    /// Returns the sequence number of the next record.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether the run goes on without its journal.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Commits records. What couldn't be is kept by nobody once the journal is lost.
    pub(crate) async fn append(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        let count = records.len() as u64;
        if let Some(lost) = &mut self.lost {
            lost.last = records.into_iter().last().map(|record| (record.at, record.event));
            return Ok(());
        }
        self.journal.append(&self.run, self.fence, records).await?;
        self.next_seq += count;
        Ok(())
    }

    /// Whether the run goes on if its store fails.
    pub(crate) fn outlives_its_store(&self) -> bool {
        self.on_failure == OnFailure::Continue
    }

    /// Whether the run may go on after such an error: the settings say so, the run has begun, and nobody else has it.
    pub(crate) fn survives(&self, error: &StoreError) -> bool {
        let has_failed = match error {
            StoreError::Unavailable(_) | StoreError::Locked(_) | StoreError::Corrupt(_) => true,
            StoreError::Fenced(_) | StoreError::Missing(_) => false,
        };
        has_failed && self.outlives_its_store() && self.next_seq > 0
    }

    /// Goes on without the journal. The store is told as soon as it can be, so that nobody takes the run for one that was
    /// cut off, and does again what it did since.
    pub(crate) fn lose(&mut self, reason: &StoreError, at: Time) -> Event {
        let event = Event::Unrecorded { reason: reason.to_string() };
        if self.lost.is_none() {
            let (run, journal, fence) = (self.run.clone(), self.journal.clone(), self.fence);
            let mark = tokio::spawn(leave_word(run, journal, fence, self.next_seq, at, event.clone()));
            self.lost = Some(Lost { mark, last: None });
        }
        event
    }

    /// Writes how a run ended that went on without its journal, if the store takes it again.
    pub(crate) async fn close(&mut self) {
        let Some(mut lost) = self.lost.take() else { return };
        let Ok(Ok(Some(seq))) = tokio::time::timeout(LAST_WORD, &mut lost.mark).await else {
            lost.mark.abort();
            return;
        };
        if let Some((at, event @ Event::RunFinished { .. })) = lost.last.take() {
            // The word before says already that the record isn't whole.
            let _ = self.journal.append(&self.run, self.fence, vec![Record { seq, at, event }]).await;
        }
    }
}

/// Appends one record as soon as the store takes it, and returns the number of the next; `None` if the run is another's.
async fn leave_word(
    run: RunId,
    journal: Arc<dyn Journal>,
    fence: Fence,
    mut seq: u64,
    at: Time,
    event: Event,
) -> Option<u64> {
    loop {
        let record = Record { seq, at, event: event.clone() };
        match journal.append(&run, fence, vec![record]).await {
            Ok(()) => return Some(seq + 1),
            Err(StoreError::Fenced(_) | StoreError::Missing(_)) => return None,
            Err(_) => {}
        }
        tokio::time::sleep(MARK_PAUSE).await;
        // A commit that was taken for failed may be there all the same.
        if let Ok(there) = journal.read(&run, seq, u32::MAX).await {
            seq += there.len() as u64;
        }
    }
}
