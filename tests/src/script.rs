//! What the outside answers in a case: a line per input and per answer of a step.

use std::collections::HashMap;

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value as Json};

/// Inputs and answers.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// `input NAME = JSON`.
    pub inputs: Map<String, Json>,
    /// By coordinate; used in order.
    pub replies: HashMap<String, Vec<Reply>>,
    /// `cancel after 2s`: when the run is asked to stop for good, in milliseconds from its start.
    pub cancel_after_ms: Option<u64>,
    /// `deliver EVENT = JSON after 2s`: what comes for an event, and when after the start, in milliseconds.
    pub deliveries: Vec<(String, Json, u64)>,
}

/// What comes of an attempt.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What it is.
    pub kind: ReplyKind,
    /// How long it takes, in milliseconds of virtual time.
    pub after_ms: u64,
    /// Tokens read and written.
    pub usage: Option<(u64, u64)>,
}

/// What an answer is.
#[derive(Clone, Debug)]
pub enum ReplyKind {
    /// `= JSON`: a value; a model says it as JSON, or as it stands if it is asked for text.
    Value(Json),
    /// `~ "text"`: what a model or server says, to the letter.
    Raw(String),
    /// `! kind "message"`.
    Failure(String, String),
    /// `status 404 "text"`: an answer of a server.
    Status(u16, String),
    /// `calls search {"query": "x"} now {}`: tools that a model asks for, each with its arguments as it writes them.
    Calls(Vec<(String, String)>),
}

impl Script {
    /// Reads a `script` block.
    ///
    /// # Errors
    /// A line isn't of the form.
    pub fn parse(text: &str) -> anyhow::Result<Script> {
        let mut script = Script::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            script.line(line).with_context(|| format!("script line `{line}`"))?;
        }
        Ok(script)
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        let (first, rest) = line.split_once(' ').context("a coordinate and what comes of it")?;
        if first == "input" {
            let (name, value) = rest.split_once(" = ").context("`input NAME = JSON`")?;
            self.inputs.insert(name.to_owned(), serde_json::from_str(value)?);
            return Ok(());
        }
        if first == "cancel" {
            let time = rest.strip_prefix("after ").context("`cancel after 2s`")?;
            self.cancel_after_ms = Some(milliseconds(time)?);
            return Ok(());
        }
        if first == "deliver" {
            let (event, value) = rest.split_once(" = ").context("`deliver EVENT = JSON`")?;
            let (body, rest) = json(value)?;
            let after_ms = match rest.trim().split_once(' ') {
                Some(("after", time)) => milliseconds(time)?,
                _ => 0,
            };
            self.deliveries.push((event.to_owned(), body, after_ms));
            return Ok(());
        }
        let (sign, rest) = rest.split_once(' ').context("`= JSON`, `! kind \"message\"`")?;
        let (kind, rest) = match sign {
            "=" => json(rest).map(|(value, rest)| (ReplyKind::Value(value), rest))?,
            "~" => text(rest).map(|(text, rest)| (ReplyKind::Raw(text), rest))?,
            "!" => {
                let (kind, rest) = rest.split_once(' ').context("a kind and a message")?;
                let (message, rest) = text(rest)?;
                (ReplyKind::Failure(kind.to_owned(), message), rest)
            }
            "status" => {
                let (code, rest) = rest.split_once(' ').context("a status and a text")?;
                let (body, rest) = text(rest)?;
                (ReplyKind::Status(code.parse()?, body), rest)
            }
            "calls" => calls(rest).map(|(calls, rest)| (ReplyKind::Calls(calls), rest))?,
            _ => bail!("`=`, `~`, `!`, `status` or `calls` after the coordinate"),
        };
        let mut reply = Reply { kind, after_ms: 0, usage: None };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let mut words = words.as_slice();
        while let [word, more @ ..] = words {
            words = match (*word, more) {
                ("after", [time, more @ ..]) => {
                    reply.after_ms = milliseconds(time)?;
                    more
                }
                ("usage", [input, output, more @ ..]) => {
                    reply.usage = Some((input.parse()?, output.parse()?));
                    more
                }
                _ => bail!("`after 2s` or `usage 10 20`, not `{word}`"),
            };
        }
        self.replies.entry(first.to_owned()).or_default().push(reply);
        Ok(())
    }
}

