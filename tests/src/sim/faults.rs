//! Which faults a schedule has.

use crate::generate::Dice;

/// A kind of fault; a set of them is a number of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A first attempt fails in a way that is tried again.
    Transient,
    /// A model's first answer isn't of its type.
    Shape,
    /// The process dies, before or after a commit or between two commands.
    Crash,
    /// It dies, and only the first records of its last commit are left.
    Torn,
    /// The store takes its time.
    Stall,
    /// Another process takes the run over while the first one lives.
    Takeover,
    /// A run that waits is put away, and taken up when it is due.
    Suspend,
    /// The run is interrupted and taken up again.
    Interrupt,
    /// The clock jumps forward or back, by an hour at most.
    Jump,
    /// What was aborted answers all the same, and what has answered answers again.
    Late,
    /// Calls fail for good, time out, and answer wrongly as often as they like.
    Hard,
    /// The process dies as often as it likes.
    Storm,
    /// The run is cancelled.
    Cancel,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Fault; 13] = [
        Fault::Transient,
        Fault::Shape,
        Fault::Crash,
        Fault::Torn,
        Fault::Stall,
        Fault::Takeover,
        Fault::Suspend,
        Fault::Interrupt,
        Fault::Jump,
        Fault::Late,
        Fault::Hard,
        Fault::Storm,
        Fault::Cancel,
    ];
}

/// A set of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub u32);

impl Faults {
    /// No fault: only the order of completion differs.
    pub const NONE: Faults = Faults(0);

    /// Draws a set. Most sets change nothing about how a run ends.
    pub fn draw(dice: &mut Dice) -> Faults {
        let mut faults = Faults::NONE;
        for fault in Fault::ALL {
            let rare = matches!(fault, Fault::Hard | Fault::Storm | Fault::Cancel);
            if dice.one_in(if rare { 8 } else { 3 }) {
                faults = faults.with(fault);
            }
        }
        faults
    }

    /// Whether it has a fault.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }

    /// The set with a fault.
    pub fn with(self, fault: Fault) -> Faults {
        Faults(self.0 | 1 << fault as u32)
    }

    /// The set without a fault.
    pub fn without(self, fault: Fault) -> Faults {
        Faults(self.0 & !(1 << fault as u32))
    }

    /// Whether the rules say that a run ends as it does without faults: only crashes, delays, reorderings and failures
    /// that are tried again within the limits.
    pub fn are_absorbed(self) -> bool {
        ![Fault::Hard, Fault::Storm, Fault::Cancel].iter().any(|fault| self.has(*fault))
    }

    /// Their names.
    pub fn names(self) -> String {
        let names: Vec<_> =
            Fault::ALL.iter().filter(|fault| self.has(**fault)).map(|fault| format!("{fault:?}")).collect();
        if names.is_empty() { String::from("none") } else { names.join(" ") }
    }
}
