//! Numbers as spreadsheets write them: `1,234.50`, `1.234,50`, `1 234,50`. A file is written in one form throughout, so
//! one number that can be read in one way only settles those that could be read in two; where none does, they are
//! refused and never guessed.

use model::money;

/// Which of the two signs of a file is the decimal one, as far as its numbers prove it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NumberForm {
    decimal: Option<char>,
}

/// Why a text is not taken as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberProblem {
    /// Not a number at all.
    NotOne,
    /// A fraction where only whole numbers can stand.
    NotWhole,
    /// `1,234` in a file in which nothing says whether that is 1234 or 1.234.
    Ambiguous,
    /// Written with another decimal sign than the numbers before it.
    OtherForm,
}

/// One text, read without knowing the file's form. Texts are digits with at most one decimal point.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// Reads alike in every form.
    Plain(String),
    /// Proves that its sign is the decimal one.
    Decimal(char, String),
    /// Proves that its sign groups thousands.
    Grouped(char, String),
    /// One sign, three digits after it.
    Either { sign: char, grouped: String, decimal: String },
}

impl NumberForm {
    /// Learns from a number what it proves of the file. `whole`: only whole numbers can stand there, so `1,234` can
    /// only be grouped. What is no number proves nothing.
    pub(crate) fn learn(&mut self, text: &str, whole: bool) -> Result<(), NumberProblem> {
        let proven = match reading(text) {
            Some(Reading::Decimal(sign, _)) if !whole => sign,
            Some(Reading::Grouped(sign, _)) => other(sign),
            Some(Reading::Either { sign, .. }) if whole => other(sign),
            _ => return Ok(()),
        };
        if self.decimal.is_some_and(|decimal| decimal != proven) {
            return Err(NumberProblem::OtherForm);
        }
        self.decimal = Some(proven);
        Ok(())
    }

    /// The number in millionths, rounded half to even beyond the sixth decimal place.
    pub(crate) fn micros(self, text: &str) -> Result<i64, NumberProblem> {
        money::parse_micros_rounded(&self.plain(text)?).map_err(|_| NumberProblem::NotOne)
    }

    /// The whole number.
    pub(crate) fn whole(self, text: &str) -> Result<i64, NumberProblem> {
        let digits = match reading(text).ok_or(NumberProblem::NotOne)? {
            Reading::Plain(digits) | Reading::Grouped(_, digits) | Reading::Either { grouped: digits, .. } => digits,
            Reading::Decimal(..) => return Err(NumberProblem::NotWhole),
        };
        digits.parse().map_err(|_| NumberProblem::NotOne)
    }

    /// The number with a decimal point and nothing else.
    fn plain(self, text: &str) -> Result<String, NumberProblem> {
        match reading(text).ok_or(NumberProblem::NotOne)? {
            Reading::Plain(digits) | Reading::Decimal(_, digits) | Reading::Grouped(_, digits) => Ok(digits),
            Reading::Either { sign, grouped, decimal } => match self.decimal {
                None => Err(NumberProblem::Ambiguous),
                Some(proven) if proven == sign => Ok(decimal),
                Some(_) => Ok(grouped),
            },
        }
    }
}

fn other(sign: char) -> char {
    if sign == ',' { '.' } else { ',' }
}

fn reading(text: &str) -> Option<Reading> {
    let text = text.trim();
    let (minus, text) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let parts: Vec<&str> = text.split(is_sign).collect();
    if parts.iter().any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let signs: Vec<char> = text.chars().filter(|c| is_sign(*c)).collect();
    let Some((last, before)) = signs.split_last() else { return Some(Reading::Plain(format!("{minus}{text}"))) };
    let (fraction, units) = parts.split_last()?;
    let grouped = || grouping(&parts, &signs).then(|| format!("{minus}{}", parts.concat()));
    let decimal = || {
        let fits = matches!(last, '.' | ',') && !before.contains(last) && grouping(units, before);
        fits.then(|| format!("{minus}{}.{fraction}", units.concat()))
    };
    match (grouped(), decimal()) {
        (Some(grouped), Some(decimal)) => Some(Reading::Either { sign: *last, grouped, decimal }),
        (Some(digits), None) if matches!(last, '.' | ',') => Some(Reading::Grouped(*last, digits)),
        (Some(digits), None) => Some(Reading::Plain(digits)),
        (None, Some(digits)) => Some(Reading::Decimal(*last, digits)),
        (None, None) => None,
    }
}

