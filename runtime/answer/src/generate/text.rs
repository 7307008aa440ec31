//! Texts that look like what their name says.

use flow_ir::types::Size;

use super::random::Random;

const FIRST: &[&str] =
    &["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Ken", "Frances", "Tony"];
const LAST: &[&str] =
    &["Okafor", "Lindqvist", "Marino", "Tanaka", "Novak", "Silva", "Haddad", "Weber", "Kim", "Moreau"];
const CITIES: &[&str] = &["Lisbon", "Osaka", "Leipzig", "Nairobi", "Toronto", "Lima", "Tallinn", "Pune"];
const COUNTRIES: &[&str] = &["Portugal", "Japan", "Germany", "Kenya", "Canada", "Peru", "Estonia", "India"];
const COMPANIES: &[&str] = &["Northwind", "Acme", "Contoso", "Initech", "Umbrella", "Hooli"];
const WORDS: &[&str] =
    &["clear", "steady", "early", "useful", "short", "open", "local", "second", "final", "shared"];
const NOUNS: &[&str] =
    &["draft", "report", "question", "order", "release", "summary", "plan", "result", "source", "idea"];
const TITLES: &[&str] = &[
    "What changes when the checks come first",
    "A short guide to reading the evidence",
    "Three questions to ask before you start",
    "Why small steps finish sooner",
    "The case for writing it down",
];
const SENTENCES: &[&str] = &[
    "The main point is stated early and holds up well.",
    "Two sources agree on the figures, and a third adds context.",
    "The opening could be shorter, but the argument is clear.",
    "Most readers will want an example at this point.",
    "The numbers support the claim within a small margin.",
    "A follow-up next week would settle the open question.",
    "Nothing here contradicts what was found before.",
    "The second part repeats the first and can be cut.",
    "Costs stay level while the response time halves.",
    "It helps to name the people who will decide.",
];
const REASONS: &[&str] = &[
    "the example is missing",
    "the figures don't match the source",
    "the tone is too formal",
    "the opening is too long",
    "it repeats an earlier point",
    "the request is outside of the policy",
];

/// Returns a text for a name, of a size. `None` if there is no such size.
pub(super) fn of(random: &mut Random, name: &str, size: &Size) -> Option<String> {
    let (min, max) = (size.min.unwrap_or(0), size.max.unwrap_or(u64::MAX));
    if min > max || min > (1 << 20) {
        return None;
    }
    let text = believable(random, name, max);
    Some(fitted(random, text, min as usize, usize::try_from(max).unwrap_or(usize::MAX)))
}

fn believable(random: &mut Random, name: &str, max: u64) -> String {
    let words: Vec<String> = name.to_lowercase().split(['_', '-', ' ', '.']).map(str::to_owned).collect();
    let is = |all: &[&str]| words.iter().any(|word| all.contains(&word.as_str()));
    let mut one = |from: &[&str]| random.pick(from).copied().unwrap_or_default().to_owned();
    if is(&["email", "mail"]) {
        format!("{}.{}@example.com", one(FIRST).to_lowercase(), one(LAST).to_lowercase())
    } else if is(&["url", "link", "href", "website", "source"]) {
        format!("https://example.com/{}-{}", one(WORDS), one(NOUNS))
    } else if is(&["id", "key", "uuid", "token", "sku", "code", "slug"]) {
        format!("{}-{}", one(NOUNS), random.between(1_000, 9_999))
    } else if is(&[
        "name",
        "author",
        "customer",
        "user",
        "person",
        "assignee",
        "owner",
        "sender",
        "recipient",
    ]) {
        format!("{} {}", one(FIRST), one(LAST))
    } else if is(&["title", "headline", "subject", "heading", "section", "topic"]) {
        one(TITLES)
    } else if is(&["city", "place", "location", "town"]) {
        one(CITIES)
    } else if is(&["country"]) {
        one(COUNTRIES)
    } else if is(&["company", "organization", "organisation", "vendor"]) {
        one(COMPANIES)
    } else if is(&["phone", "tel"]) {
        format!("+1 555 01{:02}", random.below(100))
    } else if is(&["date", "day"]) {
        format!("2025-{:02}-{:02}", random.between(1, 12), random.between(1, 28))
    } else if is(&["language", "lang", "locale"]) {
        one(&["en", "de", "fr", "es", "pt", "ja"])
    } else if is(&["tag", "label", "keyword", "category", "word", "kind", "status"]) {
        one(NOUNS)
    } else if is(&["why", "reason", "fix", "issue", "problem", "error"]) {
        one(REASONS)
    } else if max < 40 {
        format!("{} {}", one(WORDS), one(NOUNS))
    } else {
        // A paragraph or two of what a model would write.
        let count = random.between(2, 4) as usize;
        let start = random.below(SENTENCES.len() as u64) as usize;
        let all: Vec<&str> =
            (0..count).map(|index| SENTENCES[(start + index * 3) % SENTENCES.len()]).collect();
        all.join(" ")
    }
}

/// Cuts a text at a word or a character, or adds sentences, until it has the size. All that is added is ASCII.
fn fitted(random: &mut Random, mut text: String, min: usize, max: usize) -> String {
    while text.len() < min {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(random.pick(SENTENCES).copied().unwrap_or("And so on."));
    }
    if text.len() > max {
        let window = &text[..max];
        let at_word = window.rfind(' ').filter(|cut| *cut >= min && *cut * 2 > max).unwrap_or(max);
        text.truncate(at_word);
        // A trailing space or comma looks cut; one that is needed for the size stays.
        while text.len() > min && text.ends_with([' ', ',']) {
            text.pop();
        }
    }
    text
}

/// Returns the usual range of a number with such a name.
pub(super) fn usual_int(name: &str) -> (i64, i64) {
    let name = name.to_lowercase();
    let has = |all: &[&str]| all.iter().any(|part| name.contains(part));
    if has(&["year"]) {
        (2018, 2026)
    } else if has(&["score", "rating", "rank", "stars"]) {
        (1, 10)
    } else if has(&["confidence", "probability", "ratio", "share"]) {
        (0, 1)
    } else if has(&["percent"]) {
        (0, 100)
    } else if has(&["cents", "price", "amount", "cost", "usd"]) {
        (5, 500)
    } else if has(&["age"]) {
        (18, 80)
    } else if has(&["count", "number", "quantity"]) {
        (1, 20)
    } else {
        (1, 100)
    }
}

/// Returns the name of an element of a list with such a name: `tags` holds a `tag`.
pub(super) fn singular(name: &str) -> &str {
    match name {
        "fixes" | "indices" | "boxes" => &name[..name.len() - 2],
        _ if name.ends_with("ss") || !name.ends_with('s') => name,
        _ => &name[..name.len() - 1],
    }
}
