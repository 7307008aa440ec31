//! Texts that functions make something of, and which functions plain CEL has.

use flow_expr::functions::Overload;

/// Texts for an argument that must be of a form: patterns, time zones, numerals. `None` where any text will do.
pub fn hint(name: &str, index: usize) -> Option<&'static [&'static str]> {
    Some(match (name, index) {
        ("matches", 1) => {
            &["a", "^a.*b$", "[0-9]+", "(a|b)*c?", "\\pL+", "日", "(", "\\d{2,3}", "", "(?i)OK", "x{0,50}"]
        }
        (_, 1) if name.starts_with("regex.") => &["a", "(a)(b)?", "[0-9]+", "(", "", "\\s"],
        ("format_time", 1) => &["%Y-%m-%d", "%H:%M:%S", "%A %d %B", "%", "%Q", "%j %U", "%10Y", "日%Y"],
        ("format_time", 2) => &["UTC", "Europe/Berlin", "+02:00", "Nowhere", "America/New_York"],
        (_, 1) if name.starts_with("get") => &[
            "UTC",
            "Europe/Berlin",
            "-11:30",
            "02:00",
            "Nowhere",
            "",
            "Australia/Sydney",
            "Pacific/Kiritimati",
        ],
        ("int" | "uint" | "float" | "double", 0) => &[
            "0",
            "-1",
            "12",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "1.5",
            "1e400",
            "abc",
            "",
            " 1",
            "+1",
            "NaN",
            "inf",
        ],
        ("bool", 0) => &["true", "TRUE", "t", "1", "false", "F", "yes", ""],
        ("duration", 0) => &["1h30m", "1.5s", "-2ms", "90s", "1", "", "10000000h", "3ns", "+1s", "0"],
        ("timestamp", 0) => &[
            "2024-02-29T12:00:00Z",
            "1970-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
            "2024-06-30T23:59:60Z",
            "2024-01-01T00:00:00+14:00",
            "yesterday",
            "2024-01-01",
            "10000-01-01T00:00:00Z",
        ],
        ("base64.decode", 0) => &["", "YWJj", "YQ==", "YQ", "!!!", "5pel5pys"],
        ("format", 0) => &["%s", "%d and %s", "%.2f", "%x %X %o %b", "%e", "%%", "%", "%q", "%s %s %s %s"],
        ("split" | "indexOf" | "lastIndexOf" | "contains" | "replace" | "startsWith" | "endsWith", 1) => {
            &["a", ",", "", " ", "日", "ab", "no such part"]
        }
        _ => return None,
    })
}

/// Whether the crate `cel` has an overload too, by the same name and with the same meaning.
pub fn cel_has(row: &Overload) -> bool {
    use flow_expr::functions::Sig;
    let foreign = row.params.iter().chain([&row.result]).any(|sig| {
        matches!(sig, Sig::Json | Sig::Enum | Sig::Any | Sig::Nullable(_) | Sig::Type)
            || matches!(sig, Sig::List(of) if matches!(of, Sig::Nullable(_)))
    });
    if foreign {
        return false;
    }
    const NAMES: &[&str] = &[
        "_+_",
        "_-_",
        "_*_",
        "_/_",
        "_%_",
        "-_",
        "!_",
        "_in_",
        "_[_]_",
        "_==_",
        "_!=_",
        "_<_",
        "_<=_",
        "_>_",
        "_>=_",
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "string",
        "int",
        "uint",
        "double",
        "bool",
        "bytes",
        "timestamp",
        "duration",
        "getFullYear",
        "getMonth",
        "getDayOfMonth",
        "getDate",
        "getDayOfYear",
        "getDayOfWeek",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
        "optional.of",
        "optional.none",
        "optional.ofNonZeroValue",
        "hasValue",
        "value",
        "orValue",
        "or",
        "lowerAscii",
        "upperAscii",
        "trim",
        "reverse",
        "charAt",
        "indexOf",
        "lastIndexOf",
        "substring",
        "replace",
        "split",
        "join",
        "strings.quote",
        "math.abs",
        "math.ceil",
        "math.floor",
        "math.round",
        "math.trunc",
        "math.sign",
        "math.sqrt",
        "math.isNaN",
        "math.isInf",
        "math.isFinite",
        "math.least",
        "math.greatest",
        "math.bitAnd",
        "math.bitOr",
        "math.bitXor",
        "math.bitNot",
        "math.bitShiftLeft",
        "math.bitShiftRight",
        "slice",
        "sort",
        "distinct",
        "flatten",
        "lists.range",
        "base64.encode",
        "base64.decode",
    ];
    // What of these names is ours alone.
    const OURS: &[&str] = &["join_scalars", "duration_int", "int_duration"];
    NAMES.contains(&row.name) && !OURS.contains(&row.id)
}
