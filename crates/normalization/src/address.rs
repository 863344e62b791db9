//! Web addresses as nearly all pages write them, cut into their parts without a copy; every other one is for `url` to
//! read, which gives the same parts of these.

/// The parts of a plainly written address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlainAddress<'a> {
    /// In lower case.
    pub(crate) host: &'a str,
    /// From the first `/`.
    pub(crate) path: &'a str,
    /// After `?`, without what follows `#`.
    pub(crate) query: Option<&'a str>,
}

impl<'a> PlainAddress<'a> {
    /// The parts of `address`; none where anything in it could be read otherwise than it is written.
    pub(crate) fn of(address: &'a str) -> Option<Self> {
        let (host, rest) = host_and_rest(address)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        let in_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
        let in_query =
            |byte: u8| in_path(byte) || matches!(byte, b'&' | b'=' | b'+' | b'%' | b':' | b',' | b'?' | b'@');
        let plain = path.bytes().all(in_path) && !path.contains("/.") && query.unwrap_or("").bytes().all(in_query);
        plain.then_some(Self { host, path, query })
    }
}

/// The host of `address`, where it is plainly written, whatever follows it.
pub(crate) fn plain_host(address: &str) -> Option<&str> {
    host_and_rest(address).map(|(host, _)| host)
}

/// A name with a last label that is no number, without what an encoding could stand for, and what follows it.
fn host_and_rest(address: &str) -> Option<(&str, &str)> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (host, rest) = rest.split_at_checked(end)?;
    let (mut previous, mut label_starts_with) = (b'.', b'.');
    for byte in host.bytes() {
        match (byte, previous) {
            (b'a'..=b'z' | b'0'..=b'9', b'.') => label_starts_with = byte,
            (b'a'..=b'z' | b'0'..=b'9', _) | (b'-' | b'.', b'a'..=b'z' | b'0'..=b'9') => {}
            _ => return None,
        }
        previous = byte;
    }
    let named = label_starts_with.is_ascii_lowercase() && previous.is_ascii_alphanumeric() && host.len() < 64;
    named.then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn what_pages_write_is_plain() {
        for address in [
            "https://shop.example/p/mug?utm_source=google&utm_campaign=c%201#top",
            "https://www.google.com/",
            "http://localhost",
        ] {
            assert!(PlainAddress::of(address).is_some(), "{address}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn the_parts_are_those_that_url_reads(
            address in r#"https?:/?/?([a-cx.-]|xn--|0x|[0-9A:@\\]|[a-z]{1,3}\.){0,6}[/?#]?([a-c/?#&=+%@. ~'"\\|é<]|/\.\.?/|%2e){0,12}"#,
        ) {
            let read = Url::parse(&address);
            if let Some(plain) = PlainAddress::of(&address) {
                let url = read.as_ref().expect("readable");
                let parts = PlainAddress { host: url.host_str().unwrap(), path: url.path(), query: url.query() };
                prop_assert_eq!(plain, parts);
            }
            if let Some(host) = plain_host(&address) {
                prop_assert_eq!(read.as_ref().ok().and_then(Url::host_str), Some(host));
            }
        }
    }
}
