//! Values at the edge: JSON to values of a type and back, by one set of rules (T1, T2, T3, T5).

mod decode;
mod encode;
mod scalar;
mod shapes;

use crate::types::Where;
use crate::value::Violation;
use crate::{Type, TypeDefs, Value};

pub use encode::{encode, untyped};
pub use scalar::{duration_text, parse_duration, timestamp_text};
pub use shapes::{enum_shape, record_shape};

/// JSON that nests deeper is refused, and so are values.
pub const DEPTH_MAX: usize = 128;

/// An encoded value is at most 16 MiB.
pub const BYTES_MAX: usize = 16 << 20;

/// So many violations are reported; more would not help who repairs the answer.
pub const VIOLATIONS_MAX: usize = 20;

/// Evaluates `where` rules, which are expressions and so not known here.
pub trait Rules {
    /// Whether a value of the rule's base satisfies the rule; an error is a violation with this text.
    fn holds(&self, rule: &Where, value: &Value) -> Result<bool, String>;
}

/// Reads JSON as a value of a type, or says all that is wrong with it. `3` is a float too, `3.0` an int; a text is no
/// number; a missing `T?` field is null; further fields are left out.
pub fn decode(
    json: &serde_json::Value,
    ty: &Type,
    types: &TypeDefs,
    rules: &dyn Rules,
) -> Result<Value, Vec<Violation>> {
    decode::Decoder::new(types, rules).run(json, ty)
}

/// Makes a value one of a type, as `x as T` does: reads what is dynamic like JSON, checks refinements and rules of what
/// is typed. Or says all that is wrong with it.
pub fn conform(
    value: &Value,
    ty: &Type,
    types: &TypeDefs,
    rules: &dyn Rules,
) -> Result<Value, Vec<Violation>> {
    decode::Decoder::new(types, rules).run(value, ty)
}
