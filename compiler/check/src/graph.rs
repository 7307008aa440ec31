//! Graphs of modules and declarations: what stands on what.

use std::collections::BTreeSet;
use std::sync::Arc;

/// The most names of a circle that are shown.
const SHOWN_MAX: usize = 8;

/// Writes a circle as it is shown, `` `a` → `b` → `a` ``; of a long one its first names and the last one.
pub(crate) fn circle<'n>(mut names: impl ExactSizeIterator<Item = &'n str> + DoubleEndedIterator) -> String {
    let last = (names.len() > SHOWN_MAX).then(|| names.next_back()).flatten();
    let mut shown: Vec<String> = names.by_ref().take(SHOWN_MAX - 1).map(|name| format!("`{name}`")).collect();
    match last {
        Some(last) => shown.extend(["…".to_owned(), format!("`{last}`")]),
        None => shown.extend(names.map(|name| format!("`{name}`"))),
    }
    shown.extend(shown.first().cloned());
    shown.join(" → ")
}

/// Returns the strongly connected components of a graph, each after all that it leads to. `edges[n]` holds where `n` leads.
pub(crate) fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    // Tarjan's, with a stack of its own: a chain of calls may be as long as the program.
    const NEW: usize = usize::MAX;
    let mut number = vec![NEW; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut waits = vec![false; edges.len()];
    let mut waiting = Vec::new();
    let mut next_number = 0;
    let mut found = Vec::new();
    for root in 0..edges.len() {
        if number[root] != NEW {
            continue;
        }
        let mut path = vec![(root, 0_usize)];
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            if *next == 0 {
                number[at] = next_number;
                low[at] = next_number;
                next_number += 1;
                waiting.push(at);
                waits[at] = true;
            }
            if let Some(&to) = edges[at].get(*next) {
                *next += 1;
                if number[to] == NEW {
                    path.push((to, 0));
                } else if waits[to] {
                    low[at] = low[at].min(number[to]);
                }
                continue;
            }
            path.pop();
            if let Some((above, _)) = path.last() {
                low[*above] = low[*above].min(low[at]);
            }
            if low[at] == number[at] {
                let mut component = Vec::new();
                while let Some(member) = waiting.pop() {
                    waits[member] = false;
                    component.push(member);
                    if member == at {
                        break;
                    }
                }
                component.sort_unstable();
                found.push(component);
            }
        }
    }
    found
}

/// Returns for each node what it and all that it leads to has. Nodes that have the same share it, so that a long chain costs no
/// more than its length.
pub(crate) fn gathered(edges: &[Vec<usize>], own: &[BTreeSet<usize>]) -> Vec<Arc<BTreeSet<usize>>> {
    let nothing = Arc::new(BTreeSet::new());
    let mut all = vec![nothing.clone(); edges.len()];
    for component in components(edges) {
        let below = component.iter().flat_map(|member| &edges[*member]);
        let largest =
            below.clone().map(|to| &all[*to]).max_by_key(|set| set.len()).unwrap_or(&nothing).clone();
        let mut more: BTreeSet<usize> = BTreeSet::new();
        for to in below.filter(|to| !Arc::ptr_eq(&all[**to], &largest)) {
            more.extend(all[*to].difference(&largest));
        }
        for member in &component {
            more.extend(own[*member].difference(&largest));
        }
        let together = match more.is_empty() {
            true => largest,
            false => Arc::new(largest.union(&more).copied().collect()),
        };
        component.iter().for_each(|member| all[*member] = together.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{circle, components, gathered};

    #[test]
    fn a_long_circle_is_shown_in_part() {
        let shown = |names: &str| circle(names.split(' ').collect::<Vec<_>>().into_iter());
        assert_eq!(shown("a"), "`a` → `a`");
        assert_eq!(shown("a b c d e f g h"), "`a` → `b` → `c` → `d` → `e` → `f` → `g` → `h` → `a`");
        assert_eq!(shown("a b c d e f g h i j"), "`a` → `b` → `c` → `d` → `e` → `f` → `g` → … → `j` → `a`");
    }

    #[test]
    fn what_is_below_is_gathered() {
        let own = [vec![], vec![1], vec![2, 3], vec![], vec![1]].map(|of| of.into_iter().collect());
        let sets = gathered(&[vec![1, 2], vec![3], vec![1], vec![1], vec![]], &own);
        let sets: Vec<Vec<usize>> = sets.iter().map(|set| set.iter().copied().collect()).collect();
        assert_eq!(sets, [vec![1, 2, 3], vec![1], vec![1, 2, 3], vec![1], vec![1]]);
    }

    #[test]
    fn what_is_led_to_comes_first() {
        assert_eq!(components(&[vec![1], vec![2], vec![]]), [[2], [1], [0]]);
        assert_eq!(
            components(&[vec![1], vec![2, 3], vec![0], vec![3], vec![1]]),
            [vec![3], vec![0, 1, 2], vec![4]]
        );
        assert_eq!(components(&[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let count = 200_000;
        let edges: Vec<Vec<usize>> = (0..count).map(|n| vec![(n + 1) % count]).collect();
        assert_eq!(components(&edges).len(), 1);
    }
}
