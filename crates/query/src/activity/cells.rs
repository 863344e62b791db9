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
    numbered: Vec<Vec<u32>>,
    others: HashMap<(usize, u32), usize>,
}

impl Default for Cells {
    fn default() -> Self {
        Self { all: vec![Cell::default()], names: vec![(0, NONE)], numbered: Vec::new(), others: HashMap::new() }
    }
}

impl Cells {
    /// The index of a cell.
    pub(super) fn index(&mut self, period: usize, code: u32) -> usize {
        // No code comes first.
        let number = code.wrapping_add(1) as usize;
        if let Some(&index) = self.numbered.get(period).and_then(|of| of.get(number)).filter(|index| **index > 0) {
            return index as usize;
        }
        if let Some(&index) = self.others.get(&(period, code)) {
            return index;
        }
        let index = self.all.len();
        self.all.push(Cell::default());
        self.names.push((period, code));
        if number < NUMBERED {
            self.numbered.resize(self.numbered.len().max(period + 1), Vec::new());
            let of = &mut self.numbered[period];
            of.resize(of.len().max(number + 1), 0);
            of[number] = index as u32;
        } else {
            self.others.insert((period, code), index);
        }
        index
    }

    /// Period, code and cell of each but the one outside.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u32, &Cell)> {
        self.names.iter().zip(&self.all).skip(1).map(|((period, code), cell)| (*period, *code, cell))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let numbers: usize = self.numbered.iter().map(Vec::capacity).sum();
        size_of::<Cell>() * self.all.capacity()
            + size_of::<(usize, u32)>() * self.names.capacity()
            + size_of::<u32>() * numbers
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
        let wanted = [(3, NONE), (0, 5), (3, 5), (0, 70_000), (1, 70_000), (3, NONE), (0, 70_000)];
        for (period, code) in wanted {
            let index = cells.index(period, code);
            assert_ne!(index, OUTSIDE);
            cells.all[index].units += 1;
        }
        let mut found: Vec<_> = cells.iter().map(|(period, code, cell)| (period, code, cell.units)).collect();
        found.sort_unstable();
        assert_eq!(found, [(0, 5, 1), (0, 70_000, 2), (1, 70_000, 1), (3, 5, 1), (3, NONE, 2)]);
    }
}
