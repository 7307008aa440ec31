//! What something costs, however many others the machine serves.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time that `run` took, of all threads of this process, and what it gives.
pub fn spent<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let before = cpu();
    let given = run();
    (cpu().saturating_sub(before), given)
}

/// The CPU time of this process so far.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
