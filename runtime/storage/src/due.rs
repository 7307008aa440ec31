//! When a run goes on by itself.

use flow_runtime_api::{Event, Record, Time};

/// Returns what records say of when their run is due: nothing, never, or a time.
pub(crate) fn of(records: &[Record]) -> Option<Option<Time>> {
    records.iter().rev().find_map(|record| match &record.event {
        Event::Suspended { until, .. } => Some(*until),
        Event::RunFinished { .. } => Some(None),
        _ => None,
    })
}
