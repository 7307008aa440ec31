//! Runs that go on by themselves when their time has come.

use flow_runtime_api::{RunId, Time};

use crate::time::RunClock;
use crate::{Host, HostError};

/// Finds suspended runs whose time has come. Its time never goes back while it lives, so that a clock that is set back
/// holds up no run that it knows of, and ends no wait early.
pub struct DueRuns {
    clock: RunClock,
}

/// What a look at the store has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Runs whose time has come, the first due first.
    pub runs: Vec<RunId>,
    /// How long it is until another is due, in milliseconds.
    pub next_ms: Option<u64>,
}

impl DueRuns {
    /// Begins to look.
    pub fn new(host: &Host) -> DueRuns {
        DueRuns { clock: RunClock::new(host.clock.clone(), Time(0)) }
    }

    /// Returns the time at which runs are due here; [`ResumeOptions::due_at`](crate::ResumeOptions::due_at) takes it.
    pub fn now(&mut self) -> Time {
        self.clock.now()
    }

    /// Looks for runs that are due and that nobody executes, `limit` at most.
    pub async fn look(&mut self, host: &Host, limit: u32) -> Result<Due, HostError> {
        let (now, held) = (self.clock.now(), host.clock.now());
        // One more, to know when to look again.
        let found = host.store.journal.due(held, Time(i64::MAX), limit.saturating_add(1)).await;
        let found = found.map_err(|error| HostError::of_store(error, None))?;
        let (mut runs, mut next_ms) = (Vec::new(), None);
        for (run, at) in found {
            match at <= now && runs.len() < limit as usize {
                true => runs.push(run),
                false => {
                    next_ms = Some(at.since(now));
                    break;
                }
            }
        }
        Ok(Due { runs, next_ms })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::time::tests::Hand;

    /// A run that is due at 12:10 is due ten minutes after noon, whatever the clock is set to meanwhile.
    #[test]
    fn a_clock_that_is_set_back_holds_up_nothing_that_was_due() {
        const HOUR: i64 = 3_600_000;
        let hand = Arc::new(Hand(AtomicI64::new(12 * HOUR)));
        let mut due = DueRuns { clock: RunClock::new(hand.clone(), Time(0)) };
        assert!(due.now() >= Time(12 * HOUR));
        hand.0.store(12 * HOUR + 600_000, Ordering::Relaxed);
        assert!(due.now() >= Time(12 * HOUR + 600_000));
        hand.0.store(11 * HOUR + 600_000, Ordering::Relaxed);
        let now = due.now();
        assert!(now >= Time(12 * HOUR + 600_000) && now < Time(12 * HOUR + 660_000), "{now:?}");
    }
}
