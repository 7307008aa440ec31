//! Runs of small plans made by hand, under the engine, with a provider that is only here.

use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use flow_ir::expr::Expr;
use flow_ir::plan::{
    Block, Budget, Decode, Flow, Grant, Http, Model, ModelKind, ModelRef, ModelSettings, Node, Param, Places,
    Prompt, SecretText, Slot, Statement, Step, Target, VERSION, With,
};
use flow_ir::{Name, Type};
use flow_runtime_api::{
    Answer, Call, Delta, Deltas, HttpAnswer, HttpRequest, ModelInfo, Provider, ResolvedModel, Secret, Tool,
    Usage,
};
use flow_storage::{MemoryStore, SqliteStore, StoreUrl};
use flow_trace::StepStatus;
use serde_json::json;

use super::*;
use crate::Environment;

/// Answers with the last message in capitals, and counts; may hang at a question.
#[derive(Default)]
struct Loud {
    asked: Mutex<Vec<String>>,
    keys: Mutex<Vec<Option<String>>>,
    hangs_at: Mutex<Option<String>>,
}

#[async_trait]
impl Provider for Loud {
    fn name(&self) -> &'static str {
        "openai"
    }

    async fn ask(
        &self,
        model: &ResolvedModel,
        call: &Call,
        deltas: &mut dyn Deltas,
    ) -> Result<Answer, (Failure, Option<Usage>)> {
        let text = match &call.messages.last().unwrap().parts[0] {
            flow_runtime_api::Part::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        self.asked.lock().unwrap().push(text.clone());
        self.keys.lock().unwrap().push(model.api_key.as_ref().map(|key| key.expose().to_owned()));
        if self.hangs_at.lock().unwrap().as_ref() == Some(&text) {
            std::future::pending::<()>().await;
        }
        let text = format!("{text}!");
        deltas.delta(Delta::Text(text.clone()));
        let usage = Some(Usage { input_tokens: 1_000, output_tokens: 10, ..Usage::default() });
        Ok(Answer { text, usage, ..Answer::default() })
    }

    async fn models(&self, _: &ResolvedModel) -> Result<Vec<ModelInfo>, Failure> {
        Ok(Vec::new())
    }
}

struct NoTool;

#[async_trait]
impl Tool for NoTool {
    async fn http(&self, _: &HttpRequest, _: &[(String, Secret)]) -> Result<HttpAnswer, Failure> {
        Err(Failure::new(Kind::ToolFailed, "no tool here"))
    }
}

/// `flow main(text: string) -> string { let a = say(text)  let b = say(a)  return b }`
fn plan(model: &str, settings: ModelSettings) -> Plan {
    let slot = |name: &str| Slot { name: Name::new(name), ty: Type::STRING, merge: None };
    let param = || Param { name: Name::new("text"), ty: Type::STRING, default: None, doc: String::new() };
    let step = |name: &str, from: u32, into: u32| {
        Statement::Step(Box::new(Step {
            segment: Name::new(name),
            target: Target::Node(0),
            args: vec![Expr::Slot(from)],
            with: With::default(),
            into: Some(into),
            extract: None,
            catch: None,
            undo: None,
        }))
    };
    let (provider, name) = model.split_once('/').unwrap();
    let kind = ModelKind::Provider { provider: Name::new(provider), model: Name::new(name) };
    Plan {
        version: VERSION,
        entry: Name::new("main"),
        types: Default::default(),
        codes: Vec::new(),
        models: vec![Model { name: Name::new("m"), kind, settings }],
        nodes: vec![Node {
            name: Name::new("say"),
            doc: String::new(),
            params: vec![param()],
            returns: Type::STRING,
            timeout_ms: Some(60_000),
            retry: Some(0),
            kind: NodeKind::Prompt(Prompt {
                model: ModelRef::Model(0),
                system: None,
                history: None,
                user: Expr::Slot(0),
                assistant: None,
                repair: 0,
                settings: ModelSettings::default(),
            }),
        }],
        flows: vec![Flow {
            name: Name::new("main"),
            doc: String::new(),
            params: vec![param()],
            returns: Type::STRING,
            budget: Budget::default(),
            slots: vec![slot("text"), slot("a"), slot("b")],
            blocks: vec![Block {
                state: Vec::new(),
                body: vec![
                    step("a", 0, 1),
                    step("b", 1, 2),
                    Statement::Return { value: Some(Expr::Slot(2)) },
                ],
            }],
            body: 0,
            emits: None,
            on_error: None,
        }],
        allow: Vec::new(),
        places: Places::default(),
    }
}

