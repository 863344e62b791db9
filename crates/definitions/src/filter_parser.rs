//! Text of a `where` → [`Filter`].
//!
//! `or` binds loosest, then `and`, then `not`, then comparisons. Columns must be known and literals must fit them.

use std::collections::BTreeMap;

use model::money::parse_micros;

use crate::{
    duration,
    filter::{ColumnRef, Comparison, Filter, Literal},
    semantic_model::ColumnKind,
    spelling,
};

/// The columns that a condition may name, by how they are written: `test`, `session.is_bot`.
pub(crate) type Scope = BTreeMap<String, (ColumnRef, ColumnKind)>;

/// Most parentheses and `not`s in a condition; it bounds the depth of everything that walks one.
const NESTING_MAX: usize = 64;

/// Reads a condition. An error says what is wrong, without file and line.
pub(crate) fn parse(text: &str, scope: &Scope) -> Result<Filter, String> {
    let tokens = tokens(text)?;
    let nests = |token: &Token| *token == Token::Open || *token == Token::Word("not".to_owned());
    let nesting = tokens.iter().filter(|(token, _)| nests(token)).count();
    if nesting > NESTING_MAX {
        return Err(format!("{nesting} parentheses and nots, expected at most {NESTING_MAX}"));
    }
    let mut parser = Parser { tokens, position: 0, scope };
    let filter = parser.any_of()?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.expected("\"and\", \"or\" or the end")),
    }
}

/// Finds a column, or says what it should have been.
pub(crate) fn column<'a>(name: &str, scope: &'a Scope) -> Result<&'a (ColumnRef, ColumnKind), String> {
    let known: Vec<&str> = scope.keys().map(String::as_str).collect();
    scope.get(name).ok_or_else(|| spelling::unknown_among("column", name, &known))
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    /// Digits, perhaps with a sign and a decimal point.
    Number(String),
    DurationMs(i64),
    Operator(Comparison),
    Open,
    Close,
}

struct Parser<'a> {
    /// Each token beside its text as written.
    tokens: Vec<(Token, String)>,
    position: usize,
    scope: &'a Scope,
}

impl Parser<'_> {
    fn any_of(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.all_of()?];
        while self.took_word("or") {
            parts.push(self.all_of()?);
        }
        Ok(single_or(parts, Filter::Or))
    }

    fn all_of(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.negation()?];
        while self.took_word("and") {
            parts.push(self.negation()?);
        }
        Ok(single_or(parts, Filter::And))
    }

    fn negation(&mut self) -> Result<Filter, String> {
        if self.took_word("not") {
            return Ok(Filter::Not(Box::new(self.negation()?)));
        }
        self.term()
    }

    fn term(&mut self) -> Result<Filter, String> {
        match self.peek().cloned() {
            Some(Token::Open) => {
                self.position += 1;
                let inner = self.any_of()?;
                if self.peek() != Some(&Token::Close) {
                    return Err(self.expected("\")\""));
                }
                self.position += 1;
                Ok(inner)
            }
            Some(Token::Word(word)) if !is_keyword(&word) => {
                self.position += 1;
                self.condition_on(&word)
            }
            _ => Err(self.expected("a column, \"not\" or \"(\"")),
        }
    }

    fn condition_on(&mut self, name: &str) -> Result<Filter, String> {
        let (column, kind) = column(name, self.scope)?.clone();
        if kind == ColumnKind::Instant {
            return Err(format!(
                "column \"{name}\" is an instant; the days are chosen by who asks, not by the definition"
            ));
        }
        let Some(&Token::Operator(operator)) = self.peek() else {
            return match kind {
                ColumnKind::Boolean => Ok(Filter::Column(column)),
                _ => Err(format!(
                    "column \"{name}\" is {}, expected a comparison with {}",
                    kind.described(),
                    kind.example()
                )),
            };
        };
        if kind.has_no_order() && !matches!(operator, Comparison::Equal | Comparison::NotEqual) {
            let symbol = operator.symbol();
            return Err(format!(
                "column \"{name}\" is {}, expected \"=\" or \"!=\", found \"{symbol}\"",
                kind.described()
            ));
        }
        self.position += 1;
        let wanted = format!("{} for column \"{name}\"", kind.example());
        let literal = self.peek().and_then(|token| literal(token, kind)).ok_or_else(|| self.expected(&wanted))?;
        self.position += 1;
        Ok(Filter::Compare { column, operator, literal })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position).map(|(token, _)| token)
    }

    fn took_word(&mut self, word: &str) -> bool {
        let took = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.position += usize::from(took);
        took
    }

    /// `expected … after "and", found the end`
    fn expected(&self, wanted: &str) -> String {
        let before = self.position.checked_sub(1).and_then(|before| self.tokens.get(before));
        let after = before.map_or_else(String::new, |(_, text)| format!(" after \"{text}\""));
        let found = self.tokens.get(self.position).map_or("the end".to_owned(), |(_, text)| format!("\"{text}\""));
        format!("expected {wanted}{after}, found {found}")
    }
}

