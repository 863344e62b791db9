//! Halving over time in integers, so that a weight is the same bit for bit on every machine.

use model::money::div_round_half_even;

/// Weight at age zero.
pub(crate) const FULL_PPM: i64 = 1_000_000;

/// Fixed point: `1 << 62` stands for one.
const BITS: u32 = 62;
const ONE: u128 = 1 << BITS;

/// From this many half-lives on the weight rounds to zero: 10^6 / 2^21 is below one half.
const HALVINGS_MAX: u128 = 21;

/// `2^(-1/2), 2^(-1/4), 2^(-1/8), …` in fixed point.
const ROOTS: [u128; BITS as usize] = {
    let mut roots = [0; BITS as usize];
    let mut root = ONE / 2;
    let mut place = 0;
    while place < roots.len() {
        root = (root * ONE).isqrt();
        roots[place] = root;
        place += 1;
    }
    roots
};

/// `round(10^6 · 2^(-age / half-life))`, half to even. A half-life of zero or less leaves only age zero.
pub(crate) fn halved_ppm(age_ms: u64, half_life_ms: i64) -> i64 {
    if age_ms == 0 {
        return FULL_PPM;
    }
    let Some(half_life) = u128::try_from(half_life_ms).ok().filter(|&ms| ms > 0) else { return 0 };
    let halvings = u128::from(age_ms) / half_life;
    if halvings >= HALVINGS_MAX {
        return 0;
    }
    // The fraction of a half-life, read bit by bit: each bit that is set multiplies by its root.
    let mut rest = u128::from(age_ms) % half_life;
    let mut factor = ONE;
    for root in ROOTS {
        rest *= 2;
        if rest >= half_life {
            rest -= half_life;
            factor = (factor * root) >> BITS;
        }
    }
    let weight = div_round_half_even(FULL_PPM as i128 * factor as i128, (ONE << halvings) as i128);
    i64::try_from(weight).expect("a weight is at most 10^6")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_half_lives_halve_exactly_and_halves_go_to_even() {
        // 10^6 / 2^7 = 7812.5 goes to 7812, 10^6 / 2^8 = 3906.25.
        let weights = [0, 1, 2, 6, 7, 8, 20, 21].map(|halvings| halved_ppm(halvings * 1000, 1000));
        assert_eq!(weights, [1_000_000, 500_000, 250_000, 15_625, 7_812, 3_906, 1, 0]);
    }

    #[test]
    fn fractions_agree_with_floating_point() {
        for age in (0..20_000).step_by(7) {
            let float = 1e6 * (-(age as f64) / 977.0).exp2();
            let found = halved_ppm(age, 977);
            assert!((found as f64 - float).abs() < 0.500_001, "age {age}: {found}, expected {float}");
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        assert_eq!([halved_ppm(u64::MAX, i64::MAX), halved_ppm(u64::MAX, 1), halved_ppm(5, 0)], [250_000, 0, 0]);
    }
}
