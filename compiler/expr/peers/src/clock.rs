//! This thread's CPU time: on a machine that others work on, wall time counts their work too.

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread so far, in nanoseconds.
pub fn cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// CPU nanoseconds per call: the median of 21 batches of about a millisecond, after a warm-up.
pub fn per_call(mut call: impl FnMut()) -> f64 {
    let (start, mut calls) = (cpu_ns(), 0u64);
    while cpu_ns() - start < 10e6 {
        for _ in 0..16 {
            call();
        }
        calls += 16;
    }
    let batch = (calls / 10).max(1);
    let times = (0..21).map(|_| {
        let start = cpu_ns();
        for _ in 0..batch {
            call();
        }
        (cpu_ns() - start) / batch as f64
    });
    median(times.collect())
}

pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Resident memory of this process, in bytes.
pub fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
