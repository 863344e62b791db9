//! Orders of mapped files: whole documents, or rows that make up one order together.

use model::{
    Edge, EdgeRule, Fact, Node, OrderLine, OrderPart, OrderVersion, ShippingLine, TaxLine, money::MICROS_PER_UNIT,
};

use super::{
    Build,
    compile::Compiler,
    evaluate::Frame,
    field::{Each, Field, optional, required},
    fields::{LineFields, OrderFields, ShippingFields},
    properties::Properties,
    value::EvalError,
};
use crate::error::NormalizeError;

/// `order`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct OrderTemplate {
    order_id: Field,
    placed_at: Field,
    currency: Field,
    texts: Texts,
    updated_at: Option<Field>,
    cancelled_at: Option<Field>,
    test: Option<Field>,
    presentment_currency: Option<Field>,
    taxes_included: Option<Field>,
    total: Option<Field>,
    tax: Option<Field>,
    tip: Option<Field>,
    duties: Option<Field>,
    fees: Option<Field>,
    adjustment: Option<Field>,
    cart_token: Option<Field>,
    checkout_token: Option<Field>,
    device: Option<Field>,
    device_source: String,
    customer: Option<Field>,
    email: Option<Field>,
    phone: Option<Field>,
    properties: Option<Properties>,
    grouped: bool,
    lines: Vec<(Each, LineTemplate)>,
    shipping: Option<ShippingTemplate>,
}

#[derive(Debug, Clone)]
struct Texts {
    shop: Option<Field>,
    name: Option<Field>,
    sales_channel: Option<Field>,
    financial_status: Option<Field>,
}

#[derive(Debug, Clone)]
struct LineTemplate {
    id: Option<Field>,
    sku: Option<Field>,
    product_id: Option<Field>,
    quantity: Option<Field>,
    price: Field,
    discount: Option<Field>,
    tax: Option<Field>,
    tax_rate: Option<Field>,
    gift_card: Option<Field>,
}

#[derive(Debug, Clone)]
struct ShippingTemplate {
    price: Field,
    discount: Option<Field>,
    tax: Option<Field>,
}

