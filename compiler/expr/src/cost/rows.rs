//! What each row of the table of functions charges, and what its result is like. A row that isn't named here charges
//! nothing and gives a scalar; the property test holds every row against what the meter counts.

use super::shape::{Kind, Range, Shape};

/// What a call charges itself, its arguments aside, and the shape of its result.
pub(super) type Charged = (Range, Shape);

/// `elements(n)` of the meter.
pub(super) fn elements(count: Range) -> Range {
    count.plus(1)
}

/// `bytes(n)` of the meter.
pub(super) fn bytes(count: Range) -> Range {
    count.over(64).plus(1)
}

/// Reading so many bytes.
fn scan(count: Range) -> Range {
    count.over(64)
}

/// A text that is made of so many bytes.
fn made(charge: Range, size: Range) -> Charged {
    (charge + bytes(size), Shape::text(size))
}

fn scalar(charge: Range) -> Charged {
    (charge, Shape::scalar(Kind::Keyed))
}

/// Comparing two values for equality: at most every part of the smaller one, and every text of both.
pub(super) fn equal(left: &Shape, right: &Shape) -> Range {
    let parts = match (left.is_composite(), right.is_composite()) {
        (false, _) | (_, false) => Some(0),
        _ => left.nodes.least(right.nodes).max,
    };
    let may_be = |shape: &Shape| shape.is_composite() || matches!(shape.kind, Kind::Text | Kind::Bytes);
    let texts = if may_be(left) && may_be(right) { left.text + right.text } else { Range::ZERO };
    Range::up_to(parts) + scan(texts).or_less()
}

/// Hashing a key.
pub(super) fn hashed(key: &Shape) -> Range {
    match key.kind {
        Kind::Text => scan(key.bytes),
        Kind::Unknown => scan(key.bytes).or_less(),
        _ => Range::ZERO,
    }
}

/// Comparing two values for their order.
fn compared(left: &Shape, right: &Shape) -> Range {
    scan(left.bytes.least(right.bytes)).or_less()
}

/// Telling each of so many values from those before: by hash, or from each of them.
pub(super) fn told_apart(count: Range, item: &Shape, before: Range) -> Range {
    match item.kind {
        Kind::Keyed | Kind::Text => count.times(hashed(item)),
        _ => {
            let one = equal(item, item).plus(1) + hashed(item).or_less();
            count.times(before.times(one) + hashed(item).or_less()).or_less()
        }
    }
}

/// Sorting so many keys.
pub(super) fn sorted(count: Range, key: &Shape) -> Range {
    let rounds = |count: u64| u64::from(count.max(1).ilog2());
    let steps = Range {
        min: count.min.saturating_mul(rounds(count.min)),
        max: count.max.and_then(|max| max.checked_mul(rounds(max))),
    };
    let texts = scan(count.times(key.bytes));
    let reads = match count.max {
        Some(max) => texts.by(rounds(max) + 1).or_less(),
        None if texts.max == Some(0) => Range::ZERO,
        None => Range::ANY,
    };
    elements(count) + steps + reads
}

fn parts(count: Range, each: Range) -> Shape {
    Shape::list(count, Shape::text(each))
}

