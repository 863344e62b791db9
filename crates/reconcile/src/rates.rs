//! Rates of exchange as known: whose publication counts for a day, and exact conversion by it. Section 2 of
//! `docs/semantics.md`.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{ToSpan, civil::Date};
use model::{Currency, RATE_PARTS, Rate};

/// How old the publication for a day may be. Closed: one of exactly 7 days before still counts.
const AGE_DAYS_MAX: i64 = 7;

/// Rates of one publisher.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates {
    /// None only where no rate of anyone is known and none was asked for.
    publisher: Option<String>,
    /// Units of the second currency for one of the first, in 10^-12, by day of publication.
    days_by_pair: BTreeMap<(Currency, Currency), BTreeMap<Date, i64>>,
}

/// What one unit of a currency is worth in another, as an exact fraction in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactRate {
    to: Currency,
    numerator: u128,
    /// Below 2^126.
    denominator: u128,
    published_on: Option<Date>,
    provisional: bool,
}

/// Why there is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Whose rates count is for the house to say.
    #[error("rates of several publishers are known ({known}), expected one of them to be named")]
    SeveralPublishers {
        /// Their names, quoted.
        known: String,
    },
    /// A rate that is no price.
    #[error("the rate of \"{publisher}\" from {base} to {quote} of {on} is {found} (in 10^-12), expected more than 0")]
    NotPositive {
        /// Source of the fact.
        publisher: String,
        /// The currency of which one unit is priced.
        base: Currency,
        /// The currency in which it is priced.
        quote: Currency,
        /// Day of publication.
        on: Date,
        /// What the fact says.
        found: i64,
    },
    /// No publication counts for the day; nothing is ever converted at a guess.
    #[error("no rate from {from} to {to} for {on}: {known}; expected one of that day or of the 7 days before")]
    Missing {
        /// Currency of the amount.
        from: Currency,
        /// Currency asked for.
        to: Currency,
        /// The rate date.
        on: Date,
        /// What is known instead.
        known: String,
    },
}

impl Rates {
    /// The rates of one publisher (a source): the one that is named, else the only one there is. Of several facts for
    /// one pair and day the greatest by (received_at, key) counts.
    ///
    /// # Errors
    /// [`RateError::SeveralPublishers`] where none is named and several are known; [`RateError::NotPositive`].
    pub fn new(facts: &[Rate], publisher: Option<&str>) -> Result<Self, RateError> {
        let known: BTreeSet<&str> = facts.iter().map(|fact| &*fact.meta.source).collect();
        if publisher.is_none() && known.len() > 1 {
            return Err(RateError::SeveralPublishers { known: listed(known.iter().map(|name| format!("\"{name}\""))) });
        }
        let publisher = publisher.or(known.first().copied());
        let mut newest: BTreeMap<(Currency, Currency, Date), &Rate> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| Some(&*fact.meta.source) == publisher) {
            let kept = newest.entry((fact.base, fact.quote, fact.on)).or_insert(fact);
            if newness(fact) > newness(kept) {
                *kept = fact;
            }
        }
        let mut rates = Self { publisher: publisher.map(str::to_owned), ..Self::default() };
        for ((base, quote, on), fact) in newest {
            if fact.rate_e12 <= 0 {
                let publisher = fact.meta.source.to_string();
                return Err(RateError::NotPositive { publisher, base, quote, on, found: fact.rate_e12 });
            }
            rates.days_by_pair.entry((base, quote)).or_default().insert(on, fact.rate_e12);
        }
        Ok(rates)
    }

    /// Whose rates these are: a source. None where no rate is known and no publisher was named.
    #[must_use]
    pub fn publisher(&self) -> Option<&str> {
        self.publisher.as_deref()
    }

    /// The rate for the civil day `on`: the newest publication on or before it, at most 7 days old. From a currency to
    /// itself it is exactly 1 and needs no publication. A pair that is not published is crossed through a currency that
    /// has a rate with both (of several the first by code), each leg looked up for itself.
    ///
    /// # Errors
    /// [`RateError::Missing`] names the pair, the day and what is known.
    pub fn exact(&self, from: Currency, to: Currency, on: Date) -> Result<ExactRate, RateError> {
        if from == to {
            return Ok(ExactRate { to, numerator: 1, denominator: 1, published_on: None, provisional: false });
        }
        let missing = |known| RateError::Missing { from, to, on, known };
        let legs = self.route(from, to).ok_or_else(|| missing(self.unpriced(from, to)))?;
        let mut rate = ExactRate { to, numerator: 1, denominator: 1, published_on: None, provisional: false };
        for leg in legs {
            let (day, parts) = leg.for_day(on).ok_or_else(|| missing(self.known_of(&leg, on)))?;
            let whole = RATE_PARTS.unsigned_abs();
            let (numerator, denominator) = if leg.inverse { (whole, parts) } else { (parts, whole) };
            // At most two legs of less than 2^63 each.
            rate.numerator *= u128::from(numerator);
            rate.denominator *= u128::from(denominator);
            rate.published_on = Some(rate.published_on.map_or(day, |other| other.min(day)));
            rate.provisional |= leg.days.last_key_value().is_none_or(|(last, _)| *last < on);
        }
        let divisor = greatest_common_divisor(rate.numerator, rate.denominator);
        Ok(ExactRate { numerator: rate.numerator / divisor, denominator: rate.denominator / divisor, ..rate })
    }

    fn route(&self, from: Currency, to: Currency) -> Option<Vec<Leg<'_>>> {
        if let Some(leg) = self.leg(from, to) {
            return Some(vec![leg]);
        }
        let currencies: BTreeSet<Currency> =
            self.days_by_pair.keys().flat_map(|&(base, quote)| [base, quote]).collect();
        currencies.into_iter().find_map(|through| Some(vec![self.leg(from, through)?, self.leg(through, to)?]))
    }

    fn leg(&self, from: Currency, to: Currency) -> Option<Leg<'_>> {
        let published = |pair, inverse| self.days_by_pair.get(&pair).map(|days| Leg { pair, inverse, days });
        published((from, to), false).or_else(|| published((to, from), true))
    }

    /// What is known where no route is.
    fn unpriced(&self, from: Currency, to: Currency) -> String {
        let publisher = self.publisher().unwrap_or_default();
        if self.days_by_pair.is_empty() {
            return if publisher.is_empty() {
                "no rates are known".to_owned()
            } else {
                format!("no rates of \"{publisher}\" are known")
            };
        }
        let prices =
            |currency: &Currency| self.days_by_pair.keys().any(|(base, quote)| [base, quote].contains(&currency));
        let strange: Vec<Currency> = [from, to].into_iter().filter(|currency| !prices(currency)).collect();
        match strange.is_empty() {
            true => format!("\"{publisher}\" prices the two in no common currency"),
            false => format!("\"{publisher}\" has no rate of {}", listed(strange)),
        }
    }

    /// What is known of a pair whose publications are all too new or too old.
    fn known_of(&self, leg: &Leg<'_>, on: Date) -> String {
        let ((base, quote), publisher) = (leg.pair, self.publisher().unwrap_or_default());
        match (leg.days.range(..=on).next_back(), leg.days.first_key_value()) {
            (Some((last, _)), _) => format!("the last of \"{publisher}\" from {base} to {quote} is of {last}"),
            (None, Some((first, _))) => format!("rates of \"{publisher}\" from {base} to {quote} begin on {first}"),
            (None, None) => format!("no rates of \"{publisher}\" from {base} to {quote} are known"),
        }
    }
}

