//! `window_funnel` (section 8): how far a unit got, asked as ClickHouse's `windowFunnel(window[, mode, …])(timestamp,
//! cond1, …, condN)` is, and answered by the best chain of a [`FunnelFold`].
//!
//! Each mode is a property of chains. One that only a scan has is refused: see [`WindowFunnel::new`].

use std::ops::{AddAssign, SubAssign};

use model::UtcMillis;

use crate::{EntryRange, FoldError, Funnel, FunnelEvent, FunnelFold, FunnelMode, FunnelTerms, StepRule};

/// What is asked and the memory to answer it, unit after unit.
#[derive(Debug)]
pub struct WindowFunnel {
    fold: FunnelFold,
    /// Bits of the conditions.
    condition_mask: u32,
    modes: Modes,
    seen: Vec<FunnelEvent>,
}

/// Which properties a chain must have.
#[derive(Debug, Clone, Copy, Default)]
struct Modes {
    /// Its instants grow strictly.
    increase: bool,
    /// No other event lies strictly between two that it matches.
    order: bool,
    /// With `order`: an event that meets a condition may.
    reentry: bool,
}

/// How many units got how far. Adding in any order gives the same; what is subtracted before it is added is owed until
/// then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelGroup {
    /// By level, from 0.
    units: Vec<i64>,
}

impl WindowFunnel {
    /// The modes that it knows, in ClickHouse's words.
    pub const MODES: [&str; 4] = ["strict_increase", "strict_order", "strict_once", "allow_reentry"];

    /// A chain of `conditions` steps (`1..=32`) within `window` of its first, closed; `window` is in the unit of the
    /// instants.
    ///
    /// - `strict_increase`: the instants of a chain grow strictly.
    /// - `strict_order`: no other event that is given lies strictly between matched instants, whether or not it meets a
    ///   condition. With `allow_reentry`: none that meets no condition.
    /// - `strict_once`: one event never satisfies two conditions. This is always so.
    ///
    /// # Errors
    /// [`FoldError::WindowMode`] for `strict_deduplication`, for `allow_reentry` without `strict_order` and for unknown
    /// modes; [`FoldError::Funnel`] for a number that is out of its range.
    pub fn new(conditions: usize, window: i64, modes: &[&str]) -> Result<Self, FoldError> {
        let modes = Modes::read(modes)?;
        let funnel = Funnel::new(FunnelTerms {
            steps: vec![StepRule::default(); conditions],
            mode: if modes.order { FunnelMode::Strict } else { FunnelMode::Ordered },
            total_window_ms: Some(window),
            ..FunnelTerms::default()
        })?;
        let condition_mask = (0..conditions).fold(0, |mask, condition| mask | 1 << condition);
        Ok(Self { fold: FunnelFold::new(funnel), condition_mask, modes, seen: Vec::new() })
    }

    /// How many conditions the best chain of ONE unit meets, from the first on; 0 where no event meets the first.
    ///
    /// An event is (instant, mask): bit k is set where it meets condition k, from 0. They come in any order, fewer than
    /// 2³², and are left in that of their instants. Events that meet no condition matter under `strict_order` alone.
    pub fn level(&mut self, events: &mut [(i64, u32)]) -> u32 {
        // Masks too, so that the order of arrival cannot show.
        events.sort_unstable();
        self.seen.clear();
        for &(at, mask) in events.iter() {
            let step_mask = mask & self.condition_mask;
            let in_session = self.modes.order && (step_mask == 0 || !self.modes.reentry);
            match self.seen.last_mut().filter(|last| self.modes.increase && last.at.0 == at) {
                // One event an instant: no chain can have two of one.
                Some(last) => {
                    last.step_mask |= step_mask;
                    last.in_session |= in_session;
                }
                None => {
                    self.seen.push(FunnelEvent { at: UtcMillis(at), step_mask, in_session, ..FunnelEvent::default() })
                }
            }
        }
        let outcomes = self.fold.run(&self.seen, EntryRange::ALL, UtcMillis(i64::MAX));
        outcomes.iter().next().map_or(0, |outcome| outcome.reached)
    }
}

impl Modes {
    fn read(names: &[&str]) -> Result<Self, FoldError> {
        let mut modes = Self::default();
        for name in names {
            match *name {
                "strict_increase" => modes.increase = true,
                "strict_order" => modes.order = true,
                "strict_once" => {}
                "allow_reentry" => modes.reentry = true,
                "strict_deduplication" => {
                    return Err(refused(name, "stops a scan at a repeated condition, and no rule of chains does"));
                }
                "strict" => return Err(refused(name, "is the old name of \"strict_deduplication\"")),
                _ => return Err(refused(name, "is none of ClickHouse's")),
            }
        }
        if modes.reentry && !modes.order {
            return Err(refused("allow_reentry", "says what \"strict_order\" forgives and was given without it"));
        }
        Ok(modes)
    }
}

impl LevelGroup {
    /// Of no unit, for levels 0 to `conditions`.
    #[must_use]
    pub fn new(conditions: usize) -> Self {
        Self { units: vec![0; conditions + 1] }
    }

    /// Adds a unit that got to `level`.
    pub fn add(&mut self, level: u32) {
        self.count(level, 1);
    }

    /// Subtracts a unit that was or will be added.
    pub fn subtract(&mut self, level: u32) {
        self.count(level, -1);
    }

    /// By level, from 0: units whose level it is.
    ///
    /// # Panics
    /// Where more was subtracted than added.
    #[must_use]
    pub fn units(&self) -> Vec<u64> {
        let whole = |units: &i64| u64::try_from(*units).expect("nothing is subtracted that was not added");
        self.units.iter().map(whole).collect()
    }

    fn count(&mut self, level: u32, sign: i64) {
        let units = self.units.get_mut(level as usize);
        *units.expect("a level is counted in a group of as many conditions") += sign;
    }

    fn add_all(&mut self, other: &Self, sign: i64) {
        assert!(self.units.len() == other.units.len(), "groups of different conditions are never added");
        self.units.iter_mut().zip(&other.units).for_each(|(units, other)| *units += sign * other);
    }
}

impl AddAssign<&Self> for LevelGroup {
    /// Panics for a group of another number of conditions.
    fn add_assign(&mut self, other: &Self) {
        self.add_all(other, 1);
    }
}

impl SubAssign<&Self> for LevelGroup {
    /// Panics for a group of another number of conditions.
    fn sub_assign(&mut self, other: &Self) {
        self.add_all(other, -1);
    }
}

fn refused(name: &str, reason: &'static str) -> FoldError {
    FoldError::WindowMode { found: name.chars().take(64).collect(), reason }
}
