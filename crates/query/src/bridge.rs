//! `bridge(platform, …)` and `bridge_orders(platform, line, …)`: from each account's claim to the house number.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, StringArray};
use jiff::{civil::Date, tz::TimeZone};
use model::{Claim, Currency, HousePolicy, PlatformPolicy};
use reconcile::{BridgeInput, BridgeOrder, HouseCredit, PlatformTouch, Statement};
use tables::column::instants;

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::{Call, hint},
    derived::{CreditRow, Derived, OrderRow, TouchRow, attribution::touches_by_person, rows::receiver},
    engine::Rules,
    error::EngineError,
    expansion::{Expansion, table},
    period::{Grain, Span},
};

/// One account of a platform, as its reports show it.
struct Account {
    id: String,
    currency: Currency,
    zone: TimeZone,
    campaigns: BTreeSet<String>,
}

/// What the statements of one call share.
struct Asked<'a> {
    policy: &'a PlatformPolicy,
    house: &'a HousePolicy,
    span: Span,
    derived: &'a Derived,
    /// Credits of the house policy by (shop, order id).
    credits: BTreeMap<(&'a str, &'a str), Vec<&'a CreditRow>>,
    /// Touches of each person: first and one past the last.
    touches: BTreeMap<u32, (usize, usize)>,
}

/// Answers `bridge(platform, from, to, account, policy, zone)`: lines 0 to 16 of every account.
///
/// # Errors
/// [`EngineError::Definition`] for an unknown platform or policy, [`EngineError::Asked`] where nothing was reported.
pub(crate) fn expand(
    rules: &Rules<'_>,
    call: &Call,
    derived: &Derived,
    stamp: &mut Stamp,
) -> Result<Expansion, EngineError> {
    let statements = statements(rules, call, derived, stamp)?;
    let rows: Vec<(&Statement, &reconcile::BridgeLine)> =
        statements.iter().flat_map(|statement| statement.lines.iter().map(move |line| (statement, line))).collect();
    let text = |of: &dyn Fn(&Statement, &reconcile::BridgeLine) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|(s, l)| Some(of(s, l))).collect::<StringArray>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("platform", text(&|s, _| s.platform.clone())),
        ("account", text(&|s, _| s.account.clone())),
        ("line", Arc::new(rows.iter().map(|(_, l)| i64::from(l.line)).collect::<Int64Array>())),
        ("label", text(&|_, l| l.label.to_owned())),
        ("count", amounts(rows.iter().map(|(_, l)| Some(l.count_micros)))?),
        ("value", amounts(rows.iter().map(|(_, l)| Some(l.value_micros)))?),
        ("currency", text(&|s, _| s.currency.code().to_owned())),
        ("low", amounts(rows.iter().map(|(_, l)| l.low))?),
        ("high", amounts(rows.iter().map(|(_, l)| l.high))?),
        ("evidence", text(&|_, l| l.evidence.clone())),
    ];
    table(columns)
}

/// Answers `bridge_orders(platform, line, from, to, account, policy, zone)`: the orders that a line moved.
///
/// # Errors
/// As [`expand`], and [`EngineError::Asked`] for a line that is none.
pub(crate) fn expand_orders(
    rules: &Rules<'_>,
    call: &Call,
    derived: &Derived,
    stamp: &mut Stamp,
) -> Result<Expansion, EngineError> {
    let text = call.arguments.get("line").map_or("", String::as_str);
    let line: u8 = text.parse().ok().filter(|line| *line <= 16).ok_or_else(|| EngineError::Asked {
        message: format!("\"line\" is \"{text}\", expected a number from 0 to 16"),
    })?;
    let statements = statements(rules, call, derived, stamp)?;
    let rows: Vec<_> = statements
        .iter()
        .flat_map(|statement| statement.moves.iter().map(move |order| (statement, order)))
        .filter(|(_, order)| order.line == line)
        .collect();
    let text = |of: &dyn Fn(&Statement, &reconcile::BridgeOrderMove) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|(s, o)| Some(of(s, o))).collect::<StringArray>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("platform", text(&|s, _| s.platform.clone())),
        ("account", text(&|s, _| s.account.clone())),
        ("line", Arc::new(rows.iter().map(|(_, o)| i64::from(o.line)).collect::<Int64Array>())),
        ("shop", text(&|_, o| o.shop.clone())),
        ("order_id", text(&|_, o| o.order_id.clone())),
        ("campaign", text(&|_, o| o.campaign.clone())),
        ("touched_at", Arc::new(instants(rows.iter().map(|(_, o)| o.touched_at)))),
        ("count", amounts(rows.iter().map(|(_, o)| Some(o.count_delta)))?),
        ("value", amounts(rows.iter().map(|(_, o)| Some(o.value_delta)))?),
        ("currency", text(&|s, _| s.currency.code().to_owned())),
    ];
    table(columns)
}

