//! Graphs, races, emitted values, sagas.

use super::{End, Place, Ty, Var, Write, Writer};
use crate::sim::program::Order;

impl Writer {
    pub(super) fn graph(&mut self, place: &Place) {
        let (name, stages, max) = (self.name("graph"), 1 + self.dice.below(3), 2 + self.dice.below(4));
        let value = self.dice.one_in(2).then(|| (self.name("s"), self.ty()));
        let names: Vec<String> = (0..stages).map(|_| self.name("stage")).collect();
        let has_else = !place.may_fail || self.dice.one_in(2);
        match &value {
            Some((bound, ty)) => self.open(&format!("let {bound}: {} = graph {name} max {max}", ty.name())),
            None => self.open(&format!("graph {name} max {max}")),
        }
        let yields = value.as_ref().map_or(place.yields, |(_, ty)| Some(*ty));
        let inner = Place { in_loop: false, yields, ..place.inside() };
        for (at, stage) in names.iter().enumerate() {
            let before = self.vars.len();
            if at == 0 {
                self.open(&format!("stage {stage}"));
            } else {
                let param = self.name("x");
                self.open(&format!("stage {stage}({param}: string)"));
                self.vars.push(Var { name: param, ty: Ty::Text, write: Write::No });
            }
            if !self.statements(&inner) {
                self.leave_stage(&names, at, value.as_ref().map(|(_, ty)| *ty), &inner);
            }
            self.vars.truncate(before);
            self.close("");
        }
        if has_else {
            self.close(" else {");
            self.indent += 1;
            let end = value.as_ref().map_or(End::Open, |(_, ty)| End::Yield(*ty));
            self.inside(&Place { yields, ..place.inside() }, end);
        }
        self.close("");
        if let Some((name, ty)) = value {
            self.vars.push(Var { name, ty, write: Write::No });
        }
    }

    /// Every stage may go on to any other, and the last one leaves.
    fn leave_stage(&mut self, names: &[String], at: usize, value: Option<Ty>, place: &Place) {
        let to = self.dice.below(names.len());
        let (test, goto) = (self.bool(), self.goto(names, to));
        self.line(&format!("{goto} if {test}"));
        if at + 1 < names.len() {
            let goto = self.goto(names, at + 1);
            return self.line(&goto);
        }
        match value {
            Some(ty) => self.give("yield", ty, place),
            None => self.line("break"),
        }
    }

    fn goto(&mut self, names: &[String], to: usize) -> String {
        match to {
            0 => format!("goto {}", names[0]),
            _ => format!("goto {}({})", names[to], self.text()),
        }
    }

    pub(super) fn race(&mut self, place: &Place) {
        let value = self.dice.one_in(2).then(|| (self.name("s"), self.ty()));
        match &value {
            Some((name, ty)) => self.open(&format!("let {name}: {} = race", ty.name())),
            None => self.open("race"),
        }
        let free = self.order == Order::Free;
        // Without faults that are told a call is answered long before three days are over.
        let calls = if free { 1 } else { 1 + self.dice.below(2) };
        let ty = value.as_ref().map(|(_, ty)| *ty);
        for _ in 0..calls {
            let (name, asked) = (self.name("s"), self.asked_in_race());
            let before = self.vars.len();
            self.vars.push(Var { name: name.clone(), ty: asked.0, write: Write::No });
            self.arm_of_race(&format!("when let {name} = {}", asked.1), ty, place);
            self.vars.truncate(before);
        }
        if !free && self.dice.one_in(2) {
            self.open("when do");
            let lead = self.call_line();
            let (name, call) = (self.name("s"), self.asked_in_race().1);
            self.line(&lead);
            self.line(&format!("{call} as {name}"));
            self.indent -= 1;
            self.arm_of_race("}", ty, place);
        }
        let (name, time) = (self.name("w"), if free { String::from("3d") } else { self.seconds() });
        self.arm_of_race(&format!("when wait {time} as {name}"), ty, place);
        let catch = match ty {
            Some(ty) if self.dice.one_in(3) => format!(" catch {}", self.expr(ty)),
            _ => String::new(),
        };
        self.close(&catch);
        if let Some((name, ty)) = value {
            self.vars.push(Var { name, ty, write: Write::No });
        }
    }

    fn seconds(&mut self) -> String {
        format!("{}s", 1 + self.dice.below(4))
    }

    /// A call that may be made in vain.
    fn asked_in_race(&mut self) -> (Ty, String) {
        let question = self.question();
        match self.dice.below(5) {
            0 => (Ty::Text, format!("look({question})")),
            1 => (Ty::Kind, format!("sort({question})")),
            2 => (Ty::Texts, format!("words({question})")),
            3 => (Ty::Text, String::from("say(\"!refused in a race\")")),
            _ => (Ty::Text, format!("say({question})")),
        }
    }

    fn arm_of_race(&mut self, head: &str, value: Option<Ty>, place: &Place) {
        match value {
            Some(ty) if self.dice.one_in(2) => {
                let value = self.expr(ty);
                self.line(&format!("{head} => {value}"));
            }
            Some(ty) => {
                self.open(&format!("{head} =>"));
                self.inside(&Place { yields: Some(ty), ..place.inside() }, End::Yield(ty));
                self.close("");
            }
            None => {
                self.open(&format!("{head} =>"));
                self.inside(&place.inside(), End::Open);
                self.close("");
            }
        }
    }

    /// A value for whoever called the flow.
    pub(super) fn emit(&mut self) {
        let (name, text) = (self.name("m"), self.text());
        self.line(&format!("emit {text} as {name}"));
    }

    /// Steps that are taken back if a failure leaves them.
    pub(super) fn saga(&mut self, place: &Place) {
        self.open("saga");
        let before = self.vars.len();
        for _ in 0..=self.dice.below(2) {
            let (name, ty) = (self.name("s"), [Ty::Text, Ty::Int, Ty::Review][self.dice.below(3)]);
            let Some(call) = self.call_of(ty, place) else { continue };
            let (undo, question) = (self.dice.below(4), self.question());
            let undo = match undo {
                0 => format!("send({question})"),
                1 => format!("say({question})"),
                _ => format!("pay({question})"),
            };
            self.line(&format!("let {name}: {} = {call} undo {undo}", ty.name()));
            self.vars.push(Var { name, ty, write: Write::No });
        }
        self.rest(&place.inside(), End::Open);
        self.vars.truncate(before);
        self.close("");
    }
}
