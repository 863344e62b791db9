//! What an expression is once it is read: a tree whose names are already resolved, so that a row costs no look-up.

use super::{decimal::Decimal, functions::Function};
use crate::personal;

/// One expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    /// `null`.
    Null,
    /// `true`, `false`.
    Flag(bool),
    /// `12.50`.
    Number(Decimal),
    /// `'text'`.
    Text(String),
    /// A column, by its number among the columns that the mapping reads.
    Column(usize),
    /// A named value of `let`, by its number.
    Let(usize),
    /// The element of the `each` that is that many levels from the outside.
    Item(usize),
    /// `$file`: the hash of the file's content.
    File,
    /// `$row`: the row's number in the file, from 0.
    Row,
    /// `$content`: the hash of the row.
    Content,
    /// `$index`: the element's number in the innermost `each`, from 0.
    Index,
    /// What lies inside a list or object.
    Path(Box<Expr>, Vec<Step>),
    /// `-a`.
    Minus(Box<Expr>),
    /// `not a`.
    Not(Box<Expr>),
    /// `a and b`.
    And(Box<Expr>, Box<Expr>),
    /// `a or b`.
    Or(Box<Expr>, Box<Expr>),
    /// `a + b`.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `a < b`.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `a in (b, c)`.
    In(Box<Expr>, Vec<Expr>),
    /// `a is null`.
    IsNull(Box<Expr>),
    /// `a || b`.
    Join(Box<Expr>, Box<Expr>),
    /// `lower(a)`.
    Call(Function, Vec<Expr>),
}

/// One step into a list or object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// `.name`.
    Member(String),
    /// `[0]`.
    Element(usize),
    /// `/0` of a JSON pointer: an element of a list, a member of an object.
    Either(String),
    /// `[key=name]`: the first object of a list whose member `key` is the text or number `name`.
    Where {
        /// The member that is compared.
        key: String,
        /// What it must be.
        value: String,
    },
}

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// The columns that a mapping reads, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// The number of the column `name`.
    pub(crate) fn number(&mut self, name: &str) -> usize {
        if let Some(known) = self.names.iter().position(|known| known == name) {
            return known;
        }
        self.names.push(name.to_owned());
        self.names.len() - 1
    }

    /// All names, by number.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

impl Expr {
    /// Calls `see` with this expression and all in it.
    pub(crate) fn walk(&self, see: &mut dyn FnMut(&Self)) {
        see(self);
        match self {
            Self::Path(a, _) | Self::Minus(a) | Self::Not(a) | Self::IsNull(a) => a.walk(see),
            Self::And(a, b)
            | Self::Or(a, b)
            | Self::Join(a, b)
            | Self::Arithmetic(_, a, b)
            | Self::Compare(_, a, b) => {
                a.walk(see);
                b.walk(see);
            }
            Self::In(a, list) => {
                a.walk(see);
                list.iter().for_each(|element| element.walk(see));
            }
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.walk(see)),
            Self::Null
            | Self::Flag(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Column(_)
            | Self::Let(_)
            | Self::Item(_)
            | Self::File
            | Self::Row
            | Self::Content
            | Self::Index => {}
        }
    }

    /// The named values that it uses.
    pub(crate) fn lets(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.walk(&mut |part| {
            if let Self::Let(number) = part {
                found.push(*number);
            }
        });
        found
    }

    /// True where the name of a column or member that it reads says that the value is personal.
    pub(crate) fn is_personal(&self, columns: &Columns) -> bool {
        let mut personal = false;
        self.walk(&mut |part| match part {
            Self::Column(number) => {
                personal |= columns.names().get(*number).is_some_and(|name| personal::is_personal_key(name));
            }
            Self::Path(_, steps) => {
                personal |= steps.iter().any(|step| match step {
                    Step::Member(name) | Step::Either(name) | Step::Where { value: name, .. } => {
                        personal::is_personal_key(name)
                    }
                    Step::Element(_) => false,
                });
            }
            _ => {}
        });
        personal
    }
}