fn statements(
    rules: &Rules<'_>,
    call: &Call,
    derived: &Derived,
    stamp: &mut Stamp,
) -> Result<Vec<Statement>, EngineError> {
    let platform = call.arguments.get("platform").map_or("", String::as_str);
    let policy = rules.definitions().platform_policy(platform)?;
    let house_name = call.arguments.get("policy").map_or("house", String::as_str);
    let house = rules.definitions().house_policy(house_name)?;
    stamp.definitions.push(DefinitionStamp::of("platform_policy", platform, policy));
    stamp.definitions.push(DefinitionStamp::of("policy", house_name, house));
    let span = Span::of(call, &rules.settings().zone, Grain::All)?;
    let newest = reconcile::newest_claims(&derived.facts.pulls, &derived.facts.claims);
    let claims: Vec<&Claim> = newest.into_iter().filter(|claim| claim.platform == platform).collect();
    let (from_on, to_on) = range(&span, derived, platform)?;
    let asked = Asked {
        policy: &policy.value,
        house: &house.value,
        span,
        derived,
        credits: credits_by_order(derived, house_name),
        touches: touches_by_person(&derived.touches),
    };
    let accounts = accounts(&claims, platform)?;
    let wanted = call.arguments.get("account");
    if let Some(unknown) = wanted.filter(|wanted| accounts.iter().all(|account| account.id != **wanted)) {
        let known: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
        let message = format!("\"{platform}\" has no account \"{unknown}\"{}", hint(unknown, known));
        return Err(EngineError::Asked { message });
    }
    let mut statements = Vec::new();
    for account in accounts.iter().filter(|account| wanted.is_none_or(|wanted| *wanted == account.id)) {
        let orders = asked.orders(account, &accounts);
        let statement = reconcile::bridge(&BridgeInput {
            policy: asked.policy,
            house: asked.house,
            account: &account.id,
            currency: account.currency,
            from_on,
            to_on,
            claims: &claims,
            orders: &orders,
        })?;
        stamp.notes.extend((!statement.closes()).then(|| format!("account {} does not close", account.id)));
        statements.push(statement);
    }
    Ok(statements)
}

