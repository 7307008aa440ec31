//! Generated programs: the order of completion and crashes change nothing about how they end.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod common;

use common::build::*;
use common::world::*;
use flow_ir::expr::{Pattern, SlotId};
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::{Failure, Kind, RunStatus};

/// Returns how many programs are tried; every one is cut off at each of its commits. `ENGINE_PROGRAMS` says how many in
/// long runs.
fn programs() -> u64 {
    std::env::var("ENGINE_PROGRAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(60)
}

/// Makes programs. In a branch nothing fails that isn't caught there: which of two failures comes first depends on the
/// order of completion, and rightly so.
struct Maker {
    random: u64,
    names: u32,
    f: FlowBuilder,
    log: SlotId,
    /// The state that this branch may write, besides `log`.
    own: SlotId,
    in_branch: bool,
    may_fail: bool,
    in_loop: bool,
    /// Statements that may still be made.
    left: u32,
}

fn nodes() -> Vec<Node> {
    let mut flaky = prompt("flaky", Type::STRING);
    flaky.retry = Some(1);
    vec![prompt("p", Type::STRING), flaky, tool("get", "GET")]
}

fn answer(asked: &Asked) -> Result<String, Failure> {
    match (asked.node.as_str(), asked.tries.0) {
        ("flaky", 0) => Err(Failure::new(Kind::RateLimited, "not yet")),
        _ if asked.text.contains("fail") => Err(Failure::new(Kind::Refused, "as told")),
        _ => {
            // Short, however long what was asked is.
            let sum =
                asked.text.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            Ok(format!("{:x}", sum % 4096))
        }
    }
}

fn program(seed: u64) -> Plan {
    let g = {
        let mut g = FlowBuilder::new("g", vec![param("text", Type::STRING)]);
        let (a, b) = (g.slot("a"), g.slot("b"));
        let bad = g.block(vec![ask("b", 0, joined(vec![slot(0), slot(a)]), b)]);
        let end = g.block(vec![ask("b", 1, text("end"), b)]);
        g.done(vec![
            ask("a", 1, slot(0), a),
            Statement::Try { body: bad, catch: None, finally: Some(end) },
            ret(joined(vec![slot(a), slot(b)])),
        ])
    };
    let mut f = FlowBuilder::new("f", vec![]);
    let log = f.merged("log", Some(Merge::Append));
    let own = f.slot("own");
    let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut maker =
        Maker { random, names: 0, f, log, own, in_branch: false, may_fail: true, in_loop: false, left: 14 };
    let mut body = maker.statements(3);
    body.push(ret(list(vec![slot(log), slot(own)])));
    let on_error = maker.pick(2).eq(&0).then(|| {
        let say = maker.ask();
        maker.f.block(vec![say, ret(list(vec![text("saved"), slot(log), slot(own)]))])
    });
    let mut flow = maker.f.done_with(vec![(log, Some(ints([]))), (own, Some(text("begin")))], body);
    flow.on_error = on_error.map(|block| OnError { bind: None, block });
    plan(vec![flow, g], nodes())
}

impl Maker {
    fn pick(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn statements(&mut self, depth: u32) -> Vec<Statement> {
        let count = 1 + self.pick(3);
        (0..count).map(|_| self.statement(depth)).collect()
    }

    fn block(&mut self, depth: u32) -> BlockId {
        let body = self.statements(depth);
        self.f.block(body)
    }

    fn ask(&mut self) -> Statement {
        let (name, node, own) = (self.name("s"), self.pick(3) as u32, self.own);
        ask(&name, node, joined(vec![text(&name), slot(own)]), own)
    }

    fn write(&mut self) -> Statement {
        add(self.log, list(vec![slot(self.own)]))
    }

    fn statement(&mut self, depth: u32) -> Statement {
        if depth == 0 || self.left == 0 {
            return if self.pick(2) == 0 { self.ask() } else { self.write() };
        }
        self.left -= 1;
        match self.pick(13) {
            0 | 1 => self.ask(),
            2 => self.write(),
            3 => self.choice(depth),
            4 => self.turns(depth),
            5 => self.walk(depth),
            6 => self.fork(depth),
            7 => self.fan_out(depth),
            8 | 9 => self.attempt(depth),
            10 if self.may_fail => self.failing(),
            10 => self.write(),
            11 => self.call(),
            _ => {
                let value = Expr::Const(Value::Duration(self.pick(5) as i64 * 1_000_000_000));
                Statement::Wait { segment: self.name("w").into(), value, until: false }
            }
        }
    }

    fn failing(&mut self) -> Statement {
        match self.pick(3) {
            0 => fail("own", "x"),
            1 => ask(&self.name("bad"), 0, text("fail"), self.own),
            _ => set(self.own, Expr::Fail { kind: "bad_value".into(), message: "x".into() }),
        }
    }

    fn choice(&mut self, depth: u32) -> Statement {
        let (bind, letter) = (self.f.slot("$v"), Value::string("begin"));
        let patterns = vec![Pattern::Value(letter)];
        let mut arm = |patterns| RouteArm {
            segment: self.name("route:").into(),
            patterns,
            binds: vec![],
            guard: None,
            block: self.block(depth - 1),
        };
        let arms = vec![arm(patterns), arm(vec![])];
        Statement::Route { segment: None, value: slot(self.own), bind, arms, into: None }
    }

    fn turns(&mut self, depth: u32) -> Statement {
        let segment = self.name("loop").into();
        let was = std::mem::replace(&mut self.in_loop, true);
        let mut body = self.statements(depth - 1);
        match self.pick(4) {
            0 => body.push(Statement::Break),
            1 => body.insert(0, self.write()),
            _ => {}
        }
        self.in_loop = was;
        let body = self.f.block(body);
        let otherwise = Some(self.block(depth - 1));
        let max = int(1 + self.pick(3) as i64);
        Statement::Loop { segment, max, test: LoopTest::None, body, otherwise, counters: Counters::default() }
    }

    fn walk(&mut self, depth: u32) -> Statement {
        let (segment, item) = (self.name("x").into(), self.f.slot("x"));
        let body = self.block(depth - 1);
        let over = ints(0..self.pick(3) as i64);
        Statement::For { segment, over, max: None, index: None, item, body, counters: Counters::default() }
    }

    /// Runs `inside` as it stands in a branch.
    fn branch<T>(&mut self, inside: impl FnOnce(&mut Maker) -> T) -> (T, (SlotId, SlotId)) {
        let from = self.f.flow.slots.len() as SlotId;
        let own = self.f.slot("own");
        let before = (self.own, self.in_branch, self.may_fail, self.in_loop);
        (self.own, self.in_branch, self.may_fail, self.in_loop) = (own, true, false, false);
        let result = inside(self);
        (self.own, self.in_branch, self.may_fail, self.in_loop) = before;
        (result, (from, self.f.flow.slots.len() as SlotId))
    }

    fn begun(&mut self, depth: u32) -> BlockId {
        let mut body = vec![set(self.own, text("begin"))];
        body.extend(self.statements(depth - 1));
        self.f.block(body)
    }

    fn fork(&mut self, depth: u32) -> Statement {
        let count = 2 + self.pick(2);
        let log = self.log;
        let branches = (0..count)
            .map(|_| {
                let (block, own) = self.branch(|maker| maker.begun(depth));
                Branch { block, own, writes: vec![log] }
            })
            .collect();
        Statement::Parallel { branches }
    }

    fn fan_out(&mut self, depth: u32) -> Statement {
        let segment = self.name("y");
        let count = self.pick(4) as i64;
        let ((item, block), own) = self.branch(|maker| {
            let item = maker.f.slot("y");
            let body = vec![set(maker.own, joined(vec![text("y"), slot(item)]))];
            let rest = maker.statements(depth - 1);
            let end = Statement::Yield { value: slot(maker.own) };
            let block = maker.f.block(body.into_iter().chain(rest).chain([end]).collect());
            (item, block)
        });
        let values = self.f.slot("values");
        let mut parallel = parallel_for(&segment, ints(0..count), item, block, own, Some(values));
        parallel.jobs = Some(int(1 + self.pick(3) as i64));
        parallel.writes = vec![self.log];
        let told = add(self.log, list(vec![slot(values)]));
        let block = self.f.block(vec![Statement::ParallelFor(Box::new(parallel)), told]);
        Statement::Do { segment: None, block, into: None, catch: None }
    }

    fn attempt(&mut self, depth: u32) -> Statement {
        let was = std::mem::replace(&mut self.may_fail, true);
        let body = self.block(depth - 1);
        self.may_fail = was;
        let caught = self.block(depth - 1);
        let finally = (self.pick(2) == 0).then(|| {
            let was = (self.may_fail, self.in_loop);
            (self.may_fail, self.in_loop) = (false, false);
            let block = self.block(depth - 1);
            (self.may_fail, self.in_loop) = was;
            block
        });
        let mut arms = catch(&["x"], caught, None);
        arms.arms[0].segment = Some(self.name("catch:").into());
        arms.arms[0].kinds.clear();
        Statement::Try { body, catch: Some(arms), finally }
    }

    fn call(&mut self) -> Statement {
        let what = if self.may_fail && self.pick(3) == 0 { "fail" } else { "call" };
        let name = self.name("g");
        let mut call = step(&name, Target::Flow(1), vec![text(what)], Some(self.own));
        if what == "fail" && self.pick(2) == 0 {
            let block = self.f.block(vec![Statement::Yield { value: text("caught") }]);
            call.catch = Some(catch(&["refused"], block, Some(self.own)));
        }
        Statement::Step(Box::new(call))
    }
}

fn world(plan: &Plan) -> World {
    World::new(plan.clone()).policy(answer)
}

fn end(played: &Played) -> (Option<RunStatus>, Option<serde_json::Value>, Option<Failure>) {
    (played.status, played.result.clone(), played.failure.clone())
}

#[test]
fn programs_end_the_same_in_any_order_and_after_any_crash() {
    let mut failed = 0;
    let mut branches = 0;
    for seed in 0..programs() {
        let plan = program(seed);
        let whole = world(&plan).play();
        assert!(whole.status.is_some(), "program {seed}: {whole:#?}");
        failed += u32::from(whole.status == Some(RunStatus::Failed));
        branches += whole.asked.iter().filter(|asked| asked.step.contains("/y")).count();
        for order in 1..6 {
            let mut world = world(&plan);
            world.seed = order;
            assert_eq!(end(&world.play()), end(&whole), "program {seed}, order {order}");
        }
        for at in 1..=whole.commits {
            let mut world = world(&plan);
            world.seed = seed;
            world.crash_after.insert(at);
            world.crash_before.insert(at + 2);
            assert_eq!(end(&world.play()), end(&whole), "program {seed}, cut at {at}");
        }
    }
    assert!(failed > 2 && branches > 20, "{failed} programs fail, {branches} steps are in branches");
}

#[test]
fn programs_can_be_cancelled_at_any_time() {
    for seed in 0..programs() / 2 {
        let plan = program(seed);
        let inputs = 2 * world(&plan).play().commits;
        for cancel in 1..inputs {
            let mut world = world(&plan);
            world.cancel_after = Some(cancel);
            world.seed = seed;
            let played = world.play();
            assert!(played.status.is_some(), "program {seed}, cancelled at {cancel}: {played:#?}");
        }
    }
}
