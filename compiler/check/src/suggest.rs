//! Names that were probably meant.

use smol_str::SmolStr;

/// Scopes up to this size are searched whole.
const WHOLE_MAX: usize = 256;
/// How many names before and after a place in a larger one are looked at.
const AROUND: usize = 48;

/// The names of a scope, so that those like another one are found without a look at each: what is misspelt begins or ends
/// like what was meant.
#[derive(Clone, Debug)]
pub struct Names {
    /// By their letters.
    forward: Vec<(String, SmolStr)>,
    /// By their letters from the last to the first, as places in `forward`.
    backward: Vec<(String, usize)>,
}

impl Names {
    /// Sorts names.
    pub fn new(names: impl Iterator<Item = SmolStr>) -> Names {
        let mut forward: Vec<(String, SmolStr)> = names.map(|name| (key(&name), name)).collect();
        forward.sort_unstable();
        let reversed = |(at, (key, _)): (usize, &(String, SmolStr))| (key.chars().rev().collect(), at);
        let mut backward: Vec<(String, usize)> = match forward.len() {
            0..=WHOLE_MAX => Vec::new(),
            _ => forward.iter().enumerate().map(reversed).collect(),
        };
        backward.sort_unstable();
        Names { forward, backward }
    }

    /// Returns the names that begin or end most like this one; of a small scope, all.
    pub fn like(&self, name: &str) -> Vec<&str> {
        if self.backward.is_empty() {
            return self.forward.iter().map(|(_, name)| name.as_str()).collect();
        }
        let key = key(name);
        let around = |at: usize| at.saturating_sub(AROUND)..(at + AROUND).min(self.forward.len());
        let mut places: Vec<usize> = around(self.forward.partition_point(|(own, _)| *own < key)).collect();
        let key: String = key.chars().rev().collect();
        let behind = around(self.backward.partition_point(|(own, _)| *own < key));
        places.extend(self.backward[behind].iter().map(|(_, at)| *at));
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|at| self.forward[at].1.as_str()).collect()
    }
}

/// The letters that two spellings of one name have in common.
fn key(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// Returns the candidate nearest to `name`: one letter off for short names, up to a third for longer ones, or equal but
/// for case and underscores. Failing that, the only one that is made of words of the other: `order` and `order_id`.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    // Any letter is one slip away from any other.
    let limit = if letters < 2 { 0 } else { (letters / 3).max(1) };
    let mut best: Option<(usize, &str)> = None;
    let (mut akin, mut akin_count) = (None, 0);
    for candidate in candidates {
        // A letter has at most 4 bytes.
        if candidate == name || candidate.len().abs_diff(name.len()) > 4 * limit.max(4) {
            continue;
        }
        let distance = if same_letters(name, candidate) { 0 } else { distance(name, candidate, limit) };
        let closer = best.is_none_or(|(least, text)| {
            distance < least || distance == least && (candidate.len(), candidate) < (text.len(), text)
        });
        if distance <= limit && closer {
            best = Some((distance, candidate));
        }
        if best.is_none() && has_words_of(name, candidate) {
            akin = Some(candidate);
            akin_count += 1;
        }
    }
    best.map(|(_, text)| text).or(akin.filter(|_| akin_count == 1))
}

/// Whether one is made of words of the other: `order` and `order_id`.
fn has_words_of(a: &str, b: &str) -> bool {
    let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    few.len() > 2 && many.contains('_') && few.split('_').all(|word| many.split('_').any(|own| own == word))
}

fn same_letters(a: &str, b: &str) -> bool {
    let letters = |text: &str| -> Vec<char> {
        text.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
    };
    let first = |text: &str| text.bytes().find(|b| *b != b'_').map(|b| b.to_ascii_lowercase());
    a.len().abs_diff(b.len()) <= 4 && first(a) == first(b) && letters(a) == letters(b)
}

/// The optimal string alignment distance; anything above `limit` may come back as `limit + 1`.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    if a.len().abs_diff(b.len()) > 4 * limit
        || a.is_ascii() && b.is_ascii() && a.len().abs_diff(b.len()) > limit
    {
        return limit + 1;
    }
    let a: Vec<char> = a.chars().take(65).collect();
    let b: Vec<char> = b.chars().take(65).collect();
    if a.len().abs_diff(b.len()) > limit || a.len() > 64 || b.len() > 64 {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let swap = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + swap);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use smol_str::SmolStr;

    use super::{Names, nearest};

    #[test]
    fn finds_slips() {
        assert_eq!(nearest("sumarize", ["draft", "summarize"]), Some("summarize"));
        assert_eq!(nearest("Critique", ["critique"]), Some("critique"));
        assert_eq!(nearest("reveiw", ["review", "text"]), Some("review"));
        assert_eq!(nearest("x", ["text"]), None);
        assert_eq!(nearest("x", ["a", "n"]), None);
        assert_eq!(nearest("N", ["a", "n"]), Some("n"));
        assert_eq!(nearest("topic", ["publish"]), None);
        assert_eq!(nearest("order", ["order_id", "place"]), Some("order_id"));
        assert_eq!(nearest("order", ["order_id", "order_total"]), None);
    }

    #[test]
    fn finds_slips_in_a_large_scope() {
        let many = (0..5_000).map(|n| SmolStr::from(format!("step_{n}")));
        let names = Names::new(many.chain(["summarize", "write_review"].map(SmolStr::from)));
        for (slip, meant) in [
            ("sumarize", "summarize"),
            ("ummarize", "summarize"),
            ("summarise", "summarize"),
            ("WriteReview", "write_review"),
            ("wite_review", "write_review"),
            ("step_49999", "step_4999"),
        ] {
            let like = names.like(slip);
            assert!(like.len() < 200);
            assert_eq!(nearest(slip, like), Some(meant), "{slip}");
        }
    }
}
