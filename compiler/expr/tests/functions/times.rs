use super::{ERROR, table};

#[test]
fn timestamps_are_read_strictly() {
    table(&[
        ("timestamp('2009-02-13T23:31:30Z') == timestamp(1234567890)", "true"),
        ("timestamp('2009-02-13T23:31:30.5+02:00') == timestamp('2009-02-13T21:31:30.500Z')", "true"),
        ("timestamp('2009-02-13T23:31:30.123456789Z').getMilliseconds()", "123"),
        (
            "timestamp('2009-02-13T23:31:30.1234567891234Z') == timestamp('2009-02-13T23:31:30.123456789Z')",
            "true",
        ),
        ("timestamp('2000-02-29T00:00:00Z').getDayOfYear()", "59"),
        ("timestamp('1900-02-29T00:00:00Z')", ERROR),
        ("timestamp('2009-02-13')", ERROR),
        ("timestamp('2009-02-13T23:31Z')", ERROR),
        ("timestamp('2009-02-13 23:31:30Z')", ERROR),
        ("timestamp('2009-02-13T23:31:30')", ERROR),
        ("timestamp('2009-02-13T23:31:30z')", ERROR),
        ("timestamp('20090213T233130Z')", ERROR),
        ("timestamp('2009-02-13T24:00:00Z')", ERROR),
        ("timestamp('2009-02-13T23:60:00Z')", ERROR),
        ("timestamp('2009-02-13T23:59:60Z')", ERROR),
        ("timestamp('2009-13-13T23:31:30Z')", ERROR),
        ("timestamp('2009-02-13T23:31:30+0200')", ERROR),
        ("timestamp('2009-02-13T23:31:30.Z')", ERROR),
        ("timestamp('2009-02-13T23:31:30Z[UTC]')", ERROR),
        ("timestamp('é009-02-13T23:31:30Z')", ERROR),
        ("timestamp('')", ERROR),
        ("timestamp(1.5)", ERROR),
    ]);
}

#[test]
fn timestamps_end_at_the_years_1_and_9999() {
    table(&[
        ("timestamp('0001-01-01T00:00:00Z') < timestamp('9999-12-30T22:00:00.999999999Z')", "true"),
        (
            "timestamp(-62135596800) == timestamp('0001-01-01T00:00:00Z') && timestamp(253402207200) > timestamp(0)",
            "true",
        ),
        // The last 26 hours of the year 9999 can't be told in every time zone, so they are none.
        ("timestamp('9999-12-30T22:00:01Z')", ERROR),
        ("timestamp(253402300799)", ERROR),
        ("timestamp('0000-12-31T23:59:59Z')", ERROR),
        ("timestamp('0001-01-01T00:00:00+01:00')", ERROR),
        ("timestamp('9999-12-31T23:59:59-01:00')", ERROR),
        ("timestamp('10000-01-01T00:00:00Z')", ERROR),
        ("timestamp(-62135596801)", ERROR),
        ("timestamp(253402300800)", ERROR),
        ("timestamp(9223372036854775807)", ERROR),
        ("timestamp('9999-12-30T22:00:00.999999999Z') + duration('1ns')", ERROR),
        ("timestamp('0001-01-01T00:00:00Z') - duration('1ns')", ERROR),
        ("timestamp('0001-01-01T00:00:00Z') + duration('-1ns')", ERROR),
        ("timestamp('9999-12-30T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')", ERROR),
        ("timestamp('2000-01-01T00:00:00Z') - timestamp('1800-01-01T00:00:00Z') > 0s", "true"),
    ]);
}

#[test]
fn arithmetic() {
    table(&[
        (
            "timestamp(60) + 1m == timestamp(120) && 1m + timestamp(60) == timestamp(120) && timestamp(60) - 1m == timestamp(0)",
            "true",
        ),
        (
            "timestamp(60) - timestamp(120) == -1m && 1h - 30m == 30m && 30m + 30m == 1h && -(1s) == duration('-1s')",
            "true",
        ),
        ("duration('9223372036s') + duration('1s')", ERROR),
        ("duration('-9223372036s') - duration('1s')", ERROR),
        ("-duration('-9223372036854775808ns')", ERROR),
        ("1s - timestamp(0)", ERROR),
        ("timestamp(0) + 1", ERROR),
    ]);
}