fn main_plan() -> Plan {
    plan("openai/gpt-4.1", ModelSettings::default())
}

fn inputs() -> Map<String, Json> {
    Map::from_iter([(String::from("text"), json!("hi"))])
}

const KEY: [(&str, &str); 1] = [("OPENAI_API_KEY", "sk-of-the-user")];

fn host_on(store: Store, provider: &Arc<Loud>, env: &[(&str, &str)]) -> Host {
    let settings = HostSettings::new(StoreUrl::Memory, Environment::of(env.iter().copied()));
    let provider: Arc<dyn Provider> = provider.clone();
    let providers: crate::outside::FindProvider = Arc::new(move |_| Some(provider.clone()));
    Host::of(settings, store, Parts { providers, tool: Arc::new(NoTool) }, Scrubber::default())
}

fn host(provider: &Arc<Loud>, env: &[(&str, &str)]) -> Host {
    host_on(Store::of(MemoryStore::new()), provider, env)
}

async fn run(host: &Host, plan: Plan, options: RunOptions) -> Result<crate::Outcome, HostError> {
    host.start(plan, inputs(), options).await?.finish().await
}

fn asked(provider: &Loud) -> Vec<String> {
    std::mem::take(&mut provider.asked.lock().unwrap())
}

#[tokio::test]
async fn a_run_is_carried_out_and_on_record() {
    let provider = Arc::new(Loud::default());
    let host = host(&provider, &KEY);
    let outcome = run(&host, main_plan(), RunOptions::default()).await.unwrap();
    assert_eq!(outcome.result, json!("hi!!"));
    assert_eq!(asked(&provider), ["hi", "hi!"]);
    assert_eq!(provider.keys.lock().unwrap()[0].as_deref(), Some("sk-of-the-user"));
    // 2 dollars a million tokens read, 8 written.
    assert_eq!(outcome.trace.cost.nanodollars, 2 * (1_000 * 2_000 + 10 * 8_000));
    let steps: Vec<_> = outcome.trace.steps.iter().map(|step| (step.step.0.as_str(), step.status)).collect();
    assert_eq!(steps, [("main/a", StepStatus::Succeeded), ("main/b", StepStatus::Succeeded)]);
    // What is read back is what was shown.
    let run = host.find(&outcome.run.0).await.unwrap();
    assert_eq!(host.trace(&run).await.unwrap(), outcome.trace);
    assert_eq!(host.plan(&run).await.unwrap(), main_plan());
    let lines = host.runs(&RunFilter::default()).await.unwrap();
    assert_eq!((lines.len(), lines[0].alive, lines[0].summary.steps), (1, false, 2));
    let error = host.resume(&run.0, ResumeOptions::default()).await.err().unwrap();
    assert_eq!((error.exit_code(), error.to_string()), (2, String::from("the run is over: succeeded")));
}

#[tokio::test]
async fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    let open = || Store::of(SqliteStore::new(path.clone(), SqliteOptions::default()));
    let provider = Arc::new(Loud::default());
    *provider.hangs_at.lock().unwrap() = Some(String::from("hi!"));
    let first = host_on(open(), &provider, &KEY);
    let mut handle = first.start(main_plan(), inputs(), RunOptions::default()).await.unwrap();
    let run = handle.run().clone();
    while let Some(event) = handle.next().await {
        if event.step.is_some_and(|step| step.0 == "main/b") {
            break;
        }
    }
    // While it goes on, nobody else may have it.
    let error = first.resume(&run.0, ResumeOptions::default()).await.err().unwrap();
    assert_eq!(error.exit_code(), 5, "{error}");
    handle.interrupter().interrupt();
    assert!(matches!(handle.finish().await, Err(HostError::Interrupted { .. })));
    drop(first);
    asked(&provider);
    *provider.hangs_at.lock().unwrap() = None;

    let second = host_on(open(), &provider, &KEY);
    let prefix = &run.0[..13];
    let outcome = second.resume(prefix, ResumeOptions::default()).await.unwrap().finish().await.unwrap();
    assert_eq!((outcome.run, outcome.result), (run.clone(), json!("hi!!")));
    // The finished step was read, only the one in flight was asked again.
    assert_eq!(asked(&provider), ["hi!"]);
    assert_eq!(second.trace(&run).await.unwrap(), outcome.trace);
    assert_eq!(outcome.trace.step("main/b").unwrap().attempts, 2);
    let records = second.records(&run).await.unwrap();
    assert_eq!(records.iter().filter(|record| record.event == Event::Resumed {}).count(), 1);
}

