//! Refunds of mapped files.

use model::{Fact, Refund, RefundAdjustment, RefundLine};

use super::{
    Build,
    compile::Compiler,
    evaluate::Frame,
    field::{Each, Field, optional, required},
    fields::{RefundFields, RefundLineFields},
};
use crate::error::NormalizeError;

/// `refund`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct RefundTemplate {
    shop: Option<Field>,
    refund_id: Field,
    order_id: Field,
    processed_at: Field,
    amount: Option<Field>,
    lines: Vec<(Each, RefundLineTemplate)>,
    /// What went back of shipping, and the tax on it.
    shipping: Option<(Field, Option<Field>)>,
}

#[derive(Debug, Clone)]
struct RefundLineTemplate {
    id: Option<Field>,
    line_id: Field,
    quantity: Option<Field>,
    subtotal: Option<Field>,
    tax: Option<Field>,
}

impl RefundTemplate {
    /// Reads `refund` at `path`.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &RefundFields) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        let parts = fields.amount.is_some() || fields.shipping.is_some() || !fields.lines.is_empty();
        if !parts || fields.amount.is_some() && !fields.lines.is_empty() {
            compiler
                .mistake(path, "what went back is said by \"amount\" or by \"lines\", and beside it by \"shipping\"");
        }
        let lines = fields.lines.iter().enumerate().map(|(number, line)| {
            let path = at(&format!("lines[{number}]"));
            compiler.each(&path, (&line.each, &line.item, &line.when), |compiler| {
                RefundLineTemplate::compile(compiler, &path, line)
            })
        });
        let lines = lines.collect();
        let shipping = fields.shipping.as_ref().map(|shipping| {
            let amount = compiler.field(&at("shipping.amount"), &shipping.amount);
            (amount, compiler.optional(&at("shipping.tax"), &shipping.tax))
        });
        Self {
            shop: compiler.optional(&at("shop"), &fields.shop),
            refund_id: compiler.field(&at("refund_id"), &fields.refund_id),
            order_id: compiler.field(&at("order_id"), &fields.order_id),
            processed_at: compiler.field(&at("processed_at"), &fields.processed_at),
            amount: compiler.optional(&at("amount"), &fields.amount),
            lines,
            shipping,
        }
    }

    /// The refund.
    pub(crate) fn facts<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        build: &Build<'_>,
        out: &mut Vec<Fact>,
    ) -> Result<(), NormalizeError> {
        let processed_at = required(&self.processed_at, |field| field.instant(frame))?;
        let shop = optional(&self.shop, |field| field.text(frame))?.unwrap_or_else(|| build.name.to_owned());
        out.push(Fact::Refund(Refund {
            meta: build.stamp.meta(processed_at),
            shop,
            refund_id: required(&self.refund_id, |field| field.text(frame))?,
            order_id: required(&self.order_id, |field| field.text(frame))?,
            processed_at,
            triggered_at: None,
            version_updated_at: None,
            lines: self.lines(frame)?,
            adjustments: self.adjustments(frame)?,
            shipping: Vec::new(),
            transactions: Vec::new(),
            content_hash: build.content_hash.to_owned(),
        }));
        Ok(())
    }

    fn lines<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<Vec<RefundLine>, NormalizeError> {
        let mut lines = Vec::new();
        for (each, line) in &self.lines {
            each.visit(frame, &mut |frame| {
                let default_id = lines.len().to_string();
                lines.push(line.read(frame, default_id)?);
                Ok(())
            })?;
        }
        Ok(lines)
    }

    /// Documents write adjustments as what changes for the merchant: money that goes back is negative.
    fn adjustments<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<Vec<RefundAdjustment>, NormalizeError> {
        let mut adjustments = Vec::new();
        let mut add = |kind: &str, amount: i64, tax: i64| {
            adjustments.push(RefundAdjustment { kind: kind.to_owned(), micros: -amount, tax_micros: -tax });
        };
        if let Some(amount) = &self.amount {
            add("refund_discrepancy", required(amount, |field| field.micros(frame))?, 0);
        }
        if let Some((amount, tax)) = &self.shipping
            && let Some(amount) = amount.micros(frame)?
        {
            add("shipping_refund", amount, optional(tax, |field| field.micros(frame))?.unwrap_or_default());
        }
        Ok(adjustments)
    }
}

impl RefundLineTemplate {
    fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &RefundLineFields) -> Self {
        Self {
            id: compiler.optional(&format!("{path}.id"), &fields.id),
            line_id: compiler.field(&format!("{path}.line_id"), &fields.line_id),
            quantity: compiler.optional(&format!("{path}.quantity"), &fields.quantity),
            subtotal: compiler.optional(&format!("{path}.subtotal"), &fields.subtotal),
            tax: compiler.optional(&format!("{path}.tax"), &fields.tax),
        }
    }

    fn read<'r>(&'r self, frame: Frame<'_, 'r>, default_id: String) -> Result<RefundLine, NormalizeError> {
        let quantity = match &self.quantity {
            Some(quantity) => required(quantity, |field| field.count(frame))?,
            None => 1,
        };
        Ok(RefundLine {
            refund_line_id: optional(&self.id, |field| field.text(frame))?.unwrap_or(default_id),
            line_id: required(&self.line_id, |field| field.text(frame))?,
            quantity,
            subtotal_micros: optional(&self.subtotal, |field| field.micros(frame))?,
            tax_micros: optional(&self.tax, |field| field.micros(frame))?,
        })
    }
}
