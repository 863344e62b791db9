//! What is kept of a row beside the fields of its fact: a JSON object without personal fields.

use super::{
    compile::Compiler,
    evaluate::Frame,
    field::Field,
    fields::{PropertyColumns, PropertyFields},
    value::Value,
};
use crate::{error::NormalizeError, json::Json, personal};

/// Which properties are kept.
#[derive(Debug, Clone)]
pub(crate) enum Properties {
    /// All columns.
    All,
    /// The columns that nothing else reads.
    Rest,
    /// These.
    Named(Vec<(String, Field)>),
}

impl Properties {
    /// Reads `properties` at `path`. A personal name is a mistake, since its value would not be kept.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &Option<PropertyFields>) -> Option<Self> {
        Some(match fields.as_ref()? {
            PropertyFields::Columns(PropertyColumns::All) => Self::All,
            PropertyFields::Columns(PropertyColumns::Rest) => Self::Rest,
            PropertyFields::Named(named) => {
                let mut properties = Vec::new();
                for (name, text) in named {
                    let path = format!("{path}.properties.{name}");
                    if personal::is_personal_key(name) {
                        compiler.mistake(&path, "is personal by its name, and no property is; write \"email\", \"phone\" or an id of the fact instead");
                    }
                    properties.push((name.clone(), compiler.field(&path, text)));
                }
                Self::Named(properties)
            }
        })
    }

    /// The JSON object; nulls are left out.
    pub(crate) fn text<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<String, NormalizeError> {
        let mut out = personal::Redacted::default();
        match self {
            Self::All => frame.row.cells.write(false, frame.row.settings, &mut out),
            Self::Rest => frame.row.cells.write(true, frame.row.settings, &mut out),
            Self::Named(properties) => {
                for (name, field) in properties {
                    match field.value(frame)? {
                        Value::Null => {}
                        Value::Json(text) => out.json(name, Json::of(&text)),
                        Value::Text(text) => out.text(name, &text),
                        Value::Flag(flag) => out.json(name, Json::of(if flag { "true" } else { "false" })),
                        Value::Number(number) => out.json(name, Json::of(&number.to_string())),
                        other => out.text(name, &other.to_text()),
                    }
                }
            }
        }
        Ok(out.finish())
    }
}
