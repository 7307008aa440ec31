//! Names that were probably meant.

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
    use super::nearest;

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
}
