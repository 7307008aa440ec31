//! What something costs, however many others the machine serves.

/// Returns the CPU time that `run` took, of all threads of this process, in hundredths of a second, and what it gives; no
/// time where the system doesn't tell.
pub fn spent<T>(run: impl FnOnce() -> T) -> (Option<u64>, T) {
    let before = cpu();
    let given = run();
    (before.and_then(|before| Some(cpu()?.saturating_sub(before))), given)
}

/// The CPU time of this process so far.
fn cpu() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}
