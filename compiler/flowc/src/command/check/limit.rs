//! A file with very many problems shows some of them, and how many more there are.

use std::collections::{HashMap, HashSet};
use std::fmt;

use flow_diagnostics::{Diagnostic, Severity, render};
use flow_source::FileId;

/// What of a file isn't shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    pub file: FileId,
    pub errors: usize,
    pub warnings: usize,
}

impl fmt::Display for Cut {
    /// `and 23 more: 3 errors and 20 warnings`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.errors + self.warnings;
        write!(f, "and {all} more: {}", render::numbered(self.errors, self.warnings))
    }
}

/// Leaves so many problems of each file, errors before warnings, in the order in which they stand. Returns what is left out.
pub fn cut(diagnostics: &mut Vec<Diagnostic>, max: Option<usize>) -> Vec<Cut> {
    let Some(max) = max else { return Vec::new() };
    let mut of_file: HashMap<FileId, usize> = HashMap::new();
    for one in diagnostics.iter() {
        *of_file.entry(one.primary.at.file).or_default() += 1;
    }
    if of_file.values().all(|count| *count <= max) {
        return Vec::new();
    }
    let mut room: HashMap<FileId, usize> = HashMap::new();
    let mut kept = HashSet::new();
    for severity in [Severity::Error, Severity::Warning] {
        for (index, one) in diagnostics.iter().enumerate().filter(|(_, one)| one.severity() == severity) {
            let left = room.entry(one.primary.at.file).or_insert(max);
            if *left > 0 {
                *left -= 1;
                kept.insert(index);
            }
        }
    }
    let mut cuts: Vec<Cut> = Vec::new();
    let mut index = 0;
    diagnostics.retain(|one| {
        let keep = kept.contains(&index);
        index += 1;
        if !keep {
            let file = one.primary.at.file;
            if cuts.last().is_none_or(|cut| cut.file != file) {
                cuts.push(Cut { file, errors: 0, warnings: 0 });
            }
            if let Some(cut) = cuts.last_mut() {
                match one.severity() {
                    Severity::Error => cut.errors += 1,
                    Severity::Warning => cut.warnings += 1,
                }
            }
        }
        keep
    });
    cuts
}

#[cfg(test)]
mod tests {
    use flow_diagnostics::Code;
    use flow_source::Span;

    use super::*;

    fn problems(codes: &[(u32, Code)]) -> Vec<Diagnostic> {
        let one = |(at, (file, code)): (usize, &(u32, Code))| {
            Diagnostic::new(*code, Span::at(at as u32).within(FileId(*file)), "wrong")
        };
        codes.iter().enumerate().map(one).collect()
    }

    #[test]
    fn errors_are_kept_before_warnings() {
        use Code::{TypeMismatch as Error, UnusedBinding as Warning};
        let all = problems(&[(0, Warning), (0, Error), (0, Warning), (0, Error), (1, Warning), (1, Warning)]);
        let left = |max: Option<usize>| {
            let mut some = all.clone();
            let cuts = cut(&mut some, max);
            (some.iter().map(|one| one.primary.at.span.start).collect::<Vec<_>>(), cuts)
        };
        assert_eq!(left(None), (vec![0, 1, 2, 3, 4, 5], vec![]));
        assert_eq!(left(Some(4)), (vec![0, 1, 2, 3, 4, 5], vec![]));
        let (kept, cuts) = left(Some(3));
        assert_eq!(kept, [0, 1, 3, 4, 5]);
        assert_eq!(cuts, [Cut { file: FileId(0), errors: 0, warnings: 1 }]);
        let (kept, cuts) = left(Some(1));
        assert_eq!(kept, [1, 4]);
        assert_eq!(cuts[0].to_string(), "and 3 more: 1 error and 2 warnings");
        assert_eq!(cuts[1].to_string(), "and 1 more: 1 warning");
    }
}
