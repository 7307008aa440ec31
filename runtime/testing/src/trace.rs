//! What has happened in a test: calls, in the order in which they began, and what came of each.

use flow_ir::Value;
use flow_ir::json;
use flow_ir::test::Subject;

/// Letters of a value that are shown at most.
const SHOWN_MAX: usize = 160;

/// A call of a node or flow.
pub(crate) struct Call {
    pub of: Subject,
    /// As a run of its flow would have it.
    pub coordinate: String,
    /// As the engine has it.
    pub raw: String,
    /// `critique(text: "…")`.
    pub shown: String,
    /// When it began and ended, counted in what happened.
    pub began: usize,
    pub ended: Option<usize>,
}

#[derive(Default)]
pub(crate) struct Calls {
    pub all: Vec<Call>,
    happened: usize,
}

impl Calls {
    pub(crate) fn begin(&mut self, of: Subject, coordinate: String, raw: &str, shown: String) {
        self.happened += 1;
        let call = Call { of, coordinate, raw: raw.to_owned(), shown, began: self.happened, ended: None };
        self.all.push(call);
    }

    /// A step is over; and so far, all flows around it.
    pub(crate) fn end(&mut self, raw: &str) {
        self.happened += 1;
        for call in &mut self.all {
            let is_flow = matches!(call.of, Subject::Flow(_));
            let beneath = raw.strip_prefix(&call.raw).is_some_and(|rest| rest.starts_with('/'));
            if (call.raw == raw && call.ended.is_none()) || (is_flow && beneath) {
                call.ended = Some(self.happened);
            }
        }
    }

    /// Returns the calls of a node, a flow or a coordinate.
    pub(crate) fn of<'c>(&'c self, subject: &'c Subject) -> impl Iterator<Item = &'c Call> {
        self.all.iter().filter(move |call| match subject {
            Subject::At(pattern) => matches(pattern, &call.coordinate),
            subject => call.of == *subject,
        })
    }
}

/// Whether a coordinate is meant by one that a test names: a segment without its index stands for each.
pub(crate) fn matches(pattern: &str, coordinate: &str) -> bool {
    let (mut wanted, mut known) = (pattern.split('/'), coordinate.split('/'));
    loop {
        match (wanted.next(), known.next()) {
            (None, None) => return true,
            (Some(wanted), Some(known)) if wanted == known => {}
            (Some(wanted), Some(known))
                if known
                    .strip_suffix(']')
                    .and_then(|known| known.split_once('['))
                    .is_some_and(|(name, _)| name == wanted) => {}
            _ => return false,
        }
    }
}

/// Writes a value for people.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Duration(nanos) => json::duration_text(*nanos),
        Value::Timestamp(at) => json::timestamp_text(*at),
        _ => match json::untyped(value) {
            Ok(json) => shorten(&json.to_string()),
            Err(violation) => violation.to_string(),
        },
    }
}

/// Cuts what is too long to be read.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_without_its_index_is_any() {
        assert!(matches("a/b/c", "a/b[3]/c"));
        assert!(matches("a/b[3]/c", "a/b[3]/c"));
        assert!(!matches("a/b[2]/c", "a/b[3]/c"));
        assert!(!matches("a/b", "a/b[3]/c"));
        assert!(!matches("a/bb", "a/b[3]"));
        assert!(matches("a/b[x]/c", "a/b[x]/c"));
    }
}
