//! What stewards decide about who is who: a pair of nodes linked, or parted. A source of the house's own.
//!
//! Each decision is a record of the inbox like a sender's, and becomes one edge. Who decided and why stands in the
//! record alone: no fact holds it.

use std::sync::Arc;

use model::{Edge, EdgeRule, Fact, Node, NodeKind, RawRecord, RecordKey, UtcMillis};
use serde::{Deserialize, Serialize};

use crate::{
    error::NormalizeError,
    personal,
    source::{Normalized, Source, Stamp},
};

/// The source of stewards' decisions. No configured source and no mapping may have its name.
pub const SOURCE: &str = "tributary.identity";

/// Hexadecimal digits of a contact's keyed hash.
const CONTACT_DIGITS: usize = 32;

/// How a node is written.
const NODE: &str = "a node as table persons shows it: user::ID, customer:SHOP:ID, order:SHOP:ID, device:SOURCE:ID, or \
    contact::HASH with the 32 hexadecimal digits of its keyed hash, never an address or number";

/// What a steward decides about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairDecision {
    /// The two are one person.
    Link,
    /// The edges between the two do not count.
    Unlink,
}

/// A decision on a pair of nodes: the payload of its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StewardDecision {
    /// What is decided.
    pub decision: PairDecision,
    /// One end, `kind:scope:id`.
    pub a: String,
    /// The other end, `kind:scope:id`.
    pub b: String,
    /// Who decides.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it is decided. Of several decisions on a pair the latest holds.
    #[serde(with = "rfc3339")]
    pub at: UtcMillis,
}

/// The adapter of stewards' decisions.
pub(crate) struct Stewards;

impl PairDecision {
    /// The decision with this name: `link` or `unlink`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Link, Self::Unlink].into_iter().find(|decision| decision.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Unlink => "unlink",
        }
    }

    /// The rule of its edge.
    #[must_use]
    pub fn rule(self) -> EdgeRule {
        match self {
            Self::Link => EdgeRule::StewardLink,
            Self::Unlink => EdgeRule::StewardUnlink,
        }
    }
}

impl Source for Stewards {
    fn normalize(&self, raw: &RawRecord) -> Result<Normalized, NormalizeError> {
        let said: StewardDecision = serde_json::from_slice(&raw.payload)
            .map_err(|_| NormalizeError::shape("expected a steward's decision: decision, a, b, by, reason, at"))?;
        let (a, b) = read_pair(&said.a, &said.b)?;
        // A decision may be taken again, so its place among the others is its key.
        let key = RecordKey { source: Arc::clone(&raw.source), node: String::new(), id: raw.offset.to_string() };
        let meta = Stamp::new(raw, &key).meta(said.at);
        Ok(Normalized::facts(key, vec![Fact::Edge(Edge { meta, a, b, rule: said.decision.rule() })]))
    }
}

/// The two nodes of a decision.
///
/// # Errors
/// [`NormalizeError::Malformed`] where one is no node, or both are the same.
pub fn read_pair(a: &str, b: &str) -> Result<(Node, Node), NormalizeError> {
    let (one, other) = (read_node("a", a)?, read_node("b", b)?);
    if one == other {
        return Err(NormalizeError::malformed("b", b, "another node than \"a\""));
    }
    Ok((one, other))
}

/// Reads a node as tables write it. `field` is what an error calls it.
///
/// An id that an e-mail address or a phone number stands in is none: facts hold only its keyed hash.
///
/// # Errors
/// [`NormalizeError::Malformed`] that says how a node is written.
pub fn read_node(field: &str, text: &str) -> Result<Node, NormalizeError> {
    let hash = |id: &str| id.len() == CONTACT_DIGITS && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let sound = |node: &Node| {
        let workspace_wide = matches!(node.kind, NodeKind::User | NodeKind::Contact);
        let written = !node.id.is_empty() && node.scope.is_empty() == workspace_wide;
        let id_sound = match node.kind {
            NodeKind::Contact => hash(&node.id),
            NodeKind::User => !(node.id.starts_with('+') && personal::looks_personal(&node.id)),
            NodeKind::Customer | NodeKind::Order | NodeKind::Device => true,
        };
        written && id_sound && !personal::holds_email(&node.id)
    };
    Node::from_text(text).filter(sound).ok_or_else(|| NormalizeError::malformed(field, text, NODE))
}

