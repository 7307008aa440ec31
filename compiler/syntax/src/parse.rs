//! The parser: items one by one, and what happens where the grammar refuses one.

use std::sync::{Arc, Mutex};

use flow_diagnostics::{Code, Diagnostic, Edit};
use flow_grammar::{FlowParser, Rule};
use flow_source::{FileId, Span};
use pest::Parser;
use pest::error::{Error, ErrorVariant, InputLocation};
use pest::iterators::Pair;

use crate::build::Builder;
use crate::explain;
use crate::outline::{Outline, Region};
use crate::scan::{FAULTS_MAX, FILE_BYTES_MAX, Fault, FaultKind, Stretch, scan};
use crate::tree::{ErrorItem, Expr, ExprKind, File, Item, ItemKind, Name};

/// Brackets inside each other from which on a thread with a large stack parses.
const SHALLOW: usize = 12;
/// The stack of that thread; 128 brackets need about a tenth of it in a debug build.
const STACK_BYTES: usize = 64 << 20;
/// The most bytes that are read again because of faults in one file.
const REREAD_BYTES_MAX: usize = 64 << 20;
/// What stands over text that has been reported: `poison` in the grammar.
const POISON: u8 = 1;

/// Parses a file. Every problem gives one diagnostic; what could not be read is an error node, and the rest is there.
pub fn parse(file: FileId, text: &str) -> (File, Vec<Diagnostic>) {
    if let Some(problem) = unreadable(file, text) {
        return (File { file, text: Arc::from(""), items: Vec::new() }, vec![problem]);
    }
    let crate::scan::Scan { items: stretches, docs } = scan(text);
    let deep = stretches.iter().any(|s| s.depth > SHALLOW);
    let run = || {
        let mut parser = FileParser { file, text, diagnostics: Vec::new(), reread: 0 };
        let items: Vec<Item> = stretches.iter().map(|stretch| parser.stretch(stretch)).collect();
        parser.stray_docs(docs.iter().copied());
        (items, parser.diagnostics)
    };
    let (items, diagnostics) = if deep { with_stack(run) } else { run() };
    (File { file, text: Arc::from(text), items }, diagnostics)
}

/// Parses one expression alone. A space before a bracket, which would end it in a file, is passed over (G1); spans are those
/// of the given text.
pub fn parse_expression(text: &str) -> (Expr, Vec<Diagnostic>) {
    let file = FileId::default();
    let lost = Expr { kind: ExprKind::Error, span: Span::new(0, text.len() as u32) };
    if let Some(problem) = unreadable(file, text) {
        return (lost, vec![problem]);
    }
    // In front of the expression stands the head of a constant, so that the scan sees an item.
    const HEAD: &str = "const e = ";
    let whole = format!("{HEAD}{text}");
    let scanned = scan(&whole);
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let shift = HEAD.len() as u32;
    for fault in scanned.items.iter().flat_map(|s| &s.faults).filter(|f| f.kind != FaultKind::Division) {
        let span = Span::new(fault.span.start.saturating_sub(shift), fault.span.end.saturating_sub(shift));
        diagnostics.push(explain::fault(file, text, fault_without(shift, *fault, span)));
    }
    if scanned.items.len() > 1 && diagnostics.is_empty() {
        let at = scanned.items[1].keyword.saturating_sub(shift);
        let span = Span::new(at, at).within(file);
        diagnostics.push(Diagnostic::new(
            Code::UnexpectedToken,
            span,
            "an expression ends here, and a declaration starts",
        ));
    }
    if !diagnostics.is_empty() {
        return (lost, diagnostics);
    }
    let (joined, offsets) = without_spaces_before_brackets(text);
    let read = || match FlowParser::parse(Rule::one_expression, &joined) {
        Ok(pairs) => {
            let mut builder = Builder::new(&joined, file, 0);
            let top = pairs.peek().and_then(|p| p.into_inner().find(|p| p.as_rule() == Rule::expr));
            let expr = top.map_or_else(|| lost.clone(), |pair| builder.expr(pair));
            (expr, builder.diagnostics)
        }
        Err(error) => {
            let outline = Outline::new(&joined);
            let at = outline.token_at(furthest(&joined, Rule::one_expression, &error) as u32);
            (lost.clone(), vec![explain::expression(file, &outline, at)])
        }
    };
    let (mut expr, mut diagnostics) = with_stack(read);
    if !offsets.is_empty() {
        let back = |span: Span| Span::new(original(&offsets, span.start), original(&offsets, span.end));
        crate::tree::map_spans(&mut expr, &back);
        for diagnostic in &mut diagnostics {
            diagnostic.primary.at.span = back(diagnostic.primary.at.span);
            diagnostic.fixes.iter_mut().flat_map(|f| &mut f.edits).for_each(|e| e.at.span = back(e.at.span));
        }
    }
    (expr, diagnostics)
}

