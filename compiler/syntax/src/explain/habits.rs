//! The habits of other languages, each with its mend.

use flow_diagnostics::{Code, Diagnostic, Edit};

use super::{Place, arms, declarations, foreign, help, operators, rules, statements, switch, types, values};
use crate::lexer::TokenKind;
use crate::outline::{BlockKind, is_reserved};

/// The first habit that explains why reading stopped.
pub(super) fn find(place: &Place<'_>) -> Option<Diagnostic> {
    let habits: &[fn(&Place<'_>) -> Option<Diagnostic>] = &[
        directive_in_line,
        foreign::declared_otherwise,
        foreign::enum_of_values,
        help::enum_texts,
        help::gate,
        help::of_tests,
        declarations::import,
        declarations::void,
        declarations::header,
        missing_return_type,
        foreign::quotes_missing,
        declarations::constant,
        foreign::hyphens,
        statements::on_error_moved,
        foreign::on_error_early,
        foreign::walk_clauses,
        foreign::fail_text,
        foreign::for_in_parentheses,
        statements::other_loop,
        switch::switch,
        values::comprehension,
        values::python_choice,
        foreign::statement_as_value,
        rules::block_as_value,
        rules::between_stages,
        rules::max_behind,
        rules::gate,
        rules::dashed_field,
        while_step,
        statements::clause_form,
        unbounded,
        statements::catch_block,
        arms::of_route,
        arms::of_catch,
        statements::throw,
        statements::no_op,
        other_statement,
        statements::compound_assignment,
        statements::colon_equals,
        statements::typed_otherwise,
        statements::no_value,
        statements::several_names,
        guard,
        foreign::late_head,
        no_condition,
        no_in,
        values::two_colons,
        statements::block_without_braces,
        thin_arrow,
        lone_else,
        jump_value,
        clause_order,
        bare_block,
        rules::quoted_values,
        capital_value,
        declarations::enum_value,
        declarations::yaml_text,
        braces_in_code,
        declarations::optional_name,
        declarations::other_types,
        declarations::quoted_key,
        declarations::model_path,
        in_expression,
        declarations::no_colon,
        named_record,
        union_cast,
        values::constructor,
        spaced_bracket,
        spaced_question,
        arrow_for_equals,
        equals_for_colon,
        reserved_name,
        types::lower_type,
        values::missing_comma,
        statements::implicit_return,
    ];
    habits.iter().find_map(|habit| habit(place))
}

/// Habits that occur in expressions, also in one alone.
pub(super) fn in_expression(place: &Place<'_>) -> Option<Diagnostic> {
    let habits: &[fn(&Place<'_>) -> Option<Diagnostic>] = &[
        rules::labelled_cast,
        rules::second_cast,
        values::word_tests,
        operators::word_operator,
        foreign::list_types,
        values::function_value,
        foreign::lambda,
        foreign::backticks,
        foreign::f_string,
        values::null_marks,
        values::equals_in_brackets,
        values::stars,
        values::slice,
        values::other_operators,
        operators::equals,
        operators::nested_ternary,
        operators::half_ternary,
        operators::attached_block,
        operators::range_outside,
        operators::spaced_unit,
        operators::bad_number,
        operators::loop_value,
    ];
    habits.iter().find_map(|habit| habit(place))
}

/// `while x < 3 { … }`
fn while_step(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.tokens().start;
    (place.kind() == Some(BlockKind::Steps) && place.word(first) == "while").then(|| {
        let at = place.span(first, first + 1);
        Diagnostic::new(Code::UnboundedLoop, at, "there is no `while` statement: every loop has a bound")
            .help("write `loop max 10 while … { … }`")
            .fix("make it a bounded loop", at, "loop max 10 while")
    })
}

/// `loop { … }`, `loop polish { … }`, `loop polish 3 { … }`, `graph g { … }`
fn unbounded(place: &Place<'_>) -> Option<Diagnostic> {
    if !matches!(place.kind(), Some(BlockKind::Steps | BlockKind::Arms)) {
        return None;
    }
    let i = place.tokens().find(|&i| {
        matches!(place.word(i), "loop" | "graph")
            && (i == 0 || !matches!(place.word(i - 1), "." | "let" | "for"))
            && place.word(i + 1) != "."
    })?;
    let named = place.outline.kind(i + 1) == Some(TokenKind::Word)
        && !is_reserved(place.word(i + 1))
        && place.word(i + 1) != "max";
    let last = if named { i + 1 } else { i };
    if place.word(last + 1) == "max" || place.at > last + 2 {
        return None;
    }
    let (word, number) = (place.word(i), place.outline.kind(last + 1) == Some(TokenKind::Number));
    let text = if number { " max" } else { " max 10" };
    if number && place.word(last + 2) == "times" {
        return Some(
            Diagnostic::new(
                Code::UnboundedLoop,
                place.span(i, last + 1),
                format!("this {word} has no `max`"),
            )
            .help(format!("write `{word} max {} {{ … }}`", place.word(last + 1)))
            .fix(
                "write `max`",
                place.span(last + 1, last + 3),
                format!("max {}", place.word(last + 1)),
            ),
        );
    }
    Some(
        Diagnostic::new(Code::UnboundedLoop, place.span(i, last + 1), format!("this {word} has no `max`"))
            .help(format!(
                "every {word} has a bound: `{word} {}max 10 {{ … }}`",
                if named { format!("{} ", place.word(i + 1)) } else { String::new() }
            ))
            .fix(format!("add `{}`", text.trim()), place.after(last), text),
    )
}

/// `switch`, `match`, `elif`, `throw`, `var` and the like at the start of a step.
fn other_statement(place: &Place<'_>) -> Option<Diagnostic> {
    if place.kind() != Some(BlockKind::Steps) {
        return None;
    }
    let first = place.tokens().start;
    let help = match place.word(first) {
        "elif" | "elsif" | "elseif" => "write `else if` after the closing brace",
        "throw" | "raise" => "write `fail kind(\"message\")`",
        "await" => "calls are awaited as they stand: write the call",
        "async" | "spawn" => "`parallel { let a = f()  let b = g() }` runs steps together",
        "def" | "fn" | "function" => "declare it at the top of the file, as `flow` or `code`",
        "print" | "echo" if place.word(first + 1) != "(" => "`emit value` streams a value to the caller",
        "sleep" => "write `wait 10s`",
        "foreach" => "write `for x in xs { … }`",
        "until" => "write `loop max 10 until … { … }`",
        "unless" => "write `if !(…) { … }`",
        "repeat" => "write `loop max 3 { … }`",
        "go" | "defer" | "using" => {
            "`parallel { … }` runs steps together, `try { … } finally { … }` ends with one"
        }
        "assert" => "write `fail kind(\"message\") if !(…)`; in a test `expect …`",
        "import" | "from" | "use" | "export" | "global" | "nonlocal" => {
            "imports and constants stand at the top of the file"
        }
        "class" | "struct" | "interface" | "type" | "enum" => {
            "types are declared at the top of the file: `type Name { … }`"
        }
        "del" | "delete" => "names and state live to the end of their block",
        "finally" | "catch" | "except" => "it stands right after the block of its `try`",
        _ => return None,
    };
    // A call or an assignment with such a name is none of these.
    if matches!(place.word(first + 1), "=" | "+=" | ".")
        || (place.word(first + 1) == "(" && place.outline.attached(first + 1))
    {
        return None;
    }
    let at = place.span(first, first + 1);
    let diagnostic = place.error(at, format!("there is no `{}` here", place.word(first))).help(help);
    let instead = match place.word(first) {
        "elif" | "elsif" | "elseif" => "else if",
        "throw" | "raise" if place.outline.attached(first + 2) && place.word(first + 2) == "(" => "fail",
        "foreach" => "for",
        "sleep" => "wait",
        "until" => "loop max 10 until",
        _ => return Some(diagnostic),
    };
    Some(diagnostic.fix(format!("write `{instead}`"), at, instead))
}

/// `wait 3s if q`, `x = f() if q`, `send(x) if q`
fn guard(place: &Place<'_>) -> Option<Diagnostic> {
    let region = place.region?;
    if place.kind() != Some(BlockKind::Steps) {
        return None;
    }
    let first = place.word(region.first);
    let takes = matches!(
        first,
        "return" | "yield" | "break" | "continue" | "goto" | "fail" | "emit" | "if" | "loop" | "for" | "else"
    );
    let i = (region.first + 1..region.end)
        .find(|&i| place.word(i) == "if" && place.word(i - 1) != "." && place.word(i - 1) != "else")?;
    let count =
        |brackets: [&str; 4]| (region.first..i).filter(|&j| brackets.contains(&place.word(j))).count();
    if count(["{", "(", "[", "${"]) > count(["}", ")", "]", ""]) {
        return None;
    }
    let opens = (region.first..region.end).any(|j| place.word(j) == "{" && j > i);
    if takes || opens || (region.first..i).any(|j| place.word(j) == "=>") {
        return None;
    }
    let (step, condition) = (place.text(region.first, i), place.text(i + 1, region.end));
    let mended = format!("if {condition} {{ {step} }}");
    let diagnostic = place.error(place.span(i, i + 1), "this step takes no guard");
    // A name that is bound in a block is gone behind it.
    if first == "let" {
        return Some(diagnostic.help(
            "choose the value: `c ? a : b`, or with steps `let m = route { when c => f(n)  else => 0 }`",
        ));
    }
    Some(
        diagnostic
            .help("`return yield break continue goto fail emit` take `if c`; anything else stands in a block")
            .fix("put the step in an `if` block", place.span(region.first, region.end), mended),
    )
}

/// `for x xs { … }`, `for x of xs { … }`
fn no_in(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.tokens().find(|&i| place.word(i) == "for" && (i == 0 || place.word(i - 1) != "."))?;
    let next = place.word(i + 2);
    let named = place.outline.kind(i + 1) == Some(TokenKind::Word)
        && place.outline.kind(i + 2) == Some(TokenKind::Word);
    if !named || next == "in" || place.at > i + 3 {
        return None;
    }
    let at = place.span(i, i + 2);
    let diagnostic = place.error(at, "this `for` has no `in`").help("write `for x in xs { … }`");
    Some(if next == "of" {
        diagnostic.fix("write `in`", place.span(i + 2, i + 3), "in")
    } else {
        diagnostic.fix("add `in`", place.after(i + 1), " in")
    })
}

/// `trigger t = cron("…") -> f()`, `mock f -> 1`
fn thin_arrow(place: &Place<'_>) -> Option<Diagnostic> {
    let asks = place.word(0) == "trigger" || place.word(place.tokens().start) == "mock";
    (asks && place.word(place.at) == "->").then(|| {
        let at = place.span(place.at, place.at + 1);
        place.error(at, "`->` stands before a type").help("write `=>`").fix("write `=>`", at, "=>")
    })
}

/// `if { … }`
fn no_condition(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.tokens().take_while(|&i| i < place.at).find(|&i| {
        matches!(place.word(i), "if" | "while" | "until")
            && place.word(i + 1) == "{"
            && (i == 0 || place.word(i - 1) != ".")
    })?;
    let word = place.word(i);
    (place.kind() == Some(BlockKind::Steps)).then(|| {
        place
            .error(place.span(i, i + 1), format!("this `{word}` has no condition"))
            .help(format!("write `{word} condition {{ … }}`"))
    })
}

/// `{ g() }` as a step.
fn bare_block(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.tokens().start;
    let record = first > 0
        && place.outline.kind(first - 1) == Some(TokenKind::TypeWord)
        && matches!((place.word(first + 1), place.word(first + 2)), ("}" | "...", _) | (_, ":"));
    (place.kind() == Some(BlockKind::Steps) && place.word(first) == "{" && !record).then(|| {
        place
            .error(place.span(first, first + 1), "a bare block is no step")
            .help("say what it is for: `if c { … }`, `do { … }`, `try { … }`, `saga { … }`")
    })
}

/// `enum Kind { Billing }`
fn capital_value(place: &Place<'_>) -> Option<Diagnostic> {
    if place.kind() != Some(BlockKind::Values) {
        return None;
    }
    let first = place.tokens().start;
    let word = place.word(first);
    if matches!(word, "else" | "when" | "true" | "false" | "null") {
        return Some(
            place
                .error(place.span(first, first + 1), format!("`{word}` can't be an enum value"))
                .help("choose another word"),
        );
    }
    (place.outline.kind(first) == Some(TokenKind::TypeWord)).then(|| {
        let at = place.span(first, first + 1);
        let lower = snake(word);
        place
            .error(at, format!("the enum value `{word}` starts with a capital letter"))
            .help(format!("values are written in lower case: `{lower}`"))
            .fix(format!("write `{lower}`"), at, lower.clone())
    })
}

/// `HowTo` as `how_to`.
pub(super) fn snake(word: &str) -> String {
    let mut out = String::new();
    let mut last_lower = false;
    for c in word.chars() {
        if c.is_ascii_uppercase() && last_lower {
            out.push('_');
        }
        last_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `{{ name }}`, `{% if %}` outside a string
fn braces_in_code(place: &Place<'_>) -> Option<Diagnostic> {
    let near = place.at.saturating_sub(2)..(place.at + 2).min(place.outline.tokens.len());
    let i = near.into_iter().find(|&i| {
        place.word(i) == "{" && matches!(place.word(i + 1), "{" | "%") && place.outline.attached(i + 1)
    })?;
    Some(
        place
            .error(place.span(i, i + 2), "there are no Jinja braces")
            .help("in a string write `${name}`; directives are `${for x in xs}`, `${if c}`, `${end}` on lines of their own"),
    )
}

/// `f (x)`, `xs [0]`, `Stop {why: "x"}`, `int (1..5)`
fn spaced_bracket(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.tokens().start].into_iter().find(|&i| {
        let bracket = place.word(i);
        i > 0
            && !place.outline.attached(i)
            && match place.outline.kind(i - 1) {
                Some(TokenKind::Word) => matches!(bracket, "(" | "[") && !is_reserved(place.word(i - 1)),
                Some(TokenKind::TypeWord) => matches!(bracket, "(" | "{"),
                Some(TokenKind::Close) => matches!(bracket, "(" | "[") && place.outline.kind(i - 1).is_some(),
                _ => false,
            }
    })?;
    let gap = flow_source::FileSpan::new(place.file, place.after(i - 1).span.to(place.before(i).span));
    let (name, bracket) = (place.word(i - 1), place.word(i));
    Some(
        place
            .error(place.span(i - 1, i + 1), format!("no space may stand before `{bracket}`"))
            .help(format!("brackets attach: `{name}{bracket}…`"))
            .fix(if bracket == "(" { NO_SPACE } else { "take the space out" }, gap, ""),
    )
}

/// `int ?`
fn spaced_question(place: &Place<'_>) -> Option<Diagnostic> {
    let typed = matches!(place.kind(), Some(BlockKind::Slots | BlockKind::Params));
    (typed && place.word(place.at) == "?" && !place.outline.attached(place.at)).then(|| {
        let gap = flow_source::FileSpan::new(
            place.file,
            place.after(place.at - 1).span.to(place.before(place.at).span),
        );
        place
            .error(place.span(place.at, place.at + 1), "no space may stand before `?`")
            .help(format!("`?` attaches to its type: `{}?`", place.last()))
            .fix("take the space out", gap, "")
    })
}

/// `let a => 1`
fn arrow_for_equals(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.tokens().start;
    let assigns = place.word(first) == "let" || place.at == first + 1;
    let plain = (first..place.at).all(|i| !matches!(place.word(i), "(" | "=" | "{"));
    (place.kind() == Some(BlockKind::Steps) && place.word(place.at) == "=>" && assigns && plain).then(|| {
        let at = place.span(place.at, place.at + 1);
        place.error(at, "`=>` stands in arms only").help("write `=`").fix("write `=`", at, "=")
    })
}

/// `retry = 3` among fields
fn equals_for_colon(place: &Place<'_>) -> Option<Diagnostic> {
    let fields = matches!(place.kind(), Some(BlockKind::Fields | BlockKind::Slots));
    let first = place.tokens().start;
    (fields && place.word(first + 1) == "=" && place.at <= first + 2).then(|| {
        let at = place.span(first + 1, first + 2);
        place.error(at, "a field takes `:`").help("write `name: value`").fix("write `:`", at, ":")
    })
}

/// The words that a name follows at the top of a file.
pub(super) const ITEMS: [&str; 11] =
    ["flow", "prompt", "agent", "tool", "human", "event", "code", "const", "model", "memory", "trigger"];

/// Whether the place is in a `state { … }`.
fn of_state(place: &Place<'_>) -> bool {
    let open = place.region.map_or(0, |r| place.outline.blocks[r.block].open);
    place.kind() == Some(BlockKind::Slots) && open > 0 && place.word(open - 1) == "state"
}

/// `let when = 1`, `flow f(loop: int)`, `flow if()`
fn reserved_name(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.wrapping_sub(1)].into_iter().find(|&i| {
        is_reserved(place.word(i))
            && place.outline.kind(i) == Some(TokenKind::Word)
            && i > 0
            && (place.word(i - 1) == "let"
                || place.word(i - 1) == "for" && !matches!(place.word(i), "in")
                || i == 1 && ITEMS.contains(&place.word(0))
                || (place.kind() == Some(BlockKind::Params) && matches!(place.word(i - 1), "(" | ","))
                || (i == place.tokens().start && of_state(place))
                || (place.word(i - 1) == "{"
                    && place.outline.attached(i - 1)
                    && matches!(place.word(i + 1), "}" | ",")))
    })?;
    let at = place.span(i, i + 1);
    let word = place.word(i);
    Some(
        place
            .error(
                at,
                format!("the keyword `{word}` can't name a {}", if i == 1 { place.word(0) } else { "value" }),
            )
            .help(format!(
                "choose another name, such as `{word}_`; as a field it is bound with `{word}: name`"
            )),
    )
}

/// The title of a fix that says `string` where any type may be meant.
const GUESSED_TYPE: &str = "add a return type";

/// The title of a fix that makes a call of a name, which may be none that can be called.
const NO_SPACE: &str = "take the space out of the call";

/// The edits that make of a text what was surely meant by it; a type that is unknown or that a fix can only guess is lost.
pub(crate) fn as_meant(diagnostic: &Diagnostic) -> Option<Vec<Edit>> {
    if diagnostic.code == Code::UnknownType {
        return Some(types::lost(diagnostic));
    }
    let fix = diagnostic.fixes.first()?;
    let lost = |edit: &Edit| Edit { at: edit.at, text: edit.text.replace("string", "\u{1}") };
    match fix.title.as_str() {
        NO_SPACE => None,
        GUESSED_TYPE => Some(fix.edits.iter().map(lost).collect()),
        _ => Some(fix.edits.clone()),
    }
}

/// The diagnostic without fixes that only guess: they serve to read on, and are no certain edits.
pub(crate) fn offered(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.fixes.retain(|fix| {
        fix.title != GUESSED_TYPE || !fix.edits.iter().any(|edit| edit.text.contains("string"))
    });
    diagnostic
}

/// `prompt p(x: int) { … }`
fn missing_return_type(place: &Place<'_>) -> Option<Diagnostic> {
    let kind = place.word(0);
    (place.region.is_none()
        && matches!(kind, "prompt" | "agent" | "tool" | "human" | "event" | "code")
        && place.last() == ")"
        && matches!(place.word(place.at), "{" | "=" | ":" | "=>"))
    .then(|| {
        let diagnostic = place
            .error(place.span(place.at, place.at + 1), format!("this {kind} has no return type"))
            .help("write `-> T` after the parameters: `-> string`");
        let edit = match place.word(place.at) {
            "{" | "=" => Edit { at: place.after(place.at - 1), text: " -> string".to_owned() },
            _ => Edit { at: place.span(place.at, place.at + 1), text: " ->".to_owned() },
        };
        diagnostic.fix_all(GUESSED_TYPE, vec![edit])
    })
}

/// `${if c}` inside a line of text
fn directive_in_line(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.wrapping_sub(1), place.at.wrapping_sub(2)].into_iter().find(|&i| {
        i > 0
            && matches!(place.word(i), "for" | "if" | "else")
            && place.outline.kind(i - 1) == Some(TokenKind::SpliceOpen)
    })?;
    Some(
        Diagnostic::new(
            Code::BadDirective,
            place.span(i - 1, i + 1),
            format!("`${{{}` stands alone on its line, in a `\"\"\"` text", place.word(i)),
        )
        .help("inside a line choose with `${c ? \"a\" : \"b\"}`, and join a list with `${xs.join(\", \")}`"),
    )
}

/// `for x in xs { … } else { … }`, `loop max 3 { … } else => { … }`
fn lone_else(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at, place.at.wrapping_sub(1)].into_iter().find(|&i| {
        place.word(i) == "else" && i > 0 && (place.word(i - 1) == "}" || place.outline.starts_line(i))
    })?;
    if place.kind() != Some(BlockKind::Steps) {
        return None;
    }
    if place.at == i + 1 && place.word(i + 1) == "=>" && place.word(i + 2) == "{" {
        let gap = flow_source::FileSpan::new(place.file, place.after(i).span.to(place.after(i + 1).span));
        return Some(
            place
                .error(place.span(i + 1, i + 2), "`else =>` heads an arm")
                .help("after a block stands `else { … }`")
                .fix("take `=>` out", gap, ""),
        );
    }
    Some(place.error(place.span(i, i + 1), "this `else` belongs to nothing").help(
        "`if`, `loop` and `graph` have an `else` after their block; `for` runs to its end and has none",
    ))
}