#[tokio::test]
async fn a_missing_key_is_named_before_anything_happens() {
    let provider = Arc::new(Loud::default());
    let host = host(&provider, &[]);
    let error = run(&host, main_plan(), RunOptions::default()).await.unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().contains("OPENAI_API_KEY is not set"), "{error}");
    assert!(error.help().unwrap().contains("--simulate"));
    assert!(asked(&provider).is_empty());
    assert!(host.runs(&RunFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_programs_server_never_gets_the_users_key() {
    let provider = Arc::new(Loud::default());
    let settings =
        ModelSettings { base_url: Some(String::from("https://elsewhere.example/v1")), ..Default::default() };
    run(&host(&provider, &KEY), plan("openai/gpt-4.1", settings), RunOptions::default()).await.unwrap();
    assert_eq!(*provider.keys.lock().unwrap(), [None, None]);
    // The server that the user names does.
    let env = [KEY[0], ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")];
    provider.keys.lock().unwrap().clear();
    let outcome = run(&host(&provider, &env), main_plan(), RunOptions::default()).await.unwrap();
    assert_eq!(provider.keys.lock().unwrap()[0].as_deref(), Some("sk-of-the-user"));
    assert!(!outcome.trace.cost.complete, "a price belongs to the vendor");
}

#[tokio::test]
async fn a_simulated_run_asks_nobody_and_says_so() {
    let provider = Arc::new(Loud::default());
    let host = host(&provider, &[]);
    let simulate = |seed| RunOptions {
        simulate: Some(Simulation { models_only: false, worst: false, seed }),
        stream: true,
        ..RunOptions::default()
    };
    let first = run(&host, main_plan(), simulate(0)).await.unwrap();
    let again = run(&host, main_plan(), simulate(0)).await.unwrap();
    let other = run(&host, main_plan(), simulate(1)).await.unwrap();
    assert_eq!(first.result, again.result);
    assert_ne!(first.result, other.result);
    assert!(first.result.as_str().is_some_and(|text| !text.is_empty()));
    assert!(asked(&provider).is_empty());
    assert!(first.trace.simulate.is_some() && first.trace.usage.output_tokens > 0);
    assert!(host.runs(&RunFilter::default()).await.unwrap().iter().all(|line| line.summary.simulated));
    let mut handle = host.start(main_plan(), inputs(), simulate(0)).await.unwrap();
    let mut pieces = String::new();
    while let Some(event) = handle.next().await {
        assert!(event.simulated);
        pieces.extend(event.text);
    }
    assert!(pieces.ends_with(first.result.as_str().unwrap()));
}

#[tokio::test]
async fn a_tape_replays_a_run_and_never_hides_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("a.tape");
    let provider = Arc::new(Loud::default());
    let recorded = RunOptions { record: Some(tape.clone()), ..RunOptions::default() };
    let first = run(&host(&provider, &KEY), main_plan(), recorded).await.unwrap();
    assert_eq!(asked(&provider).len(), 2);
    assert!(!std::fs::read_to_string(&tape).unwrap().contains("sk-of-the-user"));

    let read = || Arc::new(crate::tape::Tape::read(&tape).unwrap());
    let replay = || RunOptions { tape: Some(read()), ..RunOptions::default() };
    let host = host(&provider, &[]);
    let again = run(&host, main_plan(), replay()).await.unwrap();
    assert_eq!((again.result, again.trace.usage), (first.result, first.trace.usage));
    assert!(asked(&provider).is_empty());

    let changed = Map::from_iter([(String::from("text"), json!("other"))]);
    let error = host.start(main_plan(), changed, replay()).await.unwrap().finish().await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("stale"), "{error}");
}

#[tokio::test]
async fn a_tape_that_is_mended_asks_only_what_is_stale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tape");
    let provider = Arc::new(Loud::default());
    let host = host(&provider, &KEY);
    let recorded = RunOptions { record: Some(path.clone()), ..RunOptions::default() };
    let first = run(&host, main_plan(), recorded).await.unwrap();
    assert_eq!(asked(&provider).len(), 2);
    let before = std::fs::read_to_string(&path).unwrap();

    let mend = async |plan: Plan| {
        let tape = Arc::new(crate::tape::Tape::read(&path).unwrap().updating());
        let options = RunOptions { tape: Some(tape.clone()), ..RunOptions::default() };
        let outcome = run(&host, plan, options).await.unwrap();
        (tape.write(true).unwrap(), tape.report(), outcome)
    };
    let (differs, report, again) = mend(main_plan()).await;
    assert_eq!((differs, report.used, again.result), (false, 2, first.result));
    assert!(asked(&provider).is_empty(), "all is fresh");

    // The first question is taken from the tape, the second isn't on it any more.
    let lines: Vec<&str> = before.lines().collect();
    std::fs::write(&path, lines[..2].join("\n") + "\n").unwrap();
    let (differs, report, again) = mend(main_plan()).await;
    assert_eq!((differs, report.used, report.recorded.len(), report.stale.len()), (true, 1, 1, 1));
    assert_eq!(asked(&provider).len(), 1);
    assert_eq!(again.trace.status, RunStatus::Succeeded);
    let after = std::fs::read_to_string(&path).unwrap();
    assert_eq!(after.lines().next(), Some(lines[0]));
    assert_eq!(after.lines().nth(1), Some(lines[1]));
    assert!(!after.contains("sk-of-the-user"));
    assert_eq!(mend(main_plan()).await.1.used, 2);
}

