//! Templates: `"…${e}…"` and the directives of a block.

use std::sync::Arc;

use flow_ir::expr::Piece;
use flow_ir::json::encode;
use flow_ir::value::{MediaSource, MediaValue};
use flow_ir::{Expr, Type, Value};

use super::Machine;
use super::macros::Turns;
use crate::env::VALUE_BYTES_MAX;
use crate::functions::scalar_text;
use crate::{Env, Error, values};

/// What is said to a model: a text, and the images, recordings and files in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// The text.
    pub text: String,
    /// What stands in it, each with the byte of the text that it stands before, in order.
    pub media: Vec<(usize, Arc<MediaValue>)>,
}

/// Evaluates a text of a message, in which images, recordings and files may stand: `"What is this? ${photo}"`. The text
/// is at most 16 MiB, and so is what stands in it.
pub fn say(expr: &Expr, env: &Env<'_>) -> Result<Said, Error> {
    let Expr::Template(pieces) = expr else {
        return match super::eval(expr, env)? {
            Value::String(text) => Ok(Said { text: text.to_string(), media: Vec::new() }),
            Value::Null => Ok(Said::default()),
            other => Err(Error::value(format!("{} is no message", values::kind_name(&other)))),
        };
    };
    let mut machine = Machine::new(env, 0);
    machine.media = Some(Vec::new());
    let mut text = String::new();
    machine.pieces(pieces, &mut text)?;
    Ok(Said { text, media: machine.media.take().unwrap_or_default() })
}

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn template(&mut self, pieces: &[Piece]) -> Result<Value, Error> {
        let mut out = String::new();
        // A text within a message's text is a text.
        let media = self.media.take();
        let done = self.pieces(pieces, &mut out);
        self.media = media;
        done?;
        Ok(Value::String(out.into()))
    }

    /// Puts something that is no text where the text ends so far.
    fn put_media(&mut self, value: &Arc<MediaValue>, out: &str) -> Result<(), Error> {
        let size = |value: &MediaValue| match &value.source {
            MediaSource::Bytes(bytes) => bytes.len(),
            MediaSource::Url(url) => url.len(),
        };
        let Some(media) = &mut self.media else {
            return Err(Error::value("media can't stand in a text"));
        };
        let sum = media.iter().map(|(_, value)| size(value)).sum::<usize>() + size(value);
        if sum > VALUE_BYTES_MAX {
            return Err(crate::env::too_large());
        }
        self.env.meter.bytes(size(value))?;
        media.push((out.len(), value.clone()));
        Ok(())
    }

    fn pieces(&mut self, pieces: &[Piece], out: &mut String) -> Result<(), Error> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.put(text, out)?,
                Piece::Splice { value, ty } => {
                    if let Some(Value::String(text)) = self.peek(value) {
                        let text = text.clone();
                        self.put(&text, out)?;
                    } else {
                        let value = self.eval(value)?;
                        self.splice(&value, ty, out)?;
                    }
                }
                Piece::For { over, index, item, body } => {
                    let turns = Turns::of(self.eval(over)?)?;
                    let vars: &[u32] = match index {
                        Some(index) => &[*index, *item],
                        None => &[*item],
                    };
                    for turn in 0..turns.len() {
                        self.bind(&turns, turn, vars)?;
                        self.pieces(body, out)?;
                    }
                }
                Piece::If { test, then, otherwise } => {
                    // An `else if` is an `If` alone in `otherwise`: a chain, followed without going deeper.
                    let (mut test, mut then, mut otherwise) = (test, then, otherwise);
                    loop {
                        if self.test(test)? {
                            self.pieces(then, out)?;
                            break;
                        }
                        match &otherwise[..] {
                            [Piece::If { test: test_next, then: then_next, otherwise: otherwise_next }] => {
                                (test, then, otherwise) = (test_next, then_next, otherwise_next);
                            }
                            rest => {
                                self.pieces(rest, out)?;
                                break;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn splice(&mut self, value: &Value, ty: &Type, out: &mut String) -> Result<(), Error> {
        match value {
            Value::Media(media) => self.put_media(media, out),
            Value::String(text) => self.put(text, out),
            Value::Optional(Some(value)) => self.splice(value, ty, out),
            Value::Null | Value::Optional(None) => self.put("null", out),
            Value::List(_) | Value::Map(_) | Value::Record(_) => {
                values::measure(value, self.env.meter)?;
                let json = encode(value, ty, self.env.types).map_err(|why| Error::value(why.to_string()))?;
                self.put(&json.to_string(), out)
            }
            scalar => match scalar_text(scalar) {
                Some(text) => self.put(&text, out),
                None => Err(Error::value(format!("{} can't stand in a text", values::kind_name(scalar)))),
            },
        }
    }

    pub(crate) fn put(&self, text: &str, out: &mut String) -> Result<(), Error> {
        if out.len() + text.len() > VALUE_BYTES_MAX {
            return Err(crate::env::too_large());
        }
        self.env.meter.bytes(text.len())?;
        out.push_str(text);
        Ok(())
    }
}