impl Asked<'_> {
    /// Orders with a touch or a credit of this account.
    fn orders(&self, account: &Account, accounts: &[Account]) -> Vec<BridgeOrder> {
        let orders = self.derived.orders.iter().map(|order| self.order(order, account, accounts));
        orders.filter(touches_account).collect()
    }

    fn order(&self, order: &OrderRow, account: &Account, accounts: &[Account]) -> BridgeOrder {
        let posted = &order.posted;
        let (start, end) = self.touches.get(&order.person).copied().unwrap_or((0, 0));
        let path = &self.derived.touches[start..end];
        let within = |hours: i64| {
            let in_window = |touch: &&TouchRow| {
                let at = touch.touch.at;
                at <= posted.placed_at && posted.placed_at.0 - at.0 <= hours * model::UtcMillis::HOUR_MS
            };
            path.iter().rfind(|touch| self.of_account(touch, account, accounts) && in_window(touch)).map(|touch| {
                PlatformTouch {
                    at: touch.touch.at,
                    on_account: touch.touch.at.day_in(&account.zone),
                    on_reporting: touch.touch.at.day_in(&self.span.zone),
                    campaign: touch.campaign_id.clone(),
                }
            })
        };
        let credits = self.credits.get(&(posted.shop.as_str(), posted.order_id.as_str()));
        BridgeOrder {
            shop: posted.shop.clone(),
            order_id: posted.order_id.clone(),
            currency: posted.currency,
            placed_at: posted.placed_at,
            placed_on_reporting: posted.placed_at.day_in(&self.span.zone),
            placed_on_account: posted.placed_at.day_in(&account.zone),
            placement_total_micros: order.placement_total_micros,
            net_revenue_micros: order.measures.net_revenue,
            test: posted.test,
            cancelled: posted.cancelled,
            platform_touch: within(self.policy.click_window_hours),
            platform_touch_house: within(self.house.click_window_hours),
            house_credits: credits
                .into_iter()
                .flatten()
                .map(|credit| self.house_credit(credit, account, accounts))
                .collect(),
        }
    }

    fn house_credit(&self, credit: &CreditRow, account: &Account, accounts: &[Account]) -> HouseCredit {
        let touch = credit.touch.and_then(|position| self.derived.touches.get(position));
        HouseCredit {
            to: touch.and_then(|touch| touch.platform.clone()).unwrap_or_else(|| receiver(touch).to_owned()),
            this_platform: touch.is_some_and(|touch| self.of_account(touch, account, accounts)),
            on: credit.booked_at.day_in(&self.span.zone),
            count_micros: credit.count_micros,
            value_micros: credit.value_micros,
        }
    }

    /// A click belongs to the account that reports its campaign; one whose campaign nobody reports, to the first.
    fn of_account(&self, touch: &TouchRow, account: &Account, accounts: &[Account]) -> bool {
        if touch.platform.as_deref() != Some(self.policy.platform.as_str()) {
            return false;
        }
        let reported = |account: &Account| touch.campaign_id.as_ref().is_some_and(|id| account.campaigns.contains(id));
        match accounts.iter().any(reported) {
            true => reported(account),
            false => accounts.first().is_some_and(|first| first.id == account.id),
        }
    }
}

fn touches_account(order: &BridgeOrder) -> bool {
    order.platform_touch.is_some()
        || order.platform_touch_house.is_some()
        || order.house_credits.iter().any(|credit| credit.this_platform)
}

/// Accounts with claims, by id. Campaigns are those that any claim names.
fn accounts(claims: &[&Claim], platform: &str) -> Result<Vec<Account>, EngineError> {
    let mut accounts: BTreeMap<&str, Account> = BTreeMap::new();
    for claim in claims {
        if !accounts.contains_key(claim.account.as_str()) {
            let zone = model::time::zone(&claim.zone).map_err(|error| EngineError::Asked {
                message: format!("account {} of {platform}: {error}", claim.account),
            })?;
            let account =
                Account { id: claim.account.clone(), currency: claim.currency, zone, campaigns: BTreeSet::new() };
            accounts.insert(&claim.account, account);
        }
        if let Some(account) = accounts.get_mut(claim.account.as_str()) {
            account.campaigns.insert(claim.entity_id.clone());
        }
    }
    Ok(accounts.into_values().collect())
}

/// The days asked, else those that the platform's pulls cover.
fn range(span: &Span, derived: &Derived, platform: &str) -> Result<(Date, Date), EngineError> {
    let pulls = || derived.facts.pulls.iter().filter(|pull| pull.platform == platform && pull.complete);
    let from = span.from_on.or_else(|| pulls().map(|pull| pull.from_on).min());
    let to = span.to_on.or_else(|| pulls().map(|pull| pull.to_on).max());
    from.zip(to).ok_or_else(|| EngineError::Asked {
        message: format!("no report of \"{platform}\" was taken in; `tributary import` takes them"),
    })
}

fn credits_by_order<'a>(derived: &'a Derived, policy: &str) -> BTreeMap<(&'a str, &'a str), Vec<&'a CreditRow>> {
    let mut by_order: BTreeMap<(&str, &str), Vec<&CreditRow>> = BTreeMap::new();
    for credit in derived.credits.iter().filter(|credit| credit.policy == policy) {
        by_order.entry((credit.shop.as_str(), credit.order_id.as_str())).or_default().push(credit);
    }
    by_order
}

fn amounts(values: impl Iterator<Item = Option<i64>>) -> Result<ArrayRef, EngineError> {
    let array: Decimal128Array = values.map(|value| value.map(i128::from)).collect();
    Ok(Arc::new(array.with_precision_and_scale(18, 6)?))
}
