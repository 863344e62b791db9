//! Whole numbers of any size as decimal digits, the way they are taught at school: an oracle for exact fractions.

use std::cmp::Ordering;

/// Digits from the least, without zeros at the end; empty is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits(Vec<u8>);

impl Digits {
    pub fn of(number: u128) -> Self {
        Self(number.to_string().bytes().rev().map(|byte| byte - b'0').collect()).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn at(&self, place: usize) -> u8 {
        self.0.get(place).copied().unwrap_or(0)
    }

    pub fn plus(&self, other: &Self) -> Self {
        let (mut digits, mut carry) = (Vec::new(), 0);
        for place in 0..=self.0.len().max(other.0.len()) {
            let sum = self.at(place) + other.at(place) + carry;
            digits.push(sum % 10);
            carry = sum / 10;
        }
        Self(digits).trimmed()
    }

    /// `other` is not greater.
    fn minus(&self, other: &Self) -> Self {
        let (mut digits, mut borrowed) = (Vec::new(), 0);
        for place in 0..self.0.len() {
            let taken = other.at(place) + borrowed;
            borrowed = u8::from(self.at(place) < taken);
            digits.push(self.at(place) + 10 * borrowed - taken);
        }
        Self(digits).trimmed()
    }

    pub fn times(&self, other: &Self) -> Self {
        let mut product = Self(Vec::new());
        for (place, digit) in other.0.iter().enumerate() {
            let shifted = Self([vec![0; place], self.0.clone()].concat());
            for _ in 0..*digit {
                product = product.plus(&shifted);
            }
        }
        product
    }

    /// Whole and rest.
    pub fn divided(&self, divisor: &Self) -> (Self, Self) {
        let (mut quotient, mut rest) = (Vec::new(), Self(Vec::new()));
        for digit in self.0.iter().rev() {
            rest = Self([vec![*digit], rest.0].concat()).trimmed();
            let mut count = 0;
            while rest.compared(divisor) != Ordering::Less {
                rest = rest.minus(divisor);
                count += 1;
            }
            quotient.insert(0, count);
        }
        (Self(quotient).trimmed(), rest)
    }

    pub fn compared(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    fn odd(&self) -> bool {
        self.at(0) % 2 == 1
    }

    /// The number, where it fits.
    pub fn number(&self) -> Option<u128> {
        let text: String = self.0.iter().rev().map(u8::to_string).collect();
        if text.is_empty() { Some(0) } else { text.parse().ok() }
    }
}

/// `micros · numerator ÷ denominator` to the nearest multiple of `minor`, of two as near to the even one.
pub fn rounded(micros: i128, fraction: (u128, u128), minor: u128) -> Option<i64> {
    let (numerator, denominator) = (Digits::of(fraction.0), Digits::of(fraction.1));
    let minor = Digits::of(minor);
    let unit = denominator.times(&minor);
    let (units, rest) = Digits::of(micros.unsigned_abs()).times(&numerator).divided(&unit);
    let up = match rest.plus(&rest).compared(&unit) {
        Ordering::Less => false,
        Ordering::Equal => units.odd(),
        Ordering::Greater => true,
    };
    let units = if up { units.plus(&Digits::of(1)) } else { units };
    let magnitude = i128::try_from(units.times(&minor).number()?).ok()?;
    i64::try_from(if micros < 0 { -magnitude } else { magnitude }).ok()
}

#[test]
fn the_oracle_can_count() {
    let (a, b) = (98_765_432_109_876_543_210, 1_234_567_890_123);
    assert_eq!(Digits::of(a).plus(&Digits::of(b)).number(), Some(a + b));
    assert_eq!(Digits::of(a).times(&Digits::of(b)).number(), Some(a * b));
    let (whole, rest) = Digits::of(a).divided(&Digits::of(b));
    assert_eq!((whole.number(), rest.number()), (Some(a / b), Some(a % b)));
    assert_eq!(Digits::of(u128::MAX).times(&Digits::of(10)).number(), None);
    assert_eq!([250, 350, -250].map(|n| rounded(n, (1, 1), 100)), [Some(200), Some(400), Some(-200)]);
}
