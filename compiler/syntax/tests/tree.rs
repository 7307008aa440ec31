//! The tree of small programs: its shape, and that each span covers its text.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::shown;
use flow_syntax::tree::*;

/// An expression, fully parenthesised.
fn print(expr: &Expr) -> String {
    let args = |args: &[Arg]| {
        let arg =
            |a: &Arg| a.name.as_ref().map_or(String::new(), |n| format!("{}: ", n.text)) + &print(&a.value);
        args.iter().map(arg).collect::<Vec<_>>().join(", ")
    };
    match &expr.kind {
        ExprKind::Literal(literal) => format!("{literal:?}"),
        ExprKind::Template(template) => template.pieces.iter().map(piece).collect::<Vec<_>>().join("~"),
        ExprKind::Name(name) | ExprKind::TypeName(name) => name.to_string(),
        ExprKind::Loop(value) => format!("loop.{value:?}"),
        ExprKind::List(elements) => {
            let element = |e: &Element| if e.optional { "?" } else { "" }.to_owned() + &print(&e.value);
            format!("[{}]", elements.iter().map(element).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Record(record) => {
            let entry = |e: &Entry| match e {
                Entry::Spread(value) => format!("...{}", print(value)),
                Entry::Pair { optional, key, value } => {
                    let key = match key {
                        Key::Name(name) => name.text.to_string(),
                        Key::Literal(literal, _) => format!("{literal:?}"),
                        Key::Computed(key) => format!("[{}]", print(key)),
                    };
                    format!("{}{key}: {}", if *optional { "?" } else { "" }, print(value))
                }
            };
            let name = record.name.as_ref().map_or("", |n| n.as_str());
            format!("{name}{{{}}}", record.entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Member(m) => {
            format!("{}.{}{}", print(&m.object), if m.optional { "?" } else { "" }, m.name.text)
        }
        ExprKind::Index(i) => {
            format!("{}[{}{}]", print(&i.object), if i.optional { "?" } else { "" }, print(&i.index))
        }
        ExprKind::Call(call) => format!("{}({})", call.name.text, args(&call.args)),
        ExprKind::Method(m) => format!("{}.{}({})", print(&m.receiver), m.name.text, args(&m.args)),
        ExprKind::Unary(op, operand) => format!("({}{})", op.as_str(), print(operand)),
        ExprKind::Binary(b) => format!("({} {} {})", print(&b.left), b.op.as_str(), print(&b.right)),
        ExprKind::Ternary(t) => {
            format!("({} ? {} : {})", print(&t.condition), print(&t.then), print(&t.otherwise))
        }
        ExprKind::Is(operand, name) => format!("({} is {})", print(operand), name.text),
        ExprKind::Cast(operand, _) => format!("({} as T)", print(operand)),
        ExprKind::Error => "ERROR".to_owned(),
    }
}

fn piece(piece: &Piece) -> String {
    let body = |pieces: &[Piece]| pieces.iter().map(self::piece).collect::<Vec<_>>().join("~");
    match piece {
        Piece::Text(text) => format!("{text:?}"),
        Piece::Splice(expr) => format!("${}", print(expr)),
        Piece::For(f) => format!("for {} in {} <{}>", f.item.text, print(&f.over), body(&f.body)),
        Piece::If(i) => {
            let branches = i
                .branches
                .iter()
                .map(|(c, b)| format!("if {} <{}>", print(c), body(b)))
                .collect::<Vec<_>>()
                .join(" ");
            branches + &i.otherwise.as_ref().map_or(String::new(), |b| format!(" else <{}>", body(b)))
        }
    }
}

fn expression(text: &str) -> String {
    let (expr, diagnostics) = flow_syntax::parse_expression(text);
    let messages: Vec<_> = diagnostics.iter().map(|d| d.message.clone()).collect();
    if messages.is_empty() { print(&expr) } else { messages.join("; ") }
}

#[test]
fn operators_bind_as_in_cel() {
    for (text, expected) in [
        ("a || b && c == d ?? e + f * -g", "(a || (b && (c == (d ?? (e + (f * (-g)))))))"),
        ("a - b - c", "((a - b) - c)"),
        ("a ?? b ?? c", "(a ?? (b ?? c))"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a == b != c", "((a == b) != c)"),
        ("!a.b && c in d", "((!a.b) && (c in d))"),
        ("-v as T ?? d", "((-(v as T)) ?? d)"),
        ("v is Refund && v.usd < 3.0", "((v is Refund) && (v.usd < Float(3.0)))"),
        ("o.action is Reply ? 1 : 2", "((o.action is Reply) ? Int(1) : Int(2))"),
        ("(a + b) * c", "((a + b) * c)"),
        ("-9223372036854775808", "Int(-9223372036854775808)"),
        ("9223372036854775808", "`9223372036854775808` is too large"),
        ("a - 1", "(a - Int(1))"),
        (
            "0x1F + 3u + 1_000 + .5 + 1e3",
            "((((Int(31) + Uint(3)) + Int(1000)) + Float(0.5)) + Float(1000.0))",
        ),
        ("1h30m + 500ms", "(Duration(5400000000000) + Duration(500000000))"),
        ("1m1h", "the units of `1m1h` don't fall"),
        ("1.5KB + 64MB", "(Size(1536) + Size(67108864))"),
        ("b.?c.d[?0].?e", "b.?c.d[?Int(0)].?e"),
        (
            "xs.filter(x, x > 1).map(x, {k: x, [n]: 1, ...r, ?o: y})",
            "xs.filter(x, (x > Int(1))).map(x, {k: x, [n]: Int(1), ...r, ?o: y})",
        ),
        ("Review{score: 1, \"a b\": 2, true: 3}", "Review{score: Int(1), a b: Int(2), Bool(true): Int(3)}"),
        ("f(x, name: y)", "f(x, name: y)"),
        ("Kind.billing", "Kind.billing"),
        ("h.`Content-Type`", "h.Content-Type"),
        ("loop.index + loop.last", "(loop.Index + loop.Last)"),
        ("q ? Kind : {a: 1}", "(q ? Kind : {a: Int(1)})"),
        ("f (x) [0]", "f(x)[Int(0)]"),
        ("[1] [0]", "[Int(1)][Int(0)]"),
        ("a +", "expected a value after `+`, found the end"),
        ("", "expected an expression, found the end"),
        ("a b", "expected an operator or the end, found `b`"),
        ("!v is Stop", "`!` before `is` needs parentheses"),
    ] {
        assert_eq!(expression(text), expected, "{text}");
    }
}

#[test]
fn strings_are_resolved() {
    for (text, expected) in [
        (r#""a\n\"b\" \${c} \u00e9""#, r#"String("a\n\"b\" ${c} é")"#),
        (r#""a ${x + 1} b""#, r#""a "~$(x + Int(1))~" b""#),
        (r#""${f("b ${g("c")} d")}""#, r#"$f("b "~$g(String("c"))~" d")"#),
        (r#"'x ${y' + r"\d" + R"""a"b""""#, r#"((String("x ${y") + String("\\d")) + String("a\"b"))"#),
        (r#"b"\x00\xffé""#, "Bytes([0, 255, 195, 169])"),
        ("\"\"\"\n    a\n      ${x}\n\n    b\n    \"\"\"", "\"a\\n  \"~$x~\"\\n\\nb\""),
        ("\"\"\"a\n  b\"\"\"", "String(\"a\\n  b\")"),
        ("\"\"\"\r\n  a\r\n  b\r\n  \"\"\"", "String(\"a\\nb\")"),
        (
            "\"\"\"\n  Hits:\n  ${for h in hits}\n  - ${h}\n  ${end}\n  ${if c}\n  yes\n  ${else}\n  no\n  ${end}\n  End\n  \"\"\"",
            "\"Hits:\\n\"~for h in hits <\"- \"~$h~\"\\n\">~if c <\"yes\\n\"> else <\"no\\n\">~\"End\"",
        ),
        ("\"\"\"\n  ${for h in hits}\n  - ${h}\n  ${end}\n  \"\"\"", "for h in hits <\"- \"~$h~\"\\n\">"),
        (r#""\q""#, r"no string knows the escape `\q`"),
    ] {
        assert_eq!(expression(text), expected, "{text}");
    }
}

#[test]
fn spans_cover_their_text() {
    let text = "const a = f( x ).g[1 + 2] ?? Review{score: (3)}\n";
    let (file, _) = common::parse(text);
    let item = &file.items[0];
    let ItemKind::Const(constant) = &item.kind else { panic!("{}", shown(text)) };
    assert_eq!(item.slice(constant.name.span), "a");
    assert_eq!(item.slice(constant.value.span), "f( x ).g[1 + 2] ?? Review{score: (3)}");
    let ExprKind::Binary(coalesce) = &constant.value.kind else { panic!("{:?}", constant.value) };
    assert_eq!(item.slice(coalesce.op_span), "??");
    assert_eq!(item.slice(coalesce.left.span), "f( x ).g[1 + 2]");
    let ExprKind::Record(record) = &coalesce.right.kind else { panic!("{:?}", coalesce.right) };
    let Entry::Pair { value, .. } = &record.entries[0] else { panic!("{record:?}") };
    assert_eq!(item.slice(value.span), "(3)");
}

#[test]
fn spans_of_a_lone_expression_are_those_of_its_text() {
    let text = "f (a) + xs  [0]";
    let (expr, _) = flow_syntax::parse_expression(text);
    assert_eq!(&text[expr.span.range()], text);
    let ExprKind::Binary(sum) = &expr.kind else { panic!("{expr:?}") };
    assert_eq!(&text[sum.left.span.range()], "f (a)");
    assert_eq!(&text[sum.right.span.range()], "xs  [0]");
}

/// The steps of a flow, each as its kind and its text.
fn steps(body: &str) -> Vec<String> {
    let text = format!("flow f() {{ {body} }}");
    let (file, diagnostics) = common::parse(&text);
    assert!(diagnostics.is_empty(), "{}", shown(&text));
    let ItemKind::Flow(flow) = &file.items[0].kind else { panic!("{text}") };
    let shape = |step: &Step| {
        let kind = format!("{:?}", step.kind);
        format!("{}: {}", kind.split(['(', ' ']).next().unwrap_or(""), file.items[0].slice(step.span))
    };
    flow.steps.iter().map(shape).collect()
}

#[test]
fn steps_end_where_the_next_starts() {
    assert_eq!(
        steps("let a = g() as first with {retry: 1} catch null undo h(a) x = a x += 1 send(x) return x if q"),
        [
            "Let: let a = g() as first with {retry: 1} catch null undo h(a)",
            "Assign: x = a",
            "Assign: x += 1",
            "Bare: send(x)",
            "Return: return x if q"
        ]
    );
    assert_eq!(
        steps(
            "if a { g() } else if b { h() } else { i() } loop l max 3 until c { g() } else { h() } for i, x in xs max 9 { g(x) }"
        ),
        [
            "If: if a { g() } else if b { h() } else { i() }",
            "Loop: loop l max 3 until c { g() } else { h() }",
            "For: for i, x in xs max 9 { g(x) }"
        ]
    );
    assert_eq!(
        steps(
            "parallel { let a = f() } try { g() } catch { else => h() } finally { i() } saga { g() } race { when wait 3d => {} } wait until t emit v as e if c break"
        ),
        [
            "Parallel: parallel { let a = f() }",
            "Try: try { g() } catch { else => h() } finally { i() }",
            "Saga: saga { g() }",
            "Bare: race { when wait 3d => {} }",
            "Wait: wait until t",
            "Emit: emit v as e if c",
            "Break: break"
        ]
    );
}

#[test]
fn arms_tell_values_blocks_and_steps_apart() {
    let text = "flow f() { let r = route v { when a | K.b if c => {x: 1} when V{p, q: r} => { g() } when -1 => return 2 else => h() } }";
    let (file, _) = common::parse(text);
    let ItemKind::Flow(flow) = &file.items[0].kind else { panic!("{}", shown(text)) };
    let StepKind::Let(binding) = &flow.steps[0].kind else { panic!("{:?}", flow.steps) };
    let ValueKind::Route(route) = &binding.value.kind else { panic!("{binding:?}") };
    let shape = |arm: &RouteArm| {
        let head = match &arm.head {
            RouteHead::Patterns { patterns, guard } => {
                let patterns: Vec<_> = patterns.iter().map(|p| file.items[0].slice(p.span)).collect();
                format!("{}{}", patterns.join("/"), if guard.is_some() { " guarded" } else { "" })
            }
            other => format!("{other:?}"),
        };
        let body = match &arm.body {
            ArmBody::Value(_) => "value",
            ArmBody::Step(_) => "step",
            ArmBody::Block(_) => "block",
            ArmBody::Error => "error",
        };
        format!("{head}: {body}")
    };
    let arms: Vec<_> = route.arms.iter().map(shape).collect();
    assert_eq!(arms, ["a/K.b guarded: value", "V{p, q: r}: block", "-1: step", "Else: value"]);
}
