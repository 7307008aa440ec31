use serde::{Deserialize, Serialize};

/// What a model costs: each rate in nano-dollars per million tokens, so that every published rate is a whole number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// What is read.
    pub input: u64,
    /// What is read from the provider's cache; without it as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// What is written to the provider's cache; without it as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// What is written to the provider's cache to be kept for an hour; without it as `cache_write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// What is written.
    pub output: u64,
    /// What is written while reasoning; without it as `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Other rates for a call that reads much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<LongPrice>,
}

/// The rates of a call that reads more than `above` tokens: they hold for all of its tokens. What goes through the cache
/// keeps its rate where no other is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongPrice {
    /// More input tokens than these, cached ones included.
    pub above: u64,
    /// What is read.
    pub input: u64,
    /// What is read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// What is written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// What is written to the provider's cache to be kept for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// What is written.
    pub output: u64,
    /// What is written while reasoning; without it as `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

/// Tokens of one call. A part that is larger than its whole counts as the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Everything that was read.
    pub input: u64,
    /// Of the input, what came from the provider's cache.
    pub cached: u64,
    /// Of the rest of the input, what was written to the provider's cache.
    pub cache_write: u64,
    /// Of what was written to the cache, what is kept there for an hour.
    pub cache_write_1h: u64,
    /// Everything that was written.
    pub output: u64,
    /// Of the output, what was reasoning.
    pub reasoning: u64,
}

impl Price {
    /// Nothing.
    pub const FREE: Price = Price {
        input: 0,
        cached: None,
        cache_write: None,
        cache_write_1h: None,
        output: 0,
        reasoning: None,
        long: None,
    };

    /// Returns what one call costs, in nano-dollars, half a nano-dollar rounded up once over the sum.
    ///
    /// ```
    /// use flow_ir::catalogue::{Tokens, price};
    /// // gpt-4.1: 2 dollars per million read, 0.50 from the cache, 8 written.
    /// let tokens = Tokens { input: 1_000, cached: 600, output: 100, ..Tokens::default() };
    /// let price = price("openai", "gpt-4.1").unwrap();
    /// assert_eq!(price.nanodollars(&tokens), 400 * 2_000 + 600 * 500 + 100 * 8_000);
    /// ```
    pub fn nanodollars(&self, tokens: &Tokens) -> u64 {
        let rates = self.rates(tokens.input);
        let cached = tokens.cached.min(tokens.input);
        let written = tokens.cache_write.min(tokens.input - cached);
        let written_1h = tokens.cache_write_1h.min(written);
        let reasoning = tokens.reasoning.min(tokens.output);
        let parts = [
            (tokens.input - cached - written, rates.input),
            (cached, rates.cached.unwrap_or(rates.input)),
            (written - written_1h, rates.cache_write.unwrap_or(rates.input)),
            (written_1h, rates.cache_write_1h.or(rates.cache_write).unwrap_or(rates.input)),
            (tokens.output - reasoning, rates.output),
            (reasoning, rates.reasoning.unwrap_or(rates.output)),
        ];
        let sum = parts
            .iter()
            .fold(0u128, |sum, (tokens, rate)| sum.saturating_add(u128::from(*tokens) * u128::from(*rate)));
        u64::try_from(sum.saturating_add(500_000) / 1_000_000).unwrap_or(u64::MAX)
    }