impl ExactRate {
    /// The currency that amounts are converted to.
    #[must_use]
    pub fn to(&self) -> Currency {
        self.to
    }

    /// Numerator and denominator in lowest terms, both greater than 0.
    #[must_use]
    pub fn fraction(&self) -> (u128, u128) {
        (self.numerator, self.denominator)
    }

    /// Day of the publication, of two the older; none from a currency to itself.
    #[must_use]
    pub fn published_on(&self) -> Option<Date> {
        self.published_on
    }

    /// True until a publication dated on or after the rate date is known.
    #[must_use]
    pub fn provisional(&self) -> bool {
        self.provisional
    }

    /// The amount in the target currency, rounded once, half to even at the target's minor unit; an amount that is in
    /// it already stays as it is. `None` where the answer does not fit 64 bits.
    #[must_use]
    pub fn convert(&self, micros: i128) -> Option<i64> {
        if self.published_on.is_none() {
            return i64::try_from(micros).ok();
        }
        let (whole, rest) = multiply_divide(micros.unsigned_abs(), self.numerator, self.denominator)?;
        let minor = u128::from(self.to.minor_micros().unsigned_abs());
        let (units, part) = (whole / minor, whole % minor);
        // A minor unit is an even count of micros, so half of it is a whole count, and `rest` is less than one.
        let up = match (2 * part).cmp(&minor) {
            Ordering::Less => false,
            Ordering::Equal => rest > 0 || units % 2 == 1,
            Ordering::Greater => true,
        };
        let magnitude = i128::try_from((units + u128::from(up)).checked_mul(minor)?).ok()?;
        i64::try_from(if micros < 0 { -magnitude } else { magnitude }).ok()
    }
}

/// One published pair, in the direction in which it is walked.
struct Leg<'a> {
    pair: (Currency, Currency),
    inverse: bool,
    days: &'a BTreeMap<Date, i64>,
}

impl Leg<'_> {
    /// The newest publication on or before `on`, where it is not too old: its day and rate.
    fn for_day(&self, on: Date) -> Option<(Date, u64)> {
        let (&day, &parts) = self.days.range(on.saturating_sub(AGE_DAYS_MAX.days())..=on).next_back()?;
        Some((day, parts.unsigned_abs()))
    }
}

/// The place of a fact among those of one pair and day. What follows the key settles facts of one record.
fn newness(fact: &Rate) -> impl Ord + '_ {
    (fact.meta.received_at, fact.meta.key, fact.meta.ordinal, fact.rate_e12)
}

fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Whole and rest of `a · b ÷ divisor`, exact also where the product needs more than 128 bits. `None` where the
/// quotient does. The divisor is below 2^126.
fn multiply_divide(a: u128, b: u128, divisor: u128) -> Option<(u128, u128)> {
    if let Some(product) = a.checked_mul(b) {
        return Some((product / divisor, product % divisor));
    }
    // Bit by bit of `a`, from the greatest: double what is there, add `b` where the bit is set.
    let (whole, part) = (b / divisor, b % divisor);
    let (mut quotient, mut rest) = (0_u128, 0_u128);
    for bit in (0..u128::BITS - a.leading_zeros()).rev() {
        let set = a >> bit & 1;
        // Less than three divisors, so it fits.
        let sum = 2 * rest + set * part;
        quotient = quotient.checked_mul(2)?.checked_add(set * whole)?.checked_add(sum / divisor)?;
        rest = sum % divisor;
    }
    Some((quotient, rest))
}
