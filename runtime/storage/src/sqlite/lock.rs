//! Waiting for other programs' locks: for a moment in silence, then with a word, at last no more.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flow_runtime_api::StoreError;

use super::SqliteOptions;
use super::connection::identity;

/// SQLite itself waits so long at most, in milliseconds; then it is told that there is something to wait for.
pub(super) const SILENT_MS: u64 = 1_000;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(1);
/// So often the list of locks is read for one that is there.
const LOOKS_MAX: u32 = 8;
/// The byte of the `-shm` file that whoever writes has locked.
const WRITE_LOCK_BYTE: &str = "120";

/// Tries until no other program's lock is in the way, or the options' time since `began` is over; `is_wanted` says whether anybody still
/// waits for it.
pub(super) fn patiently<T>(
    path: &Path,
    options: &SqliteOptions,
    began: Instant,
    is_wanted: impl Fn() -> bool,
    mut attempt: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut told = false;
    loop {
        if !told && began.elapsed() >= Duration::from_millis(SILENT_MS) {
            told = true;
            if let Some(on_wait) = &options.on_wait {
                let who = holder(path);
                on_wait.tell(&format!("waiting for the store {}: it is locked by {who}", path.display()));
            }
        }
        let result = attempt();
        let is_over = began.elapsed() >= Duration::from_millis(options.busy_ms);
        if is_over || !matches!(result, Err(StoreError::Locked(_))) || !is_wanted() {
            return result;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Says who holds the lock, as far as the system tells.
pub(super) fn holder(path: &Path) -> String {
    let other = || String::from("another program");
    // The list is given out a page at a time, and what others lock meanwhile moves its lines: one may be passed over.
    let look = |_| std::fs::read_to_string("/proc/locks").ok().and_then(|locks| locking(&locks, path));
    let Some(pid) = (0..LOOKS_MAX).find_map(look) else { return other() };
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim().escape_debug()),
        Err(_) => other(),
    }
}

/// Finds the process that writes, or keeps everybody out, in the kernel's list of locks.
fn locking(locks: &str, path: &Path) -> Option<u32> {
    let mut shm = path.as_os_str().to_owned();
    shm.push("-shm");
    let (file, shm) = (identity(path), identity(&PathBuf::from(shm)));
    locks.lines().find_map(|line| {
        // `1: POSIX  ADVISORY  WRITE 1234 fe:00:5678 120 120`
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let [_, _, _, "WRITE", pid, place, first, ..] = fields.as_slice() else { return None };
        let number = place.rsplit(':').next()?.parse::<u64>().ok()?;
        let is_of = |file: Option<(u64, u64)>| file.is_some_and(|(_, inode)| inode == number);
        let holds = is_of(file) || (is_of(shm) && *first == WRITE_LOCK_BYTE);
        pid.parse().ok().filter(|pid| holds && *pid != std::process::id())
    })
}
