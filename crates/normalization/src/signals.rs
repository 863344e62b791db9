//! Raw traffic signals of a page: utm parameters, click id, hosts. What they mean is decided on reading.

use std::borrow::Cow;

use model::Signals;
use url::{Url, form_urlencoded};

use crate::{
    address::{PlainAddress, plain_host},
    personal,
};

/// Click id parameters in lower case, the surest first, and the words of `utm_source` that they go with.
///
/// Parameters whose value names a recipient (`mc_eid`, `_kx`, `_hsenc`, `vero_id`) are personal and not read: mail
/// tools write utm parameters beside them.
pub(crate) const CLICK_IDS: &[(&str, &[&str])] = &[
    ("gclid", &["google", "adwords", "youtube"]),
    ("dclid", &["dv360", "dbm", "dcm", "display"]),
    ("wbraid", &["google", "adwords", "youtube"]),
    ("gbraid", &["google", "adwords", "youtube"]),
    ("msclkid", &["bing", "microsoft"]),
    ("ttclid", &["tiktok"]),
    ("twclid", &["twitter", "x.com"]),
    ("li_fat_id", &["linkedin"]),
    ("sccid", &["snapchat"]),
    ("rdt_cid", &["reddit"]),
    ("qclid", &["quora"]),
    ("yclid", &["yandex"]),
    ("epik", &["pinterest"]),
    ("irclickid", &["impact"]),
    ("irclid", &["impact"]),
    ("cjevent", &["cj"]),
    ("awc", &["awin"]),
    ("ransiteid", &["rakuten", "linkshare"]),
    ("sscid", &["shareasale"]),
    ("clickref", &["partnerize"]),
    ("obclid", &["outbrain"]),
    ("dicbo", &["outbrain"]),
    ("tblci", &["taboola"]),
    ("vmcid", &["yahoo"]),
    ("fbclid", &["facebook", "fb", "instagram", "ig", "meta"]),
    ("igshid", &["instagram", "ig"]),
    ("igsh", &["instagram", "ig"]),
    ("gad_source", &["google", "adwords", "youtube"]),
    ("gclsrc", &["google", "adwords"]),
    ("srsltid", &["google"]),
    ("mc_cid", &["mailchimp"]),
    ("_hsmi", &["hubspot", "hs_email"]),
];

/// Reads signals from what a message says of its page. Whatever is read first stays.
#[derive(Default)]
pub(crate) struct SignalReader {
    signals: Signals,
    clicks: Vec<(usize, String)>,
}

impl SignalReader {
    /// Reads a page address: host, path and query.
    pub(crate) fn page(&mut self, address: &str) {
        let address = address.trim();
        if let Some(plain) = PlainAddress::of(address) {
            keep(&mut self.signals.page_host, || Some(plain.host.to_owned()));
            keep(&mut self.signals.page_path, || Some(plain.path.to_owned()));
            self.query(plain.query.unwrap_or_default());
            return;
        }
        let Ok(url) = Url::parse(address) else { return };
        keep(&mut self.signals.page_host, || url.host_str().map(host));
        keep(&mut self.signals.page_path, || Some(personal::masked(url.path()).into_owned()));
        if let Some(query) = url.query() {
            self.query(query);
        }
    }

    /// Reads the path of a page, without its query.
    pub(crate) fn path(&mut self, path: &str) {
        keep(&mut self.signals.page_path, || {
            Some(personal::cleaned(path)).filter(|path| !path.is_empty()).map(Cow::into_owned)
        });
    }

