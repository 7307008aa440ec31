//! `flowc run FILE --help`: what a flow takes and gives, from its types and doc comments.

use std::fmt::Write;

use anstyle::Style;
use flow_diagnostics::escape;
use flow_ir::plan::Flow;
use flow_ir::types::{Field, TypeBody};
use flow_ir::{Type, TypeDefs};

use crate::terminal::BOLD;
use crate::text;

/// Writes the help of a flow. `path` is as it was given; `defaults` are the parameters' defaults as JSON, by position.
pub fn help(flow: &Flow, types: &TypeDefs, path: &str, defaults: &[Option<String>], width: usize) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write(flow, types, path, defaults, width, &mut out);
    out
}

/// Lists the flows of which one has to be named.
pub fn choice(flows: &[String], path: &str) -> String {
    let mut out = String::new();
    let path = escape(path);
    // Writing to a string can't fail.
    let _ = heading("Usage:", &mut out);
    out.push_str(&format!(" flowc run {path} FLOW [name=value…]\n\n"));
    let _ = heading("Flows:\n", &mut out);
    flows.iter().for_each(|flow| out.push_str(&format!("  {BOLD}{flow}{BOLD:#}\n")));
    out.push_str(&format!(
        "\n`flowc run {path} {} --help` lists the inputs of one.\n",
        flows.first().map_or("FLOW", String::as_str)
    ));
    out
}

fn write(
    flow: &Flow,
    types: &TypeDefs,
    path: &str,
    defaults: &[Option<String>],
    width: usize,
    out: &mut String,
) -> std::fmt::Result {
    doc(&flow.doc, "", width, out)?;
    if !flow.doc.is_empty() {
        out.push('\n');
    }
    let needed: Vec<String> = flow
        .params
        .iter()
        .enumerate()
        .map(|(at, param)| match needs_value(defaults, at, &param.ty) {
            true => format!(" {}=…", param.name),
            false => format!(" [{}=…]", param.name),
        })
        .collect();
    heading("Usage:", out)?;
    writeln!(out, " flowc run {} {}{}\n", escape(path), flow.name, needed.concat())?;
    if !flow.params.is_empty() {
        heading("Inputs:\n", out)?;
    }
    for (at, param) in flow.params.iter().enumerate() {
        let default = defaults.get(at).cloned().flatten().map(|value| format!(" = {}", escape(&value)));
        writeln!(out, "  {BOLD}{}{BOLD:#}: {}{}", param.name, param.ty, default.unwrap_or_default())?;
        doc(&param.doc, "      ", width, out)?;
    }
    if !flow.params.is_empty() {
        out.push('\n');
    }
    heading("Result:", out)?;
    writeln!(out, " {}", flow.returns)?;
    let mut named = Vec::new();
    for ty in flow.params.iter().map(|param| &param.ty).chain([&flow.returns]) {
        collect(ty, types, &mut named);
    }
    if !named.is_empty() {
        out.push('\n');
        heading("Types:\n", out)?;
    }
    for name in named {
        definition(&name, types, width, out)?;
    }
    Ok(())
}

fn needs_value(defaults: &[Option<String>], at: usize, ty: &Type) -> bool {
    defaults.get(at).is_none_or(Option::is_none) && !ty.allows_null()
}

fn heading(text: &str, out: &mut String) -> std::fmt::Result {
    let style: Style = BOLD.underline();
    let (title, end) = text.strip_suffix('\n').map_or((text, ""), |title| (title, "\n"));
    write!(out, "{style}{title}{style:#}{end}")
}

/// A doc comment, wrapped; its own line breaks are spaces, its empty lines stay.
fn doc(text: &str, indent: &str, width: usize, out: &mut String) -> std::fmt::Result {
    let room = width.saturating_sub(indent.len()).max(20);
    for (at, paragraph) in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for line in text::wrap(&escape(&paragraph.replace('\n', " ")), room) {
            writeln!(out, "{indent}{line}")?;
        }
    }
    Ok(())
}