#[test]
fn durations() {
    table(&[
        ("[duration('0'), duration('-0'), duration('+0s')] == [0s, 0s, 0s]", "true"),
        (
            "duration('-1.5h') == duration('-90m') && duration('1h34us') == 1h + 34us && duration('-23.4s') < 0s",
            "true",
        ),
        ("duration('1h1m1s1ms1us1ns') == 1h + 1m + 1s + 1ms + 1us + duration('1ns')", "true"),
        ("duration('.5s') == 500ms && duration('1.s') == 1s && duration('0.0000000001s') == 0s", "true"),
        ("duration('9223372036854775807ns') > duration('-9223372036854775808ns')", "true"),
        ("duration('9223372036854775808ns')", ERROR),
        ("duration('320000000000s')", ERROR),
        ("duration('')", ERROR),
        ("duration('s')", ERROR),
        ("duration('1')", ERROR),
        ("duration('1x')", ERROR),
        ("duration('1h 1m')", ERROR),
        ("duration('-')", ERROR),
        ("duration('1h-1m')", ERROR),
        ("duration('1.1.1s')", ERROR),
        ("duration('1e3s')", ERROR),
        (
            "[duration('10000s').getHours(), duration('3730s').getMinutes(), duration('3730s').getSeconds()]",
            "[2,62,3730]",
        ),
        (
            "[duration('1.234s').getMilliseconds(), duration('-1.234s').getMilliseconds(), duration('-90m').getHours()]",
            "[234,-234,-1]",
        ),
    ]);
}

#[test]
fn getters() {
    let at = "timestamp('2023-12-25T01:02:03.456Z')";
    let with = |zone: &str| {
        [
            "getFullYear",
            "getMonth",
            "getDate",
            "getDayOfMonth",
            "getDayOfWeek",
            "getDayOfYear",
            "getHours",
            "getMinutes",
            "getSeconds",
            "getMilliseconds",
        ]
        .map(|getter| format!("{at}.{getter}({zone})"))
        .join(", ")
    };
    let in_utc = "[2023,11,25,24,1,358,1,2,3,456]";
    let before = "[2023,11,24,23,0,357,17,2,3,456]";
    table(&[
        (&format!("[{}]", with("")), in_utc),
        (&format!("[{}]", with("'UTC'")), in_utc),
        (&format!("[{}]", with("'+00:00'")), in_utc),
        (&format!("[{}]", with("'-00:00'")), in_utc),
        (&format!("[{}]", with("'America/Los_Angeles'")), before),
        (&format!("[{}]", with("'US/Pacific'")), before),
        (&format!("[{}]", with("'-08:00'")), before),
        (&format!("{at}.getHours('05:30')"), "6"),
        (&format!("{at}.getMinutes('+05:30')"), "32"),
        (&format!("{at}.getMinutes('-00:03')"), "59"),
        (&format!("{at}.getHours('Asia/Kolkata') + {at}.getHours('CET')"), "8"),
        (&format!("{at}.getHours('Nowhere/City')"), ERROR),
        (&format!("{at}.getHours('')"), ERROR),
        (&format!("{at}.getHours('+1:00')"), ERROR),
        (&format!("{at}.getHours('+01:60')"), ERROR),
        (&format!("{at}.getHours('+99:00')"), ERROR),
        (&format!("{at}.getHours('+01')"), ERROR),
        // Before 1970, and on both sides of a change of clocks.
        ("timestamp('1969-12-31T23:59:59.250Z').getMilliseconds()", "250"),
        ("int(timestamp('1969-12-31T23:59:58.5Z'))", "-2"),
        (
            "timestamp('2023-03-26T00:59:59Z').getHours('Europe/Berlin') + timestamp('2023-03-26T01:00:00Z').getHours('Europe/Berlin')",
            "4",
        ),
        (
            "timestamp('0001-01-01T00:00:00Z').getFullYear() + timestamp('9999-12-30T00:00:00Z').getFullYear()",
            "10000",
        ),
        ("timestamp('2024-12-31T12:00:00Z').getDayOfYear()", "365"),
    ]);
}
