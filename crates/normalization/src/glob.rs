//! Globs and host patterns of `config/channels.yaml`.

/// True where `text` as a whole matches `pattern`: `*` any characters, `[a-c]` one of these, `[!a-c]` one of the
/// others. Both are in lower case.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // The element at t: the pattern so far matches the first t characters.
    let mut reached: Vec<bool> = std::iter::once(true).chain(text.iter().map(|_| false)).collect();
    let mut rest = pattern.as_slice();
    while let Some((&first, after)) = rest.split_first() {
        if first == '*' {
            rest = after;
            let mut any = false;
            for hit in &mut reached {
                any |= *hit;
                *hit = any;
            }
            continue;
        }
        let (set, after) = one(rest);
        rest = after;
        let stepped = reached.iter().zip(&text).map(|(hit, c)| *hit && set.holds(*c));
        reached = std::iter::once(false).chain(stepped).collect();
    }
    reached.last().copied().unwrap_or(false)
}

/// True where `host` is what `pattern` names or a subdomain of it. A pattern's last label `*` is any country's domain:
/// `google.*` is `google.de`, `www.google.co.uk`, and not `google.example.com`.
pub(crate) fn host_matches(pattern: &str, host: &str) -> bool {
    let Some(name) = pattern.strip_suffix(".*") else {
        return is_or_below(host, pattern);
    };
    let mut labels: Vec<&str> = host.split('.').collect();
    let second_level = labels.len() > 2 && labels.iter().rev().take(2).all(|label| label.len() <= 3);
    let registered = |labels: &[&str]| is_or_below(&labels.join("."), name);
    labels.pop();
    if labels.is_empty() {
        return false;
    }
    let plain = registered(&labels);
    labels.pop();
    plain || (second_level && registered(&labels))
}

/// True where `host` is `domain` or a subdomain of it.
pub(crate) fn is_or_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// One character of a pattern: itself, or a class of characters.
struct Set<'a> {
    negated: bool,
    chars: &'a [char],
}

fn one(pattern: &[char]) -> (Set<'_>, &[char]) {
    let class_end = pattern.iter().position(|&c| c == ']').filter(|_| pattern.starts_with(&['[']));
    match class_end {
        Some(end) => {
            let (class, after) = (pattern.get(1..end).unwrap_or_default(), pattern.get(end + 1..).unwrap_or_default());
            let negated = class.starts_with(&['!']);
            (Set { negated, chars: if negated { class.get(1..).unwrap_or_default() } else { class } }, after)
        }
        None => {
            let (single, after) = pattern.split_at(1);
            (Set { negated: false, chars: single }, after)
        }
    }
}

impl Set<'_> {
    fn holds(&self, c: char) -> bool {
        let mut rest = self.chars;
        let mut found = false;
        while let Some((&low, after)) = rest.split_first() {
            match after {
                ['-', high, tail @ ..] => {
                    found |= (low..=*high).contains(&c);
                    rest = tail;
                }
                _ => {
                    found |= low == c;
                    rest = after;
                }
            }
        }
        found != self.negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_the_whole_text() {
        for (pattern, text, expected) in [
            ("*cp*", "cpc", true),
            ("*cp*", "organic", false),
            ("paid*", "paid-social", true),
            ("paid*", "unpaid", false),
            ("*push", "web-push", true),
            ("", "", true),
            ("*", "", true),
            ("*[!a-df-z]shop*", "my eshop", true),
            ("*[!a-df-z]shop*", "bishop", false),
            ("*[!a-df-z]shop*", "winter-shop", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn hosts_match_with_their_subdomains_in_any_country() {
        for (pattern, host, expected) in [
            ("bing.com", "www.bing.com", true),
            ("bing.com", "notbing.com", false),
            ("google.*", "google.de", true),
            ("google.*", "www.google.co.uk", true),
            ("google.*", "google.evil.example.com", false),
            ("google.*", "google", false),
            ("x.com", "netflix.com", false),
        ] {
            assert_eq!(host_matches(pattern, host), expected, "{pattern} on {host}");
        }
    }
}
