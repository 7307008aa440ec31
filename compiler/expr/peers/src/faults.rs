//! Where the crate `cel` 0.15 is known to do something else, each with its reason. Whatever falls under none is a
//! disagreement. A reason counts only where what it names stands in the expression or its values.

use flow_expr::Error;
use flow_ir::{Expr, Value};

pub const PANICS: &str = "the crate panics";
const EMPTY_LEAST: &str =
    "math.least and math.greatest of a list written empty are refused, not an error when run";

/// One reason: its words, and whether it applies.
struct Fault {
    reason: &'static str,
    /// One of these rows stands in the expression.
    rows: &'static [&'static str],
    /// Something of this is a constant of the expression or a value of the frame.
    value: Option<fn(&Value) -> bool>,
}

/// What no row is: ours fails, the crate has a value.
const OPTIONAL_OF_SCALAR: &str =
    "a[?b], or a[b] of an optional, of what has no elements or no such index is absent, not an error";
const DEEP: &str = "an expression that nests more than 96 deep is refused";
const ABSENT_KEY: &str = "the key behind an absent optional isn't computed";

const FAULTS: &[Fault] = &[
    Fault { reason: "getMilliseconds of a duration", rows: &["duration_milliseconds"], value: None },
    Fault {
        reason: "a time zone without a name is UTC",
        rows: &[
            "get_full_year_zone",
            "get_month_zone",
            "get_day_of_month_zone",
            "get_date_zone",
            "get_day_of_year_zone",
            "get_day_of_week_zone",
            "get_hours_zone",
            "get_minutes_zone",
            "get_seconds_zone",
            "get_milliseconds_zone",
        ],
        value: None,
    },
    Fault {
        reason: "a leap second is kept as a 60th one",
        rows: &["timestamp_string"],
        value: Some(|value| value.as_str().is_some_and(|text| text.ends_with(":60Z"))),
    },
    Fault { reason: "floats are written without exponents", rows: &["string_float"], value: None },
    Fault { reason: "uint of a float between -1 and 0", rows: &["uint_float"], value: None },
    Fault {
        reason: "offsets at the end of a text",
        rows: &["index_of_offset_string", "last_index_of_offset_string"],
        value: None,
    },
    Fault { reason: "durations are read by way of floats", rows: &["duration_string"], value: None },
    Fault {
        reason: "durations written out are read by way of floats",
        rows: &[],
        value: Some(|value| matches!(value, Value::Duration(nanos) if nanos.unsigned_abs() > 1 << 53)),
    },
    Fault {
        reason: "order with NaN, which floats of any origin may be, is an error instead of false",
        rows: &[
            "less_float",
            "less_equal_float",
            "greater_float",
            "greater_equal_float",
            "less_int_float",
            "less_equal_int_float",
            "greater_int_float",
            "greater_equal_int_float",
            "less_float_int",
            "less_equal_float_int",
            "greater_float_int",
            "greater_equal_float_int",
            "less_uint_float",
            "less_equal_uint_float",
            "greater_uint_float",
            "greater_equal_uint_float",
            "less_float_uint",
            "less_equal_float_uint",
            "greater_float_uint",
            "greater_equal_float_uint",
        ],
        value: None,
    },
    Fault { reason: "a duration has no sign", rows: &["negate_duration"], value: None },
    Fault {
        reason: "ofNonZeroValue of an optional that is absent",
        rows: &["optional_of_non_zero"],
        value: None,
    },
    Fault { reason: "base64 with bits left over", rows: &["base64_decode"], value: None },
    Fault {
        reason: "the last day that jiff knows ends earlier",
        rows: &[
            "timestamp_string",
            "timestamp_int",
            "add_timestamp_duration",
            "add_duration_timestamp",
            "subtract_timestamp_duration",
        ],
        value: None,
    },
    Fault {
        reason: "a uint's text has a sign",
        rows: &["uint_string"],
        value: Some(|value| value.as_str().is_some_and(|text| text.starts_with('+'))),
    },
    Fault {
        reason: "a float's text beyond all floats is infinite",
        rows: &["double_string"],
        value: Some(|value| value.as_str() == Some("1e400")),
    },
    Fault { reason: "what can't be a key is in no map", rows: &["in_map"], value: None },
    Fault { reason: "lists.range below 0", rows: &["range_list"], value: None },
];

/// All reasons, so that one that nothing falls under any more is noticed.
pub fn reasons() -> impl Iterator<Item = &'static str> {
    [EMPTY_LEAST, OPTIONAL_OF_SCALAR].into_iter().chain(FAULTS.iter().map(|fault| fault.reason))
}

/// Why the crate refuses a text.
pub fn of_text(why: &str) -> Option<&'static str> {
    let known = [("invalid single argument value", EMPTY_LEAST), ("Recursion limit", DEEP)];
    known.iter().find(|(words, _)| why.contains(words)).map(|(_, reason)| *reason)
}

/// Why the crate says something else.
pub fn of(
    expr: &Expr,
    frame: &[Option<Value>],
    ours: &Result<Value, Error>,
    theirs: &Result<cel::Value, cel::ExecutionError>,
) -> Option<&'static str> {
    if theirs.is_ok()
        && matches!(ours, Err(error) if ["has no elements", "has no index"].iter().any(|words| error.message.contains(words)))
    {
        return stands(expr, &|expr| matches!(expr, Expr::Index { .. })).then_some(OPTIONAL_OF_SCALAR);
    }
    let is_absent = |expr: &Expr| match expr {
        Expr::Const(Value::Optional(None)) => true,
        Expr::Call { function, .. } => function.id() == "optional_none",
        _ => false,
    };
    if theirs.is_ok()
        && ours.is_err()
        && stands(expr, &|expr| matches!(expr, Expr::Index { of, .. } if is_absent(of)))
    {
        return Some(ABSENT_KEY);
    }
    let applies = |fault: &&Fault| {
        let rows = fault.rows.is_empty()
            || stands(
                expr,
                &|expr| matches!(expr, Expr::Call { function, .. } if fault.rows.contains(&function.id().as_str())),
            );
        let value = fault.value.is_none_or(|test| {
            frame.iter().flatten().any(|value| within(value, test))
                || stands(expr, &|expr| matches!(expr, Expr::Const(value) if within(value, test)))
        });
        rows && value
    };
    FAULTS.iter().find(applies).map(|fault| fault.reason)
}

fn stands(expr: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = test(expr);
    expr.children(&mut |child| found = found || stands(child, test));
    found
}

/// Whether a test holds for a value or something in it.
fn within(value: &Value, test: fn(&Value) -> bool) -> bool {
    test(value)
        || match value {
            Value::List(items) => items.iter().any(|item| within(item, test)),
            Value::Map(map) => map.values().any(|value| within(value, test)),
            Value::Optional(Some(value)) => within(value, test),
            _ => false,
        }
}