/// Returns what a row charges and gives.
pub(super) fn row(id: &str, args: &[Shape]) -> Charged {
    let nothing = Shape::unknown();
    let arg = |index: usize| args.get(index).unwrap_or(&nothing);
    let size = |index: usize| arg(index).bytes;
    let count = |index: usize| arg(index).count;
    let list = |charge: Range, count: Range| (charge, Shape::list(count, arg(0).element()));
    match id {
        "add_int" => (Range::ZERO, whole(args, i64::checked_add)),
        "subtract_int" => (Range::ZERO, whole_apart(args)),
        "add_string" => made(Range::ZERO, size(0) + size(1)),
        "add_bytes" => (bytes(size(0) + size(1)), Shape::raw(size(0) + size(1))),
        "add_list" => {
            let all = count(0) + count(1);
            (elements(all), Shape::list(all, arg(0).element().or(&arg(1).element(), 4)))
        }
        "in_list" | "in_json" => {
            let (item, all) = (arg(0), arg(1));
            let one = equal(item, &all.element()).plus(1);
            let most = all.count.times(one).or_less() + hashed(item).or_less();
            let least = if id == "in_list" { all.count.min.min(1) } else { 0 };
            scalar(Range { min: least, ..most })
        }
        "in_map" => scalar(hashed(arg(0))),
        "index_list" | "index_map" | "index_json" => (hashed(arg(1)), arg(0).element()),
        "equals" | "not_equals" => scalar(equal(arg(0), arg(1))),
        id if ["less_", "greater_"].iter().any(|order| id.starts_with(order)) => {
            scalar(compared(arg(0), arg(1)))
        }

        "size_string" => (scan(size(0)), natural(size(0).over(1).or_less())),
        "size_bytes" => (Range::ZERO, natural(size(0))),
        "size_list" | "size_map" => (Range::ZERO, natural(count(0))),
        "size_json" => scalar(scan(size(0)).or_less()),
        "contains_string"
        | "index_of_string"
        | "index_of_offset_string"
        | "last_index_of_string"
        | "last_index_of_offset_string" => scalar(scan(size(0))),
        "starts_with_string" | "ends_with_string" => scalar(scan(size(1))),
        "lower_ascii" | "upper_ascii" | "reverse_string" => made(bytes(size(0)), size(0)),
        "trim_string" => made(scan(size(0)), size(0).or_less()),
        "char_at_string" => made(scan(size(0)), Range::up_to(Some(4))),
        "substring_from" | "substring_range" => made(scan(size(0)), size(0).or_less()),
        "replace_all" | "replace_some" => replaced(args),
        "split_string" | "split_some" => {
            let most = match size(1).min {
                0 => size(0).max,
                shortest => size(0).max.map(|max| max / shortest),
            };
            let some = Range::up_to(most.map(|most| most + 1));
            let separators = Range::up_to(most.map(|most| most + 1));
            (bytes(size(0)) + separators, parts(some, size(0).or_less()))
        }
        "quote_string" => {
            let quoted =
                Range { min: size(0).min, max: size(0).max.and_then(|max| max.checked_mul(2)) }.plus(2);
            made(bytes(size(0).by(2)), quoted)
        }
        "base64_encode" => {
            let whole = size(0).over(3).by(4);
            made(bytes(whole.plus(4)), Range { min: whole.min, max: whole.max.map(|max| max + 4) })
        }
        "base64_decode" => (bytes(size(0)), Shape::raw(size(0).or_less())),
        "format_string" => formatted(arg(0), arg(1)),

        "matches_string" | "regex_extract" | "regex_extract_all" | "regex_replace" | "regex_replace_some" => {
            searched(id, args)
        }

        "string_string" => (Range::ZERO, arg(0).clone()),
        "string_bool" | "string_int" | "string_uint" => made(Range::ZERO, Range { min: 1, max: Some(20) }),
        "string_float" | "string_timestamp" | "string_duration" => {
            made(Range::ZERO, Range { min: 1, max: Some(40) })
        }
        "string_enum" => made(Range::ZERO, size(0)),
        "string_bytes" => made(scan(size(0)), size(0)),
        "int_string" | "uint_string" | "float_string" | "double_string" | "timestamp_string"
        | "duration_string" => {
            (scan(size(0)), Shape::scalar(if id.starts_with("int") { Kind::Keyed } else { Kind::Scalar }))
        }
        "bytes_string" => (bytes(size(0)), Shape::raw(size(0))),
        "bytes_bytes" => (Range::ZERO, arg(0).clone()),
        "duration_duration"
        | "duration_int"
        | "timestamp_timestamp"
        | "timestamp_int"
        | "type_of"
        | "float_float"
        | "double_float"
        | "float_int"
        | "double_int"
        | "float_uint"
        | "double_uint" => (Range::ZERO, Shape::scalar(Kind::Scalar)),

        "first_list" | "last_list" => (Range::ZERO, arg(0).element().maybe()),
        "take_list" => {
            let kept = count(0).least(arg(1).natural());
            list(elements(kept), kept)
        }
        "skip_list" => {
            let (all, gone) = (count(0), arg(1).natural());
            let kept = Range {
                min: gone.max.map_or(0, |most| all.min.saturating_sub(most)),
                max: all.max.map(|max| max.saturating_sub(gone.min)),
            };
            list(elements(kept), kept)
        }
        "slice_list" => {
            let kept = Range::up_to(count(0).least(arg(2).natural()).max);
            list(elements(kept), kept)
        }
        "reverse_list" => list(elements(count(0)), count(0)),
        "sort_list" => list(sorted(count(0), &arg(0).element()), count(0)),
        "distinct_list" => {
            let apart = told_apart(count(0), &arg(0).element(), count(0));
            list(elements(count(0)) + apart, Range { min: count(0).min.min(1), max: count(0).max })
        }
        "flatten_list" | "flatten_json" | "flatten_depth" => {
            let inner = arg(0).nodes;
            let most = inner.by(2);
            let kept = inner.or_less();
            let of = match id {
                "flatten_list" => arg(0).element().element(),
                _ => Shape {
                    nodes: Range { min: 1, ..inner },
                    text: arg(0).text.or_less(),
                    ..Shape::unknown()
                },
            };
            (Range { min: 1, ..most }, Shape::list(kept, of))
        }
        "compact_list" => list(elements(count(0)), count(0).or_less()),
        "groups_list" => {
            let group = Shape::list(Range { min: 1, max: count(0).max }, arg(0).element());
            (elements(count(0)), Shape::list(Range { min: count(0).min.min(1), max: count(0).max }, group))
        }
        "range_list" => {
            let wanted = arg(0).natural();
            (elements(wanted), Shape::list(wanted, Shape::int(0, i64::MAX)))
        }
        "sum_int" | "sum_uint" | "sum_float" | "sum_duration" | "mean_int" | "mean_float"
        | "mean_duration" => {
            (elements(count(0)), Shape::scalar(if id == "sum_int" { Kind::Keyed } else { Kind::Scalar }))
        }
        "min_list" | "max_list" | "least_list" | "greatest_list" => {
            let item = arg(0).element();
            let turns = if id.starts_with('m') { elements(count(0)) } else { count(0) };
            (turns + count(0).times(compared(&item, &item)), item)
        }
        "join_list" | "join_separator" | "join_scalars" => joined(id, args),
        "sets_contains" | "sets_intersects" | "sets_equivalent" => {
            let (left, right) = (arg(0), arg(1));
            let item = left.element().or(&right.element(), 4);
            let (all, both) = (left.count + right.count, elements(left.count) + elements(right.count));
            let apart = told_apart(all, &item, all).or_less();
            match id {
                "sets_equivalent" => scalar(Range { min: both.min, ..(both + apart).by(2) }),
                _ => scalar(both + apart),
            }
        }
        "least_of" | "greatest_of" => {
            let best = args.iter().cloned().reduce(|a, b| a.or(&b, 4)).unwrap_or_else(Shape::unknown);
            let number = args.len() as u64;
            let texts = compared(&best, &best).by(number);
            (Range::exactly(number) + texts, best)
        }
        "format_time_utc" => made(bytes(size(1).by(128)), size(1).by(128).or_less()),
        "format_time_zone" => made(scan(size(2)) + bytes(size(1).by(128)), size(1).by(128).or_less()),
        id if id.starts_with("get_") && id.ends_with("_zone") => scalar(scan(size(1))),

        "optional_of" => (Range::ZERO, arg(0).clone().maybe()),
        "optional_of_non_zero" => (Range::ZERO, arg(0).clone().maybe()),
        "optional_none" => {
            (Range::ZERO, Shape { nodes: Range::exactly(1), text: Range::ZERO, ..Shape::unknown() })
        }
        "optional_value" => (Range::ZERO, arg(0).clone()),
        "optional_or_value" | "optional_or" => (Range::ZERO, arg(0).or(arg(1), 4)),
        "optional_unwrap" | "optional_unwrap_opt" => list(elements(count(0)), count(0).or_less()),

        "to_json" => {
            let flat = match arg(0).kind {
                Kind::Keyed | Kind::Scalar => Range { min: 1, max: size(0).max.map(|max| max.max(64) * 6) },
                // Six bytes for a control character, and quotes.
                Kind::Text => {
                    Range { min: 0, max: size(0).max.and_then(|max| max.checked_mul(6)?.checked_add(2)) }
                }
                _ => Range::ANY,
            };
            made(scan(arg(0).nodes), flat)
        }
        "slug" => made(bytes(size(0)), size(0).or_less()),
        "truncate" => {
            let cut = size(0).or_less().plus(3).or_less();
            (scan(size(0)) + bytes(cut).or_less(), Shape::text(cut))
        }
        "lines" | "words" | "pieces" => {
            // Each is charged as an element and as a text.
            let most = size(0).or_less();
            (scan(size(0)) + most.by(3) + scan(most), parts(most, most))
        }
        _ => scalar(Range::ZERO),
    }
}

