//! Cases of the suite: Markdown in which a heading, a program and what is expected of it make a test.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its first word: `flow`, `change`, `toml`, `diagnostics`, `plan`, `script`, `trace`, `bounds`.
    pub kind: String,
    /// The words after it: `file=lib.flow`, `bytes`, `expand`.
    pub words: Vec<String>,
    /// Its text, each line ended.
    pub text: String,
    /// The lines of the Markdown file that hold its text, from 0, without the fences.
    pub lines: std::ops::Range<usize>,
}

/// A case: a heading with a program beneath it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The Markdown file.
    pub path: PathBuf,
    /// Headings from the outermost inwards, joined by ` / `.
    pub title: String,
    /// The line of its heading, from 1.
    pub line: usize,
    /// In written order.
    pub blocks: Vec<Block>,
}

impl Case {
    /// Returns the first block of a kind.
    pub fn block(&self, kind: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.kind == kind)
    }

    /// The blocks that make up its program.
    fn programs(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| matches!(block.kind.as_str(), "flow" | "toml"))
    }

    /// Returns the program's files: ` ```flow ` is `main.flow`, ` ```flow file=lib.flow ` another, ` ```toml ` is
    /// `flow.toml`. `\xE9` is a byte in a block marked `bytes`, `<<130 times: (>>` a repetition in one marked `expand`.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for block in &self.blocks {
            let named = block.words.iter().find_map(|word| word.strip_prefix("file="));
            let name = match (block.kind.as_str(), named) {
                ("flow", None) => "main.flow",
                ("toml", None) => "flow.toml",
                ("flow" | "toml", Some(name)) => name,
                _ => continue,
            };
            let text = if block.words.iter().any(|word| word == "expand") {
                expand(&block.text)
            } else {
                block.text.clone()
            };
            let bytes = if block.words.iter().any(|word| word == "bytes") {
                raw_bytes(&text)
            } else {
                text.into_bytes()
            };
            files.push((name.to_owned(), bytes));
        }
        files
    }
}

/// Applies a change: a run of lines that start with `-` is taken out where the programs have it, once, and the lines that
/// start with `+` after it stand there instead. An empty line may stand between two changes.
fn change(programs: &mut [Block], text: &str) -> Result<(), String> {
    let mut lines = text.lines().peekable();
    while lines.peek().is_some() {
        if lines.next_if_eq(&"").is_some() {
            continue;
        }
        let mut run = |sign: char| {
            let mut run = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with(sign)) {
                run.push_str(&line[1..]);
                run.push('\n');
            }
            run
        };
        let (old, new) = (run('-'), run('+'));
        if old.is_empty() {
            return Err("a change is lines with `-`, then lines with `+`".into());
        }
        let starts = |text: &str| -> Vec<usize> {
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
        };
        let places: Vec<(usize, usize)> = programs
            .iter()
            .enumerate()
            .flat_map(|(index, block)| {
                let found = starts(&block.text).into_iter().filter(|at| block.text[*at..].starts_with(&old));
                found.map(|at| (index, at)).collect::<Vec<_>>()
            })
            .collect();
        let [(index, at)] = places[..] else {
            return Err(format!("not once in the first program:\n{old}"));
        };
        programs[index].text.replace_range(at..at + old.len(), &new);
    }
    Ok(())
}

/// Writes out each `<<N times:TEXT>>`.
fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, mark)) = rest.split_once("<<") {
        out.push_str(before);
        let (mark, after) = mark.split_once(">>").expect("a `<<` has its `>>`");
        let (count, piece) = mark.split_once(" times:").expect("`<<N times:TEXT>>`");
        out.push_str(&piece.repeat(count.parse().expect("a number of times")));
        rest = after;
    }
    out + rest
}

/// Reads `\xE9` as that byte.
fn raw_bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("\\x") {
        out.extend(before.bytes());
        let byte = code.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.expect("two hexadecimal digits after `\\x`"));
        rest = &code[2..];
    }
    out.extend(rest.bytes());
    out
}

/// Reads every case beneath a folder, in order of path and line.
///
/// # Errors
/// The folder can't be read, or a file isn't of the form.
pub fn read_all(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") && !path.ends_with("README.md") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        cases.extend(read(&file, &text)?);
    }
    Ok(cases)
}

