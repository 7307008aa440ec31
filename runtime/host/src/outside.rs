//! How effects are carried out: for real, simulated, or from a tape; and recorded on one.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use flow_engine::{AttemptId, Input, Worst};
use flow_ir::Name;
use flow_ir::plan::{ModelRef, Plan};
use flow_providers::tape::{Asked, Entry, Recorder, Response, Tape};
use flow_runtime_api::{
    Answer, Call, Coordinate, Delta, Deltas, Failure, HttpAnswer, HttpRequest, Kind, Part, Provider,
    Question, Scrubber, Simulation, Tool, Usage,
};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::HostError;
use crate::host::SIMULATE;
use crate::models::Models;
use crate::queue::Queues;
use crate::secrets::Secrets;

/// What a run's effects need. One per execution of a run.
pub(crate) struct Outside {
    pub(crate) plan: Arc<Plan>,
    pub(crate) models: Models,
    pub(crate) parts: Parts,
    pub(crate) secrets: Secrets,
    pub(crate) scrubber: Scrubber,
    pub(crate) queues: Arc<Queues>,
    pub(crate) simulate: Option<Simulation>,
    pub(crate) tape: Option<Arc<Tape>>,
    pub(crate) recorder: Option<Recorder>,
    /// What the worst case chooses, where it is simulated.
    pub(crate) worst: OnceLock<Mutex<Worst>>,
}

/// Finds a provider by its name.
pub(crate) type FindProvider = Arc<dyn Fn(&str) -> Option<Arc<dyn Provider>> + Send + Sync>;

/// What stands behind the traits.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) providers: FindProvider,
    pub(crate) tool: Arc<dyn Tool>,
}

/// A question to a model, as the engine asks it.
pub(crate) struct Ask {
    pub(crate) attempt: AttemptId,
    pub(crate) step: Coordinate,
    pub(crate) node: Name,
    pub(crate) model: ModelRef,
    pub(crate) call: Call,
    pub(crate) timeout_ms: u64,
    pub(crate) tries: (u32, u32),
    pub(crate) fingerprint: String,
}

/// A tool's request, as the engine asks for it.
pub(crate) struct Fetch {
    pub(crate) attempt: AttemptId,
    pub(crate) step: Coordinate,
    pub(crate) node: Name,
    pub(crate) request: HttpRequest,
    pub(crate) secrets: Vec<Name>,
    pub(crate) timeout_ms: u64,
    pub(crate) attempt_number: u32,
    pub(crate) fingerprint: String,
}

/// A question to a person, or an event that is waited for, as the engine puts it.
pub(crate) struct Put {
    pub(crate) step: Coordinate,
    pub(crate) node: Name,
    pub(crate) kind: Name,
    pub(crate) question: Box<Question>,
    pub(crate) fingerprint: String,
}

pub(crate) type Answered = (Result<Answer, Failure>, Option<Usage>);

/// What a tape tells of an effect.
pub(crate) enum OnTape<R> {
    /// Nothing: it is carried out.
    Not,
    /// What came of it, or that the tape can't tell.
    Ended(Result<R, Failure>, Option<Usage>),
    /// That nobody waited for its end.
    Open,
}

impl Outside {
    /// Asks a model; dropping the future closes the connection. Fails only if a tape can't be written.
    pub(crate) async fn ask(&self, ask: Ask, deltas: &mut dyn Deltas) -> Result<Input, HostError> {
        let request = || ask.call.asked();
        let asked = asked(&ask.step, ask.tries, "prompt", &ask.fingerprint, &request);
        let ((result, usage), duration_ms) = self.answer(&ask, &asked, deltas).await;
        let result =
            result.map(|answer| self.scrub_answer(answer)).map_err(|failure| self.scrub_failure(failure));
        self.record(&asked, &result, usage)?;
        Ok(Input::Answered { attempt: ask.attempt, result, usage, duration_ms })
    }

    /// Sends a tool's request; dropping the future closes the connection. Fails only if a tape can't be written.
    pub(crate) async fn fetch(&self, fetch: Fetch) -> Result<Input, HostError> {
        let request = || fetch.request.asked();
        let asked = asked(&fetch.step, (fetch.attempt_number, 0), "http", &fetch.fingerprint, &request);
        let began = Instant::now();
        let result = match self.on_tape::<HttpAnswer>(&asked) {
            OnTape::Ended(result, _) => result,
            OnTape::Open => never(fetch.timeout_ms).await,
            OnTape::Not => match self.simulate {
                Some(simulate @ Simulation { models_only: false, .. }) => {
                    let result = self.simulated_value(&fetch, simulate);
                    let page =
                        result.as_ref().map(|json| self.as_page(&fetch.node, json)).map_err(Clone::clone);
                    self.record(&asked, &page, None)?;
                    return Ok(Input::Simulated { attempt: fetch.attempt, result });
                }
                _ => within(fetch.timeout_ms, self.send(&fetch)).await.unwrap_or_else(Err),
            },
        };
        let duration_ms = elapsed_ms(began);
        let result =
            result.map(|answer| self.scrub_page(answer)).map_err(|failure| self.scrub_failure(failure));
        self.record(&asked, &result, None)?;
        Ok(Input::Fetched { attempt: fetch.attempt, result, duration_ms })
    }