fn natural(range: Range) -> Shape {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Shape::int(number(range.min), range.max.map_or(i64::MAX, number))
}

/// The ends of a sum; a sum that overflows at its ends may have any value that is there.
fn whole(args: &[Shape], of: fn(i64, i64) -> Option<i64>) -> Shape {
    match args {
        [left, right] => Shape::int(
            of(left.number.0, right.number.0).unwrap_or(i64::MIN),
            of(left.number.1, right.number.1).unwrap_or(i64::MAX),
        ),
        _ => Shape::int(i64::MIN, i64::MAX),
    }
}

fn whole_apart(args: &[Shape]) -> Shape {
    match args {
        [left, right] => Shape::int(
            left.number.0.checked_sub(right.number.1).unwrap_or(i64::MIN),
            left.number.1.checked_sub(right.number.0).unwrap_or(i64::MAX),
        ),
        _ => Shape::int(i64::MIN, i64::MAX),
    }
}

fn replaced(args: &[Shape]) -> Charged {
    let size = |index: usize| args.get(index).map_or(Range::ANY, |arg: &Shape| arg.bytes);
    let found = match size(1).min {
        // Before each code point and at the end.
        0 => size(0).max.map(|max| max + 1),
        shortest => size(0).max.map(|max| max / shortest),
    };
    let found = Range::up_to(found);
    let most = found.times(size(2)) + size(0);
    (scan(size(0)) + found + bytes(most), Shape::text(most.or_less()))
}

