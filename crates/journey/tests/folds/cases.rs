//! How many cases are asked, and what they have in common.

use fastrand::Rng;
use journey::EntryRange;
use model::UtcMillis;

/// Cases of an ordinary run.
const CASES: u64 = 20_000;

/// Asks `compare` about as many cases as `TRIBUTARY_FUNNEL_CASES` says, from seed `TRIBUTARY_FUNNEL_SEED` on.
pub fn each(mut compare: impl FnMut(u64, &mut Rng)) {
    let setting = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = setting("TRIBUTARY_FUNNEL_SEED").unwrap_or(0);
    let cases = setting("TRIBUTARY_FUNNEL_CASES").unwrap_or(CASES);
    (first..first + cases).for_each(|seed| compare(seed, &mut Rng::with_seed(seed)));
    println!("{cases} cases from seed {first} agree");
}

/// Up to `most` instants of few, ascending, so that many are equal.
pub fn instants(rng: &mut Rng, most: usize) -> Vec<i64> {
    let last = rng.i64(0..16);
    let mut instants: Vec<i64> = (0..rng.usize(0..=most)).map(|_| rng.i64(0..=last)).collect();
    instants.sort_unstable();
    instants
}

/// Both ends among the instants of a case or just outside; sometimes of nothing.
pub fn range(rng: &mut Rng) -> EntryRange {
    let (from, length) = (rng.i64(-1..10), rng.i64(0..14));
    EntryRange { from: UtcMillis(from), to: UtcMillis(from + length) }
}
