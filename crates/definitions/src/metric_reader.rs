//! Reads a metric contract, and checks that its semantic models can keep the promise.

use std::collections::BTreeMap;

use model::Currency;

use crate::{
    document::YamlValue,
    metric::{
        Additivity, Direction, Formula, METRIC_BASES, MetricBasis, MetricContract, MetricCurrency, MetricPart,
        MetricZone, Signatory,
    },
    model_reader::{self, Outline},
    registry::Defined,
    section::{Section, Spot},
    semantic_model::SemanticModel,
    spelling,
};

const SIGNATORIES: [(&str, Signatory); 4] = [
    ("marketing", Signatory::Marketing),
    ("product", Signatory::Product),
    ("engineering", Signatory::Engineering),
    ("finance", Signatory::Finance),
];

/// The semantic models that a contract may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Models<'a> {
    pub by_name: &'a BTreeMap<String, Defined<SemanticModel>>,
    pub outlines: &'a BTreeMap<String, Outline>,
}

impl<'a> Models<'a> {
    fn get(self, name: &str) -> Option<&'a SemanticModel> {
        self.by_name.get(name).map(|defined| &defined.value)
    }

    /// The model that the key `of` names.
    pub(crate) fn named(self, section: &Section<'_>) -> Option<&'a SemanticModel> {
        let of = section.text("of")?;
        let model = self.get(of.text);
        if model.is_none() {
            let known: Vec<&String> = self.by_name.keys().collect();
            section.mistake(of.line, spelling::unknown_among("semantic model", of.text, &known));
        }
        model
    }
}

/// Reads the keys of `metric: name` beside name and status.
pub(crate) fn read(name: &str, section: &Section<'_>, models: Models<'_>) -> Option<MetricContract> {
    let label = section.text("label");
    let description = section.text("description");
    let formula = read_formula(section, models);
    let unit = section.name("unit");
    let additivity = read_additivity(section);
    let date_basis = section.choice("date_basis", &METRIC_BASES);
    let currency = read_currency(section);
    let zone = read_zone(section);
    let dimensions = section.texts("dimensions");
    let maturity_hours = read_maturity(section);
    let owner = section.name("owner");
    let direction = section.choice("direction", &[("up", Direction::Up), ("down", Direction::Down)]);
    let signatures_required = read_signatures(section);
    section.finish();
    let contract = MetricContract {
        name: name.to_owned(),
        label: label?.text.to_owned(),
        description: description?.text.to_owned(),
        formula: formula?,
        unit: unit?,
        additivity: additivity?,
        date_basis: date_basis?,
        currency: currency?,
        zone: zone?,
        dimensions: dimensions?.iter().map(|spot| spot.text.to_owned()).collect(),
        maturity_hours: maturity_hours?,
        owner: owner?,
        direction: direction?,
        signatures_required: signatures_required?,
    };
    check_reach(&contract, section, models);
    check_unit(&contract, section, models);
    check_additivity(&contract, section);
    Some(contract)
}

fn read_formula(section: &Section<'_>, models: Models<'_>) -> Option<Formula> {
    let part = |key| {
        let nested = section.nested(key)?;
        let part = read_part(&nested, models);
        nested.finish();
        part
    };
    let Some(ratio) = section.choice("type", &[("ratio", true), ("simple", false)]) else {
        section.let_stand(&["numerator", "denominator", "value"]);
        return None;
    };
    if ratio {
        let (numerator, denominator) = (part("numerator"), part("denominator"));
        return Some(Formula::Ratio { numerator: numerator?, denominator: denominator? });
    }
    Some(Formula::Simple { value: part("value")? })
}

fn read_part(section: &Section<'_>, models: Models<'_>) -> Option<MetricPart> {
    let measure = section.text("measure");
    section.optional("where");
    let model = models.named(section);
    let (measure, model) = (measure?, model?);
    let filter = model_reader::read_filter(section, &model_reader::scope_of(model, models.outlines));
    if !model.measures.contains_key(measure.text) {
        let known: Vec<&String> = model.measures.keys().collect();
        let kind = format!("measure of {}", model.name);
        section.mistake(measure.line, spelling::unknown_among(&kind, measure.text, &known));
        return None;
    }
    Some(MetricPart { measure: measure.text.to_owned(), of: model.name.clone(), filter: filter? })
}

fn read_additivity(section: &Section<'_>) -> Option<Additivity> {
    const EXPECTED: &str = "full, none, or over: [dimension, …]";
    let node = section.required("additivity", EXPECTED)?;
    if let YamlValue::Mapping(_) = node.value {
        let nested = section.child(node, format!("additivity of {}", section.what()))?;
        let dimensions = nested.texts("over");
        nested.finish();
        return Some(Additivity::Over(dimensions?.iter().map(|spot| spot.text.to_owned()).collect()));
    }
    let spot = section.as_text("\"additivity\"", node, EXPECTED)?;
    match spot.text {
        "full" => Some(Additivity::Full),
        "none" => Some(Additivity::None),
        other => {
            section.mistake(spot.line, format!("\"additivity\" is \"{other}\", expected {EXPECTED}"));
            None
        }
    }
}

fn read_currency(section: &Section<'_>) -> Option<Option<MetricCurrency>> {
    if section.optional("currency").is_none() {
        return Some(None);
    }
    let spot = section.optional_text("currency")?;
    if spot.text == "reporting" {
        return Some(Some(MetricCurrency::Reporting));
    }
    match Currency::try_from(spot.text) {
        Ok(currency) => Some(Some(MetricCurrency::Fixed(currency))),
        Err(error) => {
            section.mistake(spot.line, format!("in \"currency\": {error}, expected reporting or a code such as EUR"));
            None
        }
    }
}