fn joined(id: &str, args: &[Shape]) -> Charged {
    let nothing = Shape::unknown();
    let all = args.first().unwrap_or(&nothing);
    let separator = args.get(1).map_or(Range::ZERO, |separator| separator.bytes);
    let one = if id == "join_scalars" { all.element().written() } else { all.element().bytes };
    let most = all.count.times(one) + all.count.times(separator);
    let each = if id == "join_scalars" { all.count.times(bytes(one)) } else { Range::ZERO };
    (elements(all.count) + each + bytes(most), Shape::text(most.or_less()))
}

/// Each clause writes one element; a float with all its digits, an int in bits.
fn formatted(pattern: &Shape, args: &Shape) -> Charged {
    let item = args.element();
    let flat = match item.kind {
        Kind::Keyed | Kind::Scalar => item.bytes.max.map(|max| max.max(1_400)),
        Kind::Text | Kind::Bytes => item.bytes.max.and_then(|max| max.checked_mul(3)?.checked_add(2)),
        _ => None,
    };
    let clauses = args.count.least(pattern.bytes.over(2)).or_less();
    // What isn't UTF-8 is put in pieces, each charged; digits of hex twice.
    let one = Range::up_to(flat).times(Range::exactly(2)).plus(2);
    let most = pattern.bytes + clauses.times(Range::up_to(flat));
    (bytes(pattern.bytes) + clauses.times(one), Shape::text(most.or_less()))
}

/// A search charges for its pattern, and for its states times the text.
fn searched(id: &str, args: &[Shape]) -> Charged {
    let size = |index: usize| args.get(index).map_or(Range::ANY, |arg: &Shape| arg.bytes);
    let (subject, pattern) = (size(0), size(1));
    let search = pattern.over(8).plus(1) + Range { min: subject.min.saturating_mul(4) / 256, max: None };
    match id {
        "regex_replace" | "regex_replace_some" => {
            let least = if id == "regex_replace" { search.min + bytes(subject).min } else { 0 };
            (Range { min: least, max: None }, Shape::text(Range::ANY))
        }
        "regex_extract" => (search, Shape::text(subject.or_less()).maybe()),
        "regex_extract_all" => {
            let most = subject.or_less().plus(1).or_less();
            (search.plus(1), parts(most, subject.or_less()))
        }
        _ => scalar(search),
    }
}