    /// Returns the rates of a call that reads so many tokens.
    fn rates(&self, input: u64) -> Price {
        let Some(long) = self.long.filter(|long| input > long.above) else { return *self };
        Price {
            input: long.input,
            cached: long.cached.or(self.cached),
            cache_write: long.cache_write.or(self.cache_write),
            cache_write_1h: long.cache_write_1h.or(long.cache_write).or(self.cache_write_1h),
            output: long.output,
            reasoning: long.reasoning,
            long: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_once_over_the_sum() {
        let price = Price { input: 37_500_000, output: 37_500_000, ..Price::FREE };
        assert_eq!(price.nanodollars(&Tokens { input: 1, ..Tokens::default() }), 38);
        assert_eq!(price.nanodollars(&Tokens { input: 1, output: 1, ..Tokens::default() }), 75);
    }

    #[test]
    fn every_part_has_its_own_rate() {
        let million = 1_000_000;
        let price = Price {
            input: million,
            cached: Some(10 * million),
            cache_write: Some(100 * million),
            cache_write_1h: Some(1_000 * million),
            output: 10_000 * million,
            reasoning: Some(100_000 * million),
            long: None,
        };
        let tokens =
            Tokens { input: 10, cached: 2, cache_write: 4, cache_write_1h: 1, output: 6, reasoning: 5 };
        assert_eq!(price.nanodollars(&tokens), 511_324);
        let without =
            Price { cached: None, cache_write: None, cache_write_1h: None, reasoning: None, ..price };
        assert_eq!(without.nanodollars(&tokens), 60_010);
        let only_short = Price { cache_write_1h: None, ..price };
        assert_eq!(only_short.nanodollars(&tokens), 510_424);
    }

    #[test]
    fn a_long_call_has_its_own_rates() {
        let long = LongPrice {
            above: 200_000,
            input: 2_500_000_000,
            output: 15_000_000_000,
            ..LongPrice::default()
        };
        let price = Price {
            input: 1_250_000_000,
            cached: Some(125_000_000),
            output: 10_000_000_000,
            reasoning: Some(20_000_000_000),
            long: Some(long),
            ..Price::FREE
        };
        let tokens = |input, cached, output, reasoning| Tokens {
            input,
            cached,
            output,
            reasoning,
            ..Tokens::default()
        };
        assert_eq!(price.nanodollars(&tokens(200_000, 0, 10, 0)), 200_000 * 1_250 + 10 * 10_000);
        let call = tokens(200_001, 1_000, 10, 4);
        assert_eq!(price.nanodollars(&call), 199_001 * 2_500 + 1_000 * 125 + 10 * 15_000);
        let own = LongPrice { cached: Some(250_000_000), reasoning: Some(30_000_000_000), ..long };
        let price = Price { long: Some(own), ..price };
        assert_eq!(price.nanodollars(&call), 199_001 * 2_500 + 1_000 * 250 + 6 * 15_000 + 4 * 30_000);
    }

    #[test]
    fn what_a_long_call_writes_to_the_cache_has_its_own_rate() {
        let (one, two, ten) = (1_000_000, 2_000_000, 10_000_000);
        let tokens = Tokens { input: 9, cache_write: 9, cache_write_1h: 4, ..Tokens::default() };
        let cost = |base, long, long_1h| {
            let long =
                LongPrice { above: 0, cache_write: long, cache_write_1h: long_1h, ..LongPrice::default() };
            let price =
                Price { cache_write: base, cache_write_1h: Some(ten), long: Some(long), ..Price::FREE };
            price.nanodollars(&tokens)
        };
        assert_eq!(cost(Some(one), None, None), 5 + 4 * 10);
        assert_eq!(cost(Some(one), Some(two), None), 9 * 2);
        assert_eq!(cost(Some(one), Some(two), Some(ten)), 5 * 2 + 4 * 10);
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let price = Price { input: u64::MAX, output: u64::MAX, ..Price::FREE };
        let all =
            |n| Tokens { input: n, cached: n, cache_write: n, cache_write_1h: n, output: n, reasoning: n };
        assert_eq!(price.nanodollars(&all(u64::MAX)), u64::MAX);
        let parts = Tokens { cached: 9, cache_write: 9, cache_write_1h: 9, reasoning: 9, ..all(1) };
        assert_eq!(price.nanodollars(&parts), price.nanodollars(&all(1)));
    }

    #[test]
    fn what_was_written_before_reads_as_it_did() {
        let old = r#"{"input":1,"output":2,"long":{"above":3,"input":4,"output":5}}"#;
        let price: Price = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&price).unwrap(), old);
    }
}
