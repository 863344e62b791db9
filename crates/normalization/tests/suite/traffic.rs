//! The shipped `config/channels.yaml`: what it makes of visits, channel by channel.

use std::path::Path;

use model::{ChannelRules, RawRecord, Signals};
use normalization::{Traffic, Verdict, classify};
use proptest::prelude::*;

use crate::support::{normalizer, record};

fn rules() -> ChannelRules {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/channels.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The signals that the Segment adapter reads from a page view at `url`, referred by `referrer`.
fn visit(url: &str, referrer: &str) -> Signals {
    let page = serde_json::json!({ "url": url, "referrer": referrer });
    let message = serde_json::json!({ "type": "page", "anonymousId": "a", "context": { "page": page } }).to_string();
    let raw: RawRecord = record("segment", &[], message.as_bytes());
    let Verdict::Facts(facts) = normalizer().normalize(&raw).verdict else { panic!("no facts for {url}") };
    let model::Fact::Event(event) = &facts[0] else { panic!("no event for {url}") };
    event.signals.clone()
}

/// query of the landing page, referrer, expected "source / medium / campaign → channel".
const VISITS: &[(&str, &str, &str)] = &[
    ("", "", "(direct) / (none) / (not set) → Direct"),
    ("gclid=EAIaIQ-demo&utm_campaign=", "https://www.google.com/", "google / cpc / (not set) → Paid Search"),
    ("wbraid=x", "", "google / cpc / (not set) → Paid Search"),
    ("utm_source=google&utm_medium=cpc&utm_campaign=cross-network", "", "google / cpc / cross-network → Cross-network"),
    ("utm_source=google&utm_medium=cpc&utm_campaign=Winter-Shop", "", "google / cpc / Winter-Shop → Paid Shopping"),
    ("utm_source=google&utm_medium=cpc&utm_campaign=bishop", "", "google / cpc / bishop → Paid Search"),
    ("utm_source=Facebook&utm_medium=paid_social", "", "Facebook / paid_social / (not set) → Paid Social"),
    ("utm_source=ig&utm_medium=cpm", "", "ig / cpm / (not set) → Paid Social"),
    ("utm_source=blog&utm_medium=cpm", "", "blog / cpm / (not set) → Display"),
    ("utm_source=youtube.com&utm_medium=cpv", "", "youtube.com / cpv / (not set) → Paid Video"),
    ("utm_source=blog&utm_medium=video", "", "blog / video / (not set) → Organic Video"),
    ("utm_source=amazon&utm_medium=ppc", "", "amazon / ppc / (not set) → Paid Shopping"),
    ("utm_source=blog&utm_medium=retargeting", "", "blog / retargeting / (not set) → Paid Other"),
    ("dclid=x", "", "dv360 / display / (not set) → Display"),
    ("fbclid=IwAR0", "https://l.facebook.com/", "facebook.com / referral / (not set) → Organic Social"),
    ("fbclid=IwAR0", "", "facebook.com / referral / (not set) → Organic Social"),
    ("fbclid=x&utm_source=facebook&utm_medium=cpc", "", "facebook / cpc / (not set) → Paid Social"),
    ("srsltid=x", "https://www.google.com/", "shopping free listings / organic / (not set) → Organic Shopping"),
    ("", "https://www.amazon.co.uk/", "amazon.com / referral / (not set) → Organic Shopping"),
    ("", "https://t.co/", "x.com / referral / (not set) → Organic Social"),
    ("", "https://m.youtube.com/", "youtube.com / referral / (not set) → Organic Video"),
    ("", "https://www.google.de/", "google / organic / (not set) → Organic Search"),
    ("", "https://duckduckgo.com/", "duckduckgo / organic / (not set) → Organic Search"),
    ("", "https://mail.google.com/", "gmail / email / (not set) → Email"),
    ("", "android-app://com.google.android.gm/", "gmail / email / (not set) → Email"),
    ("", "https://gemini.google.com/", "gemini.google.com / ai-assistant / (ai-assistant) → AI Assistant"),
    ("", "https://chatgpt.com/", "chatgpt.com / ai-assistant / (ai-assistant) → AI Assistant"),
    ("utm_source=chatgpt.com", "", "chatgpt.com / (not set) / (not set) → AI Assistant"),
    ("", "https://www.blog.example.org/post", "blog.example.org / referral / (not set) → Referral"),
    ("utm_source=newsletter&utm_medium=email&utm_campaign=jan", "", "newsletter / email / jan → Email"),
    ("utm_source=partner&utm_medium=affiliate", "", "partner / affiliate / (not set) → Affiliates"),
    ("awc=1_2_3", "", "awin / affiliate / (not set) → Affiliates"),
    ("utm_source=spotify&utm_medium=audio", "", "spotify / audio / (not set) → Audio"),
    ("utm_source=sms&utm_medium=text", "", "sms / text / (not set) → SMS"),
    ("utm_source=app&utm_medium=web-push", "", "app / web-push / (not set) → Mobile Push"),
    ("utm_source=poster", "", "poster / (not set) / (not set) → Unassigned"),
    ("utm_campaign=only", "https://www.bing.com/", "bing / organic / only → Organic Search"),
    ("msclkid=x", "https://www.bing.com/", "bing / cpc / (not set) → Paid Search"),
    ("", "https://checkout.stripe.com/", "(direct) / (none) / (not set) → Direct"),
];

#[test]
fn visits_fall_into_the_channels_of_the_default_group() {
    let rules = rules();
    let mut channels = std::collections::BTreeSet::new();
    for (query, referrer, expected) in VISITS {
        let traffic = classify(&rules, &visit(&format!("https://shop.example/p/mug?{query}"), referrer));
        let Traffic { source, medium, campaign, channel, .. } = &traffic;
        assert_eq!(format!("{source} / {medium} / {campaign} → {channel}"), *expected, "{query} from {referrer}");
        assert_eq!(
            traffic.campaign_present,
            query.contains("utm_") && !query.ends_with("utm_") || query.contains("id=") || query.contains("awc="),
            "{query}"
        );
        channels.insert(channel.clone());
    }
    let all = rules.channels.iter().map(|rule| rule.channel.clone()).chain([rules.fallback_channel.clone()]);
    assert_eq!(all.collect::<std::collections::BTreeSet<_>>(), channels, "every channel has a visit");
}

#[test]
fn coming_back_from_the_own_shop_or_a_payment_provider_continues_the_session() {
    let rules = rules();
    let continues = |url: &str, referrer: &str| classify(&rules, &visit(url, referrer)).continues_session;
    assert!(continues("https://shop.example/thanks", "https://checkout.stripe.com/pay"));
    assert!(continues("https://www.shop.example/", "https://shop.example/p/mug"));
    assert!(continues("https://shop.example/", "https://checkout.shop.example/"));
    assert!(!continues("https://shop.example/", "https://myshop.example/"));
    assert!(!continues("https://shop.example/?utm_source=x", "https://shop.example/"));
    assert!(!continues("https://shop.example/", ""));
    assert!(continues("https://shop.example/", "https://accounts.google.com/"));
}

#[test]
fn bots_and_internal_visits_are_flagged() {
    let rules = rules();
    let of = |agent: &str| {
        let signals = Signals { user_agent: Some(agent.to_owned()), ..Signals::default() };
        classify(&rules, &signals).bot
    };
    assert!(of("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"));
    assert!(of("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/130.0.0.0"));
    assert!(of("python-requests/2.32"));
    assert!(!of("Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 50) Chrome/130.0.0.0 Mobile"));
    assert!(!classify(&rules, &Signals::default()).bot);
    assert!(classify(&rules, &visit("http://localhost:3000/", "")).internal);
    assert!(!classify(&rules, &visit("https://shop.example/", "")).internal);
}

#[test]
fn every_click_id_of_the_table_is_read_from_addresses() {
    for kind in rules().click_ids.keys() {
        assert_eq!(visit(&format!("https://shop.example/?{kind}=Xy"), "").click_id_kind.as_ref(), Some(kind));
    }
}

proptest! {
    #[test]
    fn any_signals_have_a_channel(source in "\\PC{0,12}", medium in "\\PC{0,12}", host in "[a-z.*\\[\\]]{0,20}") {
        let signals = Signals {
            utm_source: Some(source),
            utm_medium: Some(medium),
            referrer_host: Some(host.clone()),
            page_host: Some(host),
            ..Signals::default()
        };
        prop_assert!(!classify(&rules(), &signals).channel.is_empty());
    }
}