/// The named types that a type mentions, each once, those that it is made of after it.
fn collect(ty: &Type, types: &TypeDefs, named: &mut Vec<flow_ir::Name>) {
    match ty {
        Type::Named(name) if !named.contains(name) => {
            named.push(name.clone());
            match types.get(name).map(|def| &def.body) {
                Some(TypeBody::Record { record, .. }) => {
                    record.fields.iter().for_each(|field| collect(&field.ty, types, named));
                }
                Some(TypeBody::Union { members }) => {
                    members.iter().for_each(|member| collect(&Type::Named(member.clone()), types, named));
                }
                Some(TypeBody::Alias { ty }) => collect(ty, types, named),
                Some(TypeBody::Enum { .. }) | None => {}
            }
        }
        Type::List(of, _) | Type::Nullable(of) | Type::Optional(of) => collect(of, types, named),
        Type::Map(key, value) => {
            collect(key, types, named);
            collect(value, types, named);
        }
        Type::Record(record) => record.fields.iter().for_each(|field| collect(&field.ty, types, named)),
        Type::Where(rule) => collect(&rule.base, types, named),
        _ => {}
    }
}

fn definition(name: &str, types: &TypeDefs, width: usize, out: &mut String) -> std::fmt::Result {
    let Some(def) = types.get(name) else { return Ok(()) };
    let body = match &def.body {
        TypeBody::Record { .. } => String::new(),
        TypeBody::Enum { values } => {
            values.iter().map(|value| value.name.as_str()).collect::<Vec<_>>().join(" | ")
        }
        TypeBody::Union { members } => {
            let members = members.iter().map(|member| Type::Named(member.clone()).to_string());
            members.collect::<Vec<_>>().join(" | ")
        }
        TypeBody::Alias { ty } => ty.to_string(),
    };
    let equals = if body.is_empty() { "" } else { " = " };
    writeln!(out, "  {BOLD}{}{BOLD:#}{equals}{body}", def.name)?;
    doc(&def.doc, "      ", width, out)?;
    if let TypeBody::Record { record, .. } = &def.body {
        for Field { name, ty, doc: text, .. } in &record.fields {
            writeln!(out, "    {name}: {ty}")?;
            doc(text, "        ", width, out)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flow_ir::plan::{Budget, Param};
    use flow_ir::types::{EnumValue, Record, Size, TypeDef};

    use super::*;

    #[test]
    fn tells_what_a_flow_takes_and_gives() {
        let named = |name: &str, doc: &str, body| {
            (flow_ir::Name::from(name), TypeDef { name: name.into(), doc: doc.into(), body })
        };
        let field = |name: &str, ty, doc: &str| Field { name: name.into(), ty, trust: None, doc: doc.into() };
        let values = ["accept", "revise"].map(|name| EnumValue { name: name.into(), doc: String::new() });
        let fields = vec![
            field("title", Type::STRING, "No longer than a line."),
            field("verdict", Type::Named("Verdict".into()), ""),
        ];
        let types: TypeDefs = [
            named(
                "Article",
                "What is published.",
                TypeBody::Record { record: Arc::new(Record { fields }), rule: None },
            ),
            named("Verdict", "", TypeBody::Enum { values: Arc::from(values) }),
        ]
        .into_iter()
        .collect();
        let param =
            |name: &str, ty, doc: &str| Param { name: name.into(), ty, default: None, doc: doc.into() };
        let flow = Flow {
            name: "write_article".into(),
            doc: "Writes an article, has it reviewed and revises it until the editor accepts,\nor gives up."
                .into(),
            params: vec![
                param(
                    "topic",
                    Type::String(Size { min: None, max: Some(200) }),
                    "What it is about. \u{1b}[31m",
                ),
                param("rounds", Type::INT, ""),
            ],
            returns: Type::Named("Article".into()),
            budget: Budget::default(),
            slots: Vec::new(),
            blocks: Vec::new(),
            body: 0,
            emits: None,
            on_error: None,
        };
        let help = help(&flow, &types, "article.flow", &[None, Some("3".into())], 60);
        insta::assert_snapshot!(anstream::adapter::strip_str(&help).to_string(), @r"
        Writes an article, has it reviewed and revises it until the
        editor accepts, or gives up.

        Usage: flowc run article.flow write_article topic=… [rounds=…]

        Inputs:
          topic: string(..200)
              What it is about. \u{1b}[31m
          rounds: int = 3

        Result: Article

        Types:
          Article
              What is published.
            title: string
                No longer than a line.
            verdict: Verdict
          Verdict = accept | revise
        ");
    }
}
