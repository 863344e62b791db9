//! Orders: posted to the ledger, and assigned to the session that led to them.

use std::collections::{BTreeMap, HashMap, HashSet};

use journey::{Assignment, IndexedSession, OrderHints, Reason, SessionIndex, Sighting};
use model::{Node, WitnessKind};
use reconcile::{OrderDocuments, OrderMeasures, PostedOrder, ReconcileError};

use crate::{
    derived::{
        load::{Facts, NONE},
        visits::SessionRow,
    },
    engine::EngineSettings,
};

/// One order with its entries, its sums and its session.
#[derive(Debug, Clone)]
pub struct OrderRow {
    /// The order's name at its shop, such as `#5001`.
    pub name: String,
    /// Entries and footing.
    pub posted: PostedOrder,
    /// Sums as known now, micros.
    pub measures: OrderMeasures,
    /// Total at placement, micros: what a shop tells ad platforms.
    pub placement_total_micros: i64,
    /// `web`, `pos`, …
    pub sales_channel: String,
    /// What else its current version says, a JSON object; none where it says nothing.
    pub properties: Option<String>,
    /// `shop/cart`, where it has one.
    pub cart: Option<String>,
    /// Code of the person.
    pub person: u32,
    /// Session, or why none.
    pub assignment: Assignment,
}

/// Ids seen on devices, by kind and id.
type Seen = HashMap<(WitnessKind, String, String), Vec<Sighting>>;

/// Posts every order and assigns it; marks the sessions that converted. By (shop, order id). Beside them, in words, the
/// orders whose documents contradict each other: one such order must not silence the house.
pub fn orders(
    facts: &mut Facts,
    sessions: &mut [SessionRow],
    settings: &EngineSettings,
) -> (Vec<OrderRow>, Vec<String>) {
    let index = SessionIndex::build(
        &sessions
            .iter()
            .map(|session| IndexedSession {
                device: session.device,
                person: session.person,
                start_at: session.started_at,
                end_at: session.ended_at,
                key: session.key,
            })
            .collect::<Vec<_>>(),
    );
    let seen = sightings(facts, settings);
    let versions = std::mem::take(&mut facts.versions);
    let refunds = std::mem::take(&mut facts.refunds);
    let (documents, _waiting) = reconcile::group(&versions, &refunds);
    let (mut rows, mut set_aside) = (Vec::with_capacity(documents.len()), Vec::new());
    for order in &documents {
        let row = match order_row(facts, order, &seen, &index) {
            Ok(row) => row,
            Err(error) => {
                set_aside.push(format!("an order is set aside and in no number: {error}"));
                continue;
            }
        };
        if let (Assignment::Session(number), false) = (row.assignment, row.posted.test)
            && let Some(session) = sessions.get_mut(number as usize)
        {
            session.converted = true;
        }
        rows.push(row);
    }
    drop(documents);
    facts.versions = versions;
    facts.refunds = refunds;
    (rows, set_aside)
}

fn order_row(
    facts: &mut Facts,
    documents: &OrderDocuments<'_>,
    seen: &Seen,
    index: &SessionIndex,
) -> Result<OrderRow, ReconcileError> {
    let posted = reconcile::post(documents)?;
    let measures = reconcile::measures(&posted)?;
    let placement_total_micros = reconcile::placement_total(&posted)?;
    // The newest version speaks for the order; equal instants are told apart by content, never by arrival.
    let Some(newest) = documents.versions.iter().max_by_key(|v| (v.updated_at, v.triggered_at, &v.content_hash)) else {
        return Err(ReconcileError::NoVersion { refunds: documents.refunds.len() });
    };
    let (shop, order_id) = (posted.shop.clone(), posted.order_id.clone());
    let person = facts.persons.person_of(&Node::order(&shop, &order_id));
    let person = facts.person_code(person);
    let find = |kind, id: Option<&str>| {
        id.and_then(|id| seen.get(&(kind, shop.clone(), id.to_owned()))).map_or(&[][..], Vec::as_slice)
    };
    let hints = OrderHints {
        placed_at: posted.placed_at,
        purchases: find(WitnessKind::Order, Some(&order_id)),
        checkout: find(WitnessKind::Checkout, newest.checkout_token.as_deref()),
        cart: find(WitnessKind::Cart, newest.cart_token.as_deref()),
        session_id: &[],
        client: newest.device.as_ref().and_then(|device| facts.devices.known(&device.to_text())),
        person: Some(person),
        channel_reason: Reason::of_sales_channel(&newest.sales_channel),
        consent_refused: false,
        server_seen: facts.server_orders.contains(&format!("{shop}/{order_id}")),
    };
    Ok(OrderRow {
        name: newest.name.clone(),
        assignment: journey::assign(&hints, index),
        measures,
        placement_total_micros,
        sales_channel: newest.sales_channel.clone(),
        properties: Some(newest.properties.clone()).filter(|properties| !properties.is_empty()),
        cart: newest.cart_token.as_ref().map(|cart| format!("{shop}/{cart}")),
        person,
        posted,
    })
}

/// Order ids count where a purchase carries them; checkout and cart ids on any event.
fn sightings(facts: &Facts, settings: &EngineSettings) -> Seen {
    let mut seen: Seen = HashMap::new();
    let mut met: HashSet<(WitnessKind, u128, &str)> = HashSet::new();
    for witness in facts.witnesses.iter().filter(|w| w.purchase || w.kind != WitnessKind::Order) {
        let device = facts.devices.known(&witness.device.to_text()).unwrap_or(NONE);
        let key = witness.meta.key.to_u128();
        let Some(shop) = settings.shop_by_web_source.get(&*witness.meta.source) else { continue };
        if met.insert((witness.kind, key, &witness.id)) {
            let sighting = Sighting { device, at: witness.meta.occurred_at, key };
            seen.entry((witness.kind, shop.clone(), witness.id.clone())).or_default().push(sighting);
        }
    }
    seen
}

/// Currency of each shop's orders; a shop that sells in several has none.
#[must_use]
pub fn currency_by_shop(orders: &[OrderRow]) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    for order in orders {
        let code = order.posted.currency.code().to_owned();
        let entry = found.entry(order.posted.shop.clone()).or_insert_with(|| Some(code.clone()));
        if entry.as_ref() != Some(&code) {
            *entry = None;
        }
    }
    found.into_iter().filter_map(|(shop, currency)| Some((shop, currency?))).collect()
}
