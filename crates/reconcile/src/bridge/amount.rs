//! Count and value side by side, in 128 bits, so that sums cannot overflow on the way.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

use crate::ReconcileError;

/// A count in millionths and a value in micros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amount {
    pub count: i128,
    pub value: i128,
}

impl Amount {
    /// Count and value in 64 bits.
    ///
    /// # Errors
    /// [`ReconcileError::Overflow`] where one does not fit, naming `at`.
    pub fn to_micros(self, at: impl Fn() -> String) -> Result<(i64, i64), ReconcileError> {
        let fit = |micros| i64::try_from(micros).map_err(|_| ReconcileError::Overflow { at: at() });
        Ok((fit(self.count)?, fit(self.value)?))
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { count: self.count + other.count, value: self.value + other.value }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self { count: -self.count, value: -self.value }
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}
