//! Machine code of the plans that run in this process: runs of the same plan share it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use flow_expr::Hot;
use flow_ir::plan::Plan;

/// So many plans are kept before those are looked for that no run executes any more.
const KEPT: usize = 64;

/// Plans by their hash, as long as a run executes them.
#[derive(Debug, Default)]
pub(crate) struct Programs(Mutex<HashMap<String, Weak<Hot>>>);

impl Programs {
    /// Returns the plan of this hash as runs of this process share it: another one's, or this one.
    pub(crate) fn shared(&self, hash: &str, plan: Arc<Plan>) -> Arc<Hot> {
        let mut known = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        // Two plans of one hash may still name different places in the sources; those are for messages of this run.
        let same = |hot: &Arc<Hot>| hot.plan().places == plan.places;
        if let Some(hot) = known.get(hash).and_then(Weak::upgrade).filter(same) {
            return hot;
        }
        if known.len() >= KEPT {
            known.retain(|_, hot| hot.strong_count() > 0);
        }
        let hot = Arc::new(Hot::new(plan));
        known.insert(hash.to_owned(), Arc::downgrade(&hot));
        hot
    }
}
