//! Stored traffic signals → source, medium, channel and flags, by the rules of `config/channels.yaml`: pure look-ups,
//! made on reading and once per distinct value.

use model::{ChannelCondition, ChannelRules, ClickIdRule, Signals, SourceClass};

use crate::glob::{host_matches, is_or_below, matches};

/// What stands where a visit names nothing.
const NOT_SET: &str = "(not set)";

/// What the rules make of one visit's signals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Where the visitor came from: `google`, `newsletter`, `(direct)`.
    pub source: String,
    /// By what means: `cpc`, `organic`, `referral`, `(none)`.
    pub medium: String,
    /// The campaign, else `(not set)`.
    pub campaign: String,
    /// The channel, such as `Paid Search`.
    pub channel: String,
    /// True where the page carries utm parameters or a click id.
    pub campaign_present: bool,
    /// True where the user agent is a bot's.
    pub bot: bool,
    /// True on hosts of staff or test systems, and when coming from one.
    pub internal: bool,
    /// True where the visitor only came back from the shop's own pages or a payment provider, without a campaign.
    pub continues_session: bool,
}

/// Source, medium and campaign.
struct Origin {
    source: String,
    medium: String,
    campaign: Option<String>,
}

/// Reads signals by the rules.
#[must_use]
pub fn classify(rules: &ChannelRules, signals: &Signals) -> Traffic {
    let returned = returned(rules, signals);
    let origin = tagged(rules, signals).unwrap_or_else(|| match &signals.referrer_host {
        Some(host) if !returned => referred(rules, host),
        _ => Origin::new("(direct)", "(none)"),
    });
    let campaign = signals.utm_campaign.clone().or(origin.campaign).unwrap_or_else(|| NOT_SET.to_owned());
    let channel = channel(rules, &origin.source, &origin.medium, &campaign);
    let campaign_present =
        [&signals.utm_source, &signals.utm_medium, &signals.utm_campaign, &signals.utm_id, &signals.click_id_kind]
            .into_iter()
            .any(Option::is_some);
    Traffic {
        source: origin.source,
        medium: origin.medium,
        campaign,
        channel,
        campaign_present,
        bot: is_bot(rules, signals),
        internal: is_internal(rules, signals),
        continues_session: returned && !campaign_present,
    }
}

impl Origin {
    fn new(source: &str, medium: &str) -> Self {
        Self { source: source.to_owned(), medium: medium.to_owned(), campaign: None }
    }
}

/// What utm parameters and click id say. A paid click id fills in for a missing medium, as auto-tagging does.
fn tagged(rules: &ChannelRules, signals: &Signals) -> Option<Origin> {
    let click = signals.click_id_kind.as_ref().and_then(|kind| rules.click_ids.get(kind));
    let (source, medium) = (signals.utm_source.as_deref(), signals.utm_medium.as_deref());
    match (source, medium, click) {
        (_, None, Some(click @ ClickIdRule { paid: true, .. })) => Some(Origin::new(&click.source, &click.medium)),
        (None, None, None) => None,
        (source, medium, click) => Some(Origin::new(
            source.or(click.map(|click| click.source.as_str())).unwrap_or(NOT_SET),
            medium.or(click.map(|click| click.medium.as_str())).unwrap_or(NOT_SET),
        )),
    }
}

/// What the referring host says: a known site, else the host itself.
fn referred(rules: &ChannelRules, host: &str) -> Origin {
    match known_site(rules, host, host_matches) {
        Some((class, name)) => {
            let class_rules = rules.classes.get(&class);
            Origin {
                source: name.to_owned(),
                medium: class_rules.map_or_else(|| "referral".to_owned(), |class| class.medium.clone()),
                campaign: class_rules.and_then(|class| class.campaign.clone()),
            }
        }
        None => Origin::new(host.strip_prefix("www.").unwrap_or(host), "referral"),
    }
}

/// The class and name of the site whose pattern fits best: the longest, ties to the earlier class and name.
fn known_site<'a>(rules: &'a ChannelRules, text: &str, fits: fn(&str, &str) -> bool) -> Option<(SourceClass, &'a str)> {
    let mut best: Option<(usize, SourceClass, &str)> = None;
    for (class, site) in &rules.classes {
        for (name, patterns) in &site.sources {
            let longest = patterns.iter().filter(|pattern| fits(pattern, text)).map(String::len).max();
            if let Some(length) = longest.filter(|length| best.is_none_or(|(known, ..)| known < *length)) {
                best = Some((length, *class, name));
            }
        }
    }
    best.map(|(_, class, name)| (class, name))
}

fn channel(rules: &ChannelRules, source: &str, medium: &str, campaign: &str) -> String {
    let (source, medium, campaign) = (source.to_lowercase(), medium.to_lowercase(), campaign.to_lowercase());
    let named = |pattern: &str, text: &str| pattern == text || host_matches(pattern, text);
    let class = rules
        .classes
        .iter()
        .find(|(_, site)| site.sources.contains_key(&source))
        .map(|(class, _)| *class)
        .or_else(|| known_site(rules, &source, named).map(|(class, _)| class));
    let holds = |when: &ChannelCondition| {
        when.source_class.is_none_or(|wanted| class == Some(wanted))
            && any(&when.source, &source)
            && any(&when.medium, &medium)
            && any(&when.campaign, &campaign)
    };
    let rule = rules.channels.iter().find(|rule| rule.when.iter().any(holds));
    rule.map_or_else(|| rules.fallback_channel.clone(), |rule| rule.channel.clone())
}

/// True where no pattern is asked for, or one matches.
fn any(patterns: &[String], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
}

/// True for a referrer that is the shop itself (same host, or one below the other) or a payment provider.
fn returned(rules: &ChannelRules, signals: &Signals) -> bool {
    let Some(referrer) = signals.referrer_host.as_deref() else { return false };
    let bare = |host: &'_ str| host.strip_prefix("www.").unwrap_or(host).to_owned();
    let own = signals.page_host.as_deref().is_some_and(|page| {
        let (page, referrer) = (bare(page), bare(referrer));
        is_or_below(&page, &referrer) || is_or_below(&referrer, &page)
    });
    own || rules.continuing_hosts.iter().any(|pattern| host_matches(pattern, referrer))
}

fn is_internal(rules: &ChannelRules, signals: &Signals) -> bool {
    let hosts = [&signals.page_host, &signals.referrer_host];
    hosts.into_iter().flatten().any(|host| rules.internal_hosts.iter().any(|pattern| host_matches(pattern, host)))
}

fn is_bot(rules: &ChannelRules, signals: &Signals) -> bool {
    let agent = signals.user_agent.as_deref().unwrap_or_default().to_lowercase();
    !agent.is_empty() && rules.bot_user_agents.iter().any(|part| agent.contains(part.as_str()))
}
