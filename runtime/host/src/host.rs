//! Starting and resuming runs, and reading what is on record.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use flow_engine::{DEFAULT_MODEL, Engine, Input, Reel, RunSettings};
use flow_ir::catalogue;
use flow_ir::plan::{NodeKind, SecretPiece};
use flow_ir::{Name, Plan};
use flow_providers::tape::{Recorder, Tape};
use flow_runtime_api::{
    Clock, Event, Failure, Kind, Lease, Record, RunFilter, RunId, RunStatus, RunSummary, Scrubber,
    Simulation, StoreError, Time,
};
use flow_storage::{SqliteOptions, Store, this_process};
use flow_trace::{Fold, Trace};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc;

use crate::cancel::Requests;
use crate::executor::{Executor, Machine};
use crate::handle::Interrupter;
use crate::lease::Keeper;
use crate::models::Models;
use crate::outside::{Outside, Parts, tape_refused};
use crate::programs::Programs;
use crate::queue::Queues;
use crate::recording::Recording;
use crate::reply;
use crate::secrets::Secrets;
use crate::time::{RunClock, WallClock};
use crate::{HostError, HostSettings, ProviderLimit, ResumeOptions, RunHandle, RunOptions, Settle};

mod again;
mod inspect;

/// The provider whose answers are made up.
pub(crate) const SIMULATE: &str = "simulate";

/// Records that are read at a time.
const PAGE: u32 = 1000;

/// Carries out runs, any number at once, under one set of settings.
pub struct Host {
    pub(crate) settings: HostSettings,
    pub(crate) store: Store,
    pub(crate) parts: Parts,
    scrubber: Scrubber,
    pub(crate) secrets: Secrets,
    queues: Arc<Queues>,
    /// Queues of resumed runs, by the limits that they were started under.
    recorded_queues: Mutex<BTreeMap<BTreeMap<Name, ProviderLimit>, Arc<Queues>>>,
    /// The text of the plan that was started last, and its hash.
    last_plan: Mutex<Option<(String, String)>>,
    programs: Programs,
    pub(crate) requests: Arc<Requests>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunLine {
    /// By its journal.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Whether a process executes it now. One that is `running` and isn't alive was cut off, and can be resumed.
    pub alive: bool,
}

/// How effects are carried out.
struct Ways {
    simulate: Option<Simulation>,
    tape: Option<Arc<Tape>>,
    recorder: Option<Recorder>,
}

impl Ways {
    /// Whether models are asked for real.
    fn asks(&self) -> bool {
        self.simulate.is_none() && !self.is_on_tape()
    }

    /// Whether tools are used for real.
    fn fetches(&self) -> bool {
        !self.is_on_tape() && self.simulate.is_none_or(|simulate| simulate.models_only)
    }

    /// Whether everything is answered by a tape.
    fn is_on_tape(&self) -> bool {
        self.tape.as_ref().is_some_and(|tape| !tape.is_updating())
    }
}

/// What a run takes from the settings while it goes on.
struct Local {
    secrets: Secrets,
    queues: Arc<Queues>,
}

/// What is shown and waited for while a run goes on.
pub(crate) struct Manner {
    pub(crate) stream: bool,
    pub(crate) events: bool,
    pub(crate) wait_max_ms: u64,
    /// What the engine is told first.
    pub(crate) told: Option<Input>,
    /// The run was asked to stop for good: only its clean-up is left.
    pub(crate) cleans_up: bool,
    /// Its time begins no earlier.
    pub(crate) not_before: Time,
}

impl Host {
    /// Prepares to carry out runs. Cheap: no file and no server is touched before it is needed.
    pub fn open(settings: HostSettings) -> Result<Host, HostError> {
        let options = SqliteOptions {
            synchronous: settings.synchronous,
            on_wait: settings.on_wait.clone(),
            ..SqliteOptions::default()
        };
        let store = Store::open(&settings.store, options);
        Ok(Host::over(settings, store))
    }

    /// Prepares to carry out runs on record in this store, wherever the settings say that it is.
    pub fn over(settings: HostSettings, store: Store) -> Host {
        let scrubber = Scrubber::default();
        let registry = flow_providers::Registry::new(scrubber.clone());
        let parts = Parts {
            providers: Arc::new(move |name| registry.provider(name)),
            tool: Arc::new(flow_tools::HttpTool::new(scrubber.clone())),
        };
        Host::of(settings, store, parts, scrubber)
    }

