//! What an arrival leaves in the address bar and in the referrer.

use crate::catalogue::product_at;
use crate::scene::{Arrival, Place};
use crate::shops::{Platform, Shop, campaign};

/// The utm parameters of a landing page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utm {
    pub source: &'static str,
    pub medium: &'static str,
    pub campaign: &'static str,
    /// The platform's campaign id.
    pub id: Option<&'static str>,
}

impl Arrival {
    pub(crate) fn utm(self) -> Option<Utm> {
        match self {
            Self::Ad { campaign: index, .. } => {
                let campaign = campaign(index);
                let (source, medium) = match campaign.platform {
                    Platform::Google => ("google", "cpc"),
                    Platform::Meta => ("facebook", "paid_social"),
                };
                Some(Utm { source, medium, campaign: campaign.utm, id: Some(campaign.id) })
            }
            Self::Newsletter => Some(Utm { source: "newsletter", medium: "email", campaign: "weekly", id: None }),
            Self::Direct | Self::OrganicSearch | Self::OrganicSocial { .. } => None,
        }
    }

    /// Parameter and value of the click id, if the link carried one.
    pub(crate) fn click_id(self) -> Option<(&'static str, String)> {
        match self {
            Self::Ad { campaign: index, click } => Some(match campaign(index).platform {
                Platform::Google => ("gclid", format!("EAIaIQ{:032x}", click.0)),
                Platform::Meta => ("fbclid", format!("IwAR0{:032x}", click.0)),
            }),
            Self::OrganicSocial { click: Some(click) } => Some(("fbclid", format!("IwAR1{:032x}", click.0))),
            _ => None,
        }
    }

    /// The document's referrer; empty where the browser sent none.
    pub(crate) fn referrer(self) -> &'static str {
        match self {
            Self::Ad { campaign: index, .. } => match campaign(index).platform {
                Platform::Google => "https://www.google.com/",
                Platform::Meta => "https://l.facebook.com/",
            },
            Self::OrganicSearch => "https://www.google.com/",
            Self::OrganicSocial { click: Some(_) } => "https://l.facebook.com/",
            Self::OrganicSocial { click: None } => "https://www.pinterest.com/",
            Self::Newsletter | Self::Direct => "",
        }
    }

    /// The query of the landing page with its question mark; empty where there is none.
    pub(crate) fn query(self) -> String {
        let mut parameters: Vec<(&str, String)> = Vec::new();
        if let Some(utm) = self.utm() {
            let named = [("utm_source", utm.source), ("utm_medium", utm.medium), ("utm_campaign", utm.campaign)];
            parameters.extend(named.into_iter().chain(utm.id.map(|id| ("utm_id", id))).map(|(k, v)| (k, v.to_owned())));
        }
        parameters.extend(self.click_id());
        let text: Vec<String> = parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        if text.is_empty() { String::new() } else { format!("?{}", text.join("&")) }
    }
}

impl Place {
    /// The path of the page.
    pub(crate) fn path(self) -> String {
        match self {
            Self::Home => "/".to_owned(),
            Self::Collection => "/collections/all".to_owned(),
            Self::Product(index) => format!("/p/{}", product_at(index).slug),
            Self::Cart => "/cart".to_owned(),
            Self::Checkout => "/checkout".to_owned(),
            Self::ThankYou => "/thank-you".to_owned(),
            Self::Account => "/account".to_owned(),
        }
    }

    /// The title of the page.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Collection => "All products",
            Self::Product(index) => product_at(index).name,
            Self::Cart => "Cart",
            Self::Checkout => "Checkout",
            Self::ThankYou => "Thank you",
            Self::Account => "Account",
        }
    }

    /// The page's address without a query.
    pub(crate) fn url(self, shop: &Shop) -> String {
        format!("{}{}", shop.storefront, self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Id128;

    #[test]
    fn an_ad_click_carries_utm_parameters_and_the_click_id_of_its_platform() {
        let google = Arrival::Ad { campaign: 0, click: Id128(10) };
        let expected = "?utm_source=google&utm_medium=cpc&utm_campaign=brand_de&utm_id=111&gclid=EAIaIQ";
        assert_eq!(google.query(), format!("{expected}{:032x}", 10));
        let meta = Arrival::Ad { campaign: 7, click: Id128(11) };
        assert!(meta.query().contains("utm_medium=paid_social&utm_campaign=prospecting&utm_id=2301&fbclid=IwAR0"));
    }

    #[test]
    fn a_post_may_carry_fbclid_without_any_campaign() {
        let post = Arrival::OrganicSocial { click: Some(Id128(1)) };
        assert!(post.query().starts_with("?fbclid=") && post.utm().is_none());
        assert_eq!((Arrival::Direct.query(), Arrival::Direct.referrer()), (String::new(), ""));
    }
}
