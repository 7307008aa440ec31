//! Regular expressions: RE2's patterns in linear time. A pattern is compiled once, not once per evaluation.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use ::regex::{Captures, Regex, RegexBuilder};

use flow_ir::Value;

use super::Sig::*;
use super::Style::{Both, Global};
use super::{LIST_STRING, Overload, Sig, int, re2, row, string};
use crate::env::{VALUE_BYTES_MAX, too_large};
use crate::{Env, Error};

pub(super) const ROWS: &[Overload] = &[
    row(
        "matches_string",
        "matches",
        Both,
        &[String, String],
        Bool,
        "whether the pattern occurs in it (RE2)",
        |env, a| {
            let (subject, pattern) = (string(a, 0)?, compiled(env, string(a, 1)?)?);
            pattern.charge(env, subject)?;
            Ok(Value::Bool(pattern.regex.is_match(subject)))
        },
    ),
    row(
        "regex_extract",
        "regex.extract",
        Global,
        &[String, String],
        Sig::Optional(&String),
        "the first match, or what its one group matched; an optional",
        |env, a| {
            let (subject, pattern) = (string(a, 0)?, compiled(env, string(a, 1)?)?);
            let group = pattern.group()?;
            pattern.charge(env, subject)?;
            let found = pattern.regex.captures(subject).and_then(|found| taken(&found, group));
            found.map_or(Ok(Value::Optional(None)), |found| {
                Ok(Value::Optional(Some(Arc::new(super::text(env, found)?))))
            })
        },
    ),
    row(
        "regex_extract_all",
        "regex.extractAll",
        Global,
        &[String, String],
        LIST_STRING,
        "all matches, or what its one group matched in each",
        |env, a| {
            let (subject, pattern) = (string(a, 0)?, compiled(env, string(a, 1)?)?);
            let group = pattern.group()?;
            pattern.charge(env, subject)?;
            let mut out = Vec::new();
            for found in pattern.regex.captures_iter(subject) {
                env.meter.charge(1)?;
                if let Some(found) = taken(&found, group) {
                    out.push(super::text(env, found)?);
                }
            }
            env.meter.elements(out.len())?;
            Ok(Value::list(out))
        },
    ),
    row(
        "regex_replace",
        "regex.replace",
        Global,
        &[String, String, String],
        String,
        "with each match replaced; \\1 stands for what the first group matched",
        |env, a| replace(env, a, usize::MAX),
    ),
    row(
        "regex_replace_some",
        "regex.replace",
        Global,
        &[String, String, String, Int],
        String,
        "with the first n matches replaced; below 0 all",
        |env, a| match int(a, 3)? {
            0 => string(a, 0).map(|subject| Value::String(subject.clone())),
            count => replace(env, a, usize::try_from(count).unwrap_or(usize::MAX)),
        },
    ),
];

/// A compiled pattern.
struct Pattern {
    regex: Regex,
    states: u64,
}

impl Pattern {
    /// Charges for a search: a step per byte and state is what it takes at worst.
    fn charge(&self, env: &Env<'_>, subject: &str) -> Result<(), Error> {
        env.meter.charge((subject.len() as u64).saturating_mul(self.states.saturating_add(4)) / 256)
    }

    /// The group that is taken out of a match: the only one, or all of it.
    fn group(&self) -> Result<usize, Error> {
        match self.regex.captures_len() - 1 {
            groups @ 0..=1 => Ok(groups),
            groups => Err(Error::value(format!("a regular expression of {groups} groups, where one may be"))),
        }
    }
}

/// What a group matched; a group that matched nothing counts as absent.
fn taken<'a>(found: &Captures<'a>, group: usize) -> Option<&'a str> {
    found.get(group).map(|found| found.as_str()).filter(|found| group == 0 || !found.is_empty())
}

fn replace(env: &Env<'_>, args: &[&Value], limit: usize) -> Result<Value, Error> {
    let (subject, pattern) = (string(args, 0)?, compiled(env, string(args, 1)?)?);
    let replacement = string(args, 2)?;
    pattern.charge(env, subject)?;
    env.meter.bytes(subject.len())?;
    let mut out = std::string::String::new();
    let mut push = |part: &str| {
        if out.len() + part.len() > VALUE_BYTES_MAX {
            return Err(too_large());
        }
        env.meter.charge(part.len() as u64 / 64)?;
        out.push_str(part);
        Ok(())
    };
    let mut last = 0;
    for found in pattern.regex.captures_iter(subject).take(limit) {
        let Some(all) = found.get(0) else { continue };
        env.meter.charge(1)?;
        push(&subject[last..all.start()])?;
        let mut rest = &**replacement;
        while let Some(at) = rest.find('\\') {
            env.meter.charge(1)?;
            push(&rest[..at])?;
            let mut after = rest[at + 1..].chars();
            match after.next() {
                Some('\\') => push("\\")?,
                Some(digit @ '0'..='9') => {
                    let group = digit as usize - '0' as usize;
                    if group >= pattern.regex.captures_len() {
                        return Err(Error::value(format!("the regular expression has no group {group}")));
                    }
                    push(found.get(group).map_or("", |found| found.as_str()))?;
                }
                _ => return Err(Error::value("a \\ in a replacement that no digit or \\ follows")),
            }
            rest = after.as_str();
        }
        push(rest)?;
        last = all.end();
    }
    push(&subject[last..])?;
    Ok(Value::string(out))
}

