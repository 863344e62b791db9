//! Retention (section 8): of the units that first started in a period, how many returned k periods later.
//!
//! In reading order: a [`Retention`] is what is asked, [`RetentionEvent`]s are what a unit did, a [`RetentionFold`] makes
//! a [`RetentionOutcome`] of them, and a [`RetentionGroup`] adds these up to a [`RetentionReport`]. Days, weeks and months
//! of a zone come as [`Periods`], so that nothing here knows a calendar.

mod group;

use model::UtcMillis;

use crate::{EntryRange, FoldError};

pub use group::{RetentionCell, RetentionGroup, RetentionReport, RetentionRow};

/// Periods one after another, without a gap: days, weeks or months of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Periods {
    /// Ascending; at least two. Period i is from `cuts[i]` to `cuts[i + 1]`, half open.
    cuts: Vec<UtcMillis>,
}

/// Which return counts at k.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReturnRule {
    /// One in exactly the k-th period after the start's.
    #[default]
    On,
    /// One in the k-th period after the start's or in any later one, also after the last period that is known.
    OnOrAfter,
}

/// A retention that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    periods: Periods,
    range: EntryRange,
    rule: ReturnRule,
    /// The period of the range's first instant.
    first: usize,
    /// How many periods the range touches.
    cohorts: usize,
    /// The largest k.
    after: usize,
}

/// One event of a unit, as a retention sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionEvent {
    /// When.
    pub at: UtcMillis,
    /// [`START`](Self::START), [`RETURN`](Self::RETURN), both or neither.
    pub mask: u32,
}

/// What became of one unit that started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionOutcome<'a> {
    /// Instant of its first start in the range.
    pub started_at: UtcMillis,
    /// The period of that instant: its place in [`Periods`].
    pub period: usize,
    /// By k: true where it counts as returned. The list behind a cell is the units where it is true.
    pub returned: &'a [bool],
}

/// A retention and the memory to run it, unit after unit.
#[derive(Debug)]
pub struct RetentionFold {
    retention: Retention,
    returned: Vec<bool>,
}

impl Periods {
    /// From the start of each period and the end of the last, ascending.
    ///
    /// # Errors
    /// [`FoldError`] where there is no period, or one that ends no later than it starts.
    pub fn new(cuts: Vec<UtcMillis>) -> Result<Self, FoldError> {
        if cuts.len() < 2 {
            return Err(FoldError::Cuts { found: cuts.len() });
        }
        match cuts.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(before) => Err(FoldError::CutOrder { position: before + 1 }),
            None => Ok(Self { cuts }),
        }
    }

    /// How many there are, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.cuts.len() - 1
    }

    /// First instant of a period, counted from 0; of the one after the last too, which is the end.
    #[must_use]
    pub fn start(&self, period: usize) -> Option<UtcMillis> {
        self.cuts.get(period).copied()
    }

    /// First instant after a period, counted from 0.
    #[must_use]
    pub fn end(&self, period: usize) -> Option<UtcMillis> {
        self.cuts.get(period + 1).copied()
    }

    /// The period of an instant; `None` before the first and after the last.
    #[must_use]
    pub fn of(&self, at: UtcMillis) -> Option<usize> {
        let after = self.cuts.partition_point(|cut| *cut <= at);
        after.checked_sub(1).filter(|period| *period < self.count())
    }
}

impl Retention {
    /// Of the units whose first start in `range` falls in a period, the returns 0 to `after` periods later.
    ///
    /// # Errors
    /// [`FoldError::Uncovered`] where the periods do not reach from the range's first instant to `after` periods after
    /// the one of its last instant. A range of nothing has no cohort and needs no period.
    pub fn new(periods: Periods, range: EntryRange, rule: ReturnRule, after: usize) -> Result<Self, FoldError> {
        if range.from >= range.to {
            return Ok(Self { periods, range, rule, first: 0, cohorts: 0, after });
        }
        let uncovered = |found| FoldError::Uncovered { found, after };
        let first = periods.of(range.from).ok_or(uncovered("starts where no period is"))?;
        let last = periods.of(range.to.plus_ms(-1)).ok_or(uncovered("ends where no period is"))?;
        if periods.count() - 1 - last < after {
            return Err(uncovered("asks about returns after the last period"));
        }
        Ok(Self { periods, range, rule, first, cohorts: last + 1 - first, after })
    }

    /// The periods as given.
    #[must_use]
    pub fn periods(&self) -> &Periods {
        &self.periods
    }

    /// The largest k.
    #[must_use]
    pub fn after(&self) -> usize {
        self.after
    }
}

impl RetentionEvent {
    /// Bit 0: it can start a unit.
    pub const START: u32 = 1;
    /// Bit 1: it can be a return.
    pub const RETURN: u32 = 2;

    fn starts(&self) -> bool {
        self.mask & Self::START != 0
    }

    fn returns(&self) -> bool {
        self.mask & Self::RETURN != 0
    }
}

impl RetentionFold {
    /// With a buffer for the largest k.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self { returned: vec![false; retention.after + 1], retention }
    }

    /// What it asks.
    #[must_use]
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// The outcome of ONE unit; `None` where it does not start in the range.
    ///
    /// `events` are sorted by instant and reach as far as returns do, beyond the range's end.
    pub fn run(&mut self, events: &[RetentionEvent]) -> Option<RetentionOutcome<'_>> {
        debug_assert!(events.is_sorted_by_key(|event| event.at), "retention events are sorted by instant");
        let Self { retention, returned } = self;
        let start = events.iter().position(|event| event.starts() && retention.range.contains(event.at))?;
        let started_at = events[start].at;
        let period = retention.periods.of(started_at).expect("the periods cover the range");
        let earliest = events[..start].partition_point(|event| event.at < started_at);
        // Of several starts at that instant one other than the return is the start; a lone one is no return.
        let mut rivals = events[start + 1..].iter().take_while(|event| event.at == started_at);
        let lone = !rivals.any(RetentionEvent::starts);
        let returns = events.iter().enumerate().skip(earliest);
        let returns = returns.filter(|(position, event)| event.returns() && !(lone && *position == start));

        returned.fill(false);
        // Both go forward in time: the returns, and the period that they are in.
        let mut k = 0;
        for (_, event) in returns {
            while k <= retention.after && retention.periods.end(period + k).is_some_and(|end| end <= event.at) {
                k += 1;
            }
            match retention.rule {
                ReturnRule::On if k > retention.after => break,
                ReturnRule::On => returned[k] = true,
                ReturnRule::OnOrAfter => returned[..=k.min(retention.after)].fill(true),
            }
        }
        Some(RetentionOutcome { started_at, period, returned })
    }
}