/// Instants as people read them.
mod rfc3339 {
    use model::UtcMillis;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(at: &UtcMillis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UtcMillis, D::Error> {
        UtcMillis::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use model::Digest;

    use super::*;
    use crate::{Normalizer, SourceConfig, SourceKind, Verdict};

    fn verdict(payload: &str) -> Verdict {
        let record = RawRecord {
            source: SOURCE.into(),
            channel: SOURCE.into(),
            offset: 3,
            received_at: UtcMillis(9_000),
            headers: Arc::default(),
            payload: payload.as_bytes().to_vec().into(),
        };
        Normalizer::new(&[], [7; 32]).expect("no source is a sound list").normalize(&record).verdict
    }

    fn decided(a: &str, b: &str) -> Verdict {
        let (a, b, by, reason) = (a.to_owned(), b.to_owned(), "Kim".to_owned(), "ticket 7".to_owned());
        let said = StewardDecision { decision: PairDecision::Link, a, b, by, reason, at: UtcMillis(5_000) };
        verdict(&serde_json::to_string(&said).expect("a decision can be written"))
    }

    #[test]
    fn a_decision_is_an_edge_of_the_instant_at_which_it_was_taken() {
        let payload = r#"{"decision": "unlink", "a": "user::u1", "b": "device:web:d:1", "by": "Kim", "reason": "kiosk",
            "at": "1970-01-01T00:00:05Z"}"#;
        let Verdict::Facts(facts) = verdict(payload) else { panic!("a sound decision") };
        let [Fact::Edge(edge)] = facts.as_slice() else { panic!("one edge") };
        assert_eq!((&edge.a, &edge.b), (&Node::user("u1"), &Node::device("web", "d:1")));
        assert_eq!((edge.rule, edge.meta.occurred_at), (EdgeRule::StewardUnlink, UtcMillis(5_000)));
        assert_eq!(edge.meta.key, Digest::of_parts([SOURCE, "", "3"]));
        assert!(!format!("{edge:?}").contains("Kim"), "who decided stands in no fact");
    }

    #[test]
    fn each_kind_of_node_is_read_and_what_is_none_says_how_it_is_written() {
        let hash = "0123456789abcdef0123456789abcdef";
        for text in
            ["user::u1", "user::+1", "customer:shop:5", "order:shop:7", "device:web:d1", &format!("contact::{hash}")]
        {
            assert_eq!(read_node("a", text).map(|node| node.to_text()), Ok(text.to_owned()));
        }
        let bad = [
            "u1",
            "user:u1",
            "user:web:u1",
            "user::",
            "customer::5",
            "device::d1",
            "person::u1",
            "contact::abc",
            &format!("contact:web:{hash}"),
            &format!("contact::{}", hash.to_uppercase()),
        ];
        for text in bad {
            let message = read_node("b", text).expect_err(text).to_string();
            assert!(message.starts_with(&format!("field \"b\" is \"{text}\", expected a node as table")), "{message}");
        }
    }

    #[test]
    fn addresses_and_numbers_in_clear_are_refused_and_not_repeated() {
        for text in ["contact::ann@example.com", "user::ann@example.com", "device:web:x|ann@example.com"] {
            let Verdict::Rejected(reject) = decided("user::u1", text) else { panic!("{text} is no node") };
            assert!(!format!("{reject:?}").contains("ann"), "{reject:?}");
        }
        assert!(matches!(decided("user::+491701234567", "user::u1"), Verdict::Rejected(_)));
        assert!(matches!(decided("user::u1", "user::u1"), Verdict::Rejected(_)));
        assert!(matches!(decided("user::u1", "user::u2"), Verdict::Facts(_)));
        assert!(matches!(verdict(r#"{"decision": "merge"}"#), Verdict::Rejected(_)));
    }

    #[test]
    fn no_other_source_has_the_name() {
        let config = SourceConfig {
            name: SOURCE.to_owned(),
            kind: SourceKind::Segment,
            default_currency: None,
            web_source: None,
            zone: None,
        };
        assert!(Normalizer::new(&[config], [7; 32]).is_err_and(|error| error.to_string().contains("the house's own")));
        assert!(Normalizer::new(&[], [7; 32]).is_ok_and(|normalizer| normalizer.has_source(SOURCE)));
    }
}