/// Reads the cases of one Markdown file.
///
/// # Errors
/// A fence isn't closed, a case has no program, a change fits nowhere, or two cases have one title.
pub fn read(path: &Path, text: &str) -> anyhow::Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(Block, String)> = None;
    for (number, line) in text.lines().enumerate() {
        if let Some((block, fence)) = &mut open {
            if line.trim_end() == fence {
                block.lines.end = number;
                let (block, _) = open.take().expect("it was open");
                let case = cases.last_mut();
                let Some(case) = case else {
                    anyhow::bail!("{}:{}: a block without a heading", path.display(), number + 1)
                };
                case.blocks.push(block);
            } else {
                block.text.push_str(line);
                block.text.push('\n');
            }
            continue;
        }
        let ticks = line.chars().take_while(|c| *c == '`').count();
        if ticks >= 3 {
            let mut words = line[ticks..].split_whitespace().map(str::to_owned);
            let kind = words.next().unwrap_or_default();
            let block =
                Block { kind, words: words.collect(), text: String::new(), lines: number + 1..number + 1 };
            open = Some((block, "`".repeat(ticks)));
            continue;
        }
        let level = line.chars().take_while(|c| *c == '#').count();
        if level > 0 && line[level..].starts_with(' ') {
            headings.retain(|(outer, _)| *outer < level);
            headings.push((level, line[level..].trim().to_owned()));
            let title = headings.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" / ");
            cases.push(Case { path: path.to_owned(), title, line: number + 1, blocks: Vec::new() });
        }
    }
    anyhow::ensure!(open.is_none(), "{}: the last block isn't closed", path.display());
    cases.retain(|case| !case.blocks.is_empty());
    let first: Vec<Block> = cases.first().map(|case| case.programs().cloned().collect()).unwrap_or_default();
    for case in &mut cases {
        let changes: Vec<Block> =
            case.blocks.iter().filter(|block| block.kind == "change").cloned().collect();
        if changes.is_empty() {
            continue;
        }
        let mut programs = first.clone();
        for block in changes {
            change(&mut programs, &block.text)
                .map_err(|why| anyhow::anyhow!("{}:{}: {why}", path.display(), block.lines.start))?;
        }
        case.blocks.splice(0..0, programs);
    }
    for (index, case) in cases.iter().enumerate() {
        let place = format!("{}:{}", path.display(), case.line);
        anyhow::ensure!(case.block("flow").is_some(), "{place}: no program");
        let expected =
            ["diagnostics", "plan", "trace", "bounds"].iter().any(|kind| case.block(kind).is_some());
        anyhow::ensure!(expected, "{place}: nothing is expected of the program");
        anyhow::ensure!(
            cases[..index].iter().all(|earlier| earlier.title != case.title),
            "{place}: a second case `{}`",
            case.title
        );
    }
    Ok(cases)
}

/// Writes new texts into blocks of a Markdown file; each is named by the range of its lines.
///
/// # Errors
/// The file can't be read or written.
pub fn rewrite(path: &Path, mut changes: Vec<(std::ops::Range<usize>, String)>) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.0.start));
    for (range, new) in changes {
        lines.splice(range, new.lines().map(str::to_owned));
    }
    std::fs::write(path, lines.join("\n") + "\n")?;
    Ok(())
}

/// Shows two texts line by line, what is missing with `-`, what is too much with `+`.
pub fn diff(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    // The longest common subsequence; the texts of the suite are short.
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        let (sign, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        out.push_str(&format!("  {sign} {line}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Loops\n\nProse.\n\n## S3 until\n\n```flow\na\n```\n\n```flow file=lib.flow\nb\n```\n\n```diagnostics\n```\n";

    #[test]
    fn a_heading_and_its_blocks_make_a_case() {
        let cases = read(Path::new("x.md"), TEXT).expect("it is of the form");
        assert_eq!(cases.len(), 1);
        assert_eq!((cases[0].title.as_str(), cases[0].line), ("Loops / S3 until", 5));
        let files = cases[0].files();
        assert_eq!(files, [("main.flow".into(), b"a\n".to_vec()), ("lib.flow".into(), b"b\n".to_vec())]);
        assert_eq!(cases[0].block("diagnostics").map(|block| block.lines.clone()), Some(15..15));
    }

    #[test]
    fn a_change_is_of_the_first_program() {
        let text =
            "## A\n```flow\na\nb\nc\n```\n```plan\n```\n## B\n```change\n-b\n-c\n+d\n```\n```plan\n```\n";
        let cases = read(Path::new("x.md"), text).expect("it is of the form");
        assert_eq!(cases[1].files(), [("main.flow".into(), b"a\nd\n".to_vec())]);
        assert!(read(Path::new("x.md"), &text.replace("-c", "-a")).is_err());
        assert!(read(Path::new("x.md"), &text.replace("\nc\n", "\nc\nb\nc\n")).is_err());
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        assert!(read(Path::new("x.md"), "# A\n```flow\n").is_err());
        assert!(read(Path::new("x.md"), "# A\n```flow\n```\n").is_err());
        assert!(read(Path::new("x.md"), "# A\n```diagnostics\n```\n").is_err());
        let twice = "## A\n```flow\n```\n```plan\n```\n".repeat(2);
        assert!(read(Path::new("x.md"), &twice).is_err());
    }

    #[test]
    fn bytes_and_repetitions_are_written_out() {
        assert_eq!(expand("a<<3 times:()>>b"), "a()()()b");
        assert_eq!(raw_bytes("caf\\xE9!"), b"caf\xE9!");
    }

    #[test]
    fn a_diff_shows_what_is_missing_and_what_is_too_much() {
        assert_eq!(diff("a\nb\n", "a\nc\n"), "    a\n  - b\n  + c\n");
    }
}
