//! Queues before providers: how many calls are in flight at once, and how many begin a minute, over all runs of a process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_ir::Name;
use flow_ir::catalogue;
use indexmap::IndexMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::ProviderLimit;

const MINUTE: Duration = Duration::from_secs(60);

/// The queues of a host, a queue per provider.
pub(crate) struct Queues {
    limits: IndexMap<Name, ProviderLimit>,
    open: Mutex<HashMap<Name, Arc<Queue>>>,
}

/// Who may call a provider next.
struct Queue {
    slots: Arc<Semaphore>,
    /// Whoever holds it is the next to begin; none without a limit.
    minute: Option<tokio::sync::Mutex<Minute>>,
}

/// When the calls of the last minute began, the oldest first.
struct Minute {
    begun: VecDeque<Instant>,
    allowed: usize,
}

/// Leave to call, given back when dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "what counts is that it is held")] OwnedSemaphorePermit);

impl Queues {
    pub(crate) fn new(limits: IndexMap<Name, ProviderLimit>) -> Queues {
        // A provider goes by its own name here, whatever it is called in the settings.
        let own = |name: Name| catalogue::provider(&name).map_or(name, |known| Name::new_static(known.name));
        let limits = limits.into_iter().map(|(name, limit)| (own(name), limit)).collect();
        Queues { limits, open: Mutex::new(HashMap::new()) }
    }

    /// Waits until a provider may be called: first come, first served. Dropping the future gives the place up.
    pub(crate) async fn turn(&self, provider: &Name) -> Turn {
        let queue = self.of(provider);
        // The semaphore is never closed.
        let Ok(slot) = queue.slots.clone().acquire_owned().await else { std::future::pending().await };
        queue.begin().await;
        Turn(slot)
    }

    fn of(&self, provider: &Name) -> Arc<Queue> {
        let mut open = self.open.lock().unwrap_or_else(|poison| poison.into_inner());
        let queue = open.entry(provider.clone()).or_insert_with(|| {
            let limit = self.limits.get(provider).copied().unwrap_or_default();
            Arc::new(Queue::new(limit))
        });
        queue.clone()
    }
}

impl Queue {
    fn new(limit: ProviderLimit) -> Queue {
        let slots = limit.concurrency.unwrap_or(ProviderLimit::CONCURRENCY_DEFAULT).max(1);
        Queue {
            slots: Arc::new(Semaphore::new(slots as usize)),
            minute: limit.requests_per_minute.map(|allowed| tokio::sync::Mutex::new(Minute::new(allowed))),
        }
    }

    /// Waits until another call may begin, and counts it.
    async fn begin(&self) {
        let Some(minute) = &self.minute else { return };
        let mut minute = minute.lock().await;
        while let Err(later) = minute.begin(Instant::now()) {
            tokio::time::sleep_until(later).await;
        }
    }
}

impl Minute {
    fn new(allowed: u32) -> Minute {
        Minute { begun: VecDeque::new(), allowed: allowed.max(1) as usize }
    }

    /// Counts a call, unless the minute that ends now has as many as are allowed: then it says when there is room.
    fn begin(&mut self, now: Instant) -> Result<(), Instant> {
        while let Some(oldest) = self.begun.front() {
            let over = *oldest + MINUTE;
            if over <= now {
                self.begun.pop_front();
            } else if self.begun.len() >= self.allowed {
                return Err(over);
            } else {
                break;
            }
        }
        self.begun.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_calls_than_allowed() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut minute = Minute::new(3);
        for seconds in [0, 10, 20] {
            assert_eq!(minute.begin(at(seconds)), Ok(()));
        }
        assert_eq!(minute.begin(at(20)), Err(at(60)));
        assert_eq!(minute.begin(at(59)), Err(at(60)), "asking isn't counted");
        assert_eq!(minute.begin(at(60)), Ok(()));
        assert_eq!(minute.begin(at(60)), Err(at(70)));
        assert_eq!(minute.begin(at(300)), Ok(()));
        assert_eq!(minute.begun.len(), 1, "what is older than a minute is forgotten");
    }

    #[tokio::test]
    async fn calls_wait_for_their_turn_and_may_give_up() {
        let limit = ProviderLimit { requests_per_minute: Some(1), concurrency: Some(1) };
        // A provider has one queue, whatever it is called in the settings.
        let queues = Queues::new(IndexMap::from([(Name::new("google"), limit)]));
        let gemini = Name::new("gemini");
        drop(queues.turn(&gemini).await);
        let mut second = Box::pin(queues.turn(&gemini));
        assert!(look(&mut second).await.is_none(), "the minute is full");
        drop(second);
        let queue = queues.of(&gemini);
        assert_eq!(queue.slots.available_permits(), 1, "who gives up leaves his place");
        assert_eq!(queue.minute.as_ref().unwrap().lock().await.begun.len(), 1);
        drop(queues.turn(&Name::new("openai")).await);
    }

    /// Looks once whether a future is done.
    async fn look<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