fn read_zone(section: &Section<'_>) -> Option<MetricZone> {
    let spot = section.text("zone")?;
    if spot.text == "reporting" {
        return Some(MetricZone::Reporting);
    }
    match model::time::zone(spot.text) {
        Ok(_) => Some(MetricZone::Named(spot.text.to_owned())),
        Err(error) => {
            section.mistake(spot.line, format!("in \"zone\": {error}, nor the word reporting"));
            None
        }
    }
}

/// Days or hours as whole hours.
pub(crate) fn read_maturity(section: &Section<'_>) -> Option<i64> {
    const EXPECTED: &str = "days or hours from 0d to 365d, such as 30d";
    let spot = section.text_such_as("maturity", EXPECTED)?;
    let hours = |unit: char, hours: i64| spot.text.strip_suffix(unit)?.parse::<i64>().ok()?.checked_mul(hours);
    let found = hours('d', 24).or_else(|| hours('h', 1)).filter(|hours| (0..=8760).contains(hours));
    if found.is_none() {
        section.mistake(spot.line, format!("\"maturity\" is \"{}\", expected {EXPECTED}", spot.text));
    }
    found
}

pub(crate) fn read_signatures(section: &Section<'_>) -> Option<Vec<Signatory>> {
    let spots: Vec<Spot<'_>> = section.texts("signatures_required")?;
    spots.into_iter().map(|spot| section.chosen("signatory", spot, &SIGNATORIES)).collect()
}

/// Every part must reach every dimension, and have an instant for the date basis.
fn check_reach(contract: &MetricContract, section: &Section<'_>, models: Models<'_>) {
    for part in contract.formula.parts() {
        let Some(model) = models.get(&part.of) else { continue };
        let reached: Vec<&String> = model.dimensions.keys().collect();
        for dimension in contract.dimensions.iter().filter(|name| !model.dimensions.contains_key(*name)) {
            let kind = format!("dimension of {}", part.of);
            section.mistake(section.line_of("dimensions"), spelling::unknown_among(&kind, dimension, &reached));
        }
        if !model.date_bases.contains_key(&contract.date_basis) {
            let known: Vec<&str> = model.date_bases.keys().map(|basis| basis.name()).collect();
            let (of, basis, known) = (&part.of, contract.date_basis.name(), spelling::or_none(&known));
            let problem = format!("\"{of}\" has no date basis \"{basis}\", expected one of: {known}");
            section.mistake(section.line_of("date_basis"), problem);
        }
    }
}

/// The unit must say what the formula gives, and amounts must say their currency.
fn check_unit(contract: &MetricContract, section: &Section<'_>, models: Models<'_>) {
    let money = |part: &MetricPart| {
        models.get(&part.of).and_then(|model| model.measures.get(&part.measure)).is_some_and(|m| m.money)
    };
    let unit = contract.unit.as_str();
    let (fits, expected) = match &contract.formula {
        Formula::Simple { value } if money(value) => (unit == "currency", "currency"),
        Formula::Simple { .. } => (unit == "count", "count"),
        Formula::Ratio { numerator, denominator } => match (money(numerator), money(denominator)) {
            (true, false) => (unit.starts_with("currency_per_"), "currency_per_ and what it is divided by"),
            (false, true) => (unit == "count_per_currency", "count_per_currency"),
            (true, true) => (unit == "ratio", "ratio"),
            (false, false) => (unit == "ratio" || unit.starts_with("count_per_"), "ratio, or count_per_ something"),
        },
    };
    if !fits {
        section.mistake(section.line_of("unit"), format!("\"unit\" is \"{unit}\", but the formula gives {expected}"));
    }
    let any_money = contract.formula.parts().into_iter().any(money);
    let line = section.line_of("currency");
    match (any_money, contract.currency) {
        (true, None) => {
            let problem = "missing key \"currency\", expected reporting or a code such as EUR: the formula has amounts";
            section.mistake(line, problem);
        }
        (false, Some(_)) => section.mistake(line, "key \"currency\" stands here, but the formula has no amounts"),
        _ => {}
    }
    if any_money && not_for_money(contract.date_basis) {
        let problem = format!("date basis \"{}\" is not for amounts of money", contract.date_basis.name());
        section.mistake(section.line_of("date_basis"), problem);
    }
}

/// A cart's or a platform's day is none on which money is booked.
pub(crate) fn not_for_money(basis: MetricBasis) -> bool {
    matches!(basis, MetricBasis::FirstStep | MetricBasis::AccountDay)
}

/// A ratio adds over nothing; a simple metric only over dimensions that it has.
fn check_additivity(contract: &MetricContract, section: &Section<'_>) {
    let line = section.line_of("additivity");
    let ratio = matches!(contract.formula, Formula::Ratio { .. });
    if ratio && contract.additivity != Additivity::None {
        section.mistake(line, "a ratio cannot be added over anything, expected additivity: none");
    }
    if let Additivity::Over(dimensions) = &contract.additivity {
        for dimension in dimensions.iter().filter(|name| !contract.dimensions.contains(name)) {
            section.mistake(line, spelling::unknown_among("dimension", dimension, &contract.dimensions));
        }
    }
}