impl OrderTemplate {
    /// Reads `order` at `path`.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &OrderFields, mapping: &str) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        check_grouped(compiler, path, fields);
        let mut field = |name: &str, text: &Option<_>| compiler.optional(&at(name), text);
        let texts = Texts {
            shop: field("shop", &fields.shop),
            name: field("name", &fields.name),
            sales_channel: field("sales_channel", &fields.sales_channel),
            financial_status: field("financial_status", &fields.financial_status),
        };
        Self {
            texts,
            updated_at: field("updated_at", &fields.updated_at),
            cancelled_at: field("cancelled_at", &fields.cancelled_at),
            test: field("test", &fields.test),
            presentment_currency: field("presentment_currency", &fields.presentment_currency),
            taxes_included: field("taxes_included", &fields.taxes_included),
            total: field("total", &fields.total),
            tax: field("tax", &fields.tax),
            tip: field("tip", &fields.tip),
            duties: field("duties", &fields.duties),
            fees: field("fees", &fields.fees),
            adjustment: field("adjustment", &fields.adjustment),
            cart_token: field("cart_token", &fields.cart_token),
            checkout_token: field("checkout_token", &fields.checkout_token),
            device: field("device", &fields.device),
            device_source: fields.device_source.clone().unwrap_or_else(|| mapping.to_owned()),
            customer: field("customer", &fields.customer),
            email: field("email", &fields.email),
            phone: field("phone", &fields.phone),
            order_id: compiler.field(&at("order_id"), &fields.order_id),
            placed_at: compiler.field(&at("placed_at"), &fields.placed_at),
            currency: compiler.field(&at("currency"), &fields.currency),
            properties: Properties::compile(compiler, path, &fields.properties),
            grouped: fields.grouped,
            lines: LineTemplate::compile_all(compiler, path, &fields.lines),
            shipping: fields.shipping.as_ref().map(|shipping| ShippingTemplate::compile(compiler, path, shipping)),
        }
    }

    /// The order and the edges that it states. None where it has neither lines nor an adjustment.
    pub(crate) fn facts<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        build: &Build<'_>,
        out: &mut Vec<Fact>,
    ) -> Result<(), NormalizeError> {
        let lines = self.lines(frame)?;
        let adjustment = optional(&self.adjustment, |field| field.micros(frame))?;
        if lines.is_empty() && adjustment.is_none() {
            return Ok(());
        }
        let version = self.version(frame, build, lines, adjustment.unwrap_or_default())?;
        let contacts = build.contacts_of(&self.email, &self.phone, frame)?;
        let edges = edges(&version, contacts);
        out.push(Fact::OrderVersion(Box::new(version)));
        out.extend(edges);
        Ok(())
    }

    fn version<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        build: &Build<'_>,
        lines: Vec<OrderLine>,
        adjustment_micros: i64,
    ) -> Result<OrderVersion, NormalizeError> {
        let text = |field| optional(field, |field: &'r Field| field.text(frame)).map(Option::unwrap_or_default);
        let token = |field| {
            let found = optional(field, |field: &'r Field| field.personal(frame));
            found.map(|id| id.map(|id| build.contacts.id(&id)))
        };
        let amount = |field| optional(field, |field: &'r Field| field.micros(frame));
        let shop = optional(&self.texts.shop, |field| field.text(frame))?.unwrap_or_else(|| build.name.to_owned());
        let processed_at = required(&self.placed_at, |field| field.instant(frame))?;
        let updated_at = optional(&self.updated_at, |field| field.instant(frame))?;
        let contact = build.contacts_of(&self.email, &self.phone, frame)?.into_iter().next();
        let shipping = self.shipping.as_ref().map_or(Ok(None), |shipping| shipping.read(frame))?;
        let total = amount(&self.total)?;
        let mut version = OrderVersion {
            meta: build.stamp.meta(processed_at),
            order_id: required(&self.order_id, |field| field.text(frame))?,
            name: text(&self.texts.name)?,
            updated_at: updated_at.unwrap_or(if self.grouped { build.record.received_at } else { processed_at }),
            triggered_at: None,
            processed_at,
            cancelled_at: optional(&self.cancelled_at, |field| field.instant(frame))?,
            deleted: false,
            test: optional(&self.test, |field| field.flag(frame))?.unwrap_or_default(),
            sales_channel: text(&self.texts.sales_channel)?,
            financial_status: text(&self.texts.financial_status)?,
            currency: required(&self.currency, |field| field.currency(frame))?,
            presentment_currency: optional(&self.presentment_currency, |field| field.currency(frame))?,
            taxes_included: optional(&self.taxes_included, |field| field.flag(frame))?.unwrap_or_default(),
            total_micros: 0,
            total_tax_micros: 0,
            tip_micros: amount(&self.tip)?.unwrap_or_default(),
            duties_micros: amount(&self.duties)?.unwrap_or_default(),
            fees_micros: amount(&self.fees)?.unwrap_or_default(),
            cash_rounding_micros: 0,
            cart_token: token(&self.cart_token)?,
            checkout_token: token(&self.checkout_token)?,
            device: token(&self.device)?.map(|id| Node::device(&self.device_source, &id)),
            session_id: None,
            customer: token(&self.customer)?.map(|id| Node::customer(&shop, &id)),
            contact,
            lines,
            shipping: shipping.into_iter().collect(),
            transactions: Vec::new(),
            adjustment_micros,
            properties: self.properties.as_ref().map_or(Ok(String::new()), |properties| properties.text(frame))?,
            part: self.grouped.then(|| OrderPart {
                document: build.record.channel.to_string(),
                number: frame.row.number,
                total_stated: total.is_some(),
            }),
            content_hash: build.content_hash.to_owned(),
            shop,
        };
        let unfit = || self.order_id.unreadable(EvalError::too_large());
        version.total_tax_micros = match amount(&self.tax)? {
            Some(tax) => tax,
            None => taxes(&version).ok_or_else(unfit)?,
        };
        version.total_micros = match total {
            Some(total) => total,
            None => footed(&version).ok_or_else(unfit)?,
        };
        Ok(version)
    }

    fn lines<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<Vec<OrderLine>, NormalizeError> {
        let mut lines = Vec::new();
        for (each, line) in &self.lines {
            each.visit(frame, &mut |frame| {
                let default_id = match (self.grouped, lines.len()) {
                    (true, 0) => frame.row.number.to_string(),
                    (true, place) => format!("{}.{place}", frame.row.number),
                    (false, place) => place.to_string(),
                };
                lines.push(line.read(frame, default_id)?);
                Ok(())
            })?;
        }
        Ok(lines)
    }
}

/// What stands once for the order would be counted with each of its rows, so such rows must state the whole.
fn check_grouped(compiler: &mut Compiler<'_>, path: &str, fields: &OrderFields) {
    if !fields.grouped {
        return;
    }
    let whole = fields.total.is_some() && fields.tax.is_some();
    if fields.total.is_some() != fields.tax.is_some() {
        let problem =
            "grouped rows state the order's total and its tax, or neither (write \"tax: 0\" where there is none)";
        compiler.mistake(path, problem);
    }
    let once = [
        ("tip", fields.tip.is_some()),
        ("duties", fields.duties.is_some()),
        ("fees", fields.fees.is_some()),
        ("shipping", fields.shipping.is_some()),
    ];
    for (name, stated) in once {
        if stated && !whole {
            let problem =
                "of grouped rows the first row's counts, so the rows must state the order's \"total\" and \"tax\" too";
            compiler.mistake(&format!("{path}.{name}"), problem);
        }
    }
}

impl LineTemplate {
    fn compile_all(compiler: &mut Compiler<'_>, path: &str, lines: &[LineFields]) -> Vec<(Each, Self)> {
        let each = |(at, fields): (usize, &LineFields)| {
            let path = format!("{path}.lines[{at}]");
            compiler.each(&path, (&fields.each, &fields.item, &fields.when), |compiler| {
                Self::compile(compiler, &path, fields)
            })
        };
        lines.iter().enumerate().map(each).collect()
    }

    fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &LineFields) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        if fields.tax_rate.is_some() && fields.tax.is_none() {
            compiler.mistake(&at("tax_rate"), "a rate needs the amount \"tax\" beside it");
        }
        let mut field = |name: &str, text: &Option<_>| compiler.optional(&at(name), text);
        Self {
            id: field("id", &fields.id),
            sku: field("sku", &fields.sku),
            product_id: field("product_id", &fields.product_id),
            quantity: field("quantity", &fields.quantity),
            discount: field("discount", &fields.discount),
            tax: field("tax", &fields.tax),
            tax_rate: field("tax_rate", &fields.tax_rate),
            gift_card: field("gift_card", &fields.gift_card),
            price: compiler.field(&at("price"), &fields.price),
        }
    }

    fn read<'r>(&'r self, frame: Frame<'_, 'r>, default_id: String) -> Result<OrderLine, NormalizeError> {
        let id = |field| optional(field, |field: &'r Field| field.text(frame));
        let quantity = match &self.quantity {
            Some(quantity) => required(quantity, |field| field.count(frame))?,
            None => 1,
        };
        Ok(OrderLine {
            line_id: id(&self.id)?.unwrap_or(default_id),
            product_id: id(&self.product_id)?,
            sku: id(&self.sku)?,
            quantity,
            price_micros: required(&self.price, |field| field.micros(frame))?,
            discount_micros: optional(&self.discount, |field| field.micros(frame))?.unwrap_or_default(),
            taxes: tax_line(&self.tax, &self.tax_rate, frame)?,
            gift_card: optional(&self.gift_card, |field| field.flag(frame))?.unwrap_or_default(),
        })
    }
}

