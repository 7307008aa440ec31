//! The choices that a program or a frame is made of: drawn by chance and recorded, or read back, so that a case is
//! repeated and shrunk by its choices alone.

/// A row of choices. Where it ends, every choice is the first: what is generated then is as small as it gets.
#[derive(Clone, Debug)]
pub struct Tape {
    words: Vec<u32>,
    at: usize,
    state: Option<u64>,
}

impl Tape {
    /// Choices of chance.
    pub fn seeded(seed: u64) -> Tape {
        Tape { words: Vec::new(), at: 0, state: Some(seed) }
    }

    /// Choices that were made before.
    pub fn replay(words: Vec<u32>) -> Tape {
        Tape { words, at: 0, state: None }
    }

    /// Two bytes a choice.
    #[allow(dead_code, reason = "for the fuzz target, which is a package of its own")]
    pub fn of_bytes(bytes: &[u8]) -> Tape {
        Tape::replay(
            bytes
                .chunks(2)
                .map(|two| two.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
                .collect(),
        )
    }

    /// What was chosen.
    pub fn into_words(mut self) -> Vec<u32> {
        self.words.truncate(self.at);
        self.words
    }

    pub fn word(&mut self) -> u32 {
        let word = match &mut self.state {
            None => self.words.get(self.at).copied().unwrap_or(0),
            Some(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let word = mixed(*state) as u32;
                self.words.push(word);
                word
            }
        };
        self.at += 1;
        word
    }

    /// A number below another.
    pub fn below(&mut self, count: usize) -> usize {
        if count <= 1 { 0 } else { self.word() as usize % count }
    }

    /// True in so many of a hundred cases, and never where the tape has ended.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) + percent >= 100
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub fn bits(&mut self) -> u64 {
        u64::from(self.word()) << 32 | u64::from(self.word())
    }
}

/// SplitMix64's output.
pub fn mixed(state: u64) -> u64 {
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The seed of one of many.
pub fn split(seed: u64, index: u64) -> u64 {
    mixed(seed.wrapping_add(mixed(index.wrapping_add(0x9e37_79b9_7f4a_7c15))))
}

/// Makes choices smaller as long as they still fail: parts left out, then zeros, then halves. `fails` is asked at most
/// `tries` times.
pub fn shrink(words: Vec<u32>, tries: &mut usize, fails: &mut dyn FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut best = words;
    let mut step = (best.len() / 2).max(1);
    loop {
        let mut from = 0;
        while from < best.len() && *tries > 0 {
            *tries -= 1;
            let mut shorter = best.clone();
            shorter.drain(from..(from + step).min(best.len()));
            if fails(&shorter) {
                best = shorter;
                continue;
            }
            let mut zeros = best.clone();
            zeros[from..(from + step).min(best.len())].fill(0);
            if zeros != best && *tries > 0 {
                *tries -= 1;
                if fails(&zeros) {
                    best = zeros;
                }
            }
            from += step;
        }
        if step == 1 || *tries == 0 {
            break;
        }
        step = (step / 2).max(1);
    }
    for index in 0..best.len() {
        while best.get(index).is_some_and(|word| *word > 0) && *tries > 0 {
            *tries -= 1;
            let mut smaller = best.clone();
            smaller[index] = (smaller[index] % 1024) / 2;
            if smaller[index] < best[index] && fails(&smaller) {
                best = smaller;
            } else {
                break;
            }
        }
    }
    best
}
