//! The documents of one order: grouped, copies put together, versions and refunds in their one order.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, OrderTransaction, OrderVersion, Refund, UtcMillis};

use super::parts::{VersionDocument, assembled};
use crate::ReconcileError;

/// Everything known of one order, in any order and with copies.
#[derive(Debug, Clone, Default)]
pub struct OrderDocuments<'a> {
    /// Its versions, at least one that is not a deletion.
    pub versions: Vec<VersionDocument<'a>>,
    /// Copies of its refunds: deliveries of their own and those that stand in versions.
    pub refunds: Vec<&'a Refund>,
}

/// Groups documents by order, by (shop, order id), the parts of one version put together. The second part are the
/// refunds that wait for their order.
///
/// A deletion of an order that is not known posts nothing and waits like a refund, but is not returned.
#[must_use]
pub fn group<'a>(versions: &'a [OrderVersion], refunds: &'a [Refund]) -> (Vec<OrderDocuments<'a>>, Vec<&'a Refund>) {
    let mut orders: BTreeMap<(&str, &str), OrderDocuments<'a>> = BTreeMap::new();
    for (order, version) in assembled(versions) {
        orders.entry(order).or_default().versions.push(version);
    }
    orders.retain(|_, documents| documents.versions.iter().any(|version| !version.deleted));
    let mut waiting = Vec::new();
    for refund in refunds {
        match orders.get_mut(&(refund.shop.as_str(), refund.order_id.as_str())) {
            Some(documents) => documents.refunds.push(refund),
            None => waiting.push(refund),
        }
    }
    waiting.sort_by_key(|refund| (&refund.shop, &refund.order_id, &refund.refund_id, refund.meta.key));
    (orders.into_values().collect(), waiting)
}

/// One order's documents without copies, oldest first.
pub(super) struct History<'a> {
    versions: Vec<Version<'a>>,
    /// By (date, refund id).
    pub refunds: Vec<RefundDocument<'a>>,
    /// Deletion: when, and its document id.
    pub deleted: Option<(UtcMillis, String)>,
    /// Newest copy of every transaction, by id.
    transactions: BTreeMap<&'a str, &'a OrderTransaction>,
}

/// One version and the id that entries name it by.
pub(super) struct Version<'a> {
    pub id: String,
    pub order: &'a OrderVersion,
}

/// The newest copy of a refund, with the newest copy of every transaction that any copy lists.
pub(super) struct RefundDocument<'a> {
    pub id: String,
    pub refund: &'a Refund,
    pub transactions: Vec<&'a OrderTransaction>,
}

/// The place of a copy among copies: greatest is newest.
type Newness<'a> = (UtcMillis, &'a str);

impl<'a> History<'a> {
    pub fn new(documents: &'a OrderDocuments<'_>) -> Result<Self, ReconcileError> {
        check_one_order(documents)?;
        let versions = documents.versions.iter().map(|version| &**version);
        let (deletions, known): (Vec<&OrderVersion>, Vec<_>) = versions.partition(|version| version.deleted);
        let versions = versions_in_order(&known, &documents.refunds);
        if versions.is_empty() {
            return Err(ReconcileError::NoVersion { refunds: documents.refunds.len() });
        }
        let transactions = newest_transactions(&known, &documents.refunds);
        let deleted = deletions.iter().map(|v| (v.triggered_at.unwrap_or(v.updated_at), version_id(v))).min();
        let refunds = newest_refunds(&documents.refunds, &transactions);
        Ok(Self { versions, refunds, deleted, transactions })
    }

    /// Oldest first.
    pub fn versions(&self) -> &[Version<'a>] {
        &self.versions
    }

    pub fn first(&self) -> &Version<'a> {
        self.versions.first().expect("a history is only made with a version")
    }

    pub fn current(&self) -> &Version<'a> {
        self.versions.last().expect("a history is only made with a version")
    }

    /// Payments that succeeded.
    pub fn payments(&self) -> impl Iterator<Item = &'a OrderTransaction> {
        self.transactions
            .values()
            .copied()
            .filter(|payment| matches!(payment.kind.as_str(), "sale" | "capture") && payment.status == "success")
    }

    /// `shop/order`, for errors and ids.
    pub fn order_path(&self) -> String {
        order_path(self.current().order)
    }
}

impl RefundDocument<'_> {
    /// What was paid back, where a repayment succeeded and none is pending.
    pub fn settled(&self) -> Option<Vec<&OrderTransaction>> {
        let of_status = |status: &str| -> Vec<_> {
            self.transactions.iter().copied().filter(|t| t.kind == "refund" && t.status == status).collect()
        };
        let paid = of_status("success");
        (!paid.is_empty() && of_status("pending").is_empty()).then_some(paid)
    }
}

fn order_path(version: &OrderVersion) -> String {
    format!("{}/{}", version.shop, version.order_id)
}

