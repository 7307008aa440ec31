//! Loops, branches, clean-up, jumps.

use super::{End, Place, Ty, Var, Write, Writer};
use crate::sim::program::Order;

impl Writer {
    pub(super) fn turns(&mut self, place: &Place) {
        let (name, max) = (self.name("loop"), 1 + self.dice.below(3));
        let has_else = !place.may_fail || self.dice.one_in(2);
        let (test, has_test) = match self.dice.below(3) {
            0 => (String::new(), false),
            1 => (format!(" while {}", self.bool()), true),
            _ => (format!(" until {}", self.bool()), true),
        };
        let inner = Place { in_loop: true, ..place.inside() };
        self.open(&format!("loop {name} max {max}{test}"));
        let before = self.vars.len();
        self.vars.push(Var { name: String::from("loop.index"), ty: Ty::Int, write: Write::No });
        let lead = match !has_test && (!has_else || self.dice.one_in(2)) {
            true => vec![format!("break if {}", self.bool())],
            false => Vec::new(),
        };
        self.inside_after(&lead, &inner, End::Open);
        self.vars.truncate(before);
        if has_else {
            self.close(" else {");
            self.indent += 1;
            self.inside(&place.inside(), End::Open);
        }
        self.close("");
    }

    /// A list to walk, and what has to be said of its size.
    fn over(&mut self, place: &Place) -> (String, String) {
        match self.var(Ty::Texts) {
            Some(name) if place.may_fail && self.dice.one_in(2) => {
                (name, format!(" max {}", 2 + self.dice.below(4)))
            }
            Some(name) if self.dice.one_in(2) => (format!("{name}.take(3)"), String::from(" max 3")),
            _ => match self.dice.below(3) {
                0 => (String::from("[\"p\"]"), String::new()),
                1 => (String::from("[\"p\", \"q\"]"), String::new()),
                _ => (String::from("[\"p\", \"q\", \"r\", \"t\"]"), String::from(" max 4")),
            },
        }
    }

    pub(super) fn walk(&mut self, place: &Place) {
        let (item, index, (over, max)) = (self.name("x"), self.name("i"), self.over(place));
        let before = self.vars.len();
        let head = match self.dice.one_in(2) {
            true => {
                self.vars.push(Var { name: index.clone(), ty: Ty::Int, write: Write::No });
                format!("for {index}, {item} in {over}{max}")
            }
            false => format!("for {item} in {over}{max}"),
        };
        self.vars.push(Var { name: item, ty: Ty::Text, write: Write::No });
        self.open(&head);
        self.inside(&Place { in_loop: true, ..place.inside() }, End::Open);
        self.close("");
        self.vars.truncate(before);
    }

    /// What is allowed in a branch.
    fn branch(&self, place: &Place) -> Place {
        Place {
            in_loop: false,
            yields: None,
            returns: None,
            emits: place.emits && self.order == Order::Matters,
            may_fail: self.order == Order::Matters,
            in_branch: true,
            ..place.inside()
        }
    }

    pub(super) fn fork(&mut self, place: &Place) {
        self.open("parallel");
        let inner = self.branch(place);
        let outside = self.vars.clone();
        let count = 2 + self.dice.below(2);
        // State without a rule is written by one branch, which is then the only one to see it.
        let owner: Vec<usize> = outside.iter().map(|_| self.dice.below(count + 2)).collect();
        let mut bound = Vec::new();
        for branch in 0..count {
            self.vars = Vec::new();
            for (var, owner) in outside.iter().zip(&owner) {
                match var.write {
                    Write::Assign if *owner == branch => self.vars.push(var.clone()),
                    Write::Assign if *owner >= count => {
                        self.vars.push(Var { write: Write::No, ..var.clone() })
                    }
                    Write::Assign => {}
                    _ => self.vars.push(var.clone()),
                }
            }
            let ty = self.ty();
            match self.dice.below(3) {
                0 => {
                    self.open("do");
                    self.inside(&inner, End::Open);
                    self.close("");
                }
                1 => {
                    let ty = if ty == Ty::Bool { Ty::Int } else { ty };
                    let (name, call) = (self.name("s"), self.call_of(ty, &inner));
                    let catch = if self.dice.one_in(3) { self.catch_of(ty, &inner) } else { String::new() };
                    self.line(&format!("let {name}: {} = {}{catch}", ty.name(), call.unwrap_or_default()));
                    bound.push(Var { name, ty, write: Write::No });
                }
                _ => {
                    let name = self.name("s");
                    self.open(&format!("let {name}: {} = do", ty.name()));
                    self.inside(&Place { yields: Some(ty), ..inner.clone() }, End::Yield(ty));
                    self.close("");
                    bound.push(Var { name, ty, write: Write::No });
                }
            }
        }
        self.close("");
        self.vars = outside;
        self.vars.extend(bound);
    }

