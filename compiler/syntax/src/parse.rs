//! The parser: items one by one, and what happens where the grammar refuses one.

use std::sync::{Arc, Mutex};

use flow_diagnostics::{Code, Diagnostic};
use flow_grammar::{FlowParser, Rule};
use flow_source::{FileId, Span};
use pest::Parser;
use pest::error::{Error, ErrorVariant, InputLocation};
use pest::iterators::Pair;

use crate::balance::{Repair, balance};
use crate::build::Builder;
use crate::explain;
use crate::lexer::TokenKind;
use crate::outline::{Outline, Region};
use crate::patch::{POISON, Patch, move_spans};
use crate::scan::{FAULTS_MAX, FILE_BYTES_MAX, Fault, FaultKind, Stretch, scan};
use crate::tree::{ErrorItem, Expr, ExprKind, File, Item, ItemKind, Name, map_item};

/// Brackets inside each other from which on a thread with a large stack parses.
const SHALLOW: usize = 12;
/// The stack of that thread; 128 brackets need about a tenth of it in a debug build.
const STACK_BYTES: usize = 64 << 20;
/// The most bytes that are read again because of faults in one file.
const REREAD_BYTES_MAX: usize = 64 << 20;
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
    let (items, mut diagnostics) = if deep { with_stack(run) } else { run() };
    keep_changes(&mut diagnostics, text);
    (File { file, text: Arc::from(text), items }, diagnostics)
}