/// Decodes a file that somebody has read. A file that is too large or isn't UTF-8 gives one diagnostic.
pub fn decode(file: FileId, bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Box::new(too_large(file, bytes.len())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(at).copied().unwrap_or(0);
        let span = Span::from(at..at + 1).within(file);
        Box::new(
            Diagnostic::new(
                Code::NotText,
                span,
                format!("this file isn't UTF-8 text: byte {at} is 0x{byte:02X}"),
            )
            .help("save it as UTF-8; if it is no text, it is no `.flow` file"),
        )
    })
}

fn too_large(file: FileId, bytes: usize) -> Diagnostic {
    let megabytes = FILE_BYTES_MAX >> 20;
    Diagnostic::new(
        Code::TooLarge,
        Span::default().within(file),
        format!("this file has {bytes} bytes; the most is {megabytes} MiB"),
    )
    .help("split it into files that import each other; data belongs in files that a tool reads")
}

fn unreadable(file: FileId, text: &str) -> Option<Diagnostic> {
    if text.len() > FILE_BYTES_MAX {
        return Some(too_large(file, text.len()));
    }
    let at = text.bytes().position(|b| b == 0)?;
    let span = Span::from(at..at + 1).within(file);
    let message = format!("this file isn't text: byte {at} is NUL");
    Some(
        Diagnostic::new(Code::NotText, span, message)
            .help("save it as UTF-8; if it is no text, it is no `.flow` file"),
    )
}

/// Runs on a thread whose stack holds every nesting that the scan lets through; in place if there is no thread to be had,
/// where pest's own guard refuses what is too deep.
fn with_stack<T: Send>(run: impl Fn() -> T + Send + Sync) -> T {
    std::thread::scope(|scope| {
        let spawned = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, &run);
        match spawned.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => run(),
        }
    })
}

/// The byte at which reading stopped. pest tells it only if asked for details, by a switch of the process: the lock keeps two
/// threads from switching it under each other.
fn furthest(text: &str, rule: Rule, error: &Error<Rule>) -> usize {
    static DETAILS: Mutex<()> = Mutex::new(());
    let coarse = match error.location {
        InputLocation::Pos(at) => at,
        InputLocation::Span((at, _)) => at,
    };
    let _alone = DETAILS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    pest::set_error_detail(true);
    let again = FlowParser::parse(rule, text);
    pest::set_error_detail(false);
    let fine = again.err().and_then(|e| e.parse_attempts()).map_or(0, |a| a.max_position);
    fine.max(coarse).min(text.len())
}

struct FileParser<'a> {
    file: FileId,
    text: &'a str,
    diagnostics: Vec<Diagnostic>,
    reread: usize,
}

