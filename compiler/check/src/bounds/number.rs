//! Counts that can't overflow, and how they are read by people.

use std::fmt;

/// Beyond this a count is shown as "more than".
pub const SHOWN_MAX: u64 = 1_000_000_000_000_000_000;

/// The most of something. What is too large to be told stays so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Most(u64);

impl Most {
    /// None at all.
    pub const ZERO: Most = Most(0);

    /// Returns a count.
    pub fn new(most: u64) -> Most {
        Most(most)
    }

    /// Returns the number; `None` if it is more than [`SHOWN_MAX`].
    pub fn get(self) -> Option<u64> {
        (self.0 <= SHOWN_MAX).then_some(self.0)
    }

    /// Both together.
    pub fn plus(self, other: Most) -> Most {
        Most(self.0.saturating_add(other.0))
    }

    /// As often as this.
    pub fn times(self, factor: Most) -> Most {
        Most(self.0.saturating_mul(factor.0))
    }
}

impl fmt::Display for Most {
    /// Writes `1_200`, or `more than 10^18`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.get() else { return out.write_str("more than 10^18") };
        let digits = number.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.write_str("_")?;
            }
            write!(out, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_in_threes() {
        let shown = |most: u64| Most::new(most).to_string();
        assert_eq!(shown(0), "0");
        assert_eq!(shown(999), "999");
        assert_eq!(shown(1_200), "1_200");
        assert_eq!(shown(12_345_678), "12_345_678");
        assert_eq!(shown(SHOWN_MAX), "1_000_000_000_000_000_000");
        assert_eq!(shown(SHOWN_MAX + 1), "more than 10^18");
    }

    #[test]
    fn counts_do_not_overflow() {
        let large = Most::new(1 << 62);
        assert_eq!(large.times(large), Most::new(u64::MAX));
        assert_eq!(large.times(Most::ZERO), Most::ZERO);
        assert_eq!(Most::new(u64::MAX).plus(Most::new(1)).get(), None);
    }
}
