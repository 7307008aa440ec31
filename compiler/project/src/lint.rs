//! `// lint-ok: unused-node, W0210 kept for the editor`: the next declaration, or inside one the next line, is fine as it is.

use flow_diagnostics::{Code, Diagnostic, Severity};
use flow_source::{FileId, Span};
use flow_syntax::TokenKind;
use flow_syntax::tree;

/// What such a comment begins with, after its slashes.
const MARK: &str = "lint-ok:";

/// A comment that silences warnings.
#[derive(Clone, Debug)]
pub(crate) struct LintOk {
    file: FileId,
    /// The comment, with the line's blank space before it and its line break.
    line: Span,
    /// The names or codes of warnings, as written. What follows the last one says why.
    names: Vec<(String, Span)>,
    /// Where a warning has to stand; `None` if nothing follows.
    covers: Option<Span>,
}

/// Finds the comments of a file.
pub(crate) fn find(tree: &tree::File) -> Vec<LintOk> {
    if !tree.text.contains(MARK) {
        return Vec::new();
    }
    let tokens = flow_syntax::tokens(&tree.text);
    let comments = tokens.iter().enumerate().filter(|(_, token)| token.kind == TokenKind::Comment);
    comments
        .filter_map(|(index, token)| {
            let names = names(&tree.text[token.span.range()], token.span.start)?;
            let next = tokens[index + 1..].iter().find(|token| !token.kind.is_trivia());
            let covers = covered(tree, token.span, next.map(|token| token.span));
            Some(LintOk { file: tree.file, line: line(&tree.text, token.span), names, covers })
        })
        .collect()
}

/// Takes away what is silenced, and reports what such a comment names in vain. In a program with errors not every warning is
/// looked for, so there a name that meets none is left alone; `has_flow` is false where nothing is called unused.
pub(crate) fn apply(comments: &[LintOk], has_flow: bool, diagnostics: &mut Vec<Diagnostic>) {
    if comments.is_empty() {
        return;
    }
    let codes: Vec<Vec<Option<Code>>> = comments
        .iter()
        .map(|comment| comment.names.iter().map(|(name, _)| Code::find(name)).collect())
        .collect();
    let mut met: Vec<Vec<bool>> = codes.iter().map(|codes| vec![false; codes.len()]).collect();
    diagnostics.retain(|one| {
        let mut silenced = false;
        for ((comment, codes), met) in comments.iter().zip(&codes).zip(&mut met) {
            let at = one.primary.at;
            let covered = comment.file == at.file
                && comment.covers.is_some_and(|span| span.start <= at.span.start && at.span.start < span.end);
            if one.severity() != Severity::Warning || !covered {
                continue;
            }
            for (code, met) in codes.iter().zip(met) {
                if *code == Some(one.code) {
                    *met = true;
                    silenced = true;
                }
            }
        }
        !silenced
    });
    let sound = diagnostics.iter().all(|one| one.severity() != Severity::Error);
    for ((comment, codes), met) in comments.iter().zip(codes).zip(met) {
        for (index, (code, met)) in codes.into_iter().zip(met).enumerate() {
            match code {
                None => diagnostics.push(unknown(comment, index)),
                Some(code) if code.info().severity == Severity::Error => {
                    diagnostics.push(refused(comment, index, code));
                }
                Some(code) => {
                    let judged = has_flow || !matches!(code, Code::UnusedImport | Code::UnusedNode);
                    if !met && sound && judged {
                        diagnostics.push(needless(comment, index, code));
                    }
                }
            }
        }
    }
}

/// Reads the names of a comment; `None` if it is another comment.
fn names(comment: &str, start: u32) -> Option<Vec<(String, Span)>> {
    let text = comment.trim_start_matches('/').trim_start().strip_prefix(MARK)?;
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = start + (comment.len() - rest.len()) as u32;
        let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() || names.is_empty() {
            names.push((name.to_owned(), Span::new(at, at + name.len() as u32)));
        }
        match after.trim_start().strip_prefix(',') {
            Some(more) if !name.is_empty() => rest = more,
            _ => return Some(names),
        }
    }
}

