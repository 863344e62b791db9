//! Turns the texts of a mapping file into trees, and finds every mistake in them.

use std::collections::BTreeMap;

use super::{
    expression::{Columns, Expr},
    field::{Each, Field},
    file::{Expression, MappingFile},
    parser::{self, Names},
    spelling,
};

/// A mistake in a mapping file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mapping \"{mapping}\": {field}: {problem}")]
pub struct MappingError {
    /// The mapping.
    pub mapping: String,
    /// Where it is, such as `facts[0].order.price`.
    pub field: String,
    /// What is wrong, and what was expected.
    pub problem: String,
}

/// Reads expressions and collects mistakes.
pub(crate) struct Compiler<'a> {
    mapping: &'a str,
    lets: BTreeMap<String, usize>,
    personal_lets: Vec<bool>,
    items: Vec<String>,
    /// The columns read so far.
    pub(crate) columns: Columns,
    /// The mistakes found so far.
    pub(crate) errors: Vec<MappingError>,
}

impl<'a> Compiler<'a> {
    /// Starts with nothing read.
    pub(crate) fn new(file: &'a MappingFile) -> Self {
        let lets = file.values.keys().enumerate().map(|(number, name)| (name.clone(), number)).collect();
        let (columns, errors) = (Columns::default(), Vec::new());
        Self { mapping: &file.name, lets, personal_lets: Vec::new(), items: Vec::new(), columns, errors }
    }

    /// Notes a mistake.
    pub(crate) fn mistake(&mut self, field: &str, problem: impl Into<String>) {
        let (mapping, field) = (self.mapping.to_owned(), field.to_owned());
        self.errors.push(MappingError { mapping, field, problem: problem.into() });
    }

    /// Reads the named values, and refuses those that need themselves.
    pub(crate) fn lets(&mut self, values: &BTreeMap<String, Expression>) -> Vec<Expr> {
        let trees: Vec<Expr> = values.iter().map(|(name, text)| self.tree(&format!("let.{name}"), text)).collect();
        for (number, name) in values.keys().enumerate() {
            if needs(number, number, &trees, &mut vec![false; trees.len()]) {
                let problem =
                    format!("needs itself; give the value another name than \"{name}\" where it is made of a column");
                self.mistake(&format!("let.{name}"), problem);
            }
        }
        let own: Vec<bool> = trees.iter().map(|tree| tree.is_personal(&self.columns)).collect();
        self.personal_lets = (0..trees.len())
            .map(|number| {
                let mut seen = vec![false; trees.len()];
                needs(number, usize::MAX, &trees, &mut seen);
                seen.iter().zip(&own).any(|(used, personal)| *used && *personal) || own.get(number) == Some(&true)
            })
            .collect();
        trees
    }

    /// Reads the expression at `path`.
    pub(crate) fn field(&mut self, path: &str, text: &Expression) -> Field {
        let tree = self.tree(path, text);
        let of_let = |number: &usize| self.personal_lets.get(*number) == Some(&true);
        let personal = tree.is_personal(&self.columns) || tree.lets().iter().any(of_let);
        Field { path: path.to_owned(), reads: text.0.clone(), tree, personal }
    }

    /// Reads the expression at `path`, if there is one.
    pub(crate) fn optional(&mut self, path: &str, text: &Option<Expression>) -> Option<Field> {
        text.as_ref().map(|text| self.field(path, text))
    }

    /// Reads an expression that gives one of a few words. A bare word would be read as a column.
    pub(crate) fn choice(&mut self, path: &str, text: &Expression, known: &[&str]) -> Field {
        let field = self.field(path, text);
        let word = text.0.trim();
        match &field.tree {
            Expr::Column(_) if known.contains(&word) => {
                self.mistake(path, format!("{word} reads a column; for the text write \"'{word}'\""));
            }
            Expr::Text(word) if !known.iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                let hint = spelling::hint(word, known.iter().copied());
                self.mistake(path, format!("\"{word}\" is not one of {}{hint}", known.join(", ")));
            }
            _ => {}
        }
        field
    }

    /// Reads `each`, `as` and `when` at `path`, and with them in force whatever `inner` reads.
    pub(crate) fn each<T>(
        &mut self,
        path: &str,
        texts: (&Option<Expression>, &Option<String>, &Option<Expression>),
        inner: impl FnOnce(&mut Self) -> T,
    ) -> (Each, T) {
        let (each, item, when) = texts;
        let list = self.optional(&format!("{path}.each"), each);
        if list.is_none() && item.is_some() {
            self.mistake(&format!("{path}.as"), "names the elements of \"each\", which is not there");
        }
        let depth = self.items.len();
        if list.is_some() {
            self.items.push(item.clone().unwrap_or_else(|| "item".to_owned()));
        }
        let when = self.optional(&format!("{path}.when"), when);
        let read = inner(self);
        self.items.truncate(depth);
        (Each { list, when }, read)
    }

    fn tree(&mut self, path: &str, text: &Expression) -> Expr {
        let names = Names { lets: &self.lets, items: &self.items, columns: &mut self.columns };
        parser::parse(&text.0, names).unwrap_or_else(|problem| {
            self.mistake(path, format!("{problem}, in: {}", text.0));
            Expr::Null
        })
    }
}

/// True where the value `from` needs `wanted`, itself or through others; `seen` are those that it needs.
fn needs(from: usize, wanted: usize, trees: &[Expr], seen: &mut Vec<bool>) -> bool {
    let used = trees.get(from).map(Expr::lets).unwrap_or_default();
    used.into_iter().any(|next| {
        let known = seen.get_mut(next).is_none_or(|seen| std::mem::replace(seen, true));
        next == wanted || !known && needs(next, wanted, trees, seen)
    })
}
