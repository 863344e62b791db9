//! Reads an expression's text into a tree. Names are resolved on the way, so a misspelt one is found before any row.

use std::collections::BTreeMap;

use super::{
    decimal::Decimal,
    expression::{Arithmetic, Columns, Comparison, Expr, Step},
    functions::{FUNCTIONS, checked_constants},
    scanner::{Scanner, expected_at},
    spelling,
};

/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 50;
/// Words that are no column unless they stand in double quotes.
const WORDS: [&str; 8] = ["and", "or", "not", "in", "is", "null", "true", "false"];

/// What a name can mean.
pub(crate) struct Names<'a> {
    /// Named values of `let`, with their numbers.
    pub(crate) lets: &'a BTreeMap<String, usize>,
    /// What the elements of the enclosing `each` are called, outermost first.
    pub(crate) items: &'a [String],
    /// The columns read so far.
    pub(crate) columns: &'a mut Columns,
}

/// Reads `text`.
///
/// # Errors
/// What is wrong and at which character.
pub(crate) fn parse(text: &str, names: Names<'_>) -> Result<Expr, String> {
    let mut parser = Parser { scan: Scanner::new(text), names, depth: 0 };
    let tree = parser.either()?;
    parser.scan.space();
    match parser.scan.chars.peek() {
        None => Ok(tree),
        Some(_) => Err(parser.scan.expected("an operator or the end")),
    }
}

struct Parser<'a> {
    scan: Scanner<'a>,
    names: Names<'a>,
    depth: usize,
}

type Parsed = Result<Expr, String>;