    /// Answers a question where no person has to: in a simulated run, and from a tape. One that was open to the end on the
    /// tape stays open.
    pub(crate) fn reply(&self, put: &Put) -> Option<Input> {
        let request = || put.asked();
        let asked = asked(&put.step, (0, 0), &put.kind, &put.fingerprint, &request);
        let result = match (self.on_tape::<Json>(&asked), self.simulate) {
            (OnTape::Ended(result, _), _) => result,
            (OnTape::Not, Some(simulate @ Simulation { models_only: false, .. })) => {
                self.simulated_reply(put, simulate)
            }
            (OnTape::Open | OnTape::Not, _) => return None,
        };
        Some(Input::Replied { step: put.step.clone(), result })
    }

    /// Writes on the tape how a question ended.
    pub(crate) fn record_reply(&self, put: &Put, result: &Result<Json, Failure>) -> Result<(), HostError> {
        let request = || put.asked();
        self.record(&asked(&put.step, (0, 0), &put.kind, &put.fingerprint, &request), result, None)
    }

    /// Returns what the tape tells of an effect, if there is one. What a tape that is mended can't tell is carried out.
    pub(crate) fn on_tape<R: Response>(&self, asked: &Asked<'_>) -> OnTape<R> {
        let Some(tape) = &self.tape else { return OnTape::Not };
        match tape.take(asked, &self.scrubber) {
            Ok(entry) => match entry.answer() {
                Err(failure) if failure.built_in() == Some(Kind::Cancelled) => OnTape::Open,
                result => OnTape::Ended(result, entry.usage),
            },
            Err(_) if tape.is_updating() => OnTape::Not,
            Err(stale) => OnTape::Ended(Err(stale.failure()), None),
        }
    }

    /// Whether what comes of effects is written on a tape.
    pub(crate) fn records(&self) -> bool {
        self.recorder.is_some() || self.tape.as_ref().is_some_and(|tape| tape.is_updating())
    }

    async fn answer(&self, ask: &Ask, asked: &Asked<'_>, deltas: &mut dyn Deltas) -> (Answered, u64) {
        match self.on_tape::<Answer>(asked) {
            OnTape::Ended(answer, usage) => {
                if let Ok(answer) = &answer {
                    deltas.delta(Delta::Text(answer.text.clone()));
                }
                return ((answer, usage), 0);
            }
            OnTape::Open => return ((never(ask.timeout_ms).await, None), ask.timeout_ms),
            OnTape::Not => {}
        }
        if let Some(simulate) = self.simulate {
            return (self.simulated_answer(ask, simulate, deltas), 0);
        }
        let Some(resolved) = self.models.get(ask.model) else {
            let failure = Failure::missing(format!("the model `{}` isn't known here", ask.call.model));
            return ((Err(failure), None), 0);
        };
        let model = &resolved.model;
        if model.provider == SIMULATE {
            let how = Simulation { models_only: true, worst: false, seed: 0 };
            return (self.simulated_answer(ask, how, deltas), 0);
        }
        let Some(provider) = (self.parts.providers)(&model.provider) else {
            let failure = Failure::missing(format!("this flowc can't ask `{}`", model.provider));
            return ((Err(failure), None), 0);
        };
        // Waiting for a place in the queue is not the server's time.
        let _turn = self.queues.turn(&model.provider).await;
        let began = Instant::now();
        let asked = match within(ask.timeout_ms, provider.ask(model, &ask.call, deltas)).await {
            Ok(Ok(answer)) => {
                let usage = answer.usage;
                (Ok(answer), usage)
            }
            Ok(Err((failure, usage))) => (Err(failure), usage),
            Err(failure) => (Err(failure), None),
        };
        (asked, elapsed_ms(began))
    }

    async fn send(&self, fetch: &Fetch) -> Result<HttpAnswer, Failure> {
        let secrets = fetch.secrets.iter().map(|name| {
            let secret = self.secrets.granted(&self.plan, name);
            secret.map(|secret| (name.to_string(), secret)).map_err(|error| {
                let help = error.help().map_or_else(String::new, |help| format!("; {help}"));
                Failure::new(Kind::Refused, format!("{error}{help}"))
            })
        });
        let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        self.parts.tool.http(&fetch.request, &secrets).await
    }

