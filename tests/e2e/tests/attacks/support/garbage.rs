//! Bytes that are no message, the same in every run.

/// An endless supply (xorshift64, G. Marsaglia).
pub(crate) struct Garbage(u64);

impl Garbage {
    pub(crate) fn new() -> Self {
        Self(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.number() >> 32) as u8).collect()
    }

    /// What `valid` becomes when some of its bits flip and its end is lost.
    pub(crate) fn damaged(&mut self, valid: &[u8]) -> Vec<u8> {
        let mut bytes = valid.to_vec();
        for _ in 0..=self.number() % 4 {
            let (place, bit) = (self.number() as usize % bytes.len(), self.number() % 8);
            bytes[place] ^= 1 << bit;
        }
        if self.number().is_multiple_of(2) {
            bytes.truncate(1 + self.number() as usize % bytes.len());
        }
        bytes
    }
}
