//! The only source of randomness: every stream of numbers hangs on the seed and a name, never on the order in which
//! things are made. So person 7 lives the same life whether or not person 6 was generated first.

use std::fmt;

/// What a stream of random numbers is for. One subject never disturbs another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// The life of one person or bot, by index.
    Person,
    /// Everything that happens at the kiosk.
    Kiosk,
    /// Orders that the shop's staff place to test, by shop.
    Staff,
    /// What a platform counts beyond what it saw, by account.
    Platform,
    /// Clicks, impressions and cost of one campaign on one day.
    Spend,
    /// When deliveries leave and arrive.
    Delivery,
    /// Ids of messages and webhooks.
    Identifier,
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Chance(fastrand::Rng);

/// A 128-bit id, shown in the shape of a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id128(pub u128);

impl Chance {
    /// The stream of `subject` number `index` in the world of `seed`.
    pub(crate) fn of(seed: u64, subject: Subject, index: u64) -> Self {
        Self(fastrand::Rng::with_seed(mix(seed ^ mix(index.wrapping_mul(8).wrapping_add(subject as u64)))))
    }

    /// True in `per_mille` of 1000 cases.
    pub(crate) fn hits(&mut self, per_mille: u32) -> bool {
        self.0.u32(0..1000) < per_mille
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high.max(low))
    }

    /// One of `choices`, which is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        self.0.choice(choices.iter().copied()).expect("every list of choices is a constant with entries")
    }

    /// One of `choices`, each as likely as its weight.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(u32, T)]) -> T {
        let mut left = self.0.u32(0..choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        unreachable!("the draw is below the sum of the weights")
    }

    /// A fresh id.
    pub(crate) fn id(&mut self) -> Id128 {
        Id128(self.0.u128(..))
    }
}

impl Id128 {
    /// The id of the `part`-th piece of thing `index`, the same whenever it is asked for.
    pub(crate) fn derived(seed: u64, index: u64, part: u64) -> Self {
        let high = mix(seed ^ mix(index) ^ mix(part.wrapping_add(1).wrapping_mul(8) + Subject::Identifier as u64));
        Self((u128::from(high) << 64) | u128::from(mix(high ^ index)))
    }
}

impl fmt::Display for Id128 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        let (a, b, c) = (id >> 96, (id >> 80) & 0xffff, (id >> 64) & 0xffff);
        write!(out, "{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", (id >> 48) & 0xffff, id & 0xffff_ffff_ffff)
    }
}

/// The finaliser of SplitMix64: neighbouring inputs give unrelated outputs.
fn mix(input: u64) -> u64 {
    let mut word = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn streams_of_different_subjects_and_indexes_differ() {
        let first = |subject, index| Chance::of(7, subject, index).id();
        let ids: BTreeSet<Id128> = [Subject::Person, Subject::Kiosk, Subject::Platform]
            .iter()
            .flat_map(|s| (0..50).map(|i| first(*s, i)))
            .collect();
        assert_eq!(ids.len(), 150);
        assert_eq!(first(Subject::Person, 3), first(Subject::Person, 3));
    }

    #[test]
    fn an_id_has_the_shape_of_a_uuid() {
        let text = Id128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef).to_string();
        assert_eq!(text, "01234567-89ab-cdef-0123-456789abcdef");
    }

    #[test]
    fn weights_of_zero_are_never_drawn() {
        let mut chance = Chance::of(1, Subject::Person, 1);
        assert!((0..200).all(|_| chance.weighted(&[(0, 'a'), (3, 'b'), (0, 'c')]) == 'b'));
    }
}