    /// Writes on a tape what came of an effect, where one is written or mended.
    pub(crate) fn record<R: Response>(
        &self,
        asked: &Asked<'_>,
        result: &Result<R, Failure>,
        usage: Option<Usage>,
    ) -> Result<(), HostError> {
        if !self.records() {
            return Ok(());
        }
        self.record_entry(Entry::new(asked, result, usage))
    }

    /// Writes an entry on a tape, where one is written or mended.
    pub(crate) fn record_entry(&self, entry: Entry) -> Result<(), HostError> {
        if let Some(recorder) = &self.recorder {
            recorder.record(&entry).map_err(tape_error)?;
        }
        if let Some(tape) = self.tape.as_ref().filter(|tape| tape.is_updating()) {
            tape.keep(entry);
        }
        Ok(())
    }

    /// Puts what was recorded in its place, once the run is over or waits.
    pub(crate) fn finish_tape(&self) -> Result<(), HostError> {
        self.recorder.as_ref().map_or(Ok(()), |recorder| recorder.finish().map_err(tape_error))
    }

    fn scrub_answer(&self, mut answer: Answer) -> Answer {
        if self.scrubber.is_empty() {
            return answer;
        }
        answer.text = self.scrubber.scrub(&answer.text).into_owned();
        for call in &mut answer.tool_calls {
            for text in [&mut call.id, &mut call.name, &mut call.arguments] {
                *text = self.scrubber.scrub(text).into_owned();
            }
        }
        // It is sent back as it is on record, else a resumed run would ask something else.
        for part in &mut answer.opaque {
            if let Part::Opaque { json, .. } = part {
                self.scrubber.scrub_json(json);
            }
        }
        answer
    }

    fn scrub_page(&self, mut answer: HttpAnswer) -> HttpAnswer {
        if self.scrubber.is_empty() {
            return answer;
        }
        answer.content_type = self.scrubber.scrub(&answer.content_type).into_owned();
        let mut clean = Vec::with_capacity(answer.body.len());
        // What isn't text may have texts in it.
        for chunk in answer.body.utf8_chunks() {
            clean.extend_from_slice(self.scrubber.scrub(chunk.valid()).as_bytes());
            clean.extend_from_slice(chunk.invalid());
        }
        answer.body = clean;
        answer
    }

    fn scrub_failure(&self, mut failure: Failure) -> Failure {
        failure.message = self.scrubber.scrub(&failure.message).into_owned();
        failure
    }
}

impl Ask {
    /// Returns what a tape tells of it if nobody waits for its end.
    pub(crate) fn cut(&self) -> Entry {
        let request = || self.call.asked();
        cut::<Answer>(&asked(&self.step, self.tries, "prompt", &self.fingerprint, &request))
    }
}

impl Fetch {
    /// Returns what a tape tells of it if nobody waits for its end.
    pub(crate) fn cut(&self) -> Entry {
        let request = || self.request.asked();
        cut::<HttpAnswer>(&asked(&self.step, (self.attempt_number, 0), "http", &self.fingerprint, &request))
    }
}

fn cut<R: Response>(asked: &Asked<'_>) -> Entry {
    let failure = Failure::new(Kind::Cancelled, "nobody waited for its end");
    Entry::new::<R>(asked, &Err(failure), None)
}

impl Put {
    fn asked(&self) -> Json {
        serde_json::to_value(&self.question).unwrap_or_default()
    }
}

/// Returns what an attempt asks, as a tape knows it.
pub(crate) fn asked<'a>(
    step: &'a Coordinate,
    tries: (u32, u32),
    kind: &'a str,
    fingerprint: &'a str,
    request: &'a (dyn Fn() -> Json + Sync),
) -> Asked<'a> {
    Asked { coordinate: &step.0, tries, kind, fingerprint, request }
}

/// Says that a tape can't be begun with.
pub(crate) fn tape_refused(error: flow_providers::tape::Error) -> HostError {
    HostError::usage(error.to_string(), error.help())
}

/// Says that a tape stopped a run.
fn tape_error(error: flow_providers::tape::Error) -> HostError {
    HostError::environment(error.to_string(), error.help())
}

/// What nobody waited for when it was recorded has no end before its time is over.
async fn never<R>(timeout_ms: u64) -> Result<R, Failure> {
    within(timeout_ms, std::future::pending()).await.unwrap_or_else(Err)
}

async fn within<T>(timeout_ms: u64, work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(Duration::from_millis(timeout_ms), work).await.map_err(|_| {
        let time = match timeout_ms {
            ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
            ms => format!("{ms} ms"),
        };
        Failure::new(Kind::Timeout, format!("no answer within {time}"))
    })
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