#[tokio::test]
async fn wrong_inputs_are_refused_before_anything_happens() {
    let provider = Arc::new(Loud::default());
    let host = host(&provider, &KEY);
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("a.tape");
    std::fs::write(&tape, "an old tape").unwrap();
    for wrong in [Map::new(), Map::from_iter([(String::from("text"), json!(3))])] {
        let error = host
            .start(main_plan(), wrong, RunOptions { record: Some(tape.clone()), ..RunOptions::default() })
            .await
            .err()
            .unwrap();
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.to_string().contains("text"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&tape).unwrap(), "an old tape");
    assert!(host.runs(&RunFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_can_not_be_asked_is_said() {
    let provider = Arc::new(Loud::default());
    let said = async |plan: Plan, options: RunOptions| {
        let error = run(&host(&provider, &KEY), plan, options).await.unwrap_err();
        format!("{}: {error}", error.exit_code())
    };
    let error = said(plan("nobody/x", ModelSettings::default()), RunOptions::default()).await;
    assert!(error.starts_with("2: there is no provider `nobody`"), "{error}");
    let mut default = main_plan();
    let NodeKind::Prompt(prompt) = &mut default.nodes[0].kind else { unreachable!() };
    prompt.model = ModelRef::Default;
    let error = said(default.clone(), RunOptions::default()).await;
    assert!(error.starts_with("5: no model is set"), "{error}");
    let model = RunOptions { model: Some(String::from("gpt")), ..RunOptions::default() };
    assert_eq!(said(default.clone(), model).await, "2: `gpt` is no model");
    let model = RunOptions { model: Some(String::from("openai/gpt-4.1")), ..RunOptions::default() };
    assert!(run(&host(&provider, &KEY), default.clone(), model).await.is_ok());
    asked(&provider);
    let model = RunOptions { model: Some(String::from("simulate/any")), ..RunOptions::default() };
    let outcome = run(&host(&provider, &KEY), default, model).await.unwrap();
    assert_eq!(outcome.trace.steps[0].model.as_deref(), Some("simulate/any"));
    assert!(asked(&provider).is_empty());
}

#[tokio::test]
async fn ids_are_found_by_their_beginning() {
    let provider = Arc::new(Loud::default());
    let host = host(&provider, &KEY);
    for _ in 0..2 {
        run(&host, main_plan(), RunOptions::default()).await.unwrap();
    }
    for (prefix, part) in [("", "named by its id"), ("zzz", "no run's id begins with"), ("0", "several runs")]
    {
        let error = host.find(prefix).await.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_can_not_be_used_is_said_before_anything_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.db");
    std::fs::write(&path, "no database ".repeat(100)).unwrap();
    let provider = Arc::new(Loud::default());
    let store = Store::of(SqliteStore::new(path.clone(), SqliteOptions::default()));
    let host = host_on(store, &provider, &KEY);
    let error = run(&host, main_plan(), RunOptions::default()).await.unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().contains("is not a run store"), "{error}");
    assert!(error.help().is_some());
    assert!(asked(&provider).is_empty());
    assert!(Path::new(&path).exists());
    let facts = host.doctor(None, 10_000).await;
    assert_eq!((facts[0].name.as_str(), facts[0].status), ("store", crate::FactStatus::Missing));
}

/// A server that tells what it was sent, once.
async fn echo() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let length = head.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(&head).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_tools_secret_is_sent_and_seen_nowhere() {
    let address = echo().await;
    let mut plan = main_plan();
    let texts = |text: &str, secret: Option<&str>| {
        let secret = secret.map(|name| SecretPiece::Secret(Name::new(name)));
        SecretText([SecretPiece::Text(String::from(text))].into_iter().chain(secret).collect())
    };
    plan.nodes[0].kind = NodeKind::Http(Http {
        method: Name::new("GET"),
        url: texts(&format!("http://{address}/x"), None),
        query: Vec::new(),
        query_map: None,
        headers: vec![(String::from("authorization"), texts("Bearer ", Some("TOKEN")))],
        body: None,
        decode: Decode::Text,
        idempotent: None,
        limit_bytes: 10_000,
    });
    plan.models.clear();
    let flow = &mut plan.flows[0];
    flow.blocks[0].body.remove(1);
    flow.blocks[0].body[1] = Statement::Return { value: Some(Expr::Slot(1)) };
    let open = |env: &[(&str, &str)]| {
        let environment = Environment::of(env.iter().copied());
        Host::open(HostSettings::new(StoreUrl::Memory, environment)).unwrap()
    };
    let token = [("TOKEN", "tok-123456789")];

    let error = run(&open(&token), plan.clone(), RunOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("without the authority"), "{error}");
    plan.allow = vec![Grant::Secret(String::from("TOKEN")), Grant::Net(address.to_string())];
    let error = run(&open(&[]), plan.clone(), RunOptions::default()).await.unwrap_err();
    assert_eq!((error.exit_code(), error.to_string()), (5, String::from("the secret `TOKEN` is not there")));

    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("a.tape");
    let host = open(&token);
    let recorded = RunOptions { record: Some(tape.clone()), ..RunOptions::default() };
    let outcome = run(&host, plan.clone(), recorded).await.unwrap();
    let seen = outcome.result.as_str().unwrap();
    assert!(seen.to_lowercase().contains("authorization: bearer ***"), "{seen}");
    let records = host.records(&outcome.run).await.unwrap();
    for text in
        [format!("{records:?}"), std::fs::read_to_string(&tape).unwrap(), format!("{:?}", outcome.trace)]
    {
        assert!(!text.contains("tok-123456789"), "{text}");
    }
    let tape = Arc::new(crate::tape::Tape::read(&tape).unwrap());
    let replay = RunOptions { tape: Some(tape), ..RunOptions::default() };
    assert_eq!(run(&open(&[]), plan.clone(), replay).await.unwrap().result, outcome.result);
    let simulate = Some(Simulation { models_only: false, worst: false, seed: 0 });
    let simulated = RunOptions { simulate, ..RunOptions::default() };
    assert!(run(&open(&[]), plan, simulated).await.unwrap().result.is_string());
}

#[tokio::test]
async fn what_the_settings_said_at_the_start_holds_elsewhere() {
    let (store, provider) = (Store::of(MemoryStore::new()), Arc::new(Loud::default()));
    let secrets = tempfile::tempdir().unwrap();
    std::fs::write(secrets.path().join("OPENAI_API_KEY"), "sk-of-the-project").unwrap();
    *provider.hangs_at.lock().unwrap() = Some(String::from("hi!"));
    let mut plan = plan("openai/house", ModelSettings::default());
    plan.flows[0].budget.nanodollars = Some(1_000_000_000);
    let mut first = host_on(store.clone(), &provider, &[]);
    first
        .settings
        .prices
        .insert(Name::new("openai/house"), flow_ir::catalogue::Price { input: 1_000, ..Default::default() });
    first.settings.secrets_dir = Some(secrets.path().to_owned());
    first.secrets =
        Secrets::new(Environment::default(), Some(secrets.path().to_owned()), Scrubber::default());
    let mut handle = first.start(plan, inputs(), RunOptions::default()).await.unwrap();
    let run = handle.run().clone();
    while handle.next().await.is_some_and(|event| event.step.is_none_or(|step| &*step.0 != "main/b")) {}
    handle.interrupter().interrupt();
    let stopped = handle.finish().await.unwrap_err();
    let HostError::Interrupted { trace, .. } = stopped else { panic!("{stopped}") };
    assert!(!trace.cost.complete, "a call was cut off");
    *provider.hangs_at.lock().unwrap() = None;

    let second = host_on(store, &provider, &[]);
    let outcome = second.resume(&run.0, ResumeOptions::default()).await.unwrap().finish().await.unwrap();
    assert_eq!(outcome.result, json!("hi!!"));
    // Two answers at the project's price, and a call that was cut off.
    assert_eq!(outcome.trace.cost, flow_runtime_api::Cost { nanodollars: 2, complete: false });
    assert!(provider.keys.lock().unwrap().iter().all(|key| key.as_deref() == Some("sk-of-the-project")));
    assert!(!second.runs(&RunFilter::default()).await.unwrap()[0].summary.cost.complete);
}

/// Is silent at first, then answers with how often it was asked.
#[derive(Default)]
struct Silent(Mutex<u32>);

#[async_trait]
impl Tool for Silent {
    async fn http(&self, _: &HttpRequest, _: &[(String, Secret)]) -> Result<HttpAnswer, Failure> {
        let count = {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            *count
        };
        if count == 1 {
            std::future::pending::<()>().await;
        }
        Ok(HttpAnswer {
            status: 200,
            content_type: String::from("text/plain"),
            body: format!("{count}").into_bytes(),
        })
    }
}

#[tokio::test]
async fn an_uncertain_step_takes_an_answer_or_is_sent_again() {
    let mut plan = main_plan();
    plan.nodes[0].kind = NodeKind::Http(Http {
        method: Name::new("POST"),
        url: SecretText(vec![SecretPiece::Text(String::from("http://127.0.0.1:1/x"))]),
        query: Vec::new(),
        query_map: None,
        headers: Vec::new(),
        body: None,
        decode: Decode::Text,
        idempotent: None,
        limit_bytes: 10_000,
    });
    plan.models.clear();
    plan.allow = vec![Grant::Net(String::from("127.0.0.1:1"))];
    let settle = |settle| ResumeOptions { settle: Some(settle), ..ResumeOptions::default() };
    let answer = |step: Option<&str>, result| {
        settle(crate::Settle::Answer { step: step.map(String::from), result: Some(result) })
    };
    for repeats in [false, true] {
        let mut host = host(&Arc::new(Loud::default()), &[]);
        let tool = Arc::new(Silent::default());
        host.parts.tool = tool.clone();
        let mut handle = host.start(plan.clone(), inputs(), RunOptions::default()).await.unwrap();
        let run = handle.run().clone();
        while *tool.0.lock().unwrap() == 0 {
            tokio::select! {
                event = handle.next() => assert!(event.is_some()),
                () = tokio::task::yield_now() => {}
            }
        }
        handle.interrupter().interrupt();
        assert!(matches!(handle.finish().await, Err(HostError::Interrupted { .. })));

        let stays = host.resume(&run.0, ResumeOptions::default()).await.unwrap().finish().await.unwrap_err();
        let HostError::Suspended { reason, trace, .. } = stays else { panic!("{stays}") };
        assert_eq!(reason, "`main/a` was sent and not answered: its outcome is uncertain");
        assert_eq!(trace.step("main/a").unwrap().status, StepStatus::Uncertain);
        let wrong = [
            answer(None, json!(3)),
            answer(Some("main/b"), json!("x")),
            settle(crate::Settle::Rerun(String::from("main"))),
        ];
        for wrong in wrong {
            let error = host.resume(&run.0, wrong).await.err().unwrap();
            assert_eq!(error.exit_code(), 2, "{error}");
        }
        assert_eq!(*tool.0.lock().unwrap(), 1, "nothing is sent unasked");
        let options = match repeats {
            true => settle(crate::Settle::Rerun(String::from("main/a"))),
            false => answer(None, json!("told")),
        };
        let outcome = host.resume(&run.0, options).await.unwrap().finish().await.unwrap();
        let first = if repeats { "2" } else { "told" };
        assert_eq!(outcome.trace.step("main/a").unwrap().result, Some(json!(first)));
        assert_eq!(outcome.trace.uncertain().count(), 0);
        assert_eq!(*tool.0.lock().unwrap(), if repeats { 3 } else { 2 });
        assert_eq!(host.trace(&run).await.unwrap(), outcome.trace);
    }
}