impl ShippingTemplate {
    fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &ShippingFields) -> Self {
        Self {
            price: compiler.field(&format!("{path}.shipping.price"), &fields.price),
            discount: compiler.optional(&format!("{path}.shipping.discount"), &fields.discount),
            tax: compiler.optional(&format!("{path}.shipping.tax"), &fields.tax),
        }
    }

    fn read<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<Option<ShippingLine>, NormalizeError> {
        let Some(price_micros) = self.price.micros(frame)? else { return Ok(None) };
        Ok(Some(ShippingLine {
            price_micros,
            discount_micros: optional(&self.discount, |field| field.micros(frame))?.unwrap_or_default(),
            taxes: tax_line(&self.tax, &None, frame)?,
        }))
    }
}

fn tax_line<'r>(
    tax: &'r Option<Field>,
    rate: &'r Option<Field>,
    frame: Frame<'_, 'r>,
) -> Result<Vec<TaxLine>, NormalizeError> {
    let rate_ppm = optional(rate, |field| field.percent_ppm(frame))?.unwrap_or_default();
    let tax = optional(tax, |field| field.micros(frame))?;
    Ok(tax.map(|micros| TaxLine { micros, rate_ppm }).into_iter().collect())
}

/// The taxes of all lines and of shipping.
fn taxes(version: &OrderVersion) -> Option<i64> {
    let lines = version.lines.iter().flat_map(|line| &line.taxes);
    let shipping = version.shipping.iter().flat_map(|shipping| &shipping.taxes);
    lines.chain(shipping).try_fold(0_i64, |sum, tax| sum.checked_add(tax.micros))
}

/// The total that the parts of an order add up to.
fn footed(version: &OrderVersion) -> Option<i64> {
    let mut total = i128::from(version.adjustment_micros)
        + i128::from(version.tip_micros)
        + i128::from(version.duties_micros)
        + i128::from(version.fees_micros);
    for line in &version.lines {
        total += i128::from(line.price_micros) * i128::from(line.quantity) - i128::from(line.discount_micros);
    }
    for shipping in &version.shipping {
        total += i128::from(shipping.price_micros) - i128::from(shipping.discount_micros);
    }
    if !version.taxes_included {
        total += i128::from(version.total_tax_micros);
    }
    let limit = 1_000_000_000_000 * i128::from(MICROS_PER_UNIT);
    (total.abs() < limit).then(|| i64::try_from(total).ok())?
}

/// Order to customer, and the contacts to the customer, or to the order where nobody is named.
fn edges(version: &OrderVersion, contacts: Vec<Node>) -> Vec<Fact> {
    let order = Node::order(&version.shop, &version.order_id);
    let edge = |a: &Node, b: Node, rule| Fact::Edge(Edge { meta: version.meta.clone(), a: a.clone(), b, rule });
    let known = version.customer.clone().unwrap_or_else(|| order.clone());
    let customer = version.customer.clone().map(|customer| edge(&order, customer, EdgeRule::Customer));
    let contacts = contacts.into_iter().map(|contact| edge(&known, contact, EdgeRule::Contact));
    customer.into_iter().chain(contacts).collect()
}