/// A pattern's program, and the tables that a search fills, are at most so large, in bytes.
const PROGRAM_BYTES_MAX: usize = 1 << 20;
const TABLES_BYTES_MAX: usize = 1 << 18;
const KEPT: usize = 128;
const RECENT: usize = 8;

/// `None` is what no pattern is: known as such too.
type Compiled = Option<Rc<Pattern>>;

/// The patterns used last, by their texts; and by their places in memory, which for a constant is enough.
#[derive(Default)]
struct Cache {
    recent: [Option<(Arc<str>, Compiled)>; RECENT],
    all: HashMap<Arc<str>, (Compiled, u64)>,
    uses: u64,
}

thread_local! {
    /// Changes no result and no charge. A `Regex` is shared, never cloned: a clone has to fill its tables anew.
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

fn compiled(env: &Env<'_>, text: &Arc<str>) -> Result<Rc<Pattern>, Error> {
    env.meter.charge(text.len() as u64 / 8 + 1)?;
    let kept = CACHE.with_borrow_mut(|cache| cache.get(text));
    match kept {
        Some(pattern) => {
            env.meter.charge(pattern.states / 16)?;
            Ok(pattern)
        }
        None => Err(Error::value(format!(
            "no regular expression: {}",
            crate::values::brief(&Value::String(text.clone()))
        ))),
    }
}

impl Cache {
    fn get(&mut self, text: &Arc<str>) -> Compiled {
        let place = (text.as_ptr() as usize >> 4) % RECENT;
        if let Some((kept, compiled)) = &self.recent[place]
            && Arc::ptr_eq(kept, text)
        {
            return compiled.clone();
        }
        self.uses += 1;
        let compiled = match self.all.get_mut(text) {
            Some((compiled, used)) => {
                *used = self.uses;
                compiled.clone()
            }
            None => {
                let compiled = compile(text);
                self.make_room();
                self.all.insert(text.clone(), (compiled.clone(), self.uses));
                compiled
            }
        };
        self.recent[place] = Some((text.clone(), compiled.clone()));
        compiled
    }

    /// Forgets the half that was used least lately.
    fn make_room(&mut self) {
        if self.all.len() < KEPT {
            return;
        }
        let mut uses: Vec<u64> = self.all.values().map(|(_, used)| *used).collect();
        uses.sort_unstable();
        let limit = uses[KEPT / 2];
        self.all.retain(|_, (_, used)| *used >= limit);
        self.recent = Default::default();
    }
}

fn compile(text: &str) -> Compiled {
    #[cfg(test)]
    COMPILED.with(|count| count.set(count.get() + 1));
    let re2::Pattern { text, states } = re2::translate(text)?;
    let regex = RegexBuilder::new(&text)
        .size_limit(PROGRAM_BYTES_MAX)
        .dfa_size_limit(TABLES_BYTES_MAX)
        .build()
        .ok()?;
    Some(Rc::new(Pattern { regex, states }))
}

#[cfg(test)]
thread_local! {
    static COMPILED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Meter, eval};
    use flow_ir::{Expr, TypeDefs};

    fn compilations(patterns: &[Value], turns: usize) -> u32 {
        let before = COMPILED.get();
        let types = TypeDefs::new();
        for turn in 0..turns {
            let args = vec![Expr::text("ab-12"), Expr::Const(patterns[turn % patterns.len()].clone())];
            let meter = Meter::default();
            let expr = Expr::Call { function: "matches_string".into(), args };
            let _ = eval(&expr, &Env::bare(&types, &meter));
        }
        COMPILED.get() - before
    }

    #[test]
    fn a_pattern_is_compiled_once() {
        assert_eq!(compilations(&[Value::string("^[a-z]+-[0-9]+$")], 1_000), 1);
        // A broken one, too, and a hundred constants that take turns.
        assert_eq!(compilations(&[Value::string("(")], 1_000), 1);
        let many: Vec<Value> = (0..100).map(|n| Value::string(format!("^x{n}"))).collect();
        assert_eq!(compilations(&many, 1_000), 100);
        // The same text elsewhere in memory is the same pattern.
        assert_eq!((0..100).map(|_| compilations(&[Value::string("same")], 1)).sum::<u32>(), 1);
    }
}
