//! What each period, policy and breakdown row is credited with, where a fold finds it without hashing.

use std::collections::HashMap;

use journey::PolicyCredit;
use model::UtcMillis;

use crate::{
    credit_series::CreditAsk,
    period::{Day, Grain},
};

/// Rows below this are found by their number, others are looked up.
const NUMBERED: usize = 1024;

/// What one row comes to.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sum {
    pub(super) orders_micros: i128,
    pub(super) value_micros: i128,
}

/// A period and policy by one number, and the touch's code; none: unattributed.
type Name = (usize, Option<u32>);

/// All sums of one thread.
pub(super) struct Sums<'a> {
    ask: &'a CreditAsk,
    /// The day of the last instant that was looked up.
    day: Day,
    all: Vec<Sum>,
    /// Which each of them is.
    names: Vec<Name>,
    /// By period and policy, then by the row's number: the position plus one; 0 where there is none yet.
    numbered: Vec<Vec<u32>>,
    others: HashMap<Name, usize>,
    /// Codes of the currencies of what was added.
    pub(super) currencies: Vec<u32>,
}

impl Sum {
    pub(super) fn add(&mut self, other: &Self) {
        self.orders_micros += other.orders_micros;
        self.value_micros += other.value_micros;
    }
}

impl<'a> Sums<'a> {
    pub(super) fn new(ask: &'a CreditAsk) -> Self {
        Self {
            ask,
            day: Day::default(),
            all: Vec::new(),
            names: Vec::new(),
            numbered: Vec::new(),
            others: HashMap::new(),
            currencies: Vec::new(),
        }
    }

    /// Adds a credit, where it falls in the range that is asked for.
    pub(super) fn add(&mut self, credit: &PolicyCredit) {
        let (from, to) = self.ask.range;
        if credit.booked_at < from || credit.booked_at >= to {
            return;
        }
        let place = self.period(credit.booked_at) * self.ask.policies.len() + credit.policy;
        let position = self.position((place, credit.code));
        if let Some(currency) = credit.currency.filter(|code| !self.currencies.contains(code)) {
            self.currencies.push(currency);
        }
        let sum = &mut self.all[position];
        sum.orders_micros += i128::from(credit.orders_micros);
        sum.value_micros += i128::from(credit.value_micros);
    }

    /// Period, position of the policy, touch's code and sum of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize, Option<u32>, &Sum)> {
        let policies = self.ask.policies.len().max(1);
        let named = self.names.iter().zip(&self.all);
        named.map(move |((place, code), sum)| (place / policies, place % policies, *code, sum))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let numbers: usize = self.numbered.iter().map(Vec::capacity).sum();
        size_of::<Sum>() * self.all.capacity()
            + size_of::<Name>() * self.names.capacity()
            + size_of::<u32>() * numbers
            + size_of::<(Name, usize)>() * self.others.capacity()
    }

    /// The period of an instant, as a number.
    fn period(&mut self, at: UtcMillis) -> usize {
        if self.ask.span.grain == Grain::All {
            return 0;
        }
        if !self.day.holds(at.0) {
            self.day = self.ask.days.at(at);
        }
        self.day.period
    }

    fn position(&mut self, name: Name) -> usize {
        let (place, code) = name;
        // Nobody comes first, then a touch without a value.
        let number = code.map_or(0, |code| code.wrapping_add(1) as usize + 1);
        if let Some(&next) = self.numbered.get(place).and_then(|of| of.get(number)).filter(|next| **next > 0) {
            return next as usize - 1;
        }
        if let Some(&position) = self.others.get(&name) {
            return position;
        }
        let position = self.all.len();
        self.all.push(Sum::default());
        self.names.push(name);
        if number < NUMBERED {
            self.numbered.resize(self.numbered.len().max(place + 1), Vec::new());
            let of = &mut self.numbered[place];
            of.resize(of.len().max(number + 1), 0);
            of[number] = position as u32 + 1;
        } else {
            self.others.insert(name, position);
        }
        position
    }
}