/// Parses one expression alone. A space before a bracket, which would end it in a file, is passed over (G1); spans are those
/// of the given text.
pub fn parse_expression(text: &str) -> (Expr, Vec<Diagnostic>) {
    let file = FileId::default();
    let lost = Expr { kind: ExprKind::Error, span: Span::new(0, text.len() as u32) };
    // A NUL may stand in a string; a file that holds one is none of ours, but this is no file.
    if text.len() > FILE_BYTES_MAX {
        return (lost, vec![too_large(file, text.len())]);
    }
    // In front of the expression stands the head of a constant, so that the scan sees an item.
    const HEAD: &str = "const e = ";
    let whole = format!("{HEAD}{text}");
    let scanned = scan(&whole);
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let shift = HEAD.len() as u32;
    for fault in scanned.items.iter().flat_map(|s| &s.faults).filter(|f| f.kind != FaultKind::Division) {
        diagnostics.push(explain::fault(file, text, fault.before(shift)));
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
    let unpatched = Patch::default();
    let read = || match FlowParser::parse(Rule::one_expression, &joined) {
        Ok(pairs) => {
            let mut builder = Builder::new(&joined, &joined, &unpatched, file, 0);
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
    keep_changes(&mut diagnostics, text);
    (expr, diagnostics)
}

/// Takes out the fixes that leave the text as it is: of a text of which pieces are read as something else, what a fix puts
/// there may be what stands there.
fn keep_changes(diagnostics: &mut [Diagnostic], text: &str) {
    diagnostics.iter_mut().for_each(|d| d.fixes.retain(|fix| fix.changes(|_| text)));
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

/// An item's text as it is read: what it leaves open is closed.
struct Reading<'t> {
    text: &'t str,
    /// What is wrong with it, by its own bytes.
    faults: Vec<Fault>,
    /// Where something was closed that the text leaves open: what goes wrong around it was told.
    closed: Vec<u32>,
}

/// What came of an item's text: all spans are of the text that was read.
struct Outcome {
    kind: ItemKind,
    /// The `///` lines that are attached to something, by their first byte.
    docs: Vec<u32>,
    /// What could not be read.
    lost: Vec<Span>,
    /// Whether some of that has left no node.
    broken: bool,
}

impl Outcome {
    /// What comes of a text of which nothing could be read.
    fn lost(text: &str) -> Outcome {
        let whole = Span::from(0..text.len());
        Outcome { kind: lost_item(text), docs: Vec::new(), lost: vec![whole], broken: true }
    }
}

impl FileParser<'_> {
    fn stretch(&mut self, stretch: &Stretch) -> Item {
        let text = &self.text[stretch.span.range()];
        let base = stretch.span.start;
        let first = self.diagnostics.len();
        let faults: Vec<Fault> = stretch.faults.iter().map(|f| f.before(base)).collect();
        let mut outcome = self.item(stretch, text, faults);
        let lines: Vec<Span> =
            stretch.docs.iter().filter(|d| **d < stretch.keyword).map(|d| doc_line(text, d - base)).collect();
        let unpatched = Patch::default();
        let mut builder = Builder::new(text, text, &unpatched, self.file, base);
        let docs = builder.docs(&lines);
        outcome.docs.append(&mut builder.docs);
        outcome.lost.sort_by_key(|span| span.start);
        if self.diagnostics.len() == first && !matches!(outcome.kind, ItemKind::Error(_)) {
            let attached = std::mem::take(&mut outcome.docs);
            self.stray_docs(stretch.docs.iter().copied().filter(|d| !attached.contains(&(d - base))));
        }
        self.told_by_others(first);
        self.diagnostics[first..].sort_by_key(|d| d.primary.at.span.start);
        let span = Span::new(stretch.keyword - base, stretch.span.len());
        let Outcome { kind, lost, broken, .. } = outcome;
        Item { start: base, text: Arc::from(text), docs, kind, span, lost, broken }
    }

    /// Forgets the separators that stand inside what the fix of another problem writes anew.
    fn told_by_others(&mut self, first: usize) {
        let rewritten: Vec<Span> = self.diagnostics[first..]
            .iter()
            .flat_map(|d| d.fixes.iter().flat_map(|f| &f.edits))
            .filter(|edit| edit.at.span.len() > 1 && edit.text.contains('\n'))
            .map(|edit| edit.at.span)
            .collect();
        let text = self.text;
        let mut index = 0;
        self.diagnostics.retain(|d| {
            index += 1;
            let at = d.primary.at.span;
            index <= first
                || text.get(at.range()) != Some(";")
                || !rewritten.iter().any(|span| span.contains(at))
        });
    }

    /// Reads the text of an item, or of what stands in the place of one.
    fn item(&mut self, stretch: &Stretch, text: &str, faults: Vec<Fault>) -> Outcome {
        let base = stretch.span.start;
        if !stretch.is_item {
            return self.no_item(base, text, faults);
        }
        let open = faults.iter().any(|f| f.kind.is_open());
        if open
            && !faults.iter().any(|f| f.kind.is_limit())
            && let Some((mut patch, repairs)) = balance(text)
        {
            let closed = patch.apply(text);
            let mut scanned = scan(&closed).items;
            if let (Some(one), true) = (scanned.pop(), scanned.is_empty())
                && !one.faults.iter().any(|f| f.kind.is_open())
                && closes_what_is_open(&one.faults, &patch)
            {
                let next = stretch.faults.iter().find_map(|f| match f.kind {
                    FaultKind::OpenItem { next } if (next as usize) < self.text.len() => Some(next),
                    _ => None,
                });
                for repair in &repairs {
                    self.diagnostics.push(explain::unclosed(self.file, text, base, repair, next));
                }
                // A brace at the head of its line is where it was meant to be; around others more may be wrong.
                let spots = repairs
                    .iter()
                    .filter(|r: &&Repair| !r.text.ends_with('}'))
                    .map(|r| patch.forth(r.at))
                    .collect();
                return self.patched(
                    base,
                    text,
                    &patch,
                    Reading { text: &closed, faults: one.faults, closed: spots },
                );
            }
        }
        self.read(base, Reading { text, faults, closed: Vec::new() })
    }

    /// Text that starts no item: what it was meant to be is read if that is sure.
    fn no_item(&mut self, base: u32, text: &str, faults: Vec<Fault>) -> Outcome {
        // Brackets that don't match leave nothing to mend, and make an outline of hostile text slow.
        let unsure = |f: &Fault| f.kind.is_open() || f.kind.is_fatal() || f.kind == FaultKind::StrayClose;
        if faults.iter().any(unsure) {
            self.tell_faults(base, text, &faults);
            return Outcome::lost(text);
        }
        let diagnostic = explain::no_item(self.file, base, &Outline::new(text));
        let mut patch = Patch::default();
        let mends = diagnostic.fixes.first().is_some_and(|fix| patch.mend(&fix.edits, base, text));
        if !faults.is_empty() && !mends {
            self.tell_faults(base, text, &faults);
            return Outcome::lost(text);
        }
        self.diagnostics.push(diagnostic);
        if mends {
            let meant = patch.apply(text);
            let mut scanned = scan(&meant).items;
            if let (Some(one), true) = (scanned.pop(), scanned.is_empty())
                && one.is_item
                && closes_what_is_open(&one.faults, &patch)
            {
                return self.patched(
                    base,
                    text,
                    &patch,
                    Reading { text: &meant, faults: one.faults, closed: Vec::new() },
                );
            }
        }
        Outcome::lost(text)
    }

    /// Reads a text that a patch has made, and puts everything back where it stood.
    fn patched(&mut self, base: u32, text: &str, patch: &Patch, reading: Reading<'_>) -> Outcome {
        let first = self.diagnostics.len();
        let mut outcome = self.read(base, reading);
        let back = |span: Span| patch.span_back(span);
        if let ItemKind::Error(_) = outcome.kind {
            outcome = Outcome::lost(text);
        } else {
            map_item(&mut outcome.kind, &back);
            outcome.docs.iter_mut().for_each(|at| *at = patch.back(*at, false));
            outcome.lost.iter_mut().for_each(|span| *span = back(*span));
        }
        let in_file = |span: Span| {
            let own = Span::new(span.start.saturating_sub(base), span.end.saturating_sub(base));
            back(own).shift(base)
        };
        for diagnostic in &mut self.diagnostics[first..] {
            move_spans(diagnostic, self.file, &in_file);
        }
        outcome
    }

    fn tell_faults(&mut self, base: u32, text: &str, faults: &[Fault]) {
        let mut open_string: Option<Fault> = None;
        let mut open_splice = false;
        for fault in faults {
            // What stands on the next line closes the body too early.
            if fault.kind == FaultKind::StrayClose && std::mem::take(&mut open_splice) {
                continue;
            }
            open_splice |= fault.kind == FaultKind::OpenSplice;
            // The far end of a string that runs over a line break looks like another open one.
            let far_end = open_string.is_some_and(|f| line_breaks(text, f, *fault) == 1);
            let is_string = fault.kind == FaultKind::OpenString { block: false };
            if !(is_string && far_end) {
                let mut diagnostic = explain::fault(self.file, text, *fault);
                move_spans(&mut diagnostic, self.file, &|span| span.shift(base));
                self.diagnostics.push(diagnostic);
            }
            open_string = (is_string || fault.kind == FaultKind::OpenSplice).then_some(*fault);
        }
    }

    fn read(&mut self, base: u32, reading: Reading<'_>) -> Outcome {
        let Reading { text, faults, .. } = &reading;
        self.tell_faults(base, text, faults);
        if faults.len() >= FAULTS_MAX || faults.iter().any(|f| f.kind.is_fatal()) {
            return Outcome::lost(text);
        }
        if faults.iter().all(|f| f.kind == FaultKind::Division) {
            return match FlowParser::parse(Rule::one_item, text) {
                Ok(mut pairs) => self.build(base, text, text, &Patch::default(), pairs.next()),
                Err(error) => self.recover(base, &reading, Some(error)),
            };
        }
        self.recover(base, &reading, None)
    }

    /// Builds the tree of what was read; its spans become those of `text`, which `patch` has made `read` of.
    fn build(
        &mut self,
        base: u32,
        text: &str,
        read: &str,
        patch: &Patch,
        top: Option<Pair<'_, Rule>>,
    ) -> Outcome {
        let mut builder = Builder::new(read, text, patch, self.file, base);
        let item = top
            .and_then(|top| top.into_inner().find(|p| !matches!(p.as_rule(), Rule::comment | Rule::EOI)))
            .map(|pair| builder.item(pair));
        let (mut found, broken) = (std::mem::take(&mut builder.diagnostics), builder.lost);
        let docs = builder.docs.iter().map(|at| patch.back(*at, false)).collect();
        let back = |span: Span| patch.span_back(span);
        for diagnostic in &mut found {
            move_spans(diagnostic, self.file, &|span| {
                back(Span::new(span.start - base, span.end - base)).shift(base)
            });
        }
        self.diagnostics.append(&mut found);
        let Some(mut kind) = item else {
            return Outcome::lost(text);
        };
        map_item(&mut kind, &back);
        Outcome { kind, docs, lost: patch.poisoned(), broken }
    }

    /// A brace that closes nothing often follows one that closed the item too early: then that one is passed over.
    fn closed_early(&mut self, outline: &Outline<'_>, patch: &mut Patch, fault: Fault, base: u32) -> bool {
        let Some(early) = outline.early_close() else { return false };
        let span = outline.tokens[early].span;
        if patch.covers(span.start)
            || fault.span.len() != 1
            || outline.word(outline.token_at(fault.span.start)) != "}"
        {
            return false;
        }
        patch.replace(span, " ");
        // By its layout it is the early one that is too many.
        let indent = |at: u32| {
            let line = outline.text[..at as usize].rfind('\n').map_or(0, |n| n + 1);
            outline.text[line..].len() - outline.text[line..].trim_start_matches([' ', '\t']).len()
        };
        let heads = outline.starts_line(early) && indent(span.start) > indent(fault.span.start);
        let between = early + 1 < outline.token_at(fault.span.start);
        let told = fault.span.shift(base);
        if let Some(diagnostic) = self.diagnostics.iter_mut().rfind(|d| d.primary.at.span == told)
            && between
        {
            diagnostic.fixes.clear();
            let at = span.shift(base).within(self.file);
            *diagnostic = if heads {
                explain::fault(self.file, outline.text, Fault { kind: FaultKind::StrayClose, span })
            } else {
                diagnostic.clone().label(at, "the declaration ends here already")
            };
            if heads {
                move_spans(diagnostic, self.file, &|span| span.shift(base));
            }
        }
        true
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

    /// Reads an item whose text has faults: what is to blame is reported once and mended, or else poisoned, and the rest
    /// read again.
    fn recover(&mut self, base: u32, reading: &Reading<'_>, error: Option<Error<Rule>>) -> Outcome {
        let Reading { text, faults, closed } = reading;
        let lost = || Outcome::lost(text);
        let outline = Outline::new(text);
        let mut patch = Patch::default();
        let mut given_up: Vec<Region> = Vec::new();
        for fault in faults {
            match fault.kind {
                FaultKind::Division => {}
                FaultKind::StrayClose if self.closed_early(&outline, &mut patch, *fault, base) => {}
                FaultKind::StrayClose => {
                    patch.replace(fault.span, " ".repeat(fault.span.len() as usize));
                }
                FaultKind::Unknown | FaultKind::Await | FaultKind::Dashes
                    if explain::instead(text, *fault)
                        .is_some_and(|meant| patch.replace(fault.span, meant)) => {}
                _ => match outline.element_of(outline.token_at(fault.span.start)) {
                    Some(region) => {
                        give_up(&mut patch, &outline, &mut given_up, region);
                        if fault.kind == FaultKind::Dashes {
                            patch.poison(fault.span);
                        }
                    }
                    None => return lost(),
                },
            }
        }
        let mut error = error;
        let mut mended: Vec<(Option<Region>, usize)> = Vec::new();
        let mut header = false;
        for _ in 0..FAULTS_MAX {
            let read = patch.apply(text);
            self.reread += read.len();
            let failed = match error.take() {
                Some(error) => error,
                None => match FlowParser::parse(Rule::one_item, &read) {
                    Ok(mut pairs) => return self.build(base, text, &read, &patch, pairs.next()),
                    Err(error) => error,
                },
            };
            if let ErrorVariant::CustomError { .. } = failed.variant {
                let whole = Span::new(base, base + text.len() as u32);
                self.diagnostics.push(explain::too_deep(self.file, whole));
                return lost();
            }
            let stopped = furthest(&read, Rule::one_item, &failed) as u32;
            let at = outline.token_at(patch.back(stopped, false));
            let keyword = outline.keyword_in_the_way(at);
            let given = |i: usize| given_up.iter().any(|g| (g.first..g.end).contains(&i));
            let at = if keyword > 0 && given(keyword - 1) { at } else { keyword };
            let region = outline.region(at);
            let around = |r: Region| {
                let span = outline.span(r.first, r.end);
                closed.iter().any(|spot| span.touches(*spot))
            };
            let known = given_up.iter().any(|g| (g.first..=g.end).contains(&at) || Some(*g) == region)
                || mended.iter().any(|(r, until)| *r == region && at <= *until + 1)
                || region.map_or(header || !closed.is_empty(), around);
            if !known {
                let diagnostic = explain::refused(self.file, base, &outline, at, region);
                let told = self
                    .diagnostics
                    .iter()
                    .any(|d| d.primary.at == diagnostic.primary.at && d.message == diagnostic.message);
                let mends = !told
                    && self.reread < REREAD_BYTES_MAX
                    && explain::as_meant(&diagnostic).is_some_and(|edits| patch.mend(&edits, base, text));
                if !told {
                    self.diagnostics.push(explain::offered(diagnostic));
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
                _ if self.reread >= REREAD_BYTES_MAX => return lost(),
                Some(region) => give_up(&mut patch, &outline, &mut given_up, region),
                // Between the parameters and the body stands a type, whatever it is.
                None if !std::mem::replace(&mut header, true) && lose_header(&mut patch, &outline) => {}
                None => return lost(),
            }
        }
        lost()
    }
}

/// Puts a lost type between the parameters of an item and its body.
fn lose_header(patch: &mut Patch, outline: &Outline<'_>) -> bool {
    let Some((close, body)) = outline.header() else { return false };
    let between = outline.span(close, close + 1).end..outline.span(body, body + 1).start;
    let between = Span::new(between.start, between.end);
    patch.cover(between, |_| format!(" -> {POISON} "));
    true
}

fn give_up(patch: &mut Patch, outline: &Outline<'_>, given_up: &mut Vec<Region>, region: Region) {
    patch.poison(outline.span(region.first, region.end));
    given_up.push(region);
}

/// Whether no bracket that a patch puts in closes nothing.
fn closes_what_is_open(faults: &[Fault], patch: &Patch) -> bool {
    !faults.iter().any(|f| f.kind == FaultKind::StrayClose && patch.span_back(f.span).is_empty())
}

fn line_breaks(text: &str, from: Fault, to: Fault) -> usize {
    let between = from.span.start.min(to.span.start) as usize..to.span.start as usize;
    text[between].bytes().filter(|b| *b == b'\n').count()
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
    let imported = match keyword.as_ref().map(Name::as_str) {
        Some("import" | "from") => imported(text),
        _ => Vec::new(),
    };
    if !imported.is_empty() {
        name = None;
    }
    ItemKind::Error(ErrorItem { keyword, name, imported })
}

/// The names that a broken import was to bring: those in its braces, else those before `from` or after `import`.
fn imported(text: &str) -> Vec<Name> {
    let tokens: Vec<_> = crate::lexer::tokens(text).into_iter().filter(|t| !t.kind.is_trivia()).collect();
    let word = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.range()]);
    let start = (0..tokens.len()).find(|&i| word(i) == "import").map_or(1, |i| i + 1);
    let end = (start..tokens.len()).find(|&i| word(i) == "from" || word(i) == "}").unwrap_or(tokens.len());
    (start..end)
        .filter(|&i| {
            let is_word = matches!(tokens[i].kind, TokenKind::Word | TokenKind::TypeWord);
            // The one after `as` is the name it has here.
            is_word && word(i) != "as" && word(i + 1) != "as"
        })
        .map(|i| Name { text: word(i).into(), span: tokens[i].span })
        .collect()
}

/// The text without blank space before `(`, `[` and `{` that follow an operand, and for each cut its place in the result and
/// the bytes cut so far.
fn without_spaces_before_brackets(text: &str) -> (String, Vec<(u32, u32)>) {
    let tokens = crate::lexer::tokens(text);
    let (mut joined, mut offsets, mut cut) = (String::with_capacity(text.len()), Vec::new(), 0);
    for (i, token) in tokens.iter().enumerate() {
        let piece = &text[token.span.range()];
        let next = tokens.get(i + 1);
        let cuts = token.kind == TokenKind::Space
            && i > 0
            && next.is_some_and(|n| {
                let bracket = &text[n.span.range()];
                let before = &text[tokens[i - 1].span.range()];
                match tokens[i - 1].kind {
                    TokenKind::TypeWord => matches!(bracket, "{" | "("),
                    TokenKind::Word => !crate::outline::is_reserved(before) && matches!(bracket, "(" | "["),
                    TokenKind::Close | TokenKind::QuoteClose => bracket == "[",
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
