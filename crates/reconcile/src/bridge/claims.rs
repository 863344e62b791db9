//! The claim side: which of all pulls speak now, and what they claim by the platform's default setting.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::{Claim, ClaimKind, Cost, CreditBasis, DateBasis, Digest, FactMeta, Pull};

use super::{BridgeInput, amount::Amount};
use crate::ReconcileError;

/// Within how many hours a view counts by the platforms' default settings.
const VIEW_WINDOW_HOURS: i64 = 24;

/// What pulls replace each other in: platform, account, report, level.
type Scope<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The claims that the newest pulls make.
///
/// Of the complete pulls the newest by `received_at` (ties: the greater key) replaces everything in its scope: account,
/// report, level, days. What it leaves out is zero; a row outside the days of its own pull says nothing. Copies of a
/// row count once. Sorted by platform, account, level, day, entity, then key.
#[must_use]
pub fn newest_claims<'a>(pulls: &[Pull], claims: &'a [Claim]) -> Vec<&'a Claim> {
    newest(pulls, claims)
}

/// As [`newest_claims`]: what the platforms charged.
#[must_use]
pub fn newest_costs<'a>(pulls: &[Pull], costs: &'a [Cost]) -> Vec<&'a Cost> {
    newest(pulls, costs)
}

/// Platform, account, level and day.
type Place<'a> = (&'a str, &'a str, &'a str, Date);

/// A row of a report: where it stands, and in which pull.
trait Reported {
    fn meta(&self) -> &FactMeta;
    fn place(&self) -> Place<'_>;
    fn entity_id(&self) -> &str;
}

impl Reported for Claim {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }

    fn place(&self) -> Place<'_> {
        (&self.platform, &self.account, &self.level, self.on)
    }

    fn entity_id(&self) -> &str {
        &self.entity_id
    }
}

impl Reported for Cost {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }

    fn place(&self) -> Place<'_> {
        (&self.platform, &self.account, &self.level, self.on)
    }

    fn entity_id(&self) -> &str {
        &self.entity_id
    }
}

fn newest<'a, R: Reported>(pulls: &[Pull], rows: &'a [R]) -> Vec<&'a R> {
    let days: BTreeSet<Date> = rows.iter().map(|row| row.place().3).collect();
    let mut complete: Vec<&Pull> = pulls.iter().filter(|pull| pull.complete && pull.from_on <= pull.to_on).collect();
    complete.sort_by_key(|pull| (pull.meta.received_at, pull.meta.key));
    let mut newest: BTreeMap<(Scope<'_>, Date), Digest> = BTreeMap::new();
    for pull in complete {
        let scope = (pull.platform.as_str(), pull.account.as_str(), pull.report.as_str(), pull.level.as_str());
        let covered = days.range(pull.from_on..=pull.to_on);
        newest.extend(covered.map(|day| ((scope, *day), pull.meta.key)));
    }
    // A row does not say of which report it is: its pull's key does.
    let speaking: BTreeSet<(Place<'_>, Digest)> = newest
        .iter()
        .map(|(((platform, account, _, level), day), key)| ((*platform, *account, *level, *day), *key))
        .collect();
    let mut spoken: Vec<&R> = rows.iter().filter(|row| speaking.contains(&(row.place(), row.meta().key))).collect();
    spoken.sort_by(|a, b| order(*a).cmp(&order(*b)));
    spoken.dedup_by_key(|row| (row.meta().key, row.meta().ordinal));
    spoken
}

/// By place, then entity, then the pull's key and the row in it.
fn order<R: Reported>(row: &R) -> (Place<'_>, &str, Digest, i32) {
    (row.place(), row.entity_id(), row.meta().key, row.meta().ordinal)
}

/// What a platform claims by its default setting, in the range.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// Everything.
    pub all: Amount,
    /// Of it, by views.
    pub views: Amount,
    /// Of it, by engaged views.
    pub engaged_views: Amount,
    /// Rows that it adds up.
    pub rows: usize,
    /// Levels that they were taken from, usually one.
    pub levels: BTreeSet<String>,
    /// True where a row does not say what it rests on: its views cannot be told from its clicks.
    pub unsplit: bool,
}

/// Adds up the claim of the platform's default setting, each day at the highest level reported.
///
/// # Errors
/// [`ReconcileError::MixedCurrencies`] where a claim of the account is in another currency.
pub(super) fn claimed(input: &BridgeInput<'_>) -> Result<Claimed, ReconcileError> {
    let counted: Vec<&Claim> = input.claims.iter().copied().filter(|claim| by_default_setting(claim, input)).collect();
    let mut highest: BTreeMap<Date, u8> = BTreeMap::new();
    for claim in &counted {
        let rank = highest.entry(claim.on).or_insert(u8::MAX);
        *rank = (*rank).min(level_rank(&claim.level));
    }
    let mut claimed = Claimed::default();
    for claim in counted {
        if highest.get(&claim.on) != Some(&level_rank(&claim.level)) {
            continue;
        }
        if claim.currency != input.currency {
            return Err(ReconcileError::MixedCurrencies {
                at: format!("a claim of account \"{}\" on {}", claim.account, claim.on),
                expected: input.currency.to_string(),
                found: claim.currency.to_string(),
            });
        }
        claimed.add(claim);
    }
    Ok(claimed)
}

impl Claimed {
    fn add(&mut self, claim: &Claim) {
        let amount = Amount { count: i128::from(claim.count_micros), value: i128::from(claim.value_micros) };
        self.all += amount;
        match claim.kind {
            ClaimKind::Click => self.unsplit |= claim.window_hours.is_none(),
            ClaimKind::View => self.views += amount,
            ClaimKind::EngagedView => self.engaged_views += amount,
        }
        self.rows += 1;
        if !self.levels.contains(&claim.level) {
            self.levels.insert(claim.level.clone());
        }
    }
}

/// Click columns of several windows contain one another, so only the one of the platform's window counts.
fn by_default_setting(claim: &Claim, input: &BridgeInput<'_>) -> bool {
    let basis = match input.policy.booking {
        CreditBasis::TouchDate => DateBasis::Touch,
        CreditBasis::OrderDate => DateBasis::Conversion,
    };
    let window = match claim.kind {
        ClaimKind::Click => input.policy.click_window_hours,
        ClaimKind::View | ClaimKind::EngagedView => VIEW_WINDOW_HOURS,
    };
    claim.platform == input.policy.platform
        && claim.account == input.account
        && claim.action == input.policy.action
        && claim.date_basis == basis
        && claim.window_hours.is_none_or(|hours| hours == window)
        && input.in_range(claim.on)
}

/// Sums differ by level, since not every conversion is told to every level: the least rank knows most.
fn level_rank(level: &str) -> u8 {
    match level {
        "account" => 0,
        "campaign" => 1,
        "ad_group" | "ad_set" | "adset" => 2,
        "ad" => 3,
        _ => 4,
    }
}
