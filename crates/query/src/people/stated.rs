//! The amounts that events state, of one currency or of several.

use model::Currency;

use crate::people::columns::Texts;

/// What may be said of amounts that were met.
pub struct Stated {
    /// False where they are of several currencies and none was named: they are not added, and one of them alone would be
    /// read as all.
    pub adds: bool,
    /// The currency that was named, else the only one that was met.
    pub currency: Option<String>,
}

impl Stated {
    /// Of amounts in the currencies with these codes, each as often as it was met, where `named` is what was asked for.
    pub fn of(named: Option<Currency>, mut met: Vec<u32>, texts: &Texts) -> Self {
        met.sort_unstable();
        met.dedup();
        let only = met.first().filter(|_| met.len() == 1);
        let only = only.and_then(|&code| texts.text(code)).map(|code| code.to_string());
        let named = named.map(|currency| currency.code().to_owned());
        Self { adds: named.is_some() || met.len() < 2, currency: named.or(only) }
    }
}
