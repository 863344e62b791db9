//! Digests: the first 128 bits of BLAKE3, in texts and tables as 32 hexadecimal digits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A 128-bit digest. Its order is that of its hexadecimal text. In halves, since one is kept for every record ever taken
/// in, and a `u128` would be padded to its alignment beside whatever stands with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest {
    upper: u64,
    lower: u64,
}

/// Why a text is no digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected 32 hexadecimal digits")]
pub struct NoDigest;

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from(blake3::hash(bytes))
    }

    /// The digest of several texts, which do not run into each other.
    #[must_use]
    pub fn of_parts(parts: [&str; 3]) -> Self {
        let length = parts.iter().map(|part| size_of::<u64>() + part.len()).sum();
        let mut bytes = Vec::with_capacity(length);
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self::of(&bytes)
    }

    /// The digest as a number.
    #[must_use]
    pub fn to_u128(self) -> u128 {
        u128::from(self.upper) << 64 | u128::from(self.lower)
    }

    /// The 32 hexadecimal digits, in lower case.
    #[must_use]
    pub fn to_hex(self) -> String {
        let digit = |nibble: u8| HEX_DIGITS[usize::from(nibble & 15)];
        let digits = self.to_u128().to_be_bytes().iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect();
        String::from_utf8(digits).unwrap_or_default()
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        let (first, _) = hash.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        u128::from_be_bytes(*first).into()
    }
}

impl From<u128> for Digest {
    fn from(number: u128) -> Self {
        Self { upper: (number >> 64) as u64, lower: number as u64 }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self::from).ok_or(NoDigest)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_its_text() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_hex(), format!("{:032x}", digest.to_u128()));
        assert_eq!(digest.to_hex(), blake3::hash(b"x").to_hex()[..32]);
        assert_eq!(digest.to_hex().parse(), Ok(digest));
        assert_eq!(Digest::from(7).to_hex(), "00000000000000000000000000000007");
        assert_eq!("+0000000000000000000000000000007".parse::<Digest>(), Err(NoDigest));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Digest::of_parts(["a", "bc", ""]), Digest::of_parts(["ab", "c", ""]));
    }
}
