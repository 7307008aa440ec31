use serde::{Deserialize, Serialize};

use flow_ir::catalogue::{Price, Tokens};

/// Tokens of one or several calls, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Everything that was read, cached tokens included.
    pub input_tokens: u64,
    /// Everything that was written, reasoning included.
    pub output_tokens: u64,
    /// Of the input, what came from the provider's cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Of the input, what was written to the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
    /// Of what was written to the cache, what is kept there for an hour.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// Of the output, what was reasoning.
    #[serde(default)]
    pub reasoning_tokens: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// Returns the tokens as prices count them.
    fn tokens(&self) -> Tokens {
        Tokens {
            input: self.input_tokens,
            cached: self.cached_tokens,
            cache_write: self.cache_write_tokens,
            cache_write_1h: self.cache_write_1h_tokens,
            output: self.output_tokens,
            reasoning: self.reasoning_tokens,
        }
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.cache_write_1h_tokens = self.cache_write_1h_tokens.saturating_add(other.cache_write_1h_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
    }
}

/// Money in nano-dollars. Unknown is unknown, never zero: a sum with unknown parts is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The known part, in nano-dollars.
    pub nanodollars: u64,
    /// Whether that is all.
    pub complete: bool,
}

impl Default for Cost {
    fn default() -> Self {
        Cost::ZERO
    }
}

impl Cost {
    /// Nothing, and that is all.
    pub const ZERO: Cost = Cost { nanodollars: 0, complete: true };
    /// No price is known.
    pub const UNKNOWN: Cost = Cost { nanodollars: 0, complete: false };

    /// Returns what tokens cost at a price; unknown without one, except that nothing costs nothing.
    pub fn of(price: Option<&Price>, usage: &Usage) -> Cost {
        match price {
            Some(price) => Cost { nanodollars: price.nanodollars(&usage.tokens()), complete: true },
            None if *usage == Usage::default() => Cost::ZERO,
            None => Cost::UNKNOWN,
        }
    }

    /// Returns the cost in US dollars; `None` when nothing of it is known.
    pub fn usd(&self) -> Option<f64> {
        (self.complete || self.nanodollars > 0).then_some(self.nanodollars as f64 / 1e9)
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.nanodollars = self.nanodollars.saturating_add(other.nanodollars);
        if !other.complete {
            self.complete = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_unknown_and_stays_so_in_a_sum() {
        let usage = Usage { input_tokens: 1_000, output_tokens: 100, ..Usage::default() };
        let price = Price { input: 2_000_000_000, output: 8_000_000_000, ..Price::FREE };
        let known = Cost::of(Some(&price), &usage);
        assert_eq!(known, Cost { nanodollars: 2_000_000 + 800_000, complete: true });
        assert_eq!(Cost::of(Some(&Price::FREE), &usage), Cost::ZERO);
        assert_eq!(Cost::of(None, &usage), Cost::UNKNOWN);
        assert_eq!(Cost::of(None, &Usage::default()), Cost::ZERO);
        let written = Usage { cache_write_tokens: 900, cache_write_1h_tokens: 500, ..usage };
        let dear = Price { cache_write: Some(2_500_000_000), cache_write_1h: Some(4_000_000_000), ..price };
        let nanodollars = 100 * 2_000 + 400 * 2_500 + 500 * 4_000 + 100 * 8_000;
        assert_eq!(Cost::of(Some(&dear), &written), Cost { nanodollars, complete: true });
        let mut sum = known;
        sum += Cost::UNKNOWN;
        assert_eq!((sum.usd(), sum.complete), (Some(0.0028), false));
        assert_eq!(Cost::UNKNOWN.usd(), None);
    }
}
