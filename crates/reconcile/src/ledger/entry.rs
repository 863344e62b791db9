//! Ledger entries of the value book: kinds, the groups that they round and net in, and one entry.

use model::{Currency, UtcMillis};

/// What an entry is. The order is that of the semantics, and breaks ties between entries of one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Price times quantity, ex tax.
    Sale,
    /// Discounts of a line, ex tax, negative.
    Discount,
    /// Shipping after its own discounts, ex tax.
    Shipping,
    /// Tax, positive while the merchant holds it.
    Tax,
    /// Import duty.
    Duty,
    /// Tip.
    Tip,
    /// Additional fee.
    AdditionalFee,
    /// Rounding of a cash payment: outside footing and total.
    CashRounding,
    /// Units that went back, by a refund or as a line of negative quantity, at the line's own price, negative.
    RefundSale,
    /// The discount of units that went back, positive.
    RefundDiscount,
    /// Shipping paid back.
    RefundShipping,
    /// Tax paid back.
    RefundTax,
    /// Duty paid back.
    RefundDuty,
    /// Tip paid back.
    RefundTip,
    /// Fee paid back.
    RefundFee,
    /// What was paid back beyond or short of the goods, and what the shop adjusted on the order.
    RefundAdjustment,
    /// A gift card sold: a liability, in no measure.
    GiftCard,
    /// A gift card taken back.
    RefundGiftCard,
    /// What the document's total says and its parts do not.
    Unfooted,
    /// Takes back what is left of a component, which the entry names.
    Cancellation,
}

/// Entries that net against each other, and that round together when they are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryGroup {
    /// Sale, discount, their refunds and refund adjustments: the house's net revenue.
    NetRevenue,
    /// Shipping.
    Shipping,
    /// Tax.
    Tax,
    /// Duty.
    Duty,
    /// Tip.
    Tip,
    /// Additional fees.
    Fee,
    /// Gift cards.
    GiftCard,
    /// Rounding of cash payments.
    CashRounding,
    /// What does not foot.
    Unfooted,
}

/// One immutable line of the ledger. What increases what the merchant keeps is positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Made of shop, order, document, kind and part: the same documents give the same id.
    pub entry_id: String,
    /// What it is.
    pub kind: EntryKind,
    /// Which component a cancellation takes back; none for every other kind.
    pub component_of_cancellation: Option<EntryKind>,
    /// The order line that it belongs to, where it belongs to one.
    pub line_id: Option<String>,
    /// The entry's own date: the order's, the later version's, the refund's, the cancellation's.
    pub occurred_at: UtcMillis,
    /// Amount in micros of `currency`, never 0.
    pub micros: i64,
    /// The shop's currency.
    pub currency: Currency,
    /// True where no document states it and it follows from others.
    pub derived: bool,
    /// Id of the order version (as in the footing) or refund that it rests on.
    pub document: String,
    /// True for a test order: in no measure.
    pub test: bool,
}

impl EntryKind {
    /// Every kind of the value book, in order.
    pub const ALL: [Self; 20] = [
        Self::Sale,
        Self::Discount,
        Self::Shipping,
        Self::Tax,
        Self::Duty,
        Self::Tip,
        Self::AdditionalFee,
        Self::CashRounding,
        Self::RefundSale,
        Self::RefundDiscount,
        Self::RefundShipping,
        Self::RefundTax,
        Self::RefundDuty,
        Self::RefundTip,
        Self::RefundFee,
        Self::RefundAdjustment,
        Self::GiftCard,
        Self::RefundGiftCard,
        Self::Unfooted,
        Self::Cancellation,
    ];

