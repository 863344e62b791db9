//! The sale side: what one version says was sold or taken back, ex tax, and the differences between versions.

use std::collections::BTreeMap;

use model::{OrderLine, OrderVersion, TaxLine, money::div_round_half_even};

use super::{
    Footing,
    book::{Book, Posting},
    documents::{History, Version},
    entry::EntryKind,
};
use crate::ReconcileError;

/// Rates are counted in millionths.
const WHOLE_PPM: i128 = 1_000_000;

/// Rates beyond 1,000% are no tax rates, and are not calculated with.
const RATE_PPM_MAX: i128 = 10 * WHOLE_PPM;

/// Components of one version, in micros: by kind and line.
type Components<'a> = BTreeMap<(EntryKind, Option<&'a str>), i128>;

/// What a line was sold for, in micros ex tax. Of goods taken back everything is negative.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LineSale {
    /// Units, positive once in a [`line_sales`] answer.
    pub units: i128,
    /// Before discounts.
    pub sale: i128,
    /// After discounts.
    pub net: i128,
    /// Tax.
    pub tax: i128,
    /// A liability instead of a sale.
    pub gift_card: bool,
}

/// Posts every version as its difference to the one before, and foots each to its total.
pub(super) fn post_versions<'a>(history: &'a History<'_>, book: &mut Book<'a>) -> Result<Vec<Footing>, ReconcileError> {
    let mut before = BTreeMap::new();
    let mut footings = Vec::with_capacity(history.versions().len());
    for (ordinal, version) in history.versions().iter().enumerate() {
        let occurred_at = match ordinal {
            0 => history.current().order.processed_at,
            _ => version.order.updated_at,
        };
        let after = components(version.order).ok_or_else(|| overflow(history))?;
        for (&(kind, line), micros) in &after {
            let difference = micros - before.remove(&(kind, line)).unwrap_or(0);
            book.post(Posting::stated(&version.id, occurred_at, kind).on_line(line), difference);
        }
        for ((kind, line), micros) in before {
            book.post(Posting::stated(&version.id, occurred_at, kind).on_line(line), -micros);
        }
        footings.push(foot(version, &after).ok_or_else(|| overflow(history))?);
        before = after;
    }
    Ok(footings)
}

/// What each line was sold for, by the newest version that has units of it.
pub(super) fn line_sales<'a>(history: &'a History<'_>) -> Result<BTreeMap<&'a str, LineSale>, ReconcileError> {
    let mut newest = BTreeMap::new();
    for version in history.versions() {
        let lines = lines_of(version.order).ok_or_else(|| overflow(history))?;
        let sold = lines.into_iter().filter(|(_, line)| line.units > 0);
        newest.extend(sold.map(|((line_id, _), line)| (line_id, line)));
    }
    Ok(newest)
}

fn overflow(history: &History<'_>) -> ReconcileError {
    ReconcileError::Overflow { at: format!("order \"{}\"", history.order_path()) }
}

fn foot(version: &Version<'_>, components: &Components<'_>) -> Option<Footing> {
    let gap = components.get(&(EntryKind::Unfooted, None)).copied().unwrap_or(0);
    Some(Footing {
        document: version.id.clone(),
        updated_at: version.order.updated_at,
        stated_micros: version.order.total_micros,
        posted_micros: i64::try_from(i128::from(version.order.total_micros) - gap).ok()?,
        gap_micros: i64::try_from(gap).ok()?,
    })
}

/// Every component of one version; `None` where an amount does not fit 64 bits.
fn components(order: &OrderVersion) -> Option<Components<'_>> {
    let mut components = Components::new();
    let mut tax_left = i128::from(order.total_tax_micros);
    for ((line_id, taken_back), line) in lines_of(order)? {
        let [sale, discount, tax, gift_card] = match taken_back {
            false => [EntryKind::Sale, EntryKind::Discount, EntryKind::Tax, EntryKind::GiftCard],
            true => [EntryKind::RefundSale, EntryKind::RefundDiscount, EntryKind::RefundTax, EntryKind::RefundGiftCard],
        };
        let mut add = |kind, micros| components.insert((kind, Some(line_id)), micros);
        if line.gift_card {
            add(gift_card, line.net);
        } else {
            add(sale, line.sale);
            add(discount, line.net - line.sale);
        }
        add(tax, line.tax);
        tax_left -= line.tax;
    }
    let of_order = [
        (EntryKind::Shipping, shipping_ex_tax(order)),
        (EntryKind::Tax, tax_left),
        (EntryKind::Duty, i128::from(order.duties_micros)),
        (EntryKind::Tip, i128::from(order.tip_micros)),
        (EntryKind::AdditionalFee, i128::from(order.fees_micros)),
        (EntryKind::RefundAdjustment, i128::from(order.adjustment_micros)),
    ];
    components.extend(of_order.map(|(kind, micros)| ((kind, None), micros)));
    // Holds too what a tax-inclusive document taxes without saying where: that is still inside its sales.
    let unfooted = i128::from(order.total_micros) - components.values().sum::<i128>();
    components.insert((EntryKind::Unfooted, None), unfooted);
    components.insert((EntryKind::CashRounding, None), i128::from(order.cash_rounding_micros));
    Some(components)
}