/// Reads `2s`, `500ms`, `8h`.
fn milliseconds(time: &str) -> anyhow::Result<u64> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let mut found =
        units.iter().filter_map(|(unit, ms)| Some((time.strip_suffix(unit)?.parse::<u64>().ok()?, ms)));
    found.next().map(|(number, ms)| number * ms).with_context(|| format!("a time such as `2s`, not `{time}`"))
}

/// Reads a JSON value at the beginning of a text.
fn json(text: &str) -> anyhow::Result<(Json, &str)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let value = stream.next().context("a JSON value")??;
    Ok((value, &text[stream.byte_offset()..]))
}

/// Reads names, each with its arguments: a JSON value, or a text that is taken to the letter.
fn calls(mut rest: &str) -> anyhow::Result<(Vec<(String, String)>, &str)> {
    let mut calls = Vec::new();
    loop {
        let trimmed = rest.trim_start();
        let Some((name, after)) = trimmed.split_once(' ') else { break };
        let starts = after.trim_start().chars().next();
        if !starts.is_some_and(|c| "{[\"".contains(c)) {
            break;
        }
        let (arguments, after) = json(after)?;
        let arguments = match arguments {
            Json::String(text) => text,
            json => json.to_string(),
        };
        calls.push((name.to_owned(), arguments));
        rest = after;
    }
    ensure!(!calls.is_empty(), "a tool and its arguments");
    Ok((calls, rest))
}

fn text(from: &str) -> anyhow::Result<(String, &str)> {
    let (value, rest) = json(from)?;
    ensure!(value.is_string(), "a text in quotes");
    Ok((value.as_str().unwrap_or_default().to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_line() {
        let script = Script::parse(
            "input n = 3\nmain/a = {\"x\": 1} after 2s usage 10 20\nmain/a ~ \"{\" after 5ms\n\nmain/b ! timeout \"slow\"\nmain/c status 404 \"gone\"\ncancel after 3s\n",
        )
        .expect("it is of the form");
        assert_eq!(script.inputs["n"], 3);
        let a = &script.replies["main/a"];
        assert_eq!((a[0].after_ms, a[0].usage, a[1].after_ms), (2000, Some((10, 20)), 5));
        assert!(
            matches!(&script.replies["main/b"][0].kind, ReplyKind::Failure(kind, _) if kind == "timeout")
        );
        assert!(matches!(&script.replies["main/c"][0].kind, ReplyKind::Status(404, _)));
        assert_eq!(script.cancel_after_ms, Some(3_000));
        let script = Script::parse("main/a/turn[0] calls find {\"q\": 1} now {} find \"{oops\" usage 1 2")
            .expect("it is of the form");
        let reply = &script.replies["main/a/turn[0]"][0];
        let ReplyKind::Calls(calls) = &reply.kind else { panic!("{reply:?}") };
        let written = calls.iter().map(|(name, arguments)| (name.as_str(), arguments.as_str()));
        assert_eq!(written.collect::<Vec<_>>(), [("find", "{\"q\":1}"), ("now", "{}"), ("find", "{oops")]);
        assert_eq!(reply.usage, Some((1, 2)));
        assert!(Script::parse("main/a").is_err() && Script::parse("main/a = {").is_err());
        assert!(Script::parse("main/a = 1 later").is_err());
        let script = Script::parse("deliver paid = {\"id\": 1} after 3d\ndeliver paid = 2")
            .expect("it is of the form");
        assert_eq!(script.deliveries[0], (String::from("paid"), serde_json::json!({"id": 1}), 259_200_000));
        assert_eq!(script.deliveries[1].2, 0);
    }
}
