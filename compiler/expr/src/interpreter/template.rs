//! Templates: `"…${e}…"` and the directives of a block.

use flow_ir::expr::Piece;
use flow_ir::json::encode;
use flow_ir::{Type, Value};

use super::Machine;
use super::macros::Turns;
use crate::env::VALUE_BYTES_MAX;
use crate::functions::scalar_text;
use crate::{Error, values};

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn template(&mut self, pieces: &[Piece]) -> Result<Value, Error> {
        let mut out = String::new();
        self.pieces(pieces, &mut out)?;
        Ok(Value::String(out.into()))
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

    fn splice(&mut self, value: &Value, ty: &Type, out: &mut String) -> Result<(), Error> {
        match value {
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

    fn put(&self, text: &str, out: &mut String) -> Result<(), Error> {
        if out.len() + text.len() > VALUE_BYTES_MAX {
            return Err(crate::env::too_large());
        }
        self.env.meter.bytes(text.len())?;
        out.push_str(text);
        Ok(())
    }
}