    pub(crate) fn of(settings: HostSettings, store: Store, parts: Parts, scrubber: Scrubber) -> Host {
        let secrets =
            Secrets::new(settings.environment.clone(), settings.secrets_dir.clone(), scrubber.clone());
        let queues = Arc::new(Queues::new(settings.limits.clone()));
        let recorded_queues = Mutex::default();
        let requests = Arc::new(Requests::new(store.leases.clone()));
        Host {
            settings,
            store,
            parts,
            scrubber,
            secrets,
            queues,
            recorded_queues,
            programs: Programs::default(),
            last_plan: Mutex::default(),
            requests,
            clock: Arc::new(WallClock),
        }
    }

    /// Starts a run of the plan's flow. Inputs are checked against its parameters, and models, keys and secrets must be
    /// there, before anything is recorded or sent.
    pub async fn start(
        &self,
        plan: Plan,
        inputs: Map<String, Json>,
        options: RunOptions,
    ) -> Result<RunHandle, HostError> {
        self.start_run(plan, inputs, options, None).await
    }

    /// Starts a run; `reel` is what it takes over of another.
    async fn start_run(
        &self,
        plan: Plan,
        mut inputs: Map<String, Json>,
        options: RunOptions,
        reel: Option<Reel>,
    ) -> Result<RunHandle, HostError> {
        let plan = Arc::new(plan);
        let text = plan.to_text();
        let hash = self.hash_of(&plan, &text);
        let hot = self.programs.shared(&hash, plan);
        let plan = hot.plan().clone();
        let mut ways = Ways { simulate: options.simulate, tape: options.tape, recorder: None };
        let default = options.model.as_deref().or(self.settings.default_model.as_deref());
        let models = self.models(&plan, default, &ways, &self.secrets)?;

        let run = RunId(uuid::Uuid::now_v7().to_string().into());
        inputs.values_mut().for_each(|input| self.scrubber.scrub_json(input));
        let now = self.clock.now();
        let settings = self.run_settings(&run, now, options.simulate, &models, options.jobs);
        let mut engine = Engine::start(plan.clone(), settings, inputs)
            .map_err(refused)?
            .pinned_to(hash.clone())
            .sharing(&hot);
        if let Some(reel) = reel {
            engine = engine.replaying(reel);
        }

        // Only a run that can begin may write over an old tape.
        if let Some(path) = &options.record {
            ways.recorder = Some(Recorder::create(path, &hash, self.scrubber.clone()).map_err(tape_refused)?);
        }
        if let Some(tape) = &ways.tape {
            tape.updated_by(&hash, &self.scrubber);
        }
        // The lease first: a plan that no run names goes with the next run that is deleted, unless one is just starting.
        let (lease, stored) = tokio::join!(self.take(&run), self.store.journal.put_plan(&hash, &text));
        stored.map_err(|error| HostError::of_store(error, None))?;
        let manner = Manner {
            stream: options.stream,
            events: options.events,
            wait_max_ms: options.wait_max_ms,
            told: None,
            cleans_up: false,
            not_before: Time(0),
        };
        let outside = self.outside(plan, models, ways, self.local());
        Ok(self.execute(Box::new(engine), outside, lease?, Fold::new(run), 0, manner))
    }

    /// Returns the hash of a plan with this text; of the one that was started before, it is known.
    fn hash_of(&self, plan: &Plan, text: &str) -> String {
        let last = || self.last_plan.lock().unwrap_or_else(|poison| poison.into_inner());
        if let Some((_, hash)) = last().as_ref().filter(|(known, _)| known == text) {
            return hash.clone();
        }
        let hash = plan.hash();
        *last() = Some((text.to_owned(), hash.clone()));
        hash
    }

    /// Goes on with a run after a crash, an interruption or a suspension, from its journal alone.
    pub async fn resume(&self, id: &str, options: ResumeOptions) -> Result<RunHandle, HostError> {
        let run = self.find(id).await?;
        let lease = self.take(&run).await?;
        self.resume_with(&lease, options, false).await
    }