    pub(super) fn fan_out(&mut self, place: &Place) {
        let (name, item, index, ty) = (self.name("s"), self.name("y"), self.name("i"), self.ty());
        let (over, max) = self.over(place);
        let with_index = self.dice.one_in(3);
        // Equal keys fail before the first branch.
        let key = match self.dice.below(4) {
            0 if place.may_fail => format!(" by {item}"),
            1 if over.starts_with('[') => format!(" by {item}"),
            2 if with_index => format!(" by {index}"),
            _ => String::new(),
        };
        let jobs =
            if self.dice.one_in(2) { format!(" jobs {}", 1 + self.dice.below(3)) } else { String::new() };
        let collects = self.dice.one_in(3);
        let gives = collects || self.dice.one_in(2);
        let mut inner = self.branch(place);
        inner.may_fail |= collects;
        let outside = self.vars.clone();
        for var in &mut self.vars {
            if var.write == Write::Assign {
                var.write = Write::No;
            }
        }
        self.vars.push(Var { name: item.clone(), ty: Ty::Text, write: Write::No });
        let bound = match with_index {
            true => {
                self.vars.push(Var { name: index.clone(), ty: Ty::Int, write: Write::No });
                format!("{index}, {item}")
            }
            false => item,
        };
        let collect = if collects { " collect" } else { "" };
        let head = format!("parallel for {bound} in {over}{key}{max}{jobs}{collect}");
        if gives {
            self.open(&format!("let {name} = {head}"));
            self.inside(&Place { yields: Some(ty), ..inner }, End::Yield(ty));
        } else {
            self.open(&head);
            self.inside(&inner, End::Open);
        }
        self.vars = outside;
        let catches = gives && !collects && self.dice.one_in(3);
        self.close(if catches { " catch []" } else { "" });
        if gives {
            let told = self.name("s");
            let size = if collects {
                format!("{name}.ok.size() * 10 + {name}.failed.size()")
            } else {
                format!("{name}.size()")
            };
            if collects || ty != Ty::Text {
                self.line(&format!("let {told}: int = {size}"));
                self.vars.push(Var { name: told, ty: Ty::Int, write: Write::No });
            } else {
                self.line(&format!("let {told}: [string] = {name}"));
                self.vars.push(Var { name: told, ty: Ty::Texts, write: Write::No });
            }
        }
    }

    /// `do`, with a value and a `catch` or without.
    pub(super) fn group(&mut self, place: &Place) {
        if self.dice.one_in(3) {
            self.open("do");
            self.inside(&Place { yields: None, ..place.inside() }, End::Open);
            return self.close("");
        }
        let (name, ty) = (self.name("s"), self.ty());
        let catches = self.dice.one_in(2);
        let may_fail = place.may_fail || catches;
        self.open(&format!("let {name}: {} = do", ty.name()));
        let catch = if catches { format!(" catch {}", self.expr(ty)) } else { String::new() };
        let lead = if catches { vec![self.call_line()] } else { Vec::new() };
        self.inside_after(&lead, &Place { yields: Some(ty), may_fail, ..place.inside() }, End::Yield(ty));
        self.close(&catch);
        self.vars.push(Var { name, ty, write: Write::No });
    }

