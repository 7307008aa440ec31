//! Wall clock and timers of a run.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flow_engine::TimerId;
use flow_runtime_api::{Clock, Time};

/// A timer that is far off is looked at again after so long: clocks jump, machines sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// The machine's clock.
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The time of one execution of a run. It never goes back, and goes on while a clock that was set back stands before it.
pub(crate) struct RunClock {
    clock: Arc<dyn Clock>,
    last: Time,
    read_at: Instant,
}

impl RunClock {
    /// Begins no earlier than `after`, the last record there is.
    pub(crate) fn new(clock: Arc<dyn Clock>, after: Time) -> RunClock {
        let last = clock.now().max(after);
        RunClock { clock, last, read_at: Instant::now() }
    }

    pub(crate) fn now(&mut self) -> Time {
        let passed = self.read_at.elapsed();
        let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let now = self.clock.now().max(self.last.after_ms(ms));
        // Only whole milliseconds are taken off, so that frequent readings don't lose what lies between.
        self.read_at += Duration::from_millis(ms);
        self.last = now;
        now
    }
}

/// Timers that are set.
#[derive(Default)]
pub(crate) struct Timers {
    due: BinaryHeap<Reverse<(Time, TimerId)>>,
    set: HashSet<TimerId>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: TimerId, at: Time) {
        if self.set.insert(timer) {
            self.due.push(Reverse((at, timer)));
        }
    }

    pub(crate) fn clear(&mut self, timer: TimerId) {
        self.set.remove(&timer);
    }

    /// Takes a timer that is due.
    pub(crate) fn take(&mut self, now: Time) -> Option<TimerId> {
        self.skip_cleared();
        let Reverse((at, timer)) = *self.due.peek()?;
        if at > now {
            return None;
        }
        self.due.pop();
        self.set.remove(&timer);
        Some(timer)
    }

    /// Returns how long to sleep before looking again.
    pub(crate) fn pause(&mut self, now: Time) -> Duration {
        self.skip_cleared();
        match self.due.peek() {
            Some(Reverse((at, _))) => Duration::from_millis(at.since(now)).min(LOOK_AGAIN),
            None => LOOK_AGAIN,
        }
    }

    fn skip_cleared(&mut self) {
        while self.due.peek().is_some_and(|Reverse((_, timer))| !self.set.contains(timer)) {
            self.due.pop();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// A clock that is set by hand.
    pub(crate) struct Hand(pub(crate) AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Time {
            Time(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn time_never_goes_back() {
        let hand = Arc::new(Hand(AtomicI64::new(1_000_000)));
        let mut clock = RunClock::new(hand.clone(), Time(5));
        assert!(clock.now() >= Time(1_000_000));
        hand.0.store(0, Ordering::Relaxed);
        assert!(clock.now() >= Time(1_000_000));
        hand.0.store(9_000_000, Ordering::Relaxed);
        assert!(clock.now() >= Time(9_000_000));
        assert!(RunClock::new(hand, Time(99_000_000)).now() >= Time(99_000_000));
    }

    #[test]
    fn timers_fire_in_order_unless_cleared() {
        let mut timers = Timers::default();
        timers.set(TimerId(1), Time(30));
        timers.set(TimerId(2), Time(10));
        timers.set(TimerId(3), Time(20));
        timers.clear(TimerId(3));
        assert_eq!(timers.pause(Time(0)), Duration::from_millis(10));
        assert_eq!(timers.take(Time(9)), None);
        assert_eq!(timers.take(Time(50)), Some(TimerId(2)));
        assert_eq!(timers.take(Time(50)), Some(TimerId(1)));
        assert_eq!(timers.take(Time(50)), None);
        assert_eq!(timers.pause(Time(50)), LOOK_AGAIN);
    }
}