    /// Goes on with a run that this process holds, or gives it back. `cancels` says that it is to stop for good.
    pub(crate) async fn resume_with(
        &self,
        lease: &Lease,
        options: ResumeOptions,
        cancels: bool,
    ) -> Result<RunHandle, HostError> {
        match self.resume_held(lease, options, cancels).await {
            Ok(handle) => Ok(handle),
            Err(error) => {
                // The first error is the one to tell; a lease that can't be given back runs out.
                let _ = self.store.leases.release(lease).await;
                Err(error)
            }
        }
    }

    async fn resume_held(
        &self,
        lease: &Lease,
        options: ResumeOptions,
        cancels: bool,
    ) -> Result<RunHandle, HostError> {
        let run = lease.run.clone();
        let mut records = self.records(&run).await?;
        let mut fold = Fold::new(run.clone());
        records.iter().for_each(|record| drop(fold.apply(record)));
        let trace = fold.trace();
        if trace.status.is_final() {
            let status = serde_json::to_value(trace.status).unwrap_or_default();
            return Err(HostError::usage(
                format!("the run is over: {}", status.as_str().unwrap_or_default()),
                format!("see how it went with `flowc runs show {run}{}`", self.settings.store_flag),
            ));
        }
        if let (Some(now), RunStatus::Suspended) = (options.due_at, trace.status)
            && trace.due_at.is_none_or(|due| due > now)
        {
            return Err(HostError::usage(
                "the run isn't due any more",
                "another process has gone on with it",
            ));
        }
        let other = options.with.filter(|plan| plan.hash() != trace.plan).map(Arc::new);
        let is_moved = other.is_some();
        let plan = match other {
            Some(plan) => plan,
            None => Arc::new(self.plan_of(&trace.plan).await?),
        };
        let hash = plan.hash();
        let hot = self.programs.shared(&hash, plan);
        let plan = hot.plan().clone();
        let recorder =
            options.record.as_deref().map(|path| Recorder::append(path, &hash, self.scrubber.clone()));
        let recorder = recorder.transpose().map_err(tape_refused)?;
        let ways = Ways { simulate: trace.simulate, tape: options.tape, recorder };
        let default = trace.models.get(DEFAULT_MODEL).and_then(Json::as_str);
        let local = self.recorded(records.first());
        let models = self.models(&plan, default, &ways, &local.secrets)?;
        let settings = self.run_settings(&run, trace.started_at, trace.simulate, &models, options.jobs);
        let is_cancelled = records.iter().any(|record| matches!(record.event, Event::CancelRequested { .. }));
        let cancels = cancels || !is_cancelled && self.is_asked_to_cancel(&run).await?;
        if is_moved {
            self.change_program(lease, &plan, settings.clone(), &mut records, &mut fold).await?;
        }
        let next_seq = records.len() as u64;
        let first = records.first().map(|record| record.event.clone());
        let resume = |settings, records| {
            let engine = Engine::resume(plan.clone(), settings, records).map(|engine| engine.sharing(&hot));
            engine.map_err(|failure: Failure| {
                HostError::environment(
                    format!("the run can't be gone on with: {}", failure.message),
                    "start it anew, or use the flowc that started it",
                )
            })
        };
        // What is told is held against the run as it will stand before anything is recorded.
        let begun = match &options.settle {
            Some(_) => {
                let mut engine = resume(settings.clone(), records.clone())?;
                engine.apply(Input::Start, self.clock.now().max(fold.trace().updated_at));
                Some(engine)
            }
            None => None,
        };
        let mut engine = self.with_reel(resume(settings, records)?, first.as_ref()).await?;
        if cancels {
            engine.cancel_first();
        }
        let told = match (options.settle, begun) {
            (Some(mut settle), Some(begun)) => {
                if let Settle::Answer { result: Some(result), .. } = &mut settle {
                    self.scrubber.scrub_json(result);
                }
                Some(reply::told(&fold, &begun, settle)?)
            }
            _ => None,
        };
        let manner = Manner {
            stream: options.stream,
            events: options.events,
            wait_max_ms: options.wait_max_ms,
            told,
            cleans_up: cancels || is_cancelled,
            not_before: options.due_at.unwrap_or(Time(0)),
        };
        let outside = self.outside(plan, models, ways, local);
        Ok(self.execute(Box::new(engine), outside, lease.clone(), fold, next_seq, manner))
    }