/// The only part, or all parts under `group`.
fn single_or(mut parts: Vec<Filter>, group: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => group(parts.into_iter().chain(last).collect()),
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "true" | "false")
}

fn literal(token: &Token, kind: ColumnKind) -> Option<Literal> {
    match (kind, token) {
        (ColumnKind::Text, Token::Text(text)) => Some(Literal::Text(text.clone())),
        (ColumnKind::Boolean, Token::Word(word)) => word.parse().ok().map(Literal::Flag),
        (ColumnKind::Number, Token::Number(digits)) => digits.parse().ok().map(Literal::Integer),
        (ColumnKind::Money, Token::Number(digits)) => parse_micros(digits).ok().map(Literal::Amount),
        (ColumnKind::Duration, Token::DurationMs(millis)) => Some(Literal::DurationMs(*millis)),
        _ => None,
    }
}

fn tokens(text: &str) -> Result<Vec<(Token, String)>, String> {
    let mut tokens = Vec::new();
    let mut left = text.trim_start();
    while !left.is_empty() {
        let (token, rest) = first_token(left)?;
        let written = left.strip_suffix(rest).unwrap_or(left);
        tokens.push((token, written.to_owned()));
        left = rest.trim_start();
    }
    Ok(tokens)
}

/// The token that a text starts with, and what follows it.
fn first_token(text: &str) -> Result<(Token, &str), String> {
    const SYMBOLS: [(&str, Token); 8] = [
        ("<=", Token::Operator(Comparison::AtMost)),
        (">=", Token::Operator(Comparison::AtLeast)),
        ("!=", Token::Operator(Comparison::NotEqual)),
        ("=", Token::Operator(Comparison::Equal)),
        ("<", Token::Operator(Comparison::Less)),
        (">", Token::Operator(Comparison::More)),
        ("(", Token::Open),
        (")", Token::Close),
    ];
    if let Some(found) = SYMBOLS.into_iter().find_map(|(symbol, token)| Some((token, text.strip_prefix(symbol)?))) {
        return Ok(found);
    }
    if let Some(content) = text.strip_prefix('\'') {
        return quoted(content);
    }
    match text.chars().next() {
        Some(c) if c.is_ascii_digit() || c == '-' => number(text),
        Some(c) if c.is_ascii_alphabetic() => {
            let (word, rest) = leading(text, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            Ok((Token::Word(word.to_ascii_lowercase()), rest))
        }
        other => {
            let found: String = other.into_iter().flat_map(char::escape_debug).collect();
            Err(format!("unexpected \"{found}\"; texts stand in single quotes"))
        }
    }
}

/// A text up to its closing quote; a quote in it is doubled.
fn quoted(content: &str) -> Result<(Token, &str), String> {
    let mut text = String::new();
    let mut left = content;
    while let Some((before, after)) = left.split_once('\'') {
        text.push_str(before);
        let Some(doubled) = after.strip_prefix('\'') else { return Ok((Token::Text(text), after)) };
        text.push('\'');
        left = doubled;
    }
    Err("a text in single quotes has no end".to_owned())
}

/// A number, or a duration such as `7d`.
fn number(text: &str) -> Result<(Token, &str), String> {
    let (digits, after) = leading(text, |c| c.is_ascii_digit() || c == '.' || c == '-');
    let (unit, rest) = leading(after, |c| c.is_ascii_alphanumeric() || c == '_');
    if unit.is_empty() {
        return Ok((Token::Number(digits.to_owned()), rest));
    }
    match duration::millis(digits, unit) {
        Some(millis) => Ok((Token::DurationMs(millis), rest)),
        None => Err(format!("\"{digits}{unit}\" is no duration such as {}", duration::EXAMPLES)),
    }
}

/// The leading characters that belong, and the rest.
fn leading(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let columns = [
            ("a", ColumnKind::Boolean),
            ("b", ColumnKind::Boolean),
            ("c", ColumnKind::Boolean),
            ("city", ColumnKind::Text),
            ("pages", ColumnKind::Number),
            ("spent", ColumnKind::Money),
            ("stay_ms", ColumnKind::Duration),
            ("session.bot", ColumnKind::Boolean),
        ];
        let reference = |name: &str| {
            let (relation, column) = name.split_once('.').unwrap_or(("visits", name));
            ColumnRef { relation: relation.to_owned(), column: column.to_owned(), property: None }
        };
        columns.into_iter().map(|(name, kind)| (name.to_owned(), (reference(name), kind))).collect()
    }

    fn sql(text: &str) -> String {
        parse(text, &scope()).expect("a sound condition").to_sql()
    }

    /// All conditions over `a`, `b` and `c` with one operator more than `parts`, as trees.
    fn one_more(parts: &[Filter]) -> Vec<Filter> {
        let mut grown: Vec<Filter> = parts.iter().map(|part| Filter::Not(Box::new(part.clone()))).collect();
        for left in parts {
            for right in parts {
                grown.push(Filter::And(vec![left.clone(), right.clone()]));
                grown.push(Filter::Or(vec![left.clone(), right.clone()]));
            }
        }
        grown
    }

    /// The text of a condition with no parentheses but those that the rules of precedence need.
    fn text(filter: &Filter, binding: u8) -> String {
        let (own, text) = match filter {
            Filter::Or(parts) => (0, parts.iter().map(|p| text(p, 1)).collect::<Vec<_>>().join(" or ")),
            Filter::And(parts) => (1, parts.iter().map(|p| text(p, 2)).collect::<Vec<_>>().join(" and ")),
            Filter::Not(inner) => (2, format!("not {}", text(inner, 2))),
            Filter::Column(column) | Filter::Compare { column, .. } => (3, column.column.clone()),
        };
        if own < binding { format!("({text})") } else { text }
    }

    /// What a condition says, bit by bit: `a`, `b` and `c` are set in `truth` or not.
    fn holds(filter: &Filter, truth: u8) -> bool {
        match filter {
            Filter::And(parts) => parts.iter().all(|part| holds(part, truth)),
            Filter::Or(parts) => parts.iter().any(|part| holds(part, truth)),
            Filter::Not(inner) => !holds(inner, truth),
            Filter::Column(column) | Filter::Compare { column, .. } => {
                truth & (1 << (column.column.as_bytes()[0] - b'a')) != 0
            }
        }
    }

    #[test]
    fn every_small_condition_means_after_reading_what_it_meant_before_writing() {
        let columns: Vec<Filter> =
            ["a", "b", "c"].map(|name| parse(name, &scope()).expect("a sound condition")).to_vec();
        let small = [columns.clone(), one_more(&columns)].concat();
        for filter in one_more(&small) {
            let text = text(&filter, 0);
            let read = parse(&text, &scope()).expect("a sound condition");
            assert!((0..8).all(|truth| holds(&read, truth) == holds(&filter, truth)), "{text}");
        }
    }

    #[test]
    fn precedence_is_not_before_and_before_or() {
        assert_eq!(sql("a or b and not c"), "visits.a OR (visits.b AND (visits.c) IS NOT TRUE)");
        assert_eq!(sql("(a or b) and c"), "(visits.a OR visits.b) AND visits.c");
        assert_eq!(sql("NOT pages >= 2 AND session.bot"), "(visits.pages >= 2) IS NOT TRUE AND session.bot");
    }

    #[test]
    fn literals_are_written_as_sql_of_the_type_of_their_column() {
        assert_eq!(sql("city != 'St. John''s'"), "visits.city != 'St. John''s'");
        assert_eq!(sql("spent < 99.5"), "visits.spent < CAST('99.50' AS DECIMAL(18, 6))");
        assert_eq!(sql("spent>=-3"), "visits.spent >= CAST('-3.00' AS DECIMAL(18, 6))");
        assert_eq!(sql("stay_ms <= 7d or stay_ms > 36h"), "visits.stay_ms <= 604800000 OR visits.stay_ms > 129600000");
        assert_eq!(sql("a = true"), "visits.a = TRUE");
    }

    #[test]
    fn a_text_cannot_leave_its_quotes() {
        assert_eq!(sql("city = 'x'' OR 1=1 --'"), "visits.city = 'x'' OR 1=1 --'");
        assert!(parse("city = 'x'; drop", &scope()).is_err());
    }

    #[test]
    fn no_start_and_no_single_character_makes_the_reader_panic() {
        let text = "not (a or session.bot) and city != 'é''' and stay_ms <= 7d and spent > -1.5";
        for (index, _) in text.char_indices() {
            let (start, rest) = text.split_at(index);
            let _ = parse(start, &scope());
            for c in ["'", "(", ")", "-", ".", "é", "9", "\u{0}"] {
                let _ = parse(&format!("{start}{c}{rest}"), &scope());
            }
        }
        assert!(parse(&"(".repeat(100_000), &scope()).is_err());
        assert!(parse(&format!("{}a", "not ".repeat(NESTING_MAX)), &scope()).is_ok());
    }
}
