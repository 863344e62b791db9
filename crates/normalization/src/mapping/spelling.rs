//! Finds the name that somebody meant.

/// The known name with the fewest different letters, if they are few for the length, or one that differs in case and
/// punctuation only, or that `found` begins; ties by name.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = letters(found);
    let distance_max = (wanted.len() / 3).clamp(1, 3);
    let distance = |name: &str| {
        let known = letters(name);
        let begins = wanted.len() >= 3 && known.starts_with(&wanted);
        if begins { 1.min(known.len() - wanted.len()) } else { edits(&wanted, &known) }
    };
    let near = known.into_iter().map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= distance_max);
    near.min().map(|(_, name)| name)
}

/// `; did you mean "quantity"?`, or nothing.
pub(crate) fn hint<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(found, known).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"))
}

fn letters(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Levenshtein's distance: letters to insert, drop or replace.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for ((j, right), above) in b.iter().enumerate().zip(row.windows(2)) {
            let [diagonal, above] = above else { continue };
            let replaced = diagonal + usize::from(left != right);
            let inserted = next.get(j).map_or(usize::MAX, |left| left + 1);
            next.push(replaced.min(above + 1).min(inserted));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_punctuation_and_a_slip_of_the_pen_are_forgiven() {
        assert_eq!(nearest("invoice_no", ["Invoice No", "Quantity"]), Some("Invoice No"));
        assert_eq!(nearest("quantiti", ["InvoiceNo", "Quantity"]), Some("Quantity"));
        assert_eq!(nearest("customer", ["customer.id", "total"]), Some("customer.id"));
        assert_eq!(nearest("price", ["total", "tax"]), None);
    }

    #[test]
    fn distance_counts_inserted_dropped_and_replaced_letters() {
        let edits = |a: &str, b: &str| edits(&letters(a), &letters(b));
        assert_eq!([edits("kitten", "sitting"), edits("", "abc"), edits("ab", "ab"), edits("abc", "ac")], [3, 3, 0, 1]);
    }
}
