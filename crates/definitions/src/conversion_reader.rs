//! Reads a conversion definition, and checks that its semantic model can count it.

use crate::{
    conversion::{COUNTINGS, ConversionDefinition, Counting},
    filter::ColumnRef,
    filter_parser::Scope,
    metric::{METRIC_BASES, MetricBasis},
    metric_reader::{Models, not_for_money, read_maturity, read_signatures},
    model_reader,
    section::Section,
    semantic_model::{ColumnKind, SemanticModel},
    spelling,
};

/// Reads the keys of `conversion: name` beside name and status.
pub(crate) fn read(name: &str, section: &Section<'_>, models: Models<'_>) -> Option<ConversionDefinition> {
    let label = section.text("label");
    let description = section.text("description");
    let model = models.named(section);
    let date_basis = section.choice("date_basis", &METRIC_BASES);
    let counting = section.choice("counting", &COUNTINGS);
    let maturity_hours = read_maturity(section);
    let owner = section.name("owner");
    let signatures_required = read_signatures(section);
    let Some(model) = model else {
        section.let_stand(&["unit", "where", "value"]);
        section.finish();
        return None;
    };
    let scope = model_reader::scope_of(model, models.outlines);
    let unit = read_unit(section, &scope);
    let filter = model_reader::read_filter(section, &scope);
    let value = read_value(section, model);
    section.finish();
    let conversion = ConversionDefinition {
        name: name.to_owned(),
        label: label?.text.to_owned(),
        description: description?.text.to_owned(),
        of: model.name.clone(),
        unit: unit?,
        filter: filter?,
        value: value?,
        date_basis: date_basis?,
        counting: counting?,
        maturity_hours: maturity_hours?,
        owner: owner?,
        signatures_required: signatures_required?,
    };
    check_basis(conversion.date_basis, &conversion.value, model, section);
    check_counting(conversion.counting, model, section);
    Some(conversion)
}

fn read_unit(section: &Section<'_>, scope: &Scope) -> Option<ColumnRef> {
    let spot = section.text_such_as("unit", "the text column that names the order, such as order_key")?;
    model_reader::text_column("unit", spot, scope, section)
}

/// A measure of the model. Money needs a currency beside it in the same row.
fn read_value(section: &Section<'_>, model: &SemanticModel) -> Option<String> {
    let spot = section.text_such_as("value", "a measure of the model")?;
    let Some(measure) = model.measures.get(spot.text) else {
        let known: Vec<&String> = model.measures.keys().collect();
        let kind = format!("measure of {}", model.name);
        section.mistake(spot.line, spelling::unknown_among(&kind, spot.text, &known));
        return None;
    };
    if measure.money && !has_text(model, "currency") {
        let problem =
            format!("measure \"{}\" is money, but \"{}\" has no text column \"currency\"", spot.text, model.name);
        section.mistake(spot.line, problem);
        return None;
    }
    Some(spot.text.to_owned())
}

fn check_basis(basis: MetricBasis, value: &str, model: &SemanticModel, section: &Section<'_>) {
    let line = section.line_of("date_basis");
    if !model.date_bases.contains_key(&basis) {
        let known: Vec<&str> = model.date_bases.keys().map(|basis| basis.name()).collect();
        let (of, basis, known) = (&model.name, basis.name(), spelling::or_none(&known));
        section.mistake(line, format!("\"{of}\" has no date basis \"{basis}\", expected one of: {known}"));
    }
    if model.measures.get(value).is_some_and(|measure| measure.money) && not_for_money(basis) {
        section.mistake(line, format!("date basis \"{}\" is not for amounts of money", basis.name()));
    }
}

fn check_counting(counting: Counting, model: &SemanticModel, section: &Section<'_>) {
    let Some(column) = counting.column().filter(|column| !has_text(model, column)) else { return };
    let word = COUNTINGS.iter().find(|(_, known)| *known == counting).map_or("", |(word, _)| *word);
    let problem = format!("\"counting\" is \"{word}\", but \"{}\" has no text column \"{column}\"", model.name);
    section.mistake(section.line_of("counting"), problem);
}

fn has_text(model: &SemanticModel, column: &str) -> bool {
    model.columns.get(column).is_some_and(|column| column.kind == ColumnKind::Text)
}