    /// Whether somebody has asked for a run to be cancelled and nobody has heard of it yet.
    async fn is_asked_to_cancel(&self, run: &RunId) -> Result<bool, HostError> {
        let asked = self.store.leases.cancel_requests().await;
        Ok(asked.map_err(|error| HostError::of_store(error, None))?.contains(run))
    }

    /// Returns runs, the newest first, and whether each is being executed.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunLine>, HostError> {
        let summaries =
            self.store.journal.runs(filter).await.map_err(|error| HostError::of_store(error, None))?;
        let mut lines = Vec::with_capacity(summaries.len());
        for summary in summaries {
            let alive = !summary.status.is_final() && self.alive(&summary.run).await?;
            lines.push(RunLine { summary, alive });
        }
        Ok(lines)
    }

    /// Returns ids of runs that were over before a time, so many at most; with a status only those that ended so.
    pub async fn ended(
        &self,
        before: Time,
        status: Option<RunStatus>,
        limit: u32,
    ) -> Result<Vec<RunId>, HostError> {
        let filter = RunFilter { status, ended_before: Some(before), limit, ..RunFilter::default() };
        let found =
            self.store.journal.runs(&filter).await.map_err(|error| HostError::of_store(error, None))?;
        Ok(found.into_iter().map(|line| line.run).collect())
    }

    /// Deletes runs with all that only they name, but for those that are being executed; returns which are gone.
    pub async fn delete(&self, runs: &[RunId]) -> Result<Vec<RunId>, HostError> {
        let gone = self.store.journal.delete(runs, self.clock.now()).await;
        gone.map_err(|error| HostError::of_store(error, None))
    }

    /// Returns the bytes of the store: in all, and what of it is free for what comes.
    pub async fn size(&self) -> Result<(u64, u64), HostError> {
        self.store.journal.size().await.map_err(|error| HostError::of_store(error, None))
    }

    /// Whether a process executes the run now.
    pub async fn alive(&self, run: &RunId) -> Result<bool, HostError> {
        let holder = self.store.leases.holder(run, self.clock.now()).await;
        Ok(holder.map_err(|error| HostError::of_store(error, None))?.is_some())
    }

    /// Finds a run by its id, or by the beginning of it if that is enough.
    pub async fn find(&self, prefix: &str) -> Result<RunId, HostError> {
        let list = format!("`flowc runs{}` lists what there is", self.settings.store_flag);
        if prefix.is_empty() {
            return Err(HostError::usage("a run is named by its id, or the beginning of it", list));
        }
        let found =
            self.store.journal.find(prefix).await.map_err(|error| HostError::of_store(error, None))?;
        match found.as_slice() {
            [] => Err(HostError::usage(
                format!("no run's id begins with `{prefix}` in {}", self.settings.store),
                list,
            )),
            [run] => Ok(run.clone()),
            several => match several.iter().find(|run| run.0 == prefix) {
                Some(run) => Ok(run.clone()),
                None => {
                    let some: Vec<_> = several.iter().take(3).map(ToString::to_string).collect();
                    Err(HostError::usage(
                        format!("several runs' ids begin with `{prefix}`: {}, …", some.join(", ")),
                        "write more of it",
                    ))
                }
            },
        }
    }

    /// Returns all records of a run, in order.
    pub async fn records(&self, run: &RunId) -> Result<Vec<Record>, HostError> {
        self.records_from(run, 0).await
    }

    /// Returns the records of a run from a sequence number on.
    pub async fn records_from(&self, run: &RunId, seq: u64) -> Result<Vec<Record>, HostError> {
        let mut records = Vec::new();
        loop {
            let page = self.store.journal.read(run, seq + records.len() as u64, PAGE).await;
            let page = page.map_err(|error| HostError::of_store(error, None))?;
            let is_last = page.len() < PAGE as usize;
            records.extend(page);
            if is_last {
                return Ok(records);
            }
        }
    }

    /// Returns how a run went so far.
    pub async fn trace(&self, run: &RunId) -> Result<Trace, HostError> {
        Ok(Fold::of(run.clone(), &self.records(run).await?))
    }

