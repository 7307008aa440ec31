//! Budgets: what was spent, held against the limits of each flow that is running (C1, C4).

use flow_ir::plan::Budget;
use flow_runtime_api::{Cost, Time, Usage};

pub(crate) type MeterId = u32;

/// The meters of a run. A flow with a budget has one of its own; a flow without shares its caller's.
#[derive(Debug, Default)]
pub(crate) struct Spend {
    meters: Vec<Meter>,
    free: Vec<MeterId>,
}

#[derive(Debug)]
struct Meter {
    /// The caller's: it is charged too.
    around: Option<MeterId>,
    limit: Budget,
    nanodollars: u64,
    tokens: u64,
    /// Effects that run now.
    running: u32,
    /// Time while something ran, up to `since`.
    active_ms: u64,
    since: Time,
}

impl Spend {
    /// Opens a meter.
    pub(crate) fn open(&mut self, around: Option<MeterId>, limit: Budget) -> MeterId {
        let meter = Meter {
            around,
            limit,
            nanodollars: 0,
            tokens: 0,
            running: 0,
            active_ms: 0,
            since: Time::default(),
        };
        match self.free.pop() {
            Some(id) => {
                self.meters[id as usize] = meter;
                id
            }
            None => {
                self.meters.push(meter);
                (self.meters.len() - 1) as MeterId
            }
        }
    }

    /// Closes a meter that nothing charges any more.
    pub(crate) fn close(&mut self, id: MeterId) {
        self.free.push(id);
    }

    /// Adds what an attempt took.
    pub(crate) fn charge(&mut self, meter: MeterId, usage: &Usage, cost: &Cost) {
        self.each(meter, |meter| {
            meter.nanodollars = meter.nanodollars.saturating_add(cost.nanodollars);
            meter.tokens =
                meter.tokens.saturating_add(usage.input_tokens).saturating_add(usage.output_tokens);
        });
    }

    /// Notes that an effect begins.
    pub(crate) fn begin(&mut self, meter: MeterId, now: Time) {
        self.each(meter, |meter| {
            if meter.running == 0 {
                meter.since = now;
            }
            meter.running += 1;
        });
    }

    /// Notes that an effect ended.
    pub(crate) fn end(&mut self, meter: MeterId, now: Time) {
        self.each(meter, |meter| {
            meter.running = meter.running.saturating_sub(1);
            if meter.running == 0 {
                meter.active_ms = meter.active_ms.saturating_add(now.since(meter.since));
            }
        });
    }

    /// Returns which limit refuses the next call, and what was spent. `free` says that the call costs no money.
    pub(crate) fn refusal(
        &self,
        meter: MeterId,
        exempt: Option<MeterId>,
        free: bool,
        now: Time,
    ) -> Option<String> {
        self.walk(meter, exempt).find_map(|meter| {
            if let Some(limit) = meter.limit.nanodollars {
                let spent = meter.nanodollars;
                if spent > limit || spent == limit && !free {
                    return Some(format!("{} of {} USD are spent", usd(spent), usd(limit)));
                }
            }
            if let Some(limit) = meter.limit.tokens
                && meter.tokens >= limit
            {
                return Some(format!("{} of {limit} tokens are used", meter.tokens));
            }
            if let Some(limit) = meter.limit.time_ms
                && meter.active(now) >= limit
            {
                return Some(format!("{} of {limit} ms are used", meter.active(now)));
            }
            None
        })
    }

    /// Whether money is limited here, so that a call of unknown price can't be made.
    pub(crate) fn limits_money(&self, meter: MeterId, exempt: Option<MeterId>) -> bool {
        self.walk(meter, exempt).any(|meter| meter.limit.nanodollars.is_some())
    }

    /// Returns the milliseconds that a call may take at most, if time is limited.
    pub(crate) fn time_left(&self, meter: MeterId, exempt: Option<MeterId>, now: Time) -> Option<u64> {
        self.walk(meter, exempt)
            .filter_map(|meter| Some(meter.limit.time_ms?.saturating_sub(meter.active(now))))
            .min()
    }

    fn walk(&self, meter: MeterId, exempt: Option<MeterId>) -> impl Iterator<Item = &Meter> {
        let mut next = Some(meter);
        std::iter::from_fn(move || {
            let id = next.filter(|id| Some(*id) != exempt)?;
            let meter = self.meters.get(id as usize)?;
            next = meter.around;
            Some(meter)
        })
    }

    fn each(&mut self, meter: MeterId, mut change: impl FnMut(&mut Meter)) {
        let mut next = Some(meter);
        while let Some(meter) = next.and_then(|id| self.meters.get_mut(id as usize)) {
            change(meter);
            next = meter.around;
        }
    }
}

impl Meter {
    fn active(&self, now: Time) -> u64 {
        match self.running {
            0 => self.active_ms,
            _ => self.active_ms.saturating_add(now.since(self.since)),
        }
    }
}

/// Writes nano-dollars as dollars, without trailing zeros: `0.60`.
fn usd(nanodollars: u64) -> String {
    let (whole, rest) = (nanodollars / 1_000_000_000, nanodollars % 1_000_000_000);
    let digits = format!("{rest:09}");
    let digits = digits.trim_end_matches('0');
    format!("{whole}.{digits:0<2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_held_to_its_own_and_the_outer_limit() {
        let mut spend = Spend::default();
        let outer = spend.open(None, Budget { nanodollars: Some(600_000_000), ..Budget::default() });
        let inner = spend.open(Some(outer), Budget { tokens: Some(10), ..Budget::default() });
        assert_eq!(spend.refusal(inner, None, false, Time(0)), None);
        spend.charge(inner, &Usage { input_tokens: 10, ..Usage::default() }, &Cost::ZERO);
        assert_eq!(spend.refusal(inner, None, false, Time(0)).unwrap(), "10 of 10 tokens are used");
        assert_eq!(spend.refusal(outer, None, false, Time(0)), None);
        spend.charge(inner, &Usage::default(), &Cost { nanodollars: 600_000_000, complete: true });
        assert_eq!(spend.refusal(outer, None, false, Time(0)).unwrap(), "0.60 of 0.60 USD are spent");
        assert_eq!(spend.refusal(outer, None, true, Time(0)), None, "what costs nothing may still be called");
        assert_eq!(spend.refusal(outer, Some(outer), false, Time(0)), None, "clean-up is exempt");
    }

    #[test]
    fn time_counts_while_something_runs() {
        let mut spend = Spend::default();
        let meter = spend.open(None, Budget { time_ms: Some(100), ..Budget::default() });
        spend.begin(meter, Time(0));
        spend.begin(meter, Time(10));
        spend.end(meter, Time(30));
        spend.end(meter, Time(40));
        assert_eq!(spend.time_left(meter, None, Time(1_000)), Some(60));
        spend.begin(meter, Time(1_000));
        assert_eq!(spend.time_left(meter, None, Time(1_050)), Some(10));
        assert!(spend.refusal(meter, None, true, Time(1_060)).is_some());
    }
}
