//! Lanes become arrivals, touches and purchases, and those become sums.

use std::ops::Range;

use journey::{Arrival, Bought, Crediting, PathTouch};
use model::{Currency, UtcMillis};

use crate::{
    credit_series::{CreditAsk, sums::Sums},
    error::EngineError,
    people::{
        Lanes, PersonFold, Who,
        columns::Texts,
        lanes::{NO_AMOUNT, NONE},
        signals::DIRECT,
    },
};

/// One thread's fold.
pub(super) struct Folding<'a> {
    pub(super) sums: Sums<'a>,
    crediting: Crediting<'a>,
    texts: &'a Texts,
    direct: u32,
    /// Currencies that amounts were met in by their codes, each with the micros of its minor unit.
    minors: Vec<(u32, i64)>,
}

impl<'a> Folding<'a> {
    pub(super) fn new(ask: &'a CreditAsk, texts: &'a Texts) -> Self {
        Self {
            sums: Sums::new(ask),
            crediting: Crediting::new(&ask.policies, ask.rule),
            texts,
            direct: texts.code(DIRECT),
            minors: Vec::new(),
        }
    }

    /// The purchase that a row tells of. Where it states no amount it is worth nothing, and counts.
    fn bought(&mut self, lanes: &Lanes, row: usize) -> Bought {
        let at = UtcMillis(lanes.at[row]);
        match lanes.value.get(row) {
            Some(&value_micros) if value_micros != NO_AMOUNT => Bought {
                at,
                value_micros,
                minor_micros: self.minor_micros(lanes.currency[row]),
                currency: Some(lanes.currency[row]),
            },
            _ => Bought { at, value_micros: 0, minor_micros: 1, currency: None },
        }
    }

    fn minor_micros(&mut self, code: u32) -> i64 {
        if let Some((_, minor_micros)) = self.minors.iter().find(|(known, _)| *known == code) {
            return *minor_micros;
        }
        let currency = self.texts.text(code).and_then(|text| Currency::try_from(&*text).ok());
        // A unit that is no currency has no cents to keep whole.
        let minor_micros = currency.map_or(1, |currency| currency.minor_micros());
        self.minors.push((code, minor_micros));
        minor_micros
    }
}

impl PersonFold for Folding<'_> {
    fn events(&mut self, lanes: &Lanes, range: Range<usize>) {
        for row in range {
            let (at, device) = (UtcMillis(lanes.at[row]), lanes.device[row]);
            if device == 0 {
                continue;
            }
            let [campaign, click_id] = [lanes.held[row], lanes.click[row]].map(|code| (code != NONE).then_some(code));
            if self.crediting.comes(&Arrival { at, device, campaign, click_id }) {
                let code = lanes.code.get(row).copied().unwrap_or(NONE);
                let touch = PathTouch { at, direct: lanes.unit[row] == self.direct, code };
                self.crediting.touch(touch, &mut |credit| self.sums.add(&credit));
            }
            if lanes.mask[row] != 0 {
                let bought = self.bought(lanes, row);
                self.crediting.buy(bought);
            }
        }
    }

    fn bytes(&self) -> usize {
        self.crediting.bytes() + self.sums.bytes()
    }

    fn end(&mut self, _: Who) -> Result<(), EngineError> {
        self.crediting.end(&mut |credit| self.sums.add(&credit));
        Ok(())
    }
}
