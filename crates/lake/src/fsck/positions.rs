//! Which positions a table holds: one bit a record, so that a billion of them take 120 MB.

use std::collections::BTreeMap;

/// Words of a page: 64 Ki positions, 8 KiB.
const PAGE_WORDS: usize = 1024;
const WORD_BITS: i64 = u64::BITS as i64;
const PAGE_BITS: i64 = PAGE_WORDS as i64 * WORD_BITS;

type Page = Box<[u64]>;

/// The offsets seen, by channel. Pages are made as they are needed, so an absurd offset takes one page and no more.
#[derive(Debug, Default)]
pub(super) struct Positions {
    channels: BTreeMap<String, BTreeMap<i64, Page>>,
}

/// Offsets of a channel that were not seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MissingOffsets {
    /// The least.
    pub(super) first: i64,
    /// How many.
    pub(super) count: i64,
}

impl Positions {
    /// Takes an offset in; false where it was seen before.
    pub(super) fn insert(&mut self, channel: &str, offset: i64) -> bool {
        if !self.channels.contains_key(channel) {
            self.channels.insert(channel.to_owned(), BTreeMap::new());
        }
        let Some(pages) = self.channels.get_mut(channel) else { return true };
        let page = pages.entry(offset.div_euclid(PAGE_BITS)).or_insert_with(|| vec![0; PAGE_WORDS].into());
        let Some((word, bit)) = word_and_bit(page, offset) else { return true };
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    /// The channels seen.
    pub(super) fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// The greatest offset of a channel.
    pub(super) fn last(&self, channel: &str) -> Option<i64> {
        let (number, page) = self.channels.get(channel)?.last_key_value()?;
        let (index, word) = page.iter().enumerate().rfind(|(_, word)| **word != 0)?;
        let highest = WORD_BITS - 1 - i64::from(word.leading_zeros());
        Some(number * PAGE_BITS + index as i64 * WORD_BITS + highest)
    }

    /// What a channel lacks of the offsets from 0 to `through`.
    pub(super) fn missing(&self, channel: &str, through: i64) -> Option<MissingOffsets> {
        let count = through.saturating_add(1) - self.seen(channel, through);
        let first = (count > 0).then(|| (0..=through).find(|offset| !self.holds(channel, *offset)))??;
        Some(MissingOffsets { first, count })
    }

    /// How many offsets of a channel are greater than `through`.
    pub(super) fn beyond(&self, channel: &str, through: i64) -> i64 {
        self.seen(channel, i64::MAX) - self.seen(channel, through)
    }

    fn holds(&self, channel: &str, offset: i64) -> bool {
        let page = self.channels.get(channel).and_then(|pages| pages.get(&offset.div_euclid(PAGE_BITS)));
        let within = offset.rem_euclid(PAGE_BITS);
        let word = page.and_then(|page| page.get((within / WORD_BITS) as usize));
        word.is_some_and(|word| word & (1 << (within % WORD_BITS)) != 0)
    }

    /// How many offsets from 0 to `through` were seen.
    fn seen(&self, channel: &str, through: i64) -> i64 {
        let Some(pages) = self.channels.get(channel).filter(|_| through >= 0) else { return 0 };
        let in_page = |(number, page): (&i64, &Page)| {
            // Positions of this page up to `through`; a whole page where it lies below.
            let wanted = (through - number * PAGE_BITS).min(PAGE_BITS - 1) + 1;
            let in_word = |(index, word): (usize, &u64)| {
                let bits = (wanted - index as i64 * WORD_BITS).clamp(0, WORD_BITS);
                let mask = if bits == 0 { 0 } else { u64::MAX >> (WORD_BITS - bits) };
                i64::from((word & mask).count_ones())
            };
            page.iter().enumerate().map(in_word).sum::<i64>()
        };
        pages.range(0..=through.div_euclid(PAGE_BITS)).map(in_page).sum()
    }
}

fn word_and_bit(page: &mut [u64], offset: i64) -> Option<(&mut u64, u64)> {
    let within = offset.rem_euclid(PAGE_BITS);
    Some((page.get_mut((within / WORD_BITS) as usize)?, 1 << (within % WORD_BITS)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_missing_is_what_a_set_lacks() {
        let step = |number: i64| number * 7_919 % 150_001;
        for left_out in [vec![], vec![0], vec![63, 64], vec![65_535, 65_536, 99_999], vec![150_000]] {
            let mut positions = Positions::default();
            let seen: BTreeSet<i64> = (0..150_001).map(step).filter(|offset| !left_out.contains(offset)).collect();
            assert!(seen.iter().rev().all(|offset| positions.insert("door", *offset)));
            assert!(seen.iter().take(100).all(|offset| !positions.insert("door", *offset)));
            assert_eq!(positions.last("door"), seen.last().copied());
            for through in [0, 62, 63, 64, 65_535, 65_536, 149_999, 150_000] {
                let lacking: Vec<i64> = left_out.iter().copied().filter(|offset| *offset <= through).collect();
                let expected =
                    lacking.first().map(|first| MissingOffsets { first: *first, count: lacking.len() as i64 });
                assert_eq!(positions.missing("door", through), expected, "{left_out:?} through {through}");
                let above = seen.iter().filter(|offset| **offset > through).count() as i64;
                assert_eq!(positions.beyond("door", through), above);
            }
        }
    }

    #[test]
    fn an_absurd_offset_takes_one_page() {
        let mut positions = Positions::default();
        assert!(positions.insert("door", i64::MAX) && positions.insert("door", i64::MIN));
        assert_eq!(positions.channels["door"].len(), 2);
        assert_eq!(positions.missing("door", i64::MAX - 1), Some(MissingOffsets { first: 0, count: i64::MAX }));
        assert_eq!(positions.missing("other", -1), None);
    }
}
