//! Transaction IDs that nobody can guess (RFC 8489, 6).

use sha2::{Digest, Sha256};

use crate::stun::TransactionId;

/// A sequence of transaction IDs, drawn from a seed that is random to others.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    drawn: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn draw(&mut self) -> TransactionId {
        self.drawn += 1;
        let digest = Sha256::new()
            .chain_update(b"byway stun id v1\0")
            .chain_update(self.seed.to_be_bytes())
            .chain_update(self.drawn.to_be_bytes())
            .finalize();
        let mut id = [0; 12];
        id.copy_from_slice(&digest[..12]);
        TransactionId(id)
    }
}
