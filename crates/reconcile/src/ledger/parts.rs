//! Orders that a source spreads over several rows: all rows of one file and instant become one version.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

use model::{OrderLine, OrderPart, OrderVersion, RecordKey, UtcMillis};

/// One version as known: the fact itself, or put together from several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionDocument<'a> {
    /// One fact holds all of it.
    Whole(&'a OrderVersion),
    /// Facts held parts of it.
    Assembled(Box<OrderVersion>),
}

impl Deref for VersionDocument<'_> {
    type Target = OrderVersion;

    fn deref(&self) -> &OrderVersion {
        match self {
            Self::Whole(version) => version,
            Self::Assembled(version) => version,
        }
    }
}

impl<'a> From<&'a OrderVersion> for VersionDocument<'a> {
    fn from(version: &'a OrderVersion) -> Self {
        Self::Whole(version)
    }
}

/// What parts of one version share: shop, order id, document, `updated_at`.
type PartsKey<'a> = (&'a str, &'a str, &'a str, UtcMillis);

/// A version and whose it is: shop, order id.
type OfOrder<'a> = ((&'a str, &'a str), VersionDocument<'a>);

/// The versions that the facts hold, parts put together. Parts that cannot be added stay as they are, and are refused
/// when the order is posted.
pub(super) fn assembled(facts: &[OrderVersion]) -> Vec<OfOrder<'_>> {
    let mut versions = Vec::new();
    let mut parts_by_key: BTreeMap<PartsKey<'_>, Vec<Numbered<'_>>> = BTreeMap::new();
    for fact in facts {
        match &fact.part {
            None => versions.push(((fact.shop.as_str(), fact.order_id.as_str()), VersionDocument::Whole(fact))),
            Some(part) => {
                let key = (fact.shop.as_str(), fact.order_id.as_str(), part.document.as_str(), fact.updated_at);
                parts_by_key.entry(key).or_default().push(Numbered { part, fact });
            }
        }
    }
    for ((shop, order_id, ..), parts) in parts_by_key {
        let (order, parts) = ((shop, order_id), without_copies(parts));
        match assemble(&parts) {
            Some(version) => versions.push((order, VersionDocument::Assembled(Box::new(version)))),
            None => versions.extend(parts.iter().map(|part| (order, VersionDocument::Whole(part.fact)))),
        }
    }
    versions
}

/// A fact that is a part, and which.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    part: &'a OrderPart,
    fact: &'a OrderVersion,
}

/// By number; of copies of one number the newest.
fn without_copies(mut parts: Vec<Numbered<'_>>) -> Vec<Numbered<'_>> {
    parts.sort_by_key(|Numbered { part, fact }| {
        (part.number, fact.meta.received_at, fact.meta.key, fact.meta.ordinal, &fact.content_hash)
    });
    parts.into_iter().map(|part| (part.part.number, part)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// One version of all parts, which come by number. `None` where they are in two currencies or a sum does not fit 64
/// bits.
fn assemble(parts: &[Numbered<'_>]) -> Option<OrderVersion> {
    let first = parts.first()?;
    if parts.iter().any(|part| part.fact.currency != first.fact.currency) {
        return None;
    }
    let sum = |of: fn(&OrderVersion) -> i64| {
        i64::try_from(parts.iter().map(|part| i128::from(of(part.fact))).sum::<i128>()).ok()
    };
    let mut version = OrderVersion {
        part: None,
        lines: lines_of(parts),
        adjustment_micros: sum(|part| part.adjustment_micros)?,
        content_hash: content_hash(parts),
        processed_at: parts.iter().map(|part| part.fact.processed_at).min()?,
        ..first.fact.clone()
    };
    version.meta.occurred_at = version.processed_at;
    if !first.part.total_stated {
        version.total_micros = sum(|part| part.total_micros)?;
        version.total_tax_micros = sum(|part| part.total_tax_micros)?;
    }
    Some(version)
}

/// The lines of all parts. The first part that names a line keeps its id; the second's is `id#2`, and so on, so that
/// rows of one article stay lines of their own. Counted within the order: a later file gives the same ids wherever in
/// it the order stands.
fn lines_of(parts: &[Numbered<'_>]) -> Vec<OrderLine> {
    let given: BTreeSet<&str> =
        parts.iter().flat_map(|part| &part.fact.lines).map(|line| line.line_id.as_str()).collect();
    let mut namings: BTreeMap<&str, u64> = BTreeMap::new();
    let mut lines = Vec::new();
    for part in parts {
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        for line in &part.fact.lines {
            let line_id = ids
                .entry(&line.line_id)
                .or_insert_with(|| unused_id(&line.line_id, namings.entry(&line.line_id).or_default(), &given));
            lines.push(OrderLine { line_id: line_id.clone(), ..line.clone() });
        }
    }
    lines
}

fn unused_id(id: &str, naming: &mut u64, given: &BTreeSet<&str>) -> String {
    loop {
        *naming += 1;
        if *naming == 1 {
            return id.to_owned();
        }
        let numbered = format!("{id}#{naming}");
        if !given.contains(numbered.as_str()) {
            return numbered;
        }
    }
}

/// Made of the parts' numbers and contents, in order.
fn content_hash(parts: &[Numbered<'_>]) -> String {
    let id = parts.iter().map(|part| format!("{}:{}\n", part.part.number, part.fact.content_hash)).collect();
    RecordKey { source: "parts".into(), node: String::new(), id }.digest().to_hex()
}
