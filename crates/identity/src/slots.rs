//! A table of numbers by hash. What a number stands for is held by whoever keeps the table, and nothing of it here.

use std::hash::{BuildHasher, Hash, RandomState};

/// A slot without a number.
const FREE: u32 = u32::MAX;
const SLOTS_MIN: usize = 16;

/// Numbers, each in the first slot that was free from the one of its hash on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots {
    /// A power of two of them, or none at all. At least a quarter is free.
    slots: Vec<Slot>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Upper half of the hash: tells most strangers apart without asking whose number it is.
    tag: u32,
    number: u32,
}

impl Slots {
    /// The numbers from 0 on for some keys, no two of them equal.
    pub(crate) fn of<K: Hash>(keys: impl ExactSizeIterator<Item = K>) -> Self {
        let wanted = (keys.len() * 4 / 3 + 1).next_power_of_two().max(SLOTS_MIN);
        let mut slots = Self { slots: vec![Slot { tag: 0, number: FREE }; wanted], hasher: RandomState::new() };
        for (number, key) in (0..).zip(keys) {
            slots.put(key, number);
        }
        slots
    }

    /// True where there is no room for so many.
    pub(crate) fn is_full(&self, count: usize) -> bool {
        4 * count > 3 * self.slots.len()
    }

    /// The number of a key: the one of which `is` says that it stands for it.
    pub(crate) fn find<K: Hash>(&self, key: K, is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let mut taken = self.from(hash).map(|at| self.slots[at]).take_while(|slot| slot.number != FREE);
        taken.find(|slot| slot.tag == tag(hash) && is(slot.number)).map(|slot| slot.number)
    }

    /// Puts the number of a key that has none yet. There must be room for it.
    pub(crate) fn put<K: Hash>(&mut self, key: K, number: u32) {
        let hash = self.hasher.hash_one(key);
        let free = self.from(hash).find(|&at| self.slots[at].number == FREE);
        if let Some(at) = free {
            self.slots[at] = Slot { tag: tag(hash), number };
        }
    }

    /// Every slot, from the one of the hash on.
    fn from(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let count = self.slots.len();
        (0..count).map(move |step| (hash as usize).wrapping_add(step) & (count - 1))
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_number_and_a_strange_one_has_none() {
        let keys: Vec<u64> = (0..3000).map(|n| n * 7).collect();
        let mut slots = Slots::of(keys.iter());
        let found = |slots: &Slots, key: u64| slots.find(key, |number| keys.get(number as usize) == Some(&key));
        for (key, number) in keys.iter().zip(0..) {
            assert_eq!(found(&slots, *key), Some(number));
        }
        assert_eq!(found(&slots, 1), None);
        slots.put(1_u64, 3000);
        assert_eq!(slots.find(1_u64, |number| number == 3000), Some(3000));
    }

    #[test]
    fn an_empty_table_finds_nothing_and_has_no_room() {
        let slots = Slots::default();
        assert_eq!((slots.find(1_u64, |_| true), slots.is_full(1)), (None, true));
        assert!(!Slots::of([0_u64; 0].iter()).is_full(12) && Slots::of([0_u64; 0].iter()).is_full(13));
    }
}
