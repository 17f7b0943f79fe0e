//! Makes new inputs of old ones. The same seed makes the same inputs.

#![expect(
    clippy::ptr_arg,
    reason = "every mutation has the signature of the table, also one that keeps the length"
)]

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and good enough to choose mutations.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Inputs longer than this are cut: long ones only slow the search down.
const LENGTH_MAX: usize = 4 * 1024;

/// Values at which decoders change their minds.
const EDGES: [u8; 10] = [0, 1, 2, 4, 6, 7, 0x7f, 0x80, 0xfe, 0xff];

/// Pieces of the text formats, so that changes to text are not all nonsense.
const WORDS: [&str; 26] = [
    "hops>=",
    "hops<=",
    "hops=",
    "disjoint=",
    "stripe=",
    "via=",
    "avoid=",
    "types=",
    "types=!",
    "prefer=",
    "latency",
    ",",
    " ",
    ":",
    "65535",
    "0",
    "+1",
    "-1",
    "1e9",
    "18446744073709551615",
    "null",
    "[",
    "%1",
    "{\"kind\":",
    "\\u0000",
    "é",
];

/// One kind of change. The second input is what to splice from.
type Mutation = fn(&mut Vec<u8>, &[u8], &mut Random);

const MUTATIONS: &[Mutation] =
    &[flip_bit, set_edge, set_random, truncate, remove, repeat, insert, tweak_length, splice, insert_word];

/// Changes `input` one to four times.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        random.pick(MUTATIONS)(input, other, random);
    }
    input.truncate(LENGTH_MAX);
}

/// A part of `0..length`, often short.
fn part(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = random.below(length);
    let longest = (length - start).min(if random.below(2) == 0 { 8 } else { 256 });
    start..start + random.below(longest + 1)
}

fn flip_bit(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let (at, bit) = (random.below(input.len()), random.below(8));
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

fn set_edge(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = random.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = *random.pick(&EDGES);
    }
}

fn set_random(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = random.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = random.byte();
    }
}

fn truncate(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    input.truncate(random.below(input.len() + 1));
}

fn remove(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    input.drain(part(input.len(), random));
}

fn repeat(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let copy = input[part(input.len(), random)].to_vec();
    let at = random.below(input.len() + 1);
    input.splice(at..at, copy);
}

fn insert(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let bytes: Vec<u8> = (0..=random.below(8)).map(|_| random.byte()).collect();
    input.splice(at..at, bytes);
}

/// Moves a big-endian u16 up or down a little, or to the length of what follows it.
fn tweak_length(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = random.below(input.len());
    let rest = input.len().saturating_sub(at + 2);
    if let Some([high, low]) = input.get_mut(at..).and_then(|tail| tail.first_chunk_mut::<2>()) {
        let value = u16::from_be_bytes([*high, *low]);
        let step = random.below(4) as u16;
        let value = *random.pick(&[value.wrapping_add(step), value.wrapping_sub(step), rest as u16]);
        [*high, *low] = value.to_be_bytes();
    }
}

fn splice(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let from = part(other.len(), random);
    let to = part(input.len(), random);
    input.splice(to, other[from].iter().copied());
}

fn insert_word(input: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = random.below(input.len() + 1);
    input.splice(at..at, random.pick(&WORDS).bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(seed: u64) -> Vec<Vec<u8>> {
        let mut random = Random::new(seed);
        (0..200)
            .map(|length| {
                let mut input = vec![7; length % 40];
                mutate(&mut input, b"other", &mut random);
                input
            })
            .collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_another_makes_others() {
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }

    #[test]
    fn every_mutation_takes_empty_and_tiny_inputs() {
        let mut random = Random::new(3);
        for mutation in MUTATIONS {
            for length in [0, 1, 2, 3] {
                for other in [&b""[..], b"x"] {
                    mutation(&mut vec![0; length], other, &mut random);
                }
            }
        }
    }
}