fn shipping_ex_tax(order: &OrderVersion) -> i128 {
    let of_one = |line: &model::ShippingLine| {
        let tax = if order.taxes_included { tax_of(&line.taxes) } else { 0 };
        i128::from(line.price_micros) - i128::from(line.discount_micros) - tax
    };
    order.shipping.iter().map(of_one).sum()
}

/// By line id and whether the goods were taken back.
fn lines_of(order: &OrderVersion) -> Option<BTreeMap<(&str, bool), LineSale>> {
    let mut lines: BTreeMap<(&str, bool), LineSale> = BTreeMap::new();
    for line in &order.lines {
        let sold = line_sale(line, order)?;
        let sum = lines.entry((&line.line_id, line.quantity < 0)).or_default();
        sum.units += sold.units;
        sum.sale += sold.sale;
        sum.net += sold.net;
        sum.tax += sold.tax;
        sum.gift_card |= sold.gift_card;
    }
    let fits = |micros: i128| i64::try_from(micros).is_ok();
    lines.values().all(|line| [line.units, line.sale, line.net, line.tax].into_iter().all(fits)).then_some(lines)
}

fn line_sale(line: &OrderLine, order: &OrderVersion) -> Option<LineSale> {
    // Goods taken back are worth what the same goods sold are worth, with the other sign.
    let sign = if line.quantity < 0 { -1 } else { 1 };
    // Within 64 bits each, the products below stay within 128.
    let within = |micros: i128| i64::try_from(micros).ok().map(i128::from);
    let price = within(sign * i128::from(line.price_micros) * i128::from(line.quantity))?;
    let discounted = within(price - sign * i128::from(line.discount_micros))?;
    let tax = within(sign * tax_of(&line.taxes))?;
    let (sale, net) = if order.taxes_included {
        let net = within(discounted - tax)?;
        let minor = i128::from(order.currency.minor_micros());
        (sale_ex_tax(&InclusiveLine { price, discounted, net, taxes: &line.taxes }, minor), net)
    } else {
        (price, discounted)
    };
    let (sale, net, tax) = (sign * sale, sign * net, sign * tax);
    Some(LineSale { units: i128::from(line.quantity), sale, net, tax, gift_card: line.gift_card })
}

fn tax_of(taxes: &[TaxLine]) -> i128 {
    taxes.iter().map(|tax| i128::from(tax.micros)).sum()
}

/// A line whose price contains its tax.
struct InclusiveLine<'a> {
    price: i128,
    discounted: i128,
    net: i128,
    taxes: &'a [TaxLine],
}

/// The line's price ex tax. The tax contained in a discounted price is scaled up to the whole price; where little of
/// the price is left that multiplies the tax's own rounding, so the rates are asked instead.
fn sale_ex_tax(line: &InclusiveLine<'_>, minor: i128) -> i128 {
    let rates: i128 = line.taxes.iter().map(|tax| i128::from(tax.rate_ppm)).sum();
    let round = |numerator: i128, denominator: i128| div_round_half_even(numerator, denominator * minor) * minor;
    let deeply_discounted = 2 * (line.price - line.discounted) > line.price;
    if line.price == 0 {
        0
    } else if line.discounted == 0 || deeply_discounted && taxed_by_rates(line, rates, minor) {
        round(line.price * WHOLE_PPM, WHOLE_PPM + rates.clamp(0, RATE_PPM_MAX))
    } else {
        round(line.price * line.net, line.discounted)
    }
}

/// True where the tax is what its rates give, to a minor unit per tax line.
fn taxed_by_rates(line: &InclusiveLine<'_>, rates: i128, minor: i128) -> bool {
    if !(0..=RATE_PPM_MAX).contains(&rates) {
        return false;
    }
    let tax_lines = i128::try_from(line.taxes.len()).unwrap_or(0);
    let gap = (line.discounted - line.net) * (WHOLE_PPM + rates) - line.discounted * rates;
    gap.abs() <= tax_lines * minor * (WHOLE_PPM + rates)
}