    /// Returns the plan that a run is pinned to.
    pub async fn plan(&self, run: &RunId) -> Result<Plan, HostError> {
        let trace = self.trace(run).await?;
        if trace.plan.is_empty() {
            return Err(corrupt(format!("the records of run {run} don't tell its plan")));
        }
        self.plan_of(&trace.plan).await
    }

    async fn plan_of(&self, hash: &str) -> Result<Plan, HostError> {
        let text = match self.store.journal.plan(hash).await {
            Ok(text) => text,
            Err(StoreError::Missing(_)) => {
                return Err(corrupt(String::from("the plan of the run is missing")));
            }
            Err(error) => return Err(HostError::of_store(error, None)),
        };
        #[derive(serde::Deserialize)]
        struct Version {
            version: u32,
        }
        let unreadable = |error| corrupt(format!("the plan of the run can't be read: {error}"));
        let Version { version } = serde_json::from_str(&text).map_err(unreadable)?;
        if !flow_ir::plan::is_known_version(version) {
            return Err(HostError::environment(
                format!(
                    "the plan of the run has version {version}, this flowc knows 1 to {}",
                    flow_ir::plan::VERSION
                ),
                "use the flowc that started it",
            ));
        }
        let plan = Plan::from_text(&text).map_err(unreadable)?;
        if plan.hash() != hash {
            return Err(corrupt(String::from("the plan of the run isn't the one that it was started with")));
        }
        Ok(plan)
    }

    /// Resolves models, and looks for what tools will need, so that nothing is missing halfway.
    fn models(
        &self,
        plan: &Plan,
        default: Option<&str>,
        ways: &Ways,
        secrets: &Secrets,
    ) -> Result<Models, HostError> {
        // A simulated run needs no model to be set: the simulator answers as one of its own.
        let default = default.or(ways.simulate.is_some().then_some("simulate/default"));
        let models = Models::resolve(plan, default, &self.settings, secrets, ways.asks())?;
        if ways.asks() {
            for provider in models.providers() {
                if provider != SIMULATE && (self.parts.providers)(provider).is_none() {
                    return Err(HostError::environment(
                        format!("this flowc can't ask models of `{provider}`"),
                        "use a model of openai, ollama or a compatible server, or try `--simulate`",
                    ));
                }
            }
        }
        if ways.fetches() {
            for node in &plan.nodes {
                let NodeKind::Http(http) = &node.kind else { continue };
                let fields = http.query.iter().chain(&http.headers).map(|(_, text)| text);
                for piece in std::iter::once(&http.url).chain(fields).flat_map(|text| &text.0) {
                    if let SecretPiece::Secret(name) = piece {
                        secrets.granted(plan, name)?;
                    }
                }
            }
        }
        Ok(models)
    }

    fn run_settings(
        &self,
        run: &RunId,
        started_at: Time,
        simulate: Option<Simulation>,
        models: &Models,
        jobs: u32,
    ) -> RunSettings {
        RunSettings {
            run: run.clone(),
            started_at,
            simulate,
            default_model: models.default_facts(),
            models: models.facts(),
            prices: String::from(catalogue::VERSION),
            jobs_default: jobs.max(1),
            concurrency: self.limits_of(|limit| limit.concurrency),
            requests_per_minute: self.limits_of(|limit| limit.requests_per_minute),
            secrets_dir: self
                .settings
                .secrets_dir
                .as_deref()
                .and_then(|dir| Some(std::path::absolute(dir).ok()?.to_str()?.to_owned())),
        }
    }

    fn limits_of(&self, one: fn(&ProviderLimit) -> Option<u32>) -> BTreeMap<String, u32> {
        let limits = self.settings.limits.iter();
        limits.filter_map(|(name, limit)| Some((name.to_string(), one(limit)?))).collect()
    }

    /// Returns what the settings give to a run that begins here.
    fn local(&self) -> Local {
        Local { secrets: self.secrets.clone(), queues: self.queues.clone() }
    }

