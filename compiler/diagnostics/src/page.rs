use crate::codes::Code;

/// The page of a code, taken apart: what it means, a program that raises it, and the same program mended.
///
/// A page is Markdown: `# E0412: non-exhaustive-route`, a paragraph, `## Wrong` and `## Right` with fenced programs, and
/// optionally a remark. A fence says what its file is called: ` ```flow ` is `main.flow`, ` ```flow note.flow ` another
/// file of the same folder, ` ```toml flow.toml ` the project file. A ` ```text ` fence is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code it is the page of.
    pub code: Code,
    /// The files of the program that raises exactly this code, once, and nothing else. Empty if no text can.
    pub wrong: Vec<PageFile>,
    /// The files of the mended program, which raises nothing. Empty if there is no wrong one.
    pub right: Vec<PageFile>,
}

/// A file of a page's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFile {
    /// Its name in the project's folder: `main.flow`.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

impl Page {
    /// Returns the page of a code.
    pub fn of(code: Code) -> Page {
        let mut page = Page { code, wrong: Vec::new(), right: Vec::new() };
        let mut section = "";
        let mut open: Option<PageFile> = None;
        for line in code.info().page.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => {
                    let file = open.take().filter(|file| !file.name.is_empty());
                    match section {
                        "Wrong" => page.wrong.extend(file),
                        "Right" => page.right.extend(file),
                        _ => {}
                    }
                }
                (Some(info), None) => open = Some(PageFile { name: file_name(info), text: String::new() }),
                (None, Some(file)) => {
                    file.text.push_str(line);
                    file.text.push('\n');
                }
                (None, None) => section = line.strip_prefix("## ").unwrap_or(section),
            }
        }
        page
    }
}

/// Reads a fence's info: `flow`, `flow note.flow`, `toml flow.toml`; empty for what is no program.
fn file_name(info: &'static str) -> &'static str {
    match info.split_once(' ') {
        Some(("flow" | "toml", name)) => name,
        None if info == "flow" => "main.flow",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_titled_by_its_code_and_shows_both_programs() {
        for &code in Code::ALL {
            let info = code.info();
            let title = format!("# {}: {}\n\n", info.code, info.name);
            let Some(rest) = info.page.strip_prefix(&title) else {
                panic!("{}: no title `{title}`", info.code)
            };
            assert!(
                rest.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '`'),
                "{}: no paragraph",
                info.code
            );
            let (wrong, right) = (rest.find("## Wrong\n"), rest.find("## Right\n"));
            assert!(wrong.is_some() && wrong < right, "{}: `## Wrong`, then `## Right`", info.code);
            let page = Page::of(code);
            assert!(!page.right.is_empty(), "{}: no right program", info.code);
            // Bytes that aren't UTF-8 can't stand in a page.
            assert_eq!(page.wrong.is_empty(), code == Code::NotText, "{}: wrong program", info.code);
            let main = |files: &[PageFile]| files.iter().any(|file| file.name == "main.flow");
            assert!(
                main(&page.right) && (page.wrong.is_empty() || main(&page.wrong)),
                "{}: main.flow",
                info.code
            );
        }
    }

    #[test]
    fn a_program_may_have_several_files() {
        let page = Page::of(Code::ImportCycle);
        let names: Vec<_> = page.right.iter().map(|file| file.name).collect();
        assert_eq!(names, ["main.flow", "note.flow", "mark.flow"]);
        assert_eq!(page.right[2].text, "type Mark {\n  text: string\n}\n");
    }

    #[test]
    fn numbers_and_names_are_unique() {
        for &code in Code::ALL {
            assert_eq!(Code::find(code.info().code), Some(code));
            assert_eq!(Code::find(code.info().name), Some(code));
        }
    }
}
