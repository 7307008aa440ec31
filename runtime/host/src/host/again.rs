//! Runs that go by what is on record in another way: moved to a new program, or done again with the old results.

use std::sync::Arc;

use flow_engine::{DEFAULT_MODEL, Engine, Reel, RunSettings};
use flow_ir::Plan;
use flow_runtime_api::{Coordinate, Event, Lease, Record, ReplayOf};
use flow_trace::Fold;
use serde_json::Value as Json;

use super::Host;
use crate::{HostError, ReplayOptions, RunHandle};

impl Host {
    /// Makes a new run of a run's plan that takes over its results: `from`, every step that asks something else or wasn't
    /// asked, and the step whose failure ended that run, are asked; the others cost nothing.
    pub async fn replay(&self, id: &str, options: ReplayOptions) -> Result<RunHandle, HostError> {
        let run = self.find(id).await?;
        let records = self.records(&run).await?;
        let trace = Fold::of(run.clone(), &records);
        let plan = self.plan_of(&trace.plan).await?;
        let mut inputs = trace.inputs;
        inputs.extend(options.set);
        let of = ReplayOf { run, from: options.from.map(|step| Coordinate(step.as_str().into())) };
        let mut run = options.run;
        run.simulate = trace.simulate;
        let default = trace.models.get(DEFAULT_MODEL).and_then(Json::as_str);
        run.model = run.model.or_else(|| default.map(String::from));
        self.start_run(plan, inputs, run, Some(Reel::read(of, records))).await
    }

    /// Gives a run that replays another what that one offers.
    pub(super) async fn with_reel(&self, engine: Engine, first: Option<&Event>) -> Result<Engine, HostError> {
        let Some(Event::RunStarted { replay_of: Some(of), .. }) = first else { return Ok(engine) };
        let records = self.records(&of.run).await.map_err(|_| {
            HostError::environment(
                format!("the run that it replays is gone: {}", of.run),
                "start it anew with `flowc run`",
            )
        })?;
        Ok(engine.replaying(Reel::read(of.clone(), records)))
    }

    /// Writes down that a run goes by another plan from here on, if that meets all its records; else nothing changes.
    pub(super) async fn change_program(
        &self,
        lease: &Lease,
        plan: &Arc<Plan>,
        settings: RunSettings,
        records: &mut Vec<Record>,
        fold: &mut Fold,
    ) -> Result<(), HostError> {
        Engine::meets(plan.clone(), settings, records.clone()).map_err(|failure| HostError::Differs {
            message: format!("the run can't go on by this program: {}", failure.message),
            help: format!(
                "nothing has changed: `flowc resume {}{}` goes on by its own program",
                lease.run, self.settings.store_flag
            ),
        })?;
        let of_store = |error| HostError::of_store(error, None);
        let (hash, text) = (plan.hash(), plan.to_text());
        let at = self.clock.now().max(fold.trace().updated_at);
        let event = Event::ProgramChanged { plan: hash.clone() };
        let record = Record { seq: records.len() as u64, at, event };
        self.store.journal.put_plan(&hash, &text).await.map_err(of_store)?;
        self.store.journal.append(&lease.run, lease.fence, vec![record.clone()]).await.map_err(of_store)?;
        // Until a run named it, whoever deletes runs could have taken it for one that nobody needs.
        self.store.journal.put_plan(&hash, &text).await.map_err(of_store)?;
        fold.apply(&record);
        records.push(record);
        Ok(())
    }
}
