//! `property(json, path)` and `property_list(json, path)`: values out of a JSON text, such as the column `properties`.
//!
//! `path` is the name of a member, or a JSON pointer such as `/buyer/address/0`; the empty text is the whole. `property`
//! gives a text as it is, a number or boolean as it is written, an object or list as JSON text. `property_list` gives
//! the elements of a list in the same way, for use with `unnest`.
//!
//! `NULL` where an argument is `NULL`, where the text is no JSON, where nothing stands at the path, and where JSON's
//! `null` does; `property_list` also where what stands there is no list. An element that is `null` is a `NULL` in the
//! list, and the empty list stays one.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder},
    datatypes::{DataType, Field},
};
use datafusion::{
    common::{Result as SqlResult, exec_err},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};
use serde_json::value::RawValue;

/// `property(json, path)` as SQL sees it.
#[must_use]
pub fn property() -> ScalarUDF {
    ScalarUDF::from(Property { signature: two_texts(), list: false })
}

/// `property_list(json, path)` as SQL sees it.
#[must_use]
pub fn property_list() -> ScalarUDF {
    ScalarUDF::from(Property { signature: two_texts(), list: true })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Property {
    signature: Signature,
    /// True for `property_list`.
    list: bool,
}

impl ScalarUDFImpl for Property {
    fn name(&self) -> &str {
        if self.list { "property_list" } else { "property" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> SqlResult<DataType> {
        let list = || DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
        Ok(if self.list { list() } else { DataType::Utf8 })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> SqlResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [json, path] = arrays.as_slice() else {
            return exec_err!("{} takes a JSON text and a path", self.name());
        };
        let (json, path) = (json.as_string::<i32>(), path.as_string::<i32>());
        let found = json.iter().zip(path.iter()).map(|(json, path)| find(json?, path?));
        let array: ArrayRef = match self.list {
            false => Arc::new(found.map(|value| text(value?)).collect::<StringArray>()),
            true => {
                let mut lists = ListBuilder::new(StringBuilder::new());
                found.for_each(|value| lists.append_option(value.and_then(elements)));
                Arc::new(lists.finish())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

fn two_texts() -> Signature {
    Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Immutable)
}

/// What stands at a path. Values stay as written, so that no digit of an amount is lost in a float.
fn find<'a>(json: &'a str, path: &str) -> Option<&'a RawValue> {
    let whole: &RawValue = serde_json::from_str(json).ok()?;
    match path.strip_prefix('/') {
        Some(pointer) => pointer.split('/').try_fold(whole, |value, member| step(value, &unescaped(member))),
        None if path.is_empty() => Some(whole),
        None => step(whole, path),
    }
}

fn step<'a>(value: &'a RawValue, member: &str) -> Option<&'a RawValue> {
    if let Some(items) = list(value) {
        let plain = member == "0" || !member.starts_with(['0', '+']);
        return member.parse().ok().filter(|_| plain).and_then(|index: usize| items.get(index).copied());
    }
    let members: BTreeMap<String, &'a RawValue> = serde_json::from_str(value.get()).ok()?;
    members.get(member).copied()
}

/// `~1` stands for `/` and `~0` for `~`, as RFC 6901 has it.
fn unescaped(member: &str) -> String {
    member.replace("~1", "/").replace("~0", "~")
}

fn list(value: &RawValue) -> Option<Vec<&RawValue>> {
    value.get().starts_with('[').then(|| serde_json::from_str(value.get()).ok()).flatten()
}

fn elements(value: &RawValue) -> Option<Vec<Option<String>>> {
    Some(list(value)?.into_iter().map(text).collect())
}

fn text(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        written => Some(written.to_owned()),
    }
}