impl FileParser<'_> {
    fn stretch(&mut self, stretch: &Stretch) -> Item {
        let text = &self.text[stretch.span.range()];
        let base = stretch.span.start;
        let first = self.diagnostics.len();
        let mut open_string: Option<Fault> = None;
        for fault in &stretch.faults {
            // The far end of a string that runs over a line break looks like another open one.
            let far_end = open_string.is_some_and(|f| self.line_breaks(f, *fault) == 1);
            let is_string = fault.kind == FaultKind::OpenString { block: false };
            if !(is_string && far_end) {
                self.diagnostics.push(explain::fault(self.file, self.text, *fault));
            }
            open_string = is_string.then_some(*fault);
        }
        let mut builder = Builder::new(text, self.file, base);
        let kind = if !stretch.is_item {
            if self.diagnostics.len() == first {
                self.diagnostics.push(explain::no_item(self.file, base, &Outline::new(text)));
            }
            lost_item(text)
        } else if stretch.faults.len() >= FAULTS_MAX || stretch.faults.iter().any(|f| f.kind.is_fatal()) {
            lost_item(text)
        } else if stretch.faults.iter().all(|f| f.kind == FaultKind::Division) {
            match FlowParser::parse(Rule::one_item, text) {
                Ok(mut pairs) => build(&mut builder, pairs.next()).unwrap_or_else(|| lost_item(text)),
                Err(error) => self.recover(stretch, text, Some(error), &mut builder),
            }
        } else {
            self.recover(stretch, text, None, &mut builder)
        };
        let docs: Vec<Span> =
            stretch.docs.iter().filter(|d| **d < stretch.keyword).map(|d| doc_line(text, d - base)).collect();
        let docs = builder.docs(&docs);
        self.diagnostics.append(&mut builder.diagnostics);
        let lost = matches!(kind, ItemKind::Error(_)) || self.diagnostics.len() > first;
        if !lost {
            let attached = builder.docs;
            self.stray_docs(stretch.docs.iter().copied().filter(|d| !attached.contains(&(d - base))));
        }
        self.diagnostics[first..].sort_by_key(|d| d.primary.at.span.start);
        let span = Span::new(stretch.keyword - base, stretch.span.len());
        Item { start: base, text: Arc::from(text), docs, kind, span }
    }

    /// A brace that closes nothing often follows one that closed the item too early: then that one is passed over.
    fn closed_early(&mut self, outline: &Outline<'_>, patched: &mut [u8], fault: Fault, base: u32) -> bool {
        let Some(early) = outline.early_close() else { return false };
        let span = outline.tokens[early].span;
        if patched[span.start as usize] != b'}'
            || fault.span.len() != 1
            || outline.word(outline.token_at(fault.span.start - base)) != "}"
        {
            return false;
        }
        patched[span.range()].fill(b' ');
        let between = early + 1 < outline.token_at(fault.span.start - base);
        if let Some(diagnostic) = self.diagnostics.iter_mut().rfind(|d| d.primary.at.span == fault.span)
            && between
        {
            diagnostic.fixes.clear();
            let at = span.shift(base).within(self.file);
            *diagnostic = diagnostic.clone().label(at, "the declaration ends here already");
        }
        true
    }

    fn line_breaks(&self, from: Fault, to: Fault) -> usize {
        let between = from.span.start.min(to.span.start) as usize..to.span.start as usize;
        self.text[between].bytes().filter(|b| *b == b'\n').count()
    }

    fn stray_docs(&mut self, lines: impl Iterator<Item = u32>) {
        let mut last_end = None;
        for at in lines {
            let line = doc_line(self.text, at);
            // The lines of one block are one problem.
            let follows =
                last_end.is_some_and(|end: u32| self.text[end as usize..at as usize].trim().is_empty());
            last_end = Some(line.end);
            if !follows {
                self.diagnostics.push(explain::stray_doc(self.file, line));
            }
        }
    }

    /// Reads an item whose text has faults: what is to blame is reported once, poisoned, and the rest read again.
    fn recover(
        &mut self,
        stretch: &Stretch,
        text: &str,
        error: Option<Error<Rule>>,
        builder: &mut Builder<'_>,
    ) -> ItemKind {
        let outline = Outline::new(text);
        let base = stretch.span.start;
        let mut patched = text.as_bytes().to_vec();
        let mut given_up: Vec<Region> = Vec::new();
        for fault in &stretch.faults {
            let at = fault.span.start - base;
            match fault.kind {
                FaultKind::Division => {}
                FaultKind::StrayClose if self.closed_early(&outline, &mut patched, *fault, base) => {}
                FaultKind::StrayClose | FaultKind::Unknown if blank_mends(text, *fault, base) => {
                    patched[(fault.span.start - base) as usize..(fault.span.end - base) as usize].fill(b' ');
                }
                _ => match outline.region(outline.token_at(at)) {
                    Some(region) => give_up(&mut patched, &outline, &mut given_up, region),
                    None => return lost_item(text),
                },
            }
        }
        let mut error = error;
        let mut mended: Vec<(Option<Region>, usize)> = Vec::new();
        for _ in 0..FAULTS_MAX {
            let read = std::str::from_utf8(&patched).unwrap_or(text);
            self.reread += read.len();
            let failed = match error.take() {
                Some(error) => error,
                None => match FlowParser::parse(Rule::one_item, read) {
                    Ok(mut pairs) => return build(builder, pairs.next()).unwrap_or_else(|| lost_item(text)),
                    Err(error) => error,
                },
            };
            if let ErrorVariant::CustomError { .. } = failed.variant {
                self.diagnostics.push(explain::too_deep(self.file, stretch.span));
                return lost_item(text);
            }
            let at = outline.token_at(furthest(read, Rule::one_item, &failed) as u32);
            let keyword = outline.keyword_in_the_way(at);
            let given = |i: usize| given_up.iter().any(|g| (g.first..g.end).contains(&i));
            let at = if keyword > 0 && given(keyword - 1) { at } else { keyword };
            let region = outline.region(at);
            let known = given_up.iter().any(|g| (g.first..=g.end).contains(&at) || Some(*g) == region)
                || mended.iter().any(|(r, until)| *r == region && at <= *until);
            if !known {
                let diagnostic = explain::refused(self.file, base, &outline, at, region);
                let told = self
                    .diagnostics
                    .iter()
                    .any(|d| d.primary.at == diagnostic.primary.at && d.message == diagnostic.message);
                let mends = !told && self.reread < REREAD_BYTES_MAX && mend(&mut patched, &diagnostic, base);
                if !told {
                    self.diagnostics.push(diagnostic);
                }
                if mends {
                    mended.push((region, at));
                    continue;
                }
            }
            let mut next = region;
            while let Some(r) = next
                && given_up.contains(&r)
            {
                next = outline.wider(r);
            }
            match next {
                Some(region) if self.reread < REREAD_BYTES_MAX => {
                    give_up(&mut patched, &outline, &mut given_up, region)
                }
                _ => return lost_item(text),
            }
        }
        lost_item(text)
    }
}