    /// Returns what the settings of a run's start had given to it, wherever it goes on. Where the folder of secrets is
    /// gone, this place's serves.
    fn recorded(&self, first: Option<&Record>) -> Local {
        let Some(Record { event: Event::RunStarted { resolved, .. }, .. }) = first else {
            return self.local();
        };
        let mut local = self.local();
        if let Some(dir) = resolved.secrets_dir.as_ref().map(PathBuf::from).filter(|dir| dir.is_dir()) {
            local.secrets = Secrets::new(self.settings.environment.clone(), Some(dir), self.scrubber.clone());
        }
        if self.settings.limits.is_empty() {
            let mut limits: BTreeMap<Name, ProviderLimit> = BTreeMap::new();
            for (name, concurrency) in &resolved.concurrency {
                limits.entry(Name::new(name)).or_default().concurrency = Some(*concurrency);
            }
            for (name, requests) in &resolved.requests_per_minute {
                limits.entry(Name::new(name)).or_default().requests_per_minute = Some(*requests);
            }
            if !limits.is_empty() {
                local.queues = self.queues_of(limits);
            }
        }
        local
    }

    /// Returns the queues of runs that were started under these limits: those runs share them.
    fn queues_of(&self, limits: BTreeMap<Name, ProviderLimit>) -> Arc<Queues> {
        let mut recorded = self.recorded_queues.lock().unwrap_or_else(|poison| poison.into_inner());
        let queues = recorded
            .entry(limits.clone())
            .or_insert_with(|| Arc::new(Queues::new(limits.into_iter().collect())));
        queues.clone()
    }

    fn outside(&self, plan: Arc<Plan>, models: Models, ways: Ways, local: Local) -> Outside {
        Outside {
            plan,
            models,
            parts: self.parts.clone(),
            secrets: local.secrets,
            scrubber: self.scrubber.clone(),
            queues: local.queues,
            simulate: ways.simulate,
            tape: ways.tape,
            recorder: ways.recorder,
            worst: Default::default(),
        }
    }

    /// Returns what carries effects out for real.
    #[cfg(test)]
    pub(crate) fn outside_of(&self, plan: Arc<Plan>, models: Models) -> Outside {
        self.outside(plan, models, Ways { simulate: None, tape: None, recorder: None }, self.local())
    }

    async fn take(&self, run: &RunId) -> Result<Lease, HostError> {
        let taken = self
            .store
            .leases
            .acquire(run, &this_process(), self.clock.now(), self.settings.lease_ttl_ms)
            .await;
        taken.map_err(|error| HostError::of_store(error, None))
    }

    pub(crate) fn execute(
        &self,
        machine: Box<dyn Machine>,
        outside: Outside,
        lease: Lease,
        fold: Fold,
        next_seq: u64,
        manner: Manner,
    ) -> RunHandle {
        let run = lease.run.clone();
        let (events, shown) = mpsc::unbounded_channel();
        let (interrupter, interrupted) = Interrupter::new();
        let on_failure = self.settings.on_failure;
        let keeper = Keeper::start(
            lease,
            self.store.leases.clone(),
            self.clock.clone(),
            self.settings.lease_ttl_ms,
            on_failure,
        );
        let recording = Recording::new(
            run.clone(),
            self.store.journal.clone(),
            keeper.lease().fence,
            next_seq,
            on_failure,
        );
        let mut clock = RunClock::new(self.clock.clone(), fold.trace().updated_at.max(manner.not_before));
        let clean_up_ms = self.settings.clean_up_ms;
        let clean_up_until = manner.cleans_up.then(|| clock.now().after_ms(clean_up_ms));
        let executor = Executor {
            requests: self.requests.watch(&run),
            clean_up_ms,
            clean_up_until,
            has_given_up: false,
            run: run.clone(),
            machine,
            outside: Arc::new(outside),
            recording,
            scrubber: self.scrubber.clone(),
            keeper,
            clock,
            fold,
            events,
            interrupted,
            stream: manner.stream,
            is_watched: manner.events,
            wait_max_ms: manner.wait_max_ms,
            told: manner.told.into_iter().collect(),
            open: HashMap::new(),
        };
        let task = tokio::spawn(executor.execute());
        RunHandle::new(run, shown, task, interrupter)
    }
}

/// Says why a run can't begin.
fn refused(failure: Failure) -> HostError {
    let help = match failure.built_in() {
        Some(Kind::BadShape) => "`flowc run PATH --help` lists the flow's inputs",
        _ => "",
    };
    HostError::usage(failure.message, help)
}

fn corrupt(message: String) -> HostError {
    HostError::environment(message, "the store is damaged; start the run anew")
}

#[cfg(test)]
mod tests;