/// Whether the parts between equal signs are groups: of three, or after the first group of two as in India.
fn grouping(parts: &[&str], signs: &[char]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return false };
    let Some((last, middle)) = rest.split_last() else { return true };
    let of = |length: usize| middle.iter().all(|part| part.len() == length);
    let one_sign = signs.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    let leads = match middle {
        [] => first.len() <= 3,
        _ => first.len() <= if of(3) { 3 } else { 2 },
    };
    one_sign && last.len() == 3 && (of(3) || of(2)) && leads && !first.starts_with('0')
}

/// What can stand between digits: `.`, `,`, spaces (also narrow and unbreakable ones) and apostrophes.
fn is_sign(c: char) -> bool {
    matches!(c, '.' | ',' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '\u{2019}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form_of(texts: &[&str]) -> Result<NumberForm, NumberProblem> {
        let mut form = NumberForm::default();
        texts.iter().try_for_each(|text| form.learn(text, false))?;
        Ok(form)
    }

    #[test]
    fn a_number_that_reads_in_one_way_needs_no_other() {
        for (text, micros) in [
            ("1234", 1_234_000_000),
            ("-1,234.5", -1_234_500_000),
            ("1.234,50", 1_234_500_000),
            ("1 234,5", 1_234_500_000),
            ("1\u{202f}234", 1_234_000_000),
            ("1'234.50", 1_234_500_000),
            ("1,234,567", 1_234_567_000_000),
            ("12,34,567.8", 1_234_567_800_000),
            ("0,125", 125_000),
            ("1234.567", 1_234_567_000),
            ("12,5", 12_500_000),
            ("0.0000005", 0),
        ] {
            assert_eq!(NumberForm::default().micros(text), Ok(micros), "{text}");
        }
    }

    #[test]
    fn a_number_that_reads_in_two_ways_is_refused_until_another_settles_it() {
        assert_eq!(NumberForm::default().micros("1,234"), Err(NumberProblem::Ambiguous));
        assert_eq!(form_of(&["7.50"]).unwrap().micros("1,234"), Ok(1_234_000_000));
        assert_eq!(form_of(&["7,50"]).unwrap().micros("1,234"), Ok(1_234_000));
        assert_eq!(form_of(&["1,234", "12"]).unwrap().micros("1,234"), Err(NumberProblem::Ambiguous));
        let mut form = NumberForm::default();
        form.learn("1.234", true).unwrap();
        assert_eq!((form.whole("1.234"), form.micros("5.678")), (Ok(1234), Ok(5_678_000_000)));
    }

    #[test]
    fn a_file_in_two_forms_is_noticed() {
        assert_eq!(form_of(&["7.50", "1.234,5"]), Err(NumberProblem::OtherForm));
        assert_eq!(form_of(&["1,234,567", "7,5"]), Err(NumberProblem::OtherForm));
    }

    #[test]
    fn what_is_no_number_is_said() {
        for text in
            ["", "-", "1.2.3", "1,2345,678", "12%", "1e3", "EUR 5", ".5", "5.", "1 .5", "0,123,456", "1,23,4567"]
        {
            assert_eq!(NumberForm::default().micros(text), Err(NumberProblem::NotOne), "{text}");
        }
        assert_eq!(NumberForm::default().whole("12.5"), Err(NumberProblem::NotWhole));
        assert_eq!(NumberForm::default().whole("99999999999999999999"), Err(NumberProblem::NotOne));
    }

    proptest! {
        /// Whatever the form it is written in, a number is read as itself or refused.
        #[test]
        fn a_written_number_is_read_as_itself_or_as_ambiguous(
            cents in -99_999_999_999_i64..100_000_000_000,
            digits in 0_u32..4,
            (thousands, decimal) in prop::sample::select(vec![(",", '.'), (".", ','), (" ", ','), ("'", '.'), ("", '.'), ("", ',')]),
        ) {
            let scale = 10_i64.pow(digits);
            let units = (cents / scale).unsigned_abs().to_string();
            let mut groups: Vec<String> = units.as_bytes().rchunks(3).map(|g| String::from_utf8_lossy(g).into_owned()).collect();
            groups.reverse();
            let sign = if cents < 0 { "-" } else { "" };
            let rest = (cents % scale).unsigned_abs();
            let fraction = if digits > 0 { format!("{decimal}{rest:0width$}", width = digits as usize) } else { String::new() };
            let text = format!("{sign}{}{fraction}", groups.join(thousands));
            let expected = cents * (1_000_000 / scale);
            match NumberForm::default().micros(&text) {
                Ok(micros) => prop_assert_eq!(micros, expected),
                Err(problem) => prop_assert_eq!(problem, NumberProblem::Ambiguous, "{}", text),
            }
            prop_assert_eq!(NumberForm { decimal: Some(decimal) }.micros(&text), Ok(expected), "{}", text);
        }
    }
}