fn build(builder: &mut Builder<'_>, top: Option<Pair<'_, Rule>>) -> Option<ItemKind> {
    let item = top?.into_inner().find(|p| !matches!(p.as_rule(), Rule::comment | Rule::EOI))?;
    Some(builder.item(item))
}

fn give_up(patched: &mut [u8], outline: &Outline<'_>, given_up: &mut Vec<Region>, region: Region) {
    let span = outline.span(region.first, region.end);
    patched[span.range()].fill(POISON);
    given_up.push(region);
}

/// Writes the fix of what was reported over the text, where it fits, so that the rest is read as it was meant. Returns whether
/// it did.
fn mend(patched: &mut [u8], diagnostic: &Diagnostic, base: u32) -> bool {
    let Some(fix) = diagnostic.fixes.first() else { return false };
    let place = |edit: &Edit| {
        let start = edit.at.span.start.checked_sub(base)? as usize;
        Some(start..start + edit.at.span.len() as usize)
    };
    let fits = fix.edits.iter().all(|edit| {
        place(edit).is_some_and(|at| patched.get(at).is_some_and(|old| old.len() >= edit.text.len()))
    });
    if !fits {
        return false;
    }
    let mut changed = false;
    for edit in &fix.edits {
        let Some(old) = place(edit).and_then(|at| patched.get_mut(at)) else { continue };
        let new = edit.text.bytes().chain(std::iter::repeat(b' '));
        for (byte, new) in old.iter_mut().zip(new) {
            // A line break is kept where the new text is blank: it ends a comment.
            if *byte != new && !(new == b' ' && byte.is_ascii_whitespace()) {
                *byte = new;
                changed = true;
            }
        }
    }
    changed
}