    /// Reads a query, with or without its `?`.
    pub(crate) fn query(&mut self, query: &str) {
        for pair in query.trim().trim_start_matches('?').split('&') {
            if pair.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
                for (name, value) in form_urlencoded::parse(pair.as_bytes()) {
                    self.parameter(&name, &value);
                }
            } else {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                self.parameter(name, value);
            }
        }
    }

    /// Reads one parameter of a query, decoded.
    fn parameter(&mut self, name: &str, value: &str) {
        let lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
        let name = if name.bytes().all(lower) { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) };
        if let Some(rest) = name.strip_prefix("utm_") {
            self.campaign(rest, value);
        } else if let Some(rank) = CLICK_IDS.iter().position(|(param, _)| *param == name) {
            self.click(rank, value);
        }
    }

    /// Reads one utm parameter by what follows `utm_`.
    pub(crate) fn campaign(&mut self, name: &str, value: &str) {
        let signals = &mut self.signals;
        let place = match name {
            "source" => &mut signals.utm_source,
            "medium" => &mut signals.utm_medium,
            "campaign" => &mut signals.utm_campaign,
            "id" => &mut signals.utm_id,
            "term" => &mut signals.utm_term,
            "content" => &mut signals.utm_content,
            _ => return,
        };
        keep(place, || usable(value).map(|value| personal::masked(value).into_owned()));
    }

    /// Reads the address of the referring page; an Android app's is `android-app://<package>`.
    pub(crate) fn referrer(&mut self, address: &str) {
        let address = address.trim();
        if let Some(host) = plain_host(address) {
            return keep(&mut self.signals.referrer_host, || Some(host.to_owned()));
        }
        let url = Url::parse(address).ok();
        keep(&mut self.signals.referrer_host, || url.as_ref().and_then(Url::host_str).map(host));
    }

    /// Reads the user agent.
    pub(crate) fn user_agent(&mut self, text: &str) {
        keep(&mut self.signals.user_agent, || Some(personal::masked(text).into_owned()));
    }

    /// Reads a click id whose parameter is named; false where no such parameter is known.
    pub(crate) fn click_id(&mut self, name: &str, value: &str) -> bool {
        let rank = CLICK_IDS.iter().position(|(param, _)| param.eq_ignore_ascii_case(name));
        if let Some(rank) = rank {
            self.click(rank, value);
        }
        rank.is_some()
    }

    /// All that was read. Of several click ids the one that goes with `utm_source` is kept, else the surest.
    pub(crate) fn finish(mut self) -> Signals {
        if self.clicks.is_empty() {
            return self.signals;
        }
        let source = self.signals.utm_source.as_deref().unwrap_or_default().to_lowercase();
        let named =
            |rank: usize| CLICK_IDS.get(rank).is_some_and(|(_, words)| words.iter().any(|w| source.contains(w)));
        let best = self.clicks.iter().min_by_key(|(rank, _)| (!named(*rank), *rank));
        if let Some((rank, value)) = best {
            self.signals.click_id_kind = CLICK_IDS.get(*rank).map(|(param, _)| (*param).to_owned());
            self.signals.click_id = Some(value.clone());
        }
        self.signals
    }

    fn click(&mut self, rank: usize, value: &str) {
        let unread = self.clicks.iter().all(|(known, _)| *known != rank);
        if let Some(value) = usable(value).filter(|_| unread) {
            self.clicks.push((rank, personal::masked(value).into_owned()));
        }
    }
}

fn keep(place: &mut Option<String>, value: impl FnOnce() -> Option<String>) {
    if place.is_none() {
        *place = value();
    }
}

/// A parameter's value, unless it is empty or a macro that the platform did not fill in.
fn usable(value: &str) -> Option<&str> {
    let value = value.trim();
    let unfilled = (value.contains('{') && value.contains('}'))
        || (value.len() > 4 && value.starts_with("__") && value.ends_with("__"))
        || value.eq_ignore_ascii_case("(not set)");
    (!value.is_empty() && !unfilled).then_some(value)
}

fn host(name: &str) -> String {
    let lower = name.to_lowercase();
    match personal::masked(lower.trim_end_matches('.')) {
        Cow::Borrowed(name) => name.to_owned(),
        Cow::Owned(name) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Signals {
        let mut reader = SignalReader::default();
        reader.page(address);
        reader.finish()
    }

    #[test]
    fn the_first_filled_value_of_a_parameter_stays() {
        let signals = read(
            "https://Shop.Example/p/mug?UTM_source={{site}}&utm_source=Goo%67le&utm_source=x&utm_campaign=(not+set)&utm_term=__KEY__",
        );
        assert_eq!(signals.utm_source.as_deref(), Some("Google"));
        assert_eq!((signals.utm_campaign, signals.utm_term), (None, None));
        assert_eq!(signals.page_host.as_deref(), Some("shop.example"));
        assert_eq!(signals.page_path.as_deref(), Some("/p/mug"));
    }

    #[test]
    fn of_several_click_ids_the_one_of_the_named_source_is_kept() {
        let kind = |address| read(address).click_id_kind;
        assert_eq!(kind("https://a.de/?fbclid=Fb&gclid=Gc").as_deref(), Some("gclid"));
        assert_eq!(kind("https://a.de/?fbclid=Fb&gclid=Gc&utm_source=facebook").as_deref(), Some("fbclid"));
        assert_eq!(read("https://a.de/?ScCid=AbC").click_id.as_deref(), Some("AbC"));
        assert_eq!(kind("https://a.de/?gclid={gclid}"), None);
    }

    #[test]
    fn an_app_is_a_referrer_by_its_package() {
        let mut reader = SignalReader::default();
        reader.referrer("android-app://com.google.android.gm/");
        assert_eq!(reader.finish().referrer_host.as_deref(), Some("com.google.android.gm"));
    }
}
