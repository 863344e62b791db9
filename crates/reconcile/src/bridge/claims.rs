//! The claim side: which of all pulls speak now, and what they claim by the platform's default setting.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::{Claim, ClaimKind, CreditBasis, DateBasis, Pull};

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
    let days: BTreeSet<Date> = claims.iter().map(|claim| claim.on).collect();
    let mut complete: Vec<&Pull> = pulls.iter().filter(|pull| pull.complete && pull.from_on <= pull.to_on).collect();
    complete.sort_by_key(|pull| (pull.meta.received_at, &pull.meta.key));
    let mut newest: BTreeMap<(Scope<'_>, Date), &str> = BTreeMap::new();
    for pull in complete {
        let scope = (pull.platform.as_str(), pull.account.as_str(), pull.report.as_str(), pull.level.as_str());
        let covered = days.range(pull.from_on..=pull.to_on);
        newest.extend(covered.map(|day| ((scope, *day), pull.meta.key.as_str())));
    }
    // A claim does not say of which report it is: its pull's key does.
    let speaking: BTreeSet<(&str, &str, &str, Date, &str)> = newest
        .iter()
        .map(|(((platform, account, _, level), day), key)| (*platform, *account, *level, *day, *key))
        .collect();
    let speaks = |claim: &&Claim| {
        let Claim { platform, account, level, on, meta, .. } = claim;
        speaking.contains(&(platform.as_str(), account.as_str(), level.as_str(), *on, meta.key.as_str()))
    };
    let mut spoken: Vec<&Claim> = claims.iter().filter(speaks).collect();
    spoken.sort_by_key(|claim| {
        let Claim { platform, account, level, on, entity_id, meta, .. } = *claim;
        (platform, account, level, *on, entity_id, &meta.key, meta.ordinal)
    });
    spoken.dedup_by_key(|claim| (&claim.meta.key, claim.meta.ordinal));
    spoken
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