/// Whether a character that doesn't belong there can be passed over.
fn blank_mends(text: &str, fault: Fault, base: u32) -> bool {
    let at = (fault.span.start - base) as usize;
    fault.kind == FaultKind::StrayClose || text[at..].starts_with(';')
}

fn doc_line(text: &str, at: u32) -> Span {
    let rest = &text[at as usize..];
    let end = rest.find('\n').unwrap_or(rest.len());
    let line = rest[..end].trim_end();
    Span::new(at, at + line.len() as u32)
}

/// An item that could not be read, with the name it declares all the same.
fn lost_item(text: &str) -> ItemKind {
    let mut lexer = crate::lexer::Lexer::new(text, 0);
    let mut words = std::iter::from_fn(|| lexer.next_token())
        .filter(|t| !t.kind.is_trivia())
        .take(3)
        .map(|t| Name { text: text[t.span.range()].into(), span: t.span });
    let is_word = |n: &Name| n.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let mut keyword = words.next().filter(is_word);
    let mut name = words.next().filter(is_word);
    if keyword.as_ref().is_some_and(|k| k.text == "trusted") {
        keyword = name;
        name = words.next().filter(is_word);
    }
    ItemKind::Error(ErrorItem { keyword, name })
}

fn fault_without(shift: u32, fault: Fault, span: Span) -> Fault {
    let kind = match fault.kind {
        FaultKind::OpenBracket { found } => FaultKind::OpenBracket { found: found.saturating_sub(shift) },
        FaultKind::OpenItem { next } => FaultKind::OpenItem { next: next.saturating_sub(shift) },
        kind => kind,
    };
    Fault { kind, span }
}

/// The text without blank space before `(`, `[` and `{` that follow an operand, and for each cut its place in the result and
/// the bytes cut so far.
fn without_spaces_before_brackets(text: &str) -> (String, Vec<(u32, u32)>) {
    let tokens = crate::lexer::tokens(text);
    let (mut joined, mut offsets, mut cut) = (String::with_capacity(text.len()), Vec::new(), 0);
    for (i, token) in tokens.iter().enumerate() {
        let piece = &text[token.span.range()];
        let next = tokens.get(i + 1);
        let cuts = token.kind == crate::lexer::TokenKind::Space
            && i > 0
            && next.is_some_and(|n| {
                let bracket = &text[n.span.range()];
                let before = &text[tokens[i - 1].span.range()];
                match tokens[i - 1].kind {
                    crate::lexer::TokenKind::TypeWord => matches!(bracket, "{" | "("),
                    crate::lexer::TokenKind::Word => {
                        !crate::outline::is_reserved(before) && matches!(bracket, "(" | "[")
                    }
                    crate::lexer::TokenKind::Close | crate::lexer::TokenKind::QuoteClose => bracket == "[",
                    _ => false,
                }
            });
        if cuts {
            cut += token.span.len();
            offsets.push((joined.len() as u32, cut));
        } else {
            joined.push_str(piece);
        }
    }
    (joined, offsets)
}

fn original(offsets: &[(u32, u32)], at: u32) -> u32 {
    let n = offsets.partition_point(|(place, _)| *place < at);
    // A node that starts right at a cut starts after it; one that ends there ends before it. Starts are brackets' own, which
    // belong to the node before, so the place before the cut serves both.
    at + n.checked_sub(1).map_or(0, |n| offsets[n].1)
}
