use super::{LongPrice, Price};

/// The table, see its head for source, licence and columns.
const TABLE: &str = include_str!("prices.csv");

/// The version of the table: runs record it.
pub const VERSION: &str = "litellm-1.106.2+1";

/// What the table knows of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// `openai`.
    pub provider: &'static str,
    /// `gpt-4.1-mini`.
    pub name: &'static str,
    /// `chat`, `responses`, `completion`, `embedding`.
    pub mode: &'static str,
    /// What it takes and gives at most.
    pub limits: Limits,
    /// What it costs; unknown is unknown, never zero.
    pub price: Option<Price>,
    capabilities: &'static str,
}

/// What a model takes and gives at most; `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of a question.
    pub input_tokens: Option<u64>,
    /// Tokens of an answer.
    pub output_tokens: Option<u64>,
}

/// What a model may be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Calls tools.
    Tools,
    /// Answers by a JSON Schema.
    Schema,
    /// Reasons before it answers.
    Reasoning,
    /// Sees images.
    Images,
    /// Reads PDF files.
    Pdf,
    /// Hears audio.
    Audio,
    /// Keeps prompts in a cache.
    Caching,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Capability; 7] = [
        Capability::Tools,
        Capability::Schema,
        Capability::Reasoning,
        Capability::Images,
        Capability::Pdf,
        Capability::Audio,
        Capability::Caching,
    ];

    /// Returns its letter in the table.
    const fn letter(self) -> char {
        match self {
            Capability::Tools => 't',
            Capability::Schema => 's',
            Capability::Reasoning => 'r',
            Capability::Images => 'v',
            Capability::Pdf => 'p',
            Capability::Audio => 'a',
            Capability::Caching => 'c',
        }
    }
}

impl Model {
    /// Whether the table says that the model can.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(capability.letter())
    }
}

/// Finds a model by its provider's name and its own, as written.
pub fn model(provider: &str, name: &str) -> Option<Model> {
    let order = |line: &str| {
        let key = line.split(',').next().unwrap_or_default().bytes();
        key.cmp(provider.bytes().chain([b'/']).chain(name.bytes()))
    };
    let (mut low, mut high) = (body_start(), TABLE.len());
    while low < high {
        let middle = low + (high - low) / 2;
        // The lines are ASCII, so every offset is a boundary.
        let start = TABLE[low..middle].rfind('\n').map_or(low, |at| low + at + 1);
        let end = TABLE[middle..high].find('\n').map_or(high, |at| middle + at);
        let line = &TABLE[start..end];
        match order(line) {
            std::cmp::Ordering::Equal => return read(line),
            std::cmp::Ordering::Less => low = (end + 1).min(high),
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

/// Returns every model of the table, by name.
pub fn models() -> impl Iterator<Item = Model> {
    TABLE[body_start()..].lines().filter_map(read)
}

/// Returns where the head ends.
fn body_start() -> usize {
    let mut start = 0;
    while TABLE[start..].starts_with('#') {
        start += TABLE[start..].find('\n').map_or(TABLE.len() - start, |at| at + 1);
    }
    start
}

fn read(line: &'static str) -> Option<Model> {
    let mut columns = line.split(',');
    let mut next = || columns.next().unwrap_or_default();
    let (provider, name) = next().split_once('/')?;
    let mode = next();
    let limits = Limits { input_tokens: next().parse().ok(), output_tokens: next().parse().ok() };
    let [input, cached, cache_write, cache_write_1h, output, reasoning] =
        std::array::from_fn(|_| nanodollars(next()));
    let above = next().parse().ok();
    let [long_input, long_cached, long_cache_write, long_cache_write_1h, long_output] =
        std::array::from_fn(|_| nanodollars(next()));
    let long = (|| {
        Some(LongPrice {
            above: above?,
            input: long_input?,
            cached: long_cached,
            cache_write: long_cache_write,
            cache_write_1h: long_cache_write_1h,
            output: long_output?,
            reasoning: None,
        })
    })();
    let price = input.zip(output).map(|(input, output)| Price {
        input,
        cached,
        cache_write,
        cache_write_1h,
        output,
        reasoning,
        long,
    });
    Some(Model { provider, name, mode, limits, price, capabilities: next() })
}

/// Reads decimal dollars, `0.125`, as nano-dollars; exact, at most nine decimals.
fn nanodollars(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let decimals = u32::try_from(part.len()).ok().filter(|count| *count <= 9)?;
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    whole.checked_mul(1_000_000_000)?.checked_add(part * 10u64.pow(9 - decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_in_the_file() {
        assert!(TABLE.contains(&format!("# version: {VERSION}\n")));
    }

    #[test]
    fn every_line_is_found_by_its_name() {
        let all: Vec<Model> = models().collect();
        assert!(all.len() > 200, "{}", all.len());
        assert_eq!(all.len(), TABLE.lines().filter(|line| !line.starts_with('#')).count());
        for entry in &all {
            assert_eq!(model(entry.provider, entry.name).as_ref(), Some(entry));
        }
        for pair in all.windows(2) {
            let key = |model: &Model| format!("{}/{}", model.provider, model.name).into_bytes();
            assert!(key(&pair[0]) < key(&pair[1]), "{} is out of order", pair[1].name);
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for (provider, name) in
            [("openai", "gpt-99"), ("", ""), ("zzz", "zzz"), ("anthropic", ""), ("openai", "gpt-4.1,")]
        {
            assert_eq!(model(provider, name), None, "{provider}/{name}");
        }
    }

    #[test]
    fn rates_and_limits_are_read_exactly() {
        let found = model("gemini", "gemini-2.5-pro").unwrap();
        assert_eq!(found.limits, Limits { input_tokens: Some(1_048_576), output_tokens: Some(65_536) });
        let price = found.price.unwrap();
        assert_eq!(
            (price.input, price.cached, price.output),
            (1_250_000_000, Some(125_000_000), 10_000_000_000)
        );
        let long = price.long.unwrap();
        assert_eq!((long.above, long.input, long.output), (200_000, 2_500_000_000, 15_000_000_000));
        assert_eq!((long.cached, long.cache_write, long.reasoning), (Some(250_000_000), None, None));
        let haiku = model("anthropic", "claude-haiku-5-5").unwrap().price.unwrap();
        assert_eq!((haiku.cache_write, haiku.cache_write_1h), (Some(125_000_000), Some(200_000_000)));
        let long = haiku.long.unwrap();
        assert_eq!(
            (long.above, long.cache_write_1h, long.output),
            (100_000, Some(1_000_000_000), 2_500_000_000)
        );
        assert!(found.can(Capability::Audio) && !model("openai", "o3").unwrap().can(Capability::Audio));
    }

    #[test]
    fn every_letter_of_the_table_is_known() {
        for model in models() {
            for letter in model.capabilities.chars() {
                assert!(Capability::ALL.iter().any(|known| known.letter() == letter), "{letter}");
            }
        }
    }
}
