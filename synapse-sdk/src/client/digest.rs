//! A fingerprint of content: tells whether files are the same, and is no
//! protection against somebody who wants two to look alike.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// FNV-1a with 128 bits: nothing a plugin would have to carry a crate for.
#[derive(Clone)]
pub(crate) struct Digest(u128);

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl Digest {
    pub(crate) fn new() -> Self {
        Self(OFFSET)
    }

    pub(crate) fn add(&mut self, part: &[u8]) {
        self.bytes(&(part.len() as u64).to_le_bytes());
        self.bytes(part);
    }

    pub(crate) fn add_file(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                read => self.bytes(&buffer[..read]),
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }

    pub(crate) fn to_hex(&self) -> String {
        format!("{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_function_and_parts_do_not_run_together() {
        let mut digest = Digest::new();
        digest.bytes(b"foobar");
        // A published test vector of FNV-1a with 128 bits.
        assert_eq!(digest.to_hex(), "343e1662793c64bf6f0d3597ba446f18");
        let of = |parts: [&[u8]; 2]| {
            let mut digest = Digest::new();
            parts.into_iter().for_each(|part| digest.add(part));
            digest.to_hex()
        };
        assert_ne!(of([b"ab", b"c"]), of([b"a", b"bc"]));
    }
}
