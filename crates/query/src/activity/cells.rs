//! What each period and breakdown row comes to, where a fold finds it without hashing.

use std::collections::HashMap;

use crate::people::lanes::NONE;

/// Breakdown codes below this are found by their number, others are looked up.
const NUMBERED: usize = 1024;

/// What one period and breakdown row comes to.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Cell {
    /// Sessions, or people.
    pub(super) units: i64,
    pub(super) events: i64,
    pub(super) purchases: i64,
    pub(super) value_micros: i128,
}

/// The cell of what lies outside the range that is asked for.
pub(super) const OUTSIDE: usize = 0;

/// All cells of one thread.
#[derive(Debug)]
pub(super) struct Cells {
    /// Each by its index; the first is [`OUTSIDE`].
    pub(super) all: Vec<Cell>,
    /// Period and code of each.
    names: Vec<(usize, u32)>,
    /// By period, then by the code plus one: the index; 0 where there is none yet.
    numbered: Vec<u32>,
    /// How many of them a period has, a power of two.
    stride: usize,
    others: HashMap<(usize, u32), usize>,
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            all: vec![Cell::default()],
            names: vec![(0, NONE)],
            numbered: Vec::new(),
            stride: 1,
            others: HashMap::new(),
        }
    }
}

impl Cells {
    /// The index of a cell.
    pub(super) fn index(&mut self, period: usize, code: u32) -> usize {
        // No code comes first.
        let number = code.wrapping_add(1) as usize;
        if number < self.stride {
            if let Some(&index) = self.numbered.get(period * self.stride + number).filter(|index| **index > 0) {
                return index as usize;
            }
        } else if let Some(&index) = self.others.get(&(period, code)) {
            return index;
        }
        let index = self.all.len();
        self.all.push(Cell::default());
        self.names.push((period, code));
        if number < NUMBERED {
            self.widen(number);
            let place = period * self.stride + number;
            self.numbered.resize(self.numbered.len().max(place + 1), 0);
            self.numbered[place] = index as u32;
        } else {
            self.others.insert((period, code), index);
        }
        index
    }

    /// Makes room for a number in every period.
    fn widen(&mut self, number: usize) {
        if number < self.stride {
            return;
        }
        let wider = (number + 1).next_power_of_two();
        let mut numbered = vec![0; self.numbered.len().div_ceil(self.stride) * wider];
        for (period, of) in self.numbered.chunks(self.stride).enumerate() {
            numbered[period * wider..][..of.len()].copy_from_slice(of);
        }
        (self.numbered, self.stride) = (numbered, wider);
    }

    /// Period, code and cell of each but the one outside.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u32, &Cell)> {
        self.names.iter().zip(&self.all).skip(1).map(|((period, code), cell)| (*period, *code, cell))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Cell>() * self.all.capacity()
            + size_of::<(usize, u32)>() * self.names.capacity()
            + size_of::<u32>() * self.numbered.capacity()
            + size_of::<((usize, u32), usize)>() * self.others.capacity()
    }
}

impl Cell {
    pub(super) fn add(&mut self, other: &Self) {
        self.units += other.units;
        self.events += other.events;
        self.purchases += other.purchases;
        self.value_micros += other.value_micros;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_and_code_has_a_cell_of_its_own() {
        let mut cells = Cells::default();
        let wanted = [(3, NONE), (0, 5), (3, 5), (2, 700), (0, 70_000), (1, 70_000), (3, NONE), (0, 70_000)];
        for (period, code) in wanted {
            let index = cells.index(period, code);
            assert_ne!(index, OUTSIDE);
            cells.all[index].units += 1;
        }
        let mut found: Vec<_> = cells.iter().map(|(period, code, cell)| (period, code, cell.units)).collect();
        found.sort_unstable();
        assert_eq!(found, [(0, 5, 1), (0, 70_000, 2), (1, 70_000, 1), (2, 700, 1), (3, 5, 1), (3, NONE, 2)]);
    }
}
