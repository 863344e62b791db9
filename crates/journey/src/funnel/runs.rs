//! What a funnel reads of a unit, and what becomes of it.

use model::UtcMillis;

use super::shape::Funnel;

/// One event of a unit, as a funnel sees it. Its place among the unit's events, which are sorted by (instant, key),
/// stands for its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FunnelEvent {
    /// When.
    pub at: UtcMillis,
    /// Bit k is set where it satisfies step k, from 0.
    pub step_mask: u32,
    /// Bit k is set where it is an event of exclusion k, from 0.
    pub exclusion_mask: u32,
    /// Code of the held properties' values, as one; `None` is null and matches nothing where they are held.
    pub held: Option<u32>,
    /// True for an event of a browser or app: another of those breaks a `strict` chain.
    pub in_session: bool,
    /// The value that the event claims, in millionths of the major unit.
    pub value_micros: Option<i64>,
    /// Code of the breakdown property's value; `None` is null.
    pub breakdown: Option<u32>,
}

/// The match of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepMatch {
    /// When.
    pub at: UtcMillis,
    /// Position among the unit's events, from 0.
    pub position: u32,
}

/// A row of a breakdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BreakdownRow {
    /// There is no breakdown.
    Whole,
    /// The property's value by its code; `None` is the row of null.
    Value(Option<u32>),
    /// The named step has no match.
    NotReached,
}

/// What became of one entry, or under entry rule `first` of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelOutcome<'a> {
    /// The first match; in `any_order` of any step.
    pub entry: StepMatch,
    /// Required steps matched, `1..=32`.
    pub reached: u32,
    /// Each step's match; in `any_order` the k-th is the event that raised the count to k.
    pub matched: &'a [Option<StepMatch>],
    /// Code of the held value, where one is held.
    pub held: Option<u32>,
    /// Instant of the last required match, if all required steps are matched.
    pub completed_at: Option<UtcMillis>,
    /// Instant of the latest entry in the range, of this chain or not (`every`: of this one): where a run that is not
    /// completed is censored.
    pub last_entry_at: UtcMillis,
    /// The one row that it is in.
    pub row: BreakdownRow,
    /// The claimed value of the last matched event that has one, in millionths; never added to ledger money.
    pub value_micros: Option<i64>,
    /// True where the windows of all its entries have closed at the horizon.
    pub mature: bool,
    /// Kaplan-Meier time: milliseconds after entry at which it completed or was lost from sight. Not negative.
    pub observed_ms: i64,
}

/// The outcomes of one unit, by entry.
#[derive(Debug, Clone, Copy)]
pub struct FunnelOutcomes<'a> {
    /// Each without its matches, beside where these start.
    pub(super) heads: &'a [(u32, FunnelOutcome<'static>)],
    pub(super) matches: &'a [Option<StepMatch>],
    pub(super) steps: usize,
}

impl FunnelOutcome<'_> {
    /// True where it counts at this step, from 0: the list behind a step's count.
    #[must_use]
    pub fn is_at(&self, step: usize) -> bool {
        self.matched.get(step).is_some_and(Option::is_some)
    }

    /// True where it dropped off at this step: a required one that it did not match, though the one before.
    #[must_use]
    pub fn dropped_at(&self, step: usize, funnel: &Funnel) -> bool {
        funnel.required().get(self.reached as usize) == Some(&step)
    }
}

impl<'a> FunnelOutcomes<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// True where the unit never entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// One after the other, by entry.
    pub fn iter(&self) -> impl Iterator<Item = FunnelOutcome<'a>> + use<'a> {
        let Self { heads, matches, steps } = *self;
        heads.iter().map(move |(start, head)| {
            let matched = &matches[*start as usize..*start as usize + steps];
            FunnelOutcome { matched, ..*head }
        })
    }
}
