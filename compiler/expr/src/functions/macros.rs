//! The macros: calls whose arguments are evaluated once per element, with variables of their own.

use flow_ir::expr::MacroOp;

/// A form of a macro.
#[derive(Clone, Copy, Debug)]
pub struct MacroRow {
    /// As written after the dot.
    pub name: &'static str,
    /// What it becomes.
    pub op: MacroOp,
    /// How many variables it binds: one (element, or a map's key), or two (index and element, key and value).
    pub vars: usize,
    /// How many expressions follow: where there are two, the first is the predicate.
    pub bodies: usize,
    /// What it goes over.
    pub over: Over,
    /// What it does: one line.
    pub doc: &'static str,
}

/// What a macro goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Lists only.
    List,
    /// Maps only.
    Map,
    /// Both; with one variable a map is gone through by its keys.
    Both,
}

/// Returns the forms of a macro's name.
pub fn macros(name: &str) -> impl Iterator<Item = &'static MacroRow> {
    MACROS.iter().filter(move |row| row.name == name)
}

const fn form(
    name: &'static str,
    op: MacroOp,
    vars: usize,
    bodies: usize,
    over: Over,
    doc: &'static str,
) -> MacroRow {
    MacroRow { name, op, vars, bodies, over, doc }
}

/// All forms. `has(m.f)` is none of them: it takes a path, not a list.
pub static MACROS: &[MacroRow] = &[
    form("all", MacroOp::All, 1, 1, Over::Both, "whether it holds for every element"),
    form("all", MacroOp::All, 2, 1, Over::Both, "whether it holds for every element"),
    form("exists", MacroOp::Exists, 1, 1, Over::Both, "whether it holds for an element"),
    form("exists", MacroOp::Exists, 2, 1, Over::Both, "whether it holds for an element"),
    form("exists_one", MacroOp::ExistsOne, 1, 1, Over::Both, "whether it holds for exactly one element"),
    form("exists_one", MacroOp::ExistsOne, 2, 1, Over::Both, "whether it holds for exactly one element"),
    form("existsOne", MacroOp::ExistsOne, 1, 1, Over::Both, "whether it holds for exactly one element"),
    form("existsOne", MacroOp::ExistsOne, 2, 1, Over::Both, "whether it holds for exactly one element"),
    form("map", MacroOp::Map, 1, 1, Over::Both, "what is made of each element"),
    form("map", MacroOp::Map, 1, 2, Over::Both, "what is made of each element for which the first holds"),
    form("filter", MacroOp::Filter, 1, 1, Over::Both, "the elements for which it holds"),
    form("transformList", MacroOp::TransformList, 2, 1, Over::Both, "a list of what is made of each element"),
    form("transformList", MacroOp::TransformList, 2, 2, Over::Both, "the same for which the first holds"),
    form("transformMap", MacroOp::TransformMap, 2, 1, Over::Both, "a map of what is made of each value"),
    form("transformMap", MacroOp::TransformMap, 2, 2, Over::Both, "the same for which the first holds"),
    form(
        "transformMapEntry",
        MacroOp::TransformMapEntry,
        2,
        1,
        Over::Both,
        "a map of the entries that are made",
    ),
    form(
        "transformMapEntry",
        MacroOp::TransformMapEntry,
        2,
        2,
        Over::Both,
        "the same for which the first holds",
    ),
    form(
        "sort_by",
        MacroOp::SortBy,
        1,
        1,
        Over::List,
        "the elements in rising order of a key; equal ones stay",
    ),
    form(
        "sortBy",
        MacroOp::SortBy,
        1,
        1,
        Over::List,
        "the elements in rising order of a key; equal ones stay",
    ),
    form("distinct_by", MacroOp::DistinctBy, 1, 1, Over::List, "the first element of each key"),
    form("group_by", MacroOp::GroupBy, 1, 1, Over::List, "a map from key to the list of its elements"),
    form("min_by", MacroOp::MinBy, 1, 1, Over::List, "the first element with the least key, an optional"),
    form("max_by", MacroOp::MaxBy, 1, 1, Over::List, "the first element with the greatest key, an optional"),
    form("find", MacroOp::Find, 1, 1, Over::List, "the first element for which it holds, an optional"),
];