/// What the comment is about: the next declaration, or inside one the next line that has more than comments.
fn covered(tree: &tree::File, comment: Span, next: Option<Span>) -> Option<Span> {
    let after = tree.items.partition_point(|item| item.start <= comment.start);
    let around = after.checked_sub(1).and_then(|index| tree.items.get(index)).filter(|item| {
        let keyword = item.start + item.span.start;
        keyword < comment.start && comment.start < item.start + item.text.len() as u32
    });
    if around.is_some() {
        let next = next?;
        let end = tree.text[next.start as usize..]
            .find('\n')
            .map_or(tree.text.len() as u32, |at| next.start + at as u32);
        return Some(Span::new(next.start, end.max(next.end)));
    }
    let next = next?;
    let item = tree.items.iter().find(|item| item.start + item.text.len() as u32 > next.start)?;
    Some(Span::new(item.start, item.start + item.text.len() as u32))
}

/// The line of a comment that has one of its own, else the comment and the blank space before it.
fn line(text: &str, comment: Span) -> Span {
    let before = &text[..comment.start as usize];
    let blank = before.len() - before.trim_end_matches([' ', '\t']).len();
    let start = comment.start - blank as u32;
    let alone = start == 0 || text.as_bytes()[start as usize - 1] == b'\n';
    let rest = &text[comment.end as usize..];
    let end = match rest.find('\n') {
        Some(at) if alone => comment.end + at as u32 + 1,
        _ => comment.end,
    };
    Span::new(start, end)
}

fn unknown(comment: &LintOk, index: usize) -> Diagnostic {
    let (name, span) = &comment.names[index];
    let at = span.within(comment.file);
    let warnings = Code::ALL.iter().map(|code| code.info()).filter(|info| info.severity == Severity::Warning);
    let near = flow_check::nearest(name, warnings.map(|info| info.name));
    if name.is_empty() {
        let diagnostic = Diagnostic::new(Code::UnknownLint, at, "this comment names no warning")
            .help("write the name of the warning after the colon: `// lint-ok: unused-node`");
        return without(comment, index, diagnostic);
    }
    let diagnostic =
        Diagnostic::new(Code::UnknownLint, at, format!("there is no warning `{name}`")).here("names none");
    match near {
        Some(near) => diagnostic.help(format!("a warning with a similar name exists: `{near}`")).fix(
            format!("replace `{name}` by `{near}`"),
            at,
            near,
        ),
        None => {
            let help = "name warnings as they are told, with commas between them; say why after a space";
            without(comment, index, diagnostic.help(help))
        }
    }
}

fn refused(comment: &LintOk, index: usize, code: Code) -> Diagnostic {
    let at = comment.names[index].1.within(comment.file);
    let name = code.info().name;
    let diagnostic = Diagnostic::new(Code::UnknownLint, at, format!("`{name}` is an error, not a warning"))
        .here("can't be silenced")
        .help("mend the program: an error means that it can't run");
    without(comment, index, diagnostic)
}

fn needless(comment: &LintOk, index: usize, code: Code) -> Diagnostic {
    let at = comment.names[index].1.within(comment.file);
    let name = code.info().name;
    let diagnostic =
        Diagnostic::new(Code::NeedlessLintOk, at, format!("there is no `{name}` to silence here"))
            .here("silences nothing")
            .help("remove it; it stands on the line before the declaration, or the line, that it is about");
    without(comment, index, diagnostic)
}

/// Adds the edit that takes a name out of the comment, or all of it with its last name.
fn without(comment: &LintOk, index: usize, diagnostic: Diagnostic) -> Diagnostic {
    let span = match comment.names.as_slice() {
        [_] => return diagnostic.fix("remove the comment", comment.line.within(comment.file), ""),
        names if index + 1 < names.len() => Span::new(names[index].1.start, names[index + 1].1.start),
        names => Span::new(names[index - 1].1.end, names[index].1.end),
    };
    diagnostic.fix("remove the name", span.within(comment.file), "")
}