    /// A call alone on its line: something in the block can fail in ways that an arm may name.
    pub(super) fn call_line(&mut self) -> String {
        let (question, name) = (self.question(), self.name("s"));
        format!("say({question}) as {name}")
    }

    pub(super) fn attempt(&mut self, place: &Place) {
        let catches = self.dice.below(4) > 0;
        let cleans = !catches || self.dice.one_in(2);
        let may_fail = place.may_fail || catches;
        self.open("try");
        let mut lead = vec![self.call_line()];
        let names_own = catches && self.dice.one_in(2);
        if names_own {
            lead.push(format!("fail boom(\"own\") if {}", self.bool()));
        }
        self.inside_after(&lead, &Place { may_fail, ..place.inside() }, End::Open);
        if catches {
            self.close(" catch {");
            self.indent += 1;
            if names_own {
                self.open("when boom =>");
                self.inside(&place.inside(), End::Open);
                self.close("");
            }
            let error = self.name("e");
            self.open(&format!("else as {error} =>"));
            let before = self.vars.len();
            self.vars.push(Var { name: format!("{error}.message"), ty: Ty::Text, write: Write::No });
            let lead = match place.may_fail && self.dice.one_in(3) {
                true => vec![format!("fail {error} if {}", self.bool())],
                false => Vec::new(),
            };
            self.inside_after(&lead, &Place { error: Some(error), ..place.inside() }, End::Open);
            self.vars.truncate(before);
            self.close("");
        }
        if cleans {
            self.close(" finally {");
            self.indent += 1;
            let inner = Place { in_loop: false, yields: None, returns: None, ..place.inside() };
            self.inside(&inner, End::Open);
        }
        self.close("");
    }

    /// Something that fails; returns whether it leaves.
    pub(super) fn failing(&mut self, place: &Place) -> bool {
        let test = self.bool();
        let name = self.name("s");
        match self.dice.below(7) {
            0 => self.line(&format!("fail boom(\"on purpose\") if {test}")),
            1 => self.line(&format!("let {name} = say(\"!refused {name}\")")),
            2 => self.line(&format!("let {name} = look(\"!unavailable {name}\")")),
            3 => self.line(&format!("let {name} = 10 / (a.size() - a.size())")),
            4 => self.line(&format!("let {name} = count(a) as int(0..1)")),
            5 => {
                self.line("fail own(\"for good\")");
                return true;
            }
            _ => match &place.error {
                Some(error) => {
                    let text = format!("fail {error}");
                    self.line(&text);
                    return true;
                }
                None => self.line(&format!("reject(\"{name}\") as {name}")),
            },
        }
        false
    }

    pub(super) fn wait(&mut self) {
        let name = self.name("w");
        let text = match self.dice.below(8) {
            0 => format!("wait 3d as {name}"),
            1 => format!("wait until run.started_at + {}s as {name}", self.dice.below(20)),
            2 => format!("wait 0s as {name}"),
            _ => format!("wait {}s as {name}", 1 + self.dice.below(9)),
        };
        self.line(&text);
    }

    /// Leaves the loop, the block or the flow; returns whether it surely does.
    pub(super) fn jump(&mut self, place: &Place) -> bool {
        let mut all = Vec::new();
        if place.in_loop {
            all.extend(["break", "continue"].map(String::from));
        }
        if let Some(ty) = place.yields {
            all.push(format!("yield {}", self.expr(ty)));
        }
        if let Some(ty) = place.returns {
            all.push(format!("return {}", self.expr(ty)));
        }
        if all.is_empty() {
            self.ask(place, true);
            return false;
        }
        let jump = all[self.dice.below(all.len())].clone();
        let guarded = place.depth == 0 || self.dice.below(3) > 0;
        let text = if guarded { format!("{jump} if {}", self.bool()) } else { jump };
        self.line(&text);
        !guarded
    }
}