impl Parser<'_> {
    fn either(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX} levels; name parts of it under \"let\""));
        }
        let mut tree = self.both()?;
        while self.scan.word("or") {
            tree = Expr::Or(Box::new(tree), Box::new(self.both()?));
        }
        self.depth -= 1;
        Ok(tree)
    }

    fn both(&mut self) -> Parsed {
        let mut tree = self.negation()?;
        while self.scan.word("and") {
            tree = Expr::And(Box::new(tree), Box::new(self.negation()?));
        }
        Ok(tree)
    }

    fn negation(&mut self) -> Parsed {
        let mut negated = false;
        while self.scan.word("not") {
            negated = !negated;
        }
        let tree = self.comparison()?;
        Ok(if negated { Expr::Not(Box::new(tree)) } else { tree })
    }

    fn comparison(&mut self) -> Parsed {
        let tree = self.joined()?;
        if self.scan.word("is") {
            let negated = self.scan.word("not");
            if !self.scan.word("null") {
                return Err(self.scan.expected("\"null\" after \"is\""));
            }
            return Ok(negated_if(negated, Expr::IsNull(Box::new(tree))));
        }
        let negated = self.scan.word("not");
        if self.scan.word("in") {
            self.scan.must("(")?;
            let list = self.list(")")?;
            return Ok(negated_if(negated, Expr::In(Box::new(tree), list)));
        }
        if negated {
            return Err(self.scan.expected("\"in\" after \"not\""));
        }
        for (sign, comparison) in [
            ("!=", Comparison::Unequal),
            ("<>", Comparison::Unequal),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ] {
            if self.scan.sign(sign) {
                if self.scan.sign("=") {
                    return Err(self.scan.expected("one \"=\""));
                }
                return Ok(Expr::Compare(comparison, Box::new(tree), Box::new(self.joined()?)));
            }
        }
        Ok(tree)
    }

    fn joined(&mut self) -> Parsed {
        let mut tree = self.sum()?;
        while self.scan.sign("||") {
            tree = Expr::Join(Box::new(tree), Box::new(self.sum()?));
        }
        Ok(tree)
    }

    fn sum(&mut self) -> Parsed {
        let mut tree = self.product()?;
        loop {
            let operation = match () {
                () if self.scan.sign("+") => Arithmetic::Add,
                () if self.scan.sign("-") => Arithmetic::Subtract,
                () => return Ok(tree),
            };
            tree = Expr::Arithmetic(operation, Box::new(tree), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Parsed {
        let mut tree = self.signed()?;
        loop {
            let operation = match () {
                () if self.scan.sign("*") => Arithmetic::Multiply,
                () if self.scan.sign("/") => Arithmetic::Divide,
                () => return Ok(tree),
            };
            tree = Expr::Arithmetic(operation, Box::new(tree), Box::new(self.signed()?));
        }
    }

    fn signed(&mut self) -> Parsed {
        let mut negative = false;
        while self.scan.sign("-") {
            negative = !negative;
        }
        let tree = self.with_path()?;
        Ok(if negative { Expr::Minus(Box::new(tree)) } else { tree })
    }

    fn with_path(&mut self) -> Parsed {
        let tree = self.operand()?;
        let steps = self.steps()?;
        Ok(if steps.is_empty() { tree } else { Expr::Path(Box::new(tree), steps) })
    }

    fn operand(&mut self) -> Parsed {
        self.scan.space();
        let start = self.scan.at();
        match self.scan.chars.peek().map(|(_, c)| *c) {
            Some('(') => {
                self.scan.chars.next();
                let tree = self.either()?;
                self.scan.must(")")?;
                Ok(tree)
            }
            Some('\'') => Ok(Expr::Text(self.scan.quoted('\'')?)),
            Some('"') => {
                let name = self.scan.quoted('"')?;
                Ok(Expr::Column(self.names.columns.number(&name)))
            }
            Some('/') => self.pointer(),
            Some('$') => self.special(),
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let digits = self.scan.take_while(|c| c.is_ascii_digit() || c == '.');
                Decimal::parse(&digits)
                    .map(Expr::Number)
                    .ok_or_else(|| expected_at(start, "a number such as 12.50", &digits))
            }
            Some(c) if c.is_alphabetic() || c == '_' => self.named(start),
            _ => Err(self.scan.expected("a column, a number, a 'text' or a function")),
        }
    }

    fn named(&mut self, start: usize) -> Parsed {
        let name = self.scan.name();
        let word = name.to_ascii_lowercase();
        match word.as_str() {
            "null" => return Ok(Expr::Null),
            "true" => return Ok(Expr::Flag(true)),
            "false" => return Ok(Expr::Flag(false)),
            word if WORDS.contains(&word) => {
                return Err(format!(
                    "at character {}: expected a value, found the word \"{word}\" (write \"{name}\" in double quotes for a column of that name)",
                    start + 1
                ));
            }
            _ => {}
        }
        if self.scan.chars.peek().is_some_and(|(_, c)| *c == '(') {
            self.scan.chars.next();
            return self.call(&word, start);
        }
        if let Some(level) = self.names.items.iter().rposition(|item| *item == name) {
            return Ok(Expr::Item(level));
        }
        if let Some(number) = self.names.lets.get(&name) {
            return Ok(Expr::Let(*number));
        }
        Ok(Expr::Column(self.names.columns.number(&name)))
    }

    fn call(&mut self, name: &str, start: usize) -> Parsed {
        let known = FUNCTIONS.iter().find(|(known, ..)| *known == name);
        let Some((_, function, least, most, usage)) = known else {
            let names = FUNCTIONS.iter().map(|(known, ..)| *known);
            let list = FUNCTIONS.map(|(known, ..)| known).join(", ");
            let hint = spelling::hint(name, names);
            let known = if hint.is_empty() { format!(", expected one of: {list}") } else { hint };
            return Err(format!("at character {}: unknown function \"{name}\"{known}", start + 1));
        };
        let arguments = self.list(")")?;
        if arguments.len() < *least || arguments.len() > *most {
            let count = arguments.len();
            return Err(format!("at character {}: {count} arguments, expected {usage}", start + 1));
        }
        checked_constants(*function, &arguments).map_err(|problem| format!("at character {}: {problem}", start + 1))?;
        Ok(Expr::Call(*function, arguments))
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expr>, String> {
        let mut list = Vec::new();
        if self.scan.sign(end) {
            return Ok(list);
        }
        loop {
            list.push(self.either()?);
            if self.scan.sign(end) {
                return Ok(list);
            }
            if !self.scan.sign(",") {
                return Err(self.scan.expected(&format!("\",\" or \"{end}\"")));
            }
        }
    }

    fn special(&mut self) -> Parsed {
        let start = self.scan.at();
        self.scan.chars.next();
        let name = self.scan.name();
        match name.as_str() {
            "file" => Ok(Expr::File),
            "row" => Ok(Expr::Row),
            "content" => Ok(Expr::Content),
            "index" if !self.names.items.is_empty() => Ok(Expr::Index),
            "index" => Err(format!("at character {}: \"$index\" has a meaning only below \"each\"", start + 1)),
            _ => Err(expected_at(start, "$file, $row, $content or $index", &format!("${name}"))),
        }
    }

    /// `/customer/id`: the first part is a column.
    fn pointer(&mut self) -> Parsed {
        let mut parts = Vec::new();
        while self.scan.chars.peek().is_some_and(|(_, c)| *c == '/') {
            self.scan.chars.next();
            let part = self.scan.take_while(|c| c.is_alphanumeric() || "_~.:@$".contains(c));
            parts.push(part.replace("~1", "/").replace("~0", "~"));
        }
        let mut parts = parts.into_iter();
        match parts.next().filter(|first| !first.is_empty()) {
            Some(first) => {
                let column = Expr::Column(self.names.columns.number(&first));
                let steps: Vec<Step> = parts.map(Step::Either).collect();
                Ok(if steps.is_empty() { column } else { Expr::Path(Box::new(column), steps) })
            }
            None => Err(self.scan.expected("a JSON pointer such as /customer/id")),
        }
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            match self.scan.chars.peek().map(|(_, c)| *c) {
                Some('.') => {
                    self.scan.chars.next();
                    let quoted = self.scan.chars.peek().is_some_and(|(_, c)| *c == '"');
                    let name = if quoted { self.scan.quoted('"')? } else { self.scan.name() };
                    if name.is_empty() {
                        return Err(self.scan.expected("the name of a member after \".\""));
                    }
                    steps.push(Step::Member(name));
                }
                Some('[') => {
                    self.scan.chars.next();
                    steps.push(self.bracket()?);
                    self.scan.must("]")?;
                }
                _ => return Ok(steps),
            }
        }
    }

    /// What stands in `[0]`, `["name"]`, `[key=value]`, `[key='a value']`.
    fn bracket(&mut self) -> Result<Step, String> {
        self.scan.space();
        match self.scan.chars.peek().map(|(_, c)| *c) {
            Some('"') => return Ok(Step::Member(self.scan.quoted('"')?)),
            Some('\'') => return Ok(Step::Member(self.scan.quoted('\'')?)),
            _ => {}
        }
        let key = self.scan.take_while(|c| c.is_alphanumeric() || c == '_');
        if self.scan.sign("=") {
            self.scan.space();
            let quoted = self.scan.chars.peek().is_some_and(|(_, c)| *c == '\'');
            let value = if quoted {
                self.scan.quoted('\'')?
            } else {
                self.scan.take_while(|c| c.is_alphanumeric() || "_-.".contains(c))
            };
            if key.is_empty() || value.is_empty() {
                return Err(self.scan.expected("a look-up such as [key=page_location]"));
            }
            return Ok(Step::Where { key, value });
        }
        key.parse()
            .map(Step::Element)
            .map_err(|_| self.scan.expected("a place such as [0] or a look-up such as [key=name]"))
    }
}

fn negated_if(negated: bool, tree: Expr) -> Expr {
    if negated { Expr::Not(Box::new(tree)) } else { tree }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed {
        let lets = BTreeMap::from([("amount".to_owned(), 0)]);
        let names = Names { lets: &lets, items: &["item".to_owned()], columns: &mut Columns::default() };
        parse(text, names)
    }

    fn problem(text: &str) -> String {
        read(text).expect_err("wrong")
    }

    #[test]
    fn signs_bind_as_in_sql() {
        for (short, long) in [
            ("a + b * c", "a + (b * c)"),
            ("a - b - c", "(a - b) - c"),
            ("not a = b and c or d", "((not (a = b)) and c) or d"),
            ("a || b + c", "a || (b + c)"),
            ("-a * b", "(-a) * b"),
            ("a NOT IN (b) AND c IS NOT NULL", "(not (a in (b))) and (not (c is null))"),
        ] {
            assert_eq!(read(short), read(long), "{short}");
        }
    }

    #[test]
    fn a_path_steps_into_lists_and_objects() {
        let Ok(Expr::Path(root, steps)) = read("params[key=page_location].value['a b'][0].\"x-y\"") else {
            panic!("a path");
        };
        assert_eq!(*root, Expr::Column(0));
        let member = |name: &str| Step::Member(name.to_owned());
        let found = Step::Where { key: "key".to_owned(), value: "page_location".to_owned() };
        assert_eq!(steps, [found, member("value"), member("a b"), Step::Element(0), member("x-y")]);
        let pointer = read("/customer/0/id").expect("a pointer");
        assert!(
            matches!(pointer, Expr::Path(_, steps) if steps == ["0", "id"].map(|part| Step::Either(part.to_owned())))
        );
        assert!(matches!(read("a /b"), Ok(Expr::Arithmetic(Arithmetic::Divide, ..))));
    }

    #[test]
    fn names_mean_items_then_named_values_then_columns() {
        assert_eq!(read("item"), Ok(Expr::Item(0)));
        assert_eq!(read("amount"), Ok(Expr::Let(0)));
        assert_eq!(read("\"amount\""), Ok(Expr::Column(0)));
        assert_eq!(read("'it''s'"), Ok(Expr::Text("it's".to_owned())));
    }

    #[test]
    fn a_mistake_is_named_with_its_place_and_what_was_expected() {
        for (text, expected) in [
            ("quantity * ", "at character 12: expected a column, a number, a 'text' or a function, found the end"),
            ("roun(x, 2)", "at character 1: unknown function \"roun\"; did you mean \"round\"?"),
            ("round(x", "at character 8: expected \",\" or \")\", found the end"),
            ("replace(x, 'a')", "at character 1: 2 arguments, expected replace(text, 'from', 'to')"),
            ("'open", "at character 1: ' is never closed"),
            ("a == b", "at character 5: expected one \"=\", found \" b\""),
            ("a b", "at character 3: expected an operator or the end, found \"b\""),
            ("a is 3", "at character 6: expected \"null\" after \"is\", found \"3\""),
            ("$rows", "at character 1: expected $file, $row, $content or $index, found \"$rows\""),
            ("x[", "at character 3: expected a place such as [0] or a look-up such as [key=name], found the end"),
        ] {
            assert_eq!(problem(text), expected, "{text}");
        }
        assert!(problem("instant(x, '%!')").contains("the form '%!' cannot be read"));
        assert!(problem("instant(x, '%Y', 'London')").contains("\"London\" is not an IANA time zone"));
        assert!(problem(&"(".repeat(60)).contains("nested deeper"));
    }
}