/// `break 3`
fn jump_value(place: &Place<'_>) -> Option<Diagnostic> {
    let i = [place.at.wrapping_sub(1), place.at.wrapping_sub(2)]
        .into_iter()
        .find(|&i| matches!(place.word(i), "break" | "continue"))?;
    let value = place.outline.kind(i + 1).is_some_and(|k| !matches!(k, TokenKind::Close | TokenKind::Punct))
        && !is_reserved(place.word(i + 1));
    (value && place.kind() == Some(BlockKind::Steps)).then(|| {
        place
            .error(place.span(i + 1, i + 2), format!("`{}` takes no value", place.word(i)))
            .help("a value leaves a loop by state: declare it in `state { … }` and assign it before")
    })
}

/// `f(x) catch null with {retry: 3}`
fn clause_order(place: &Place<'_>) -> Option<Diagnostic> {
    let order = ["as", "with", "catch", "undo"];
    let rank = |i: usize| order.iter().position(|w| *w == place.word(i));
    let near = [place.at, place.at.wrapping_sub(1)];
    let i =
        near.into_iter().find(|&i| rank(i).is_some() && place.outline.kind(i) == Some(TokenKind::Word))?;
    let late = (place.tokens().start..i)
        .find(|&j| rank(j) > rank(i) && place.outline.kind(j) == Some(TokenKind::Word))?;
    Some(
        place
            .error(place.span(i, i + 1), format!("`{}` stands before `{}`", place.word(i), place.word(late)))
            .help("the clauses of a step have one order: `as name`, `with {…}`, `catch …`, `undo …`"),
    )
}

/// `f(x: A { a: int })`
fn named_record(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    (place.kind() == Some(BlockKind::Params)
        && place.word(i) == "{"
        && i > 0
        && place.outline.kind(i - 1) == Some(TokenKind::TypeWord))
    .then(|| {
        place.error(place.span(i - 1, i + 1), "a record with a name is declared with `type`").help(format!(
            "write `type {} {{ … }}` at the top of the file and use its name here",
            place.word(i - 1)
        ))
    })
}

/// `v as A | B`
fn union_cast(place: &Place<'_>) -> Option<Diagnostic> {
    let i = place.at;
    (place.word(i) == "|" && i >= 2 && (place.tokens().start..i).any(|j| place.word(j) == "as")).then(|| {
        place
            .error(place.span(i, i + 1), "the type after `as` has no `|`")
            .help("declare the union, `type Either = A | B`, and cast to its name")
    })
}