    /// The stored name, such as `refund_sale`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Discount => "discount",
            Self::Shipping => "shipping",
            Self::Tax => "tax",
            Self::Duty => "duty",
            Self::Tip => "tip",
            Self::AdditionalFee => "additional_fee",
            Self::CashRounding => "cash_rounding",
            Self::RefundSale => "refund_sale",
            Self::RefundDiscount => "refund_discount",
            Self::RefundShipping => "refund_shipping",
            Self::RefundTax => "refund_tax",
            Self::RefundDuty => "refund_duty",
            Self::RefundTip => "refund_tip",
            Self::RefundFee => "refund_fee",
            Self::RefundAdjustment => "refund_adjustment",
            Self::GiftCard => "gift_card",
            Self::RefundGiftCard => "refund_gift_card",
            Self::Unfooted => "unfooted",
            Self::Cancellation => "cancellation",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The group, `None` for a cancellation, whose component decides ([`LedgerEntry::group`]).
    #[must_use]
    pub fn group(self) -> Option<EntryGroup> {
        Some(match self {
            Self::Sale | Self::Discount | Self::RefundSale | Self::RefundDiscount | Self::RefundAdjustment => {
                EntryGroup::NetRevenue
            }
            Self::Shipping | Self::RefundShipping => EntryGroup::Shipping,
            Self::Tax | Self::RefundTax => EntryGroup::Tax,
            Self::Duty | Self::RefundDuty => EntryGroup::Duty,
            Self::Tip | Self::RefundTip => EntryGroup::Tip,
            Self::AdditionalFee | Self::RefundFee => EntryGroup::Fee,
            Self::GiftCard | Self::RefundGiftCard => EntryGroup::GiftCard,
            Self::CashRounding => EntryGroup::CashRounding,
            Self::Unfooted => EntryGroup::Unfooted,
            Self::Cancellation => return None,
        })
    }

    /// True for the kinds of net revenue; of cancellations those of these kinds count too ([`LedgerEntry::group`]).
    #[must_use]
    pub fn in_net_revenue(self) -> bool {
        self.group() == Some(EntryGroup::NetRevenue)
    }

    /// The component whose balance a cancellation takes back: a refund reduces the component it refunds.
    pub(super) fn component(self) -> Self {
        match self {
            Self::RefundSale => Self::Sale,
            Self::RefundDiscount => Self::Discount,
            Self::RefundShipping => Self::Shipping,
            Self::RefundTax => Self::Tax,
            Self::RefundDuty => Self::Duty,
            Self::RefundTip => Self::Tip,
            Self::RefundFee => Self::AdditionalFee,
            Self::RefundGiftCard => Self::GiftCard,
            other => other,
        }
    }
}

impl EntryGroup {
    /// True for the groups of the measure `total`: net revenue, shipping, tax, duty, tip, fees.
    #[must_use]
    pub fn in_total(self) -> bool {
        !matches!(self, Self::GiftCard | Self::CashRounding | Self::Unfooted)
    }

    /// True for the groups of a document's own total: all but the rounding of cash payments.
    #[must_use]
    pub fn in_footing(self) -> bool {
        self != Self::CashRounding
    }

    /// The kind under which a balance of this group is taken back when an order is refunded to exactly zero.
    pub(super) fn refund_kind(self) -> EntryKind {
        match self {
            Self::NetRevenue => EntryKind::RefundAdjustment,
            Self::Shipping => EntryKind::RefundShipping,
            Self::Tax => EntryKind::RefundTax,
            Self::Duty => EntryKind::RefundDuty,
            Self::Tip => EntryKind::RefundTip,
            Self::Fee => EntryKind::RefundFee,
            Self::GiftCard => EntryKind::RefundGiftCard,
            Self::CashRounding => EntryKind::CashRounding,
            Self::Unfooted => EntryKind::Unfooted,
        }
    }
}

impl LedgerEntry {
    /// The group that the entry nets in; a cancellation nets in its component's.
    ///
    /// `None` only for a cancellation that names no component, which `post` never makes.
    #[must_use]
    pub fn group(&self) -> Option<EntryGroup> {
        self.component_of_cancellation.unwrap_or(self.kind).group()
    }

    /// True for what versions post: the side that foots to the document's total.
    pub(crate) fn on_sale_side(&self) -> bool {
        // What a full refund balances out stands under its refund.
        !matches!(self.kind, EntryKind::CashRounding | EntryKind::Cancellation) && !self.document.starts_with("refund/")
    }
}
