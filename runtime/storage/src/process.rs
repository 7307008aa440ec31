//! Who this process is, and whether another one is gone.

use std::sync::OnceLock;

use flow_runtime_api::Holder;

/// Returns this process as a holder of leases.
pub fn this_process() -> Holder {
    static HOLDER: OnceLock<Holder> = OnceLock::new();
    HOLDER
        .get_or_init(|| {
            let pid = std::process::id();
            Holder {
                host: read("/proc/sys/kernel/hostname").unwrap_or_else(|| String::from("localhost")),
                boot_id: boot_id().unwrap_or_default(),
                pid,
                started: started(pid).unwrap_or(0),
            }
        })
        .clone()
}

/// Whether a holder is known to be gone: a process of this host and boot that no longer is. When in doubt it lives, and
/// its lease runs out by itself.
pub(crate) fn is_gone(holder: &Holder) -> bool {
    let me = this_process();
    let comparable = !me.boot_id.is_empty() && holder.host == me.host && holder.boot_id == me.boot_id;
    comparable && started(holder.pid) != Some(holder.started)
}

/// Writes a holder for people.
pub(crate) fn describe(holder: &Holder) -> String {
    format!("process {} on {}", holder.pid, holder.host)
}

/// The boot and the name space of process ids: containers of one kernel count their processes each for itself.
fn boot_id() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{boot} {}", space.display()))
}

/// Returns when a process started, in ticks since boot; `None` if there is none, or only its corpse.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_others_are_doubted() {
        let me = this_process();
        assert!(!is_gone(&me));
        assert!(!is_gone(&Holder { host: String::from("elsewhere"), pid: 1 << 30, ..me.clone() }));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reused_pid_is_another_process() {
        let me = this_process();
        assert!(is_gone(&Holder { started: me.started + 1, ..me.clone() }));
        assert!(is_gone(&Holder { pid: 1 << 30, ..me }));
    }
}
