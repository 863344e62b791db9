//! Tally: the runs of many units, counted step by step.

use std::collections::BTreeMap;

use model::UtcMillis;

use crate::funnel::{FunnelRun, FunnelShape};

/// A funnel's counts. Adding runs in any order gives the same tally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelTally {
    /// By step: units that reached it. The first are the entrants.
    pub units: Vec<u64>,
    /// Entrants whose windows have all closed at the horizon.
    pub mature_entrants: u64,
    /// Those of them that reached the last step.
    pub mature_converted: u64,
    /// Milliseconds from entry to completion → converted units.
    pub convert_ms: BTreeMap<i64, u64>,
}

/// Counts the runs of a funnel as they stand at `horizon`, by default the AS OF instant.
#[must_use]
pub fn tally<'a>(runs: impl IntoIterator<Item = &'a FunnelRun>, shape: FunnelShape, horizon: UtcMillis) -> FunnelTally {
    let mut tally = FunnelTally {
        units: vec![0; shape.steps()],
        mature_entrants: 0,
        mature_converted: 0,
        convert_ms: BTreeMap::new(),
    };
    runs.into_iter().for_each(|run| tally.add(run, horizon));
    tally
}

impl FunnelTally {
    /// Units that entered.
    #[must_use]
    pub fn entrants(&self) -> u64 {
        self.units.first().copied().unwrap_or(0)
    }

    /// Units that reached the last step.
    #[must_use]
    pub fn converted(&self) -> u64 {
        self.units.last().copied().unwrap_or(0)
    }

    /// Share of entrants that reached `step`, counted from 0. `None` without entrants or without such a step.
    #[must_use]
    pub fn conversion_from_entry(&self, step: usize) -> Option<f64> {
        ratio(*self.units.get(step)?, self.entrants())
    }

    /// Share of those at the step before that reached `step`, counted from 1. `None` where nobody was there.
    #[must_use]
    pub fn conversion_from_previous(&self, step: usize) -> Option<f64> {
        ratio(*self.units.get(step)?, *self.units.get(step.checked_sub(1)?)?)
    }

    /// Share of mature entrants that converted. `None` where none is mature.
    #[must_use]
    pub fn matured_conversion(&self) -> Option<f64> {
        ratio(self.mature_converted, self.mature_entrants)
    }

    /// Milliseconds within which `percent` (`1..=100`) of the converted units converted, by nearest rank. `None` where
    /// none did.
    #[must_use]
    pub fn time_to_convert_ms(&self, percent: u64) -> Option<i64> {
        let rank = (self.converted() * percent).div_ceil(100);
        let mut within = 0;
        let reaches = |(_, units): &(&i64, &u64)| {
            within += **units;
            within >= rank
        };
        self.convert_ms.iter().find(reaches).map(|(ms, _)| *ms)
    }

    fn add(&mut self, run: &FunnelRun, horizon: UtcMillis) {
        let converted = run.reached == self.units.len();
        self.units.iter_mut().take(run.reached).for_each(|units| *units += 1);
        if run.mature_at <= horizon {
            self.mature_entrants += 1;
            self.mature_converted += u64::from(converted);
        }
        if converted {
            *self.convert_ms.entry(run.completed_at.0 - run.entered_at.0).or_default() += 1;
        }
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
