//! The list `facts` of a mapping: which facts a row becomes, and when.

use model::{Fact, RecordKey};

use super::{
    Build,
    compile::Compiler,
    edge::EdgeTemplate,
    evaluate::Frame,
    event::EventTemplate,
    expression::Expr,
    field::Each,
    file::{FactTemplate, MappingFile, RecordUnit},
    order::OrderTemplate,
    pulls::{ClaimTemplate, CostTemplate, Pulls},
    rate::RateTemplate,
    refund::RefundTemplate,
};
use crate::{error::NormalizeError, source::Normalized};

/// One entry of `facts`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    each: Each,
    kind: TemplateKind,
}

#[derive(Debug, Clone)]
enum TemplateKind {
    Event(Box<EventTemplate>),
    Order(Box<OrderTemplate>),
    Refund(Box<RefundTemplate>),
    Cost(Box<CostTemplate>),
    Claim(Box<ClaimTemplate>),
    Edge(Box<EdgeTemplate>),
    Rate(Box<RateTemplate>),
}

/// What was made of a record so far.
#[derive(Default)]
pub(crate) struct Made<'a> {
    /// The facts.
    pub(crate) facts: Vec<Fact>,
    /// The books of a report.
    pub(crate) pulls: Option<Pulls<'a>>,
    /// True where a row passed the mapping's `when`.
    pub(crate) counted: bool,
    /// True where an order had nothing to say.
    partial: bool,
}

impl Template {
    /// Reads `facts`.
    pub(crate) fn compile_all(compiler: &mut Compiler<'_>, file: &MappingFile) -> Vec<Self> {
        if file.facts.is_empty() {
            compiler.mistake("facts", "a row becomes nothing; expected a list such as - order: {…}");
        }
        let templates = file.facts.iter().enumerate().filter_map(|(at, fact)| {
            let path = format!("facts[{at}]");
            let (each, kind) = compiler.each(&path, (&fact.each, &fact.item, &fact.when), |compiler| {
                TemplateKind::compile(compiler, &path, fact, file)
            });
            Some(Self { each, kind: kind? })
        });
        templates.collect()
    }

    /// Adds the facts that it makes of a row.
    pub(crate) fn make<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        build: &Build<'_>,
        made: &mut Made<'_>,
    ) -> Result<(), NormalizeError> {
        self.each.visit(frame, &mut |frame| match (&self.kind, &mut made.pulls) {
            (TemplateKind::Event(event), _) => event.facts(frame, build, &mut made.facts),
            (TemplateKind::Order(order), _) => {
                let before = made.facts.len();
                order.facts(frame, build, &mut made.facts)?;
                made.partial |= made.facts.len() == before;
                Ok(())
            }
            (TemplateKind::Refund(refund), _) => refund.facts(frame, build, &mut made.facts),
            (TemplateKind::Edge(edge), _) => edge.facts(frame, build, &mut made.facts),
            (TemplateKind::Rate(rate), _) => rate.facts(frame, build, &mut made.facts),
            (TemplateKind::Cost(cost), Some(pulls)) => pulls.cost(cost, frame),
            (TemplateKind::Claim(claim), Some(pulls)) => pulls.claim(claim, frame),
            (TemplateKind::Cost(_) | TemplateKind::Claim(_), None) => Ok(()),
        })
    }

    /// True for costs and claims, which need a pull.
    pub(crate) fn is_report(&self) -> bool {
        matches!(self.kind, TemplateKind::Cost(_) | TemplateKind::Claim(_))
    }

    /// The platform, where the mapping names it as a constant.
    pub(crate) fn platform(&self) -> Option<&str> {
        let field = match &self.kind {
            TemplateKind::Cost(cost) => cost.platform(),
            TemplateKind::Claim(claim) => claim.platform(),
            _ => return None,
        };
        match &field.tree {
            Expr::Text(platform) => Some(platform),
            _ => None,
        }
    }
}

impl TemplateKind {
    fn compile(compiler: &mut Compiler<'_>, path: &str, fact: &FactTemplate, file: &MappingFile) -> Option<Self> {
        let mapping = file.name.as_str();
        let kinds = [
            fact.event.as_ref().map(|fields| {
                Self::Event(Box::new(EventTemplate::compile(compiler, &format!("{path}.event"), fields, mapping)))
            }),
            fact.order.as_ref().map(|fields| {
                Self::Order(Box::new(OrderTemplate::compile(compiler, &format!("{path}.order"), fields, mapping)))
            }),
            fact.refund.as_ref().map(|fields| {
                Self::Refund(Box::new(RefundTemplate::compile(compiler, &format!("{path}.refund"), fields)))
            }),
            fact.cost
                .as_ref()
                .map(|fields| Self::Cost(Box::new(CostTemplate::compile(compiler, &format!("{path}.cost"), fields)))),
            fact.claim.as_ref().map(|fields| {
                Self::Claim(Box::new(ClaimTemplate::compile(compiler, &format!("{path}.claim"), fields)))
            }),
            fact.rate
                .as_ref()
                .map(|fields| Self::Rate(Box::new(RateTemplate::compile(compiler, &format!("{path}.rate"), fields)))),
        ];
        let mut kinds: Vec<Self> = kinds.into_iter().flatten().collect();
        let named = kinds.len() + usize::from(fact.edge.is_some());
        if named != 1 {
            let list = "event, order, refund, cost, claim, edge, rate";
            compiler.mistake(path, format!("names {named} kinds of facts, expected exactly one of {list}"));
        }
        if let Some(fields) = &fact.edge {
            let edge = EdgeTemplate::compile(compiler, &format!("{path}.edge"), fields, mapping);
            kinds.extend(edge.map(|edge| Self::Edge(Box::new(edge))));
        }
        if (fact.cost.is_some() || fact.claim.is_some()) && file.record == RecordUnit::Row {
            let problem =
                "needs \"record: file\", since a report speaks of all its days at once: what it leaves out is zero";
            compiler.mistake(path, problem);
        }
        kinds.into_iter().next()
    }
}

impl Made<'_> {
    /// The record's outcome: its facts, or why there are none.
    pub(crate) fn normalized(self, key: RecordKey) -> Normalized {
        match (self.facts.is_empty(), self.counted && self.partial) {
            (false, _) => Normalized::facts(key, self.facts),
            (true, true) => Normalized::ignored(key, "partial"),
            (true, false) => Normalized::ignored(key, "filtered"),
        }
    }
}
