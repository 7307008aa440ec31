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
    /// What is written.
    pub output: u64,
    /// What is written while reasoning; without it as `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Other rates for a call that reads much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<LongPrice>,
}

/// The rates of a call that reads more than `above` tokens: they hold for all of its tokens. What is cached keeps its
/// rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongPrice {
    /// More input tokens than these, cached ones included.
    pub above: u64,
    /// What is read.
    pub input: u64,
    /// What is written, reasoning included.
    pub output: u64,
}

impl Price {
    /// Nothing.
    pub const FREE: Price =
        Price { input: 0, cached: None, cache_write: None, output: 0, reasoning: None, long: None };

    /// Returns what tokens cost, in nano-dollars, half a nano-dollar rounded up once over the sum.
    ///
    /// `cached` is part of `input`, `reasoning` of `output`; a larger part than the whole counts as the whole.
    ///
    /// ```
    /// // gpt-4.1: 2 dollars per million read, 0.50 from the cache, 8 written.
    /// let price = flow_ir::catalogue::price("openai", "gpt-4.1").unwrap();
    /// assert_eq!(price.nanodollars(1_000, 600, 100, 0), 400 * 2_000 + 600 * 500 + 100 * 8_000);
    /// ```
    pub fn nanodollars(&self, input: u64, cached: u64, output: u64, reasoning: u64) -> u64 {
        let long = self.long.filter(|long| input > long.above);
        let input_rate = long.map_or(self.input, |long| long.input);
        let output_rate = long.map_or(self.output, |long| long.output);
        let reasoning_rate = match long {
            Some(long) => long.output,
            None => self.reasoning.unwrap_or(self.output),
        };
        let cached = cached.min(input);
        let reasoning = reasoning.min(output);
        let parts = [
            (input - cached, input_rate),
            (cached, self.cached.unwrap_or(input_rate)),
            (output - reasoning, output_rate),
            (reasoning, reasoning_rate),
        ];
        let sum = parts
            .iter()
            .fold(0u128, |sum, (tokens, rate)| sum.saturating_add(u128::from(*tokens) * u128::from(*rate)));
        u64::try_from(sum.saturating_add(500_000) / 1_000_000).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_once_over_the_sum() {
        let price = Price { input: 37_500_000, output: 37_500_000, ..Price::FREE };
        assert_eq!(price.nanodollars(1, 0, 0, 0), 38);
        assert_eq!(price.nanodollars(1, 0, 1, 0), 75);
    }

    #[test]
    fn a_long_call_has_its_own_rates() {
        let price = Price {
            input: 1_250_000_000,
            cached: Some(125_000_000),
            output: 10_000_000_000,
            long: Some(LongPrice { above: 200_000, input: 2_500_000_000, output: 15_000_000_000 }),
            ..Price::FREE
        };
        assert_eq!(price.nanodollars(200_000, 0, 10, 0), 200_000 * 1_250 + 10 * 10_000);
        assert_eq!(
            price.nanodollars(200_001, 1_000, 10, 4),
            199_001 * 2_500 + 1_000 * 125 + 6 * 15_000 + 4 * 15_000
        );
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let price = Price { input: u64::MAX, output: u64::MAX, ..Price::FREE };
        assert_eq!(price.nanodollars(u64::MAX, u64::MAX, u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(price.nanodollars(1, 9, 1, 9), price.nanodollars(1, 1, 1, 1));
    }
}