fn version_id(version: &OrderVersion) -> String {
    format!("version/{}/{}", version.updated_at.0, version.content_hash)
}

fn check_one_order(documents: &OrderDocuments<'_>) -> Result<(), ReconcileError> {
    let Some(first) = documents.versions.first() else { return Ok(()) };
    let expected = order_path(first);
    let of_refunds = documents.refunds.iter().map(|refund| format!("{}/{}", refund.shop, refund.order_id));
    let mut others = documents.versions.iter().map(|version| order_path(version)).chain(of_refunds);
    if let Some(found) = others.find(|path| *path != expected) {
        return Err(ReconcileError::MixedOrders { expected, found });
    }
    let at = format!("order \"{expected}\"");
    if let Some(other) = documents.versions.iter().find(|version| version.currency != first.currency) {
        let (expected, found) = (first.currency.to_string(), other.currency.to_string());
        return Err(ReconcileError::MixedCurrencies { at, expected, found });
    }
    match documents.versions.iter().any(|version| version.part.is_some()) {
        true => Err(ReconcileError::LooseParts { at }),
        false => Ok(()),
    }
}

/// Deliveries of one version: its least triggered-at (none first) and the keys of the records that carried it.
struct Deliveries<'a> {
    order: &'a OrderVersion,
    triggered_at: Option<UtcMillis>,
    keys: BTreeSet<Digest>,
}

/// Sources' instants have whole seconds, so ties are ordinary: the order of the semantics, greatest last.
fn versions_in_order<'a>(copies: &[&'a OrderVersion], refunds: &[&'a Refund]) -> Vec<Version<'a>> {
    let mut unique: BTreeMap<(UtcMillis, &str), Deliveries<'a>> = BTreeMap::new();
    for &order in copies {
        let deliveries = unique.entry((order.updated_at, &order.content_hash)).or_insert_with(|| Deliveries {
            order,
            triggered_at: order.triggered_at,
            keys: BTreeSet::new(),
        });
        deliveries.triggered_at = deliveries.triggered_at.min(order.triggered_at);
        deliveries.keys.insert(order.meta.key);
    }
    let mut ranked: Vec<_> = unique
        .into_iter()
        .map(|((updated_at, hash), deliveries)| {
            let units: i128 = deliveries.order.lines.iter().map(|line| i128::from(line.quantity)).sum();
            let held = refunds.iter().filter(|refund| deliveries.keys.contains(&refund.meta.key));
            let held = held.map(|refund| &refund.refund_id).collect::<BTreeSet<_>>().len();
            ((updated_at, deliveries.triggered_at, units, held, hash), deliveries.order)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, order)| Version { id: version_id(order), order }).collect()
}

fn refund_newness(refund: &Refund) -> Newness<'_> {
    let at = refund.triggered_at.or(refund.version_updated_at).unwrap_or(refund.processed_at);
    (at, &refund.content_hash)
}

fn newest_transactions<'a>(
    versions: &[&'a OrderVersion],
    refunds: &[&'a Refund],
) -> BTreeMap<&'a str, &'a OrderTransaction> {
    let of_versions = versions.iter().flat_map(|&version| {
        let newness = (version.triggered_at.unwrap_or(version.updated_at), version.content_hash.as_str());
        version.transactions.iter().map(move |transaction| (newness, transaction))
    });
    let of_refunds = refunds.iter().flat_map(|&refund| {
        let newness = refund_newness(refund);
        refund.transactions.iter().map(move |transaction| (newness, transaction))
    });
    let mut copies: Vec<(Newness<'_>, &OrderTransaction)> = of_versions.chain(of_refunds).collect();
    // One document listing one id twice is settled by what the copies say.
    copies.sort_by_key(|(newness, transaction)| (*newness, &transaction.status, transaction.micros));
    copies.into_iter().map(|(_, transaction)| (transaction.transaction_id.as_str(), transaction)).collect()
}

fn newest_refunds<'a>(
    copies: &[&'a Refund],
    transactions: &BTreeMap<&'a str, &'a OrderTransaction>,
) -> Vec<RefundDocument<'a>> {
    let mut newest: BTreeMap<&str, (&'a Refund, BTreeSet<&'a str>)> = BTreeMap::new();
    for &copy in copies {
        let (kept, ids) = newest.entry(&copy.refund_id).or_insert_with(|| (copy, BTreeSet::new()));
        if refund_newness(copy) > refund_newness(kept) {
            *kept = copy;
        }
        ids.extend(copy.transactions.iter().map(|transaction| transaction.transaction_id.as_str()));
    }
    let mut refunds: Vec<_> = newest
        .into_values()
        .map(|(refund, ids)| RefundDocument {
            id: format!("refund/{}", refund.refund_id),
            refund,
            transactions: ids.iter().filter_map(|id| transactions.get(id).copied()).collect(),
        })
        .collect();
    refunds.sort_by_key(|document| (document.refund.processed_at, &document.refund.refund_id));
    refunds
}
