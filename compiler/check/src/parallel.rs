//! Work on several threads whose results come out in the order in which the work went in.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The stack that expressions of 1,000 operators need, with room to spare in a debug build.
const STACK_BYTES: usize = 64 << 20;
/// Pieces of work below which a thread costs more than it brings.
const SMALL: usize = 64;
/// Pieces of work that a thread takes at once.
const CHUNK: usize = 16;

/// Returns the number of threads that this machine carries.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Calls `run` with each number below `count`, on so many threads at most, and returns the results in order.
pub fn map<T: Send>(threads: usize, count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.min(count.div_ceil(CHUNK));
    if threads <= 1 || count < SMALL {
        return (0..count).map(run).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done: Vec<(usize, Vec<T>)> = Vec::new();
        loop {
            let first = next.fetch_add(CHUNK, Ordering::Relaxed);
            if first >= count {
                return done;
            }
            done.push((first, (first..count.min(first + CHUNK)).map(&run).collect()));
        }
    };
    let mut chunks = std::thread::scope(|scope| {
        // This thread works too, so that all is done even where no other can be had.
        let others: Vec<_> = (1..threads)
            .map_while(|_| std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).ok())
            .collect();
        let mut chunks = work();
        for other in others {
            match other.join() {
                Ok(done) => chunks.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        chunks
    });
    chunks.sort_unstable_by_key(|(first, _)| *first);
    chunks.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn results_keep_their_order() {
        for count in [0, 1, 63, 64, 1_000] {
            for threads in [1, 2, 7] {
                assert_eq!(map(threads, count, |n| n * 2), (0..count).map(|n| n * 2).collect::<Vec<_>>());
            }
        }
    }
}
