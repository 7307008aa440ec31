//! Looking back at a step of a run.

use std::sync::Arc;

use flow_engine::{DEFAULT_MODEL, Engine, Inspection};
use flow_runtime_api::{Record, RunId, Simulation};
use flow_trace::Fold;
use serde_json::Value as Json;

use super::{Host, Ways};
use crate::{HostError, RunOptions};

impl Host {
    /// Returns what was known at a step of a run whose records are all at hand: its arguments, what it asked, and the
    /// named values after it. Nothing is asked and nothing recorded.
    pub async fn inspect(
        &self,
        run: &RunId,
        records: Vec<Record>,
        step: &str,
    ) -> Result<Inspection, HostError> {
        let trace = Fold::of(run.clone(), &records);
        let plan = Arc::new(self.plan_of(&trace.plan).await?);
        // Nothing will be asked, so no key is looked for.
        let idle = trace.simulate.unwrap_or(Simulation { models_only: false, worst: false, seed: 0 });
        let ways = Ways { simulate: Some(idle), tape: None, recorder: None };
        let default = trace.models.get(DEFAULT_MODEL).and_then(Json::as_str);
        let models = self.models(&plan, default, &ways, &self.secrets)?;
        let jobs = RunOptions::default().jobs;
        let settings = self.run_settings(run, trace.started_at, trace.simulate, &models, jobs);
        Engine::inspect(plan, settings, records, step).map_err(|failure| {
            HostError::environment(
                format!("the run can't be read again: {}", failure.message),
                "use the flowc that started it",
            )
        })
    }
}
