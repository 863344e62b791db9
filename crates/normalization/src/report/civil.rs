//! Days as exports write them. Only forms that can be read in one way: `05/01/2026` is two days.

use jiff::civil::Date;

/// How a file writes its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayForm {
    /// `2026-01-05`
    Iso,
    /// `January 5, 2026`, `Jan 5, 2026`
    MonthFirst,
    /// `5 January 2026`, `5 Jan 2026`
    DayFirst,
}

/// The day that the text writes, and how.
pub(crate) fn day(text: &str) -> Option<(DayForm, Date)> {
    let iso = (text.len() == "2026-01-05".len()).then(|| text.parse().ok()).flatten();
    let worded = |formats: [&str; 2]| formats.into_iter().find_map(|format| Date::strptime(format, text).ok());
    iso.map(|date| (DayForm::Iso, date))
        .or_else(|| worded(["%B %d, %Y", "%b %d, %Y"]).map(|date| (DayForm::MonthFirst, date)))
        .or_else(|| worded(["%d %B %Y", "%d %b %Y"]).map(|date| (DayForm::DayFirst, date)))
}

/// The first and last day of a line such as `January 1, 2026 - January 31, 2026`; of a single day that day twice.
pub(crate) fn range(line: &str) -> Option<(Date, Date)> {
    let line = line.trim().trim_matches('"').trim();
    if let Some((_, on)) = day(line) {
        return Some((on, on));
    }
    let (from, to) = line.split_once(" - ").or_else(|| line.split_once(" \u{2013} "))?;
    let (from, to) = (day(from.trim())?.1, day(to.trim())?.1);
    (from <= to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_that_read_in_one_way_are_read() {
        let on = date(2026, 1, 5);
        for (text, form) in [
            ("2026-01-05", DayForm::Iso),
            ("January 5, 2026", DayForm::MonthFirst),
            ("Jan 05, 2026", DayForm::MonthFirst),
            ("5 Jan 2026", DayForm::DayFirst),
            ("5 January 2026", DayForm::DayFirst),
        ] {
            assert_eq!(day(text), Some((form, on)), "{text}");
        }
        for text in ["05/01/2026", "1/31/2026", "05.01.2026", "20260105", "2026-1-5", "2026-02-30", "Jan 5", "--", ""] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_of_days_is_read_or_left_alone() {
        let month = Some((date(2026, 1, 1), date(2026, 1, 31)));
        for line in [
            "January 1, 2026 - January 31, 2026",
            "\"January 1, 2026 - January 31, 2026\"",
            "2026-01-01 - 2026-01-31",
            "1 Jan 2026 \u{2013} 31 Jan 2026",
        ] {
            assert_eq!(range(line), month, "{line}");
        }
        assert_eq!(range("January 5, 2026"), Some((date(2026, 1, 5), date(2026, 1, 5))));
        for line in ["All time", "01/02/2026 - 03/02/2026", "January 31, 2026 - January 1, 2026", "Campaign report"] {
            assert_eq!(range(line), None, "{line}");
        }
    }
}
