//! Edges of mapped files: two ids that belong to one person.

use model::{Edge, EdgeRule, Fact, Node, NodeKind};

use super::{
    Build,
    compile::Compiler,
    evaluate::Frame,
    field::{Field, optional, required},
    fields::{EdgeFields, NodeFields},
    value::EvalError,
};
use crate::error::NormalizeError;

/// `edge`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct EdgeTemplate {
    left: NodeTemplate,
    right: NodeTemplate,
    at: Field,
}

#[derive(Debug, Clone)]
struct NodeTemplate {
    kind: IdKind,
    id: Field,
    shop: Option<Field>,
    device_source: String,
}

#[derive(Debug, Clone, Copy)]
enum IdKind {
    User,
    Customer,
    Email,
    Phone,
    Device,
    Order,
}

impl EdgeTemplate {
    /// Reads `edge` at `path`. None where an end names no id, which is noted as a mistake.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &EdgeFields, mapping: &str) -> Option<Self> {
        let left = NodeTemplate::compile(compiler, &format!("{path}.left"), &fields.left, mapping);
        let right = NodeTemplate::compile(compiler, &format!("{path}.right"), &fields.right, mapping);
        let at = compiler.field(&format!("{path}.at"), &fields.at);
        Some(Self { left: left?, right: right?, at })
    }

    /// The edge; none where both ends are the same id.
    pub(crate) fn facts<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        build: &Build<'_>,
        out: &mut Vec<Fact>,
    ) -> Result<(), NormalizeError> {
        let (a, b) = (self.left.node(frame, build)?, self.right.node(frame, build)?);
        let meta = build.stamp.meta(required(&self.at, |field| field.instant(frame))?);
        if a != b {
            let rule = rule(a.kind, b.kind);
            out.push(Fact::Edge(Edge { meta, a, b, rule }));
        }
        Ok(())
    }
}

impl NodeTemplate {
    fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &NodeFields, mapping: &str) -> Option<Self> {
        let kinds = [
            ("user", IdKind::User, &fields.user),
            ("customer", IdKind::Customer, &fields.customer),
            ("contact_email", IdKind::Email, &fields.contact_email),
            ("contact_phone", IdKind::Phone, &fields.contact_phone),
            ("device", IdKind::Device, &fields.device),
            ("order", IdKind::Order, &fields.order),
        ];
        let mut given = kinds.into_iter().filter_map(|(name, kind, text)| Some((name, kind, text.as_ref()?)));
        let (Some((name, kind, text)), None) = (given.next(), given.next()) else {
            let list = kinds.map(|(name, ..)| name).join(", ");
            compiler.mistake(path, format!("expected exactly one of {list}"));
            return None;
        };
        Some(Self {
            kind,
            id: compiler.field(&format!("{path}.{name}"), text),
            shop: compiler.optional(&format!("{path}.shop"), &fields.shop),
            device_source: fields.device_source.clone().unwrap_or_else(|| mapping.to_owned()),
        })
    }

    fn node<'r>(&'r self, frame: Frame<'_, 'r>, build: &Build<'_>) -> Result<Node, NormalizeError> {
        let id = required(&self.id, |field| field.personal(frame))?;
        let shop = optional(&self.shop, |field| field.text(frame))?.unwrap_or_else(|| build.name.to_owned());
        let contacts = build.contacts;
        let no_contact = |expected: &str| {
            self.id.unreadable(EvalError { found: "<hidden>".to_owned(), expected: expected.to_owned() })
        };
        Ok(match self.kind {
            IdKind::User => contacts.user(&id),
            IdKind::Customer => Node::customer(&shop, &contacts.id(&id)),
            IdKind::Order => Node::order(&shop, &contacts.id(&id)),
            IdKind::Device => Node::device(&self.device_source, &contacts.id(&id)),
            IdKind::Email => contacts.email(&id).ok_or_else(|| no_contact("an e-mail address"))?,
            IdKind::Phone => contacts.phone(&id).ok_or_else(|| no_contact("a phone number of 7 to 17 digits"))?,
        })
    }
}

/// By which rule two kinds of ids are joined.
fn rule(a: NodeKind, b: NodeKind) -> EdgeRule {
    let either = |kind| a == kind || b == kind;
    match () {
        () if either(NodeKind::Contact) => EdgeRule::Contact,
        () if either(NodeKind::Device) && a != b => EdgeRule::Identify,
        () if either(NodeKind::Order) && a != b => EdgeRule::Customer,
        () => EdgeRule::Alias,
    }
}
