//! The wrong program of each diagnostic's page raises it, the right one raises nothing of its kind. Pages are about the
//! language: what this version can't run yet may stand on them.

use std::path::Path;

use flow_diagnostics::Code;
use flow_project::{MemoryWorld, PlanError, Project};

/// The fenced programs beneath a heading: file name and text.
fn programs(page: &str, heading: &str) -> Vec<(String, String)> {
    let Some((_, rest)) = page.split_once(&format!("\n## {heading}")) else { return Vec::new() };
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let mut found = Vec::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        let name = match info.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["flow"] => "main.flow".to_string(),
            ["toml"] => "flow.toml".to_string(),
            [_, name] => name.to_string(),
            _ => continue,
        };
        found.push((name, body.join("\n") + "\n"));
    }
    found
}

fn raised(files: &[(String, String)], page: Code) -> Vec<(Code, String)> {
    let world = MemoryWorld::new(files.iter().map(|(name, text)| (Path::new("/p").join(name), text.clone())));
    let project = Project::open(&world, Path::new("/p")).expect("the files are there");
    let mut all = project.check().to_vec();
    for flow in project.flows() {
        if let Err(PlanError::Problems(more)) = project.plan(Some(&flow)) {
            all.extend(more);
        }
    }
    all.retain(|one| one.code != Code::NotRunnable || page == Code::NotRunnable);
    all.iter().map(|one| (one.code, format!("{} {}", one.code.info().code, one.message))).collect()
}

#[test]
fn each_page_tells_the_truth() {
    let mut wrong = Vec::new();
    for code in Code::ALL.iter().copied() {
        let info = code.info();
        let (bad, good) = (programs(info.page, "Wrong"), programs(info.page, "Right"));
        if !bad.is_empty() {
            let found = raised(&bad, code);
            if !found.iter().any(|(own, _)| *own == code) {
                wrong.push(format!("{} is not raised by its page: {found:?}", info.code));
            } else if found.iter().any(|(own, _)| *own != code) {
                wrong.push(format!("{} is not alone on its page: {found:?}", info.code));
            }
        }
        if !good.is_empty() {
            let found = raised(&good, code);
            if !found.is_empty() {
                wrong.push(format!("{}'s right program: {found:?}", info.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
