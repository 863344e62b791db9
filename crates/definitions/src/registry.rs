//! All definitions of a workspace, by kind and name.

use std::collections::BTreeMap;

use model::{HousePolicy, PlatformPolicy};

use crate::{
    conversion::ConversionDefinition,
    conversion_reader,
    document::{self, YamlNode, YamlValue},
    error::DefinitionError,
    event_columns::EventColumns,
    funnel::FunnelDefinition,
    funnel_reader,
    metric::{Formula, MetricContract},
    metric_reader::{self, Models},
    model_reader::{self, Outline},
    policy,
    section::{Mistakes, Section},
    semantic_model::SemanticModel,
    spelling,
    stored::hash_of,
};

/// Everything that stewards decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions {
    /// `semantic_model:` by name.
    pub semantic_models: BTreeMap<String, Defined<SemanticModel>>,
    /// `metric:` by name.
    pub metrics: BTreeMap<String, Defined<MetricContract>>,
    /// `conversion:` by name.
    pub conversions: BTreeMap<String, Defined<ConversionDefinition>>,
    /// `funnel:` by name.
    pub funnels: BTreeMap<String, Defined<FunnelDefinition>>,
    /// `policy:` by name.
    pub house_policies: BTreeMap<String, Defined<HousePolicy>>,
    /// `platform_policy:` by platform.
    pub platform_policies: BTreeMap<String, Defined<PlatformPolicy>>,
}

/// One definition and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defined<T> {
    /// What it says.
    pub value: T,
    /// Whether it is in force.
    pub status: DefinitionStatus,
    /// The canonical text, one line of JSON: without comments and status.
    pub text: String,
    /// BLAKE3 of the canonical text, 64 hex digits.
    pub hash: String,
    /// The file that holds it.
    pub file: String,
    /// The line on which it starts, from 1.
    pub line: u64,
}

/// Whether a definition is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefinitionStatus {
    /// Written, not signed.
    Draft,
    /// Signed by all who must.
    Approved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    SemanticModel,
    Metric,
    Conversion,
    Funnel,
    Policy,
    PlatformPolicy,
}

const KINDS: [(&str, Kind); 6] = [
    ("metric", Kind::Metric),
    ("conversion", Kind::Conversion),
    ("funnel", Kind::Funnel),
    ("policy", Kind::Policy),
    ("platform_policy", Kind::PlatformPolicy),
    ("semantic_model", Kind::SemanticModel),
];

/// A definition whose kind, name and status are read, and nothing else.
struct Head<'a> {
    kind: Kind,
    name: String,
    status: Option<DefinitionStatus>,
    file: &'a str,
    node: &'a YamlNode,
    section: Section<'a>,
}

impl DefinitionStatus {
    /// As written: `draft` or `approved`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
        }
    }
}

impl<T> Defined<T> {
    /// The first 12 hex digits of the hash: the version that answers name.
    #[must_use]
    pub fn version(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

impl Definitions {
    /// Reads all files, as (name, text). The order of the files does not matter.
    ///
    /// # Errors
    /// Every mistake, by file and line. What rests on a semantic model is read only once the models are sound, so
    /// that one mistake is not reported many times.
    pub fn parse(files: &[(String, String)]) -> Result<Self, Vec<DefinitionError>> {
        let mistakes = Mistakes::default();
        let documents = read_files(files, &mistakes);
        Self::from_documents(&documents, mistakes)
    }

    /// Reads documents, each with the name of its file; `mistakes` are those made before.
    pub(crate) fn from_documents(
        documents: &[(&str, YamlNode)],
        mistakes: Mistakes,
    ) -> Result<Self, Vec<DefinitionError>> {
        let heads = read_heads(documents, &mistakes);
        let mut definitions = Self::default();
        definitions.read_all(&heads, &mistakes);
        if mistakes.count() == 0 { Ok(definitions) } else { Err(mistakes.sorted()) }
    }

    /// True for a kind of definition that is read here; others (such as `channels`) are somebody else's.
    #[must_use]
    pub fn reads(kind: &str) -> bool {
        KINDS.iter().any(|(word, _)| *word == kind)
    }

    /// A metric by name.
    ///
    /// # Errors
    /// [`DefinitionError::NotFound`] with the nearest name and all others; so for every look-up.
    pub fn metric(&self, name: &str) -> Result<&Defined<MetricContract>, DefinitionError> {
        look_up(&self.metrics, "metric", name)
    }

    /// A conversion by name.
    ///
    /// # Errors
    /// As [`Definitions::metric`].
    pub fn conversion(&self, name: &str) -> Result<&Defined<ConversionDefinition>, DefinitionError> {
        look_up(&self.conversions, "conversion", name)
    }

    /// A funnel by name.
    ///
    /// # Errors
    /// As [`Definitions::metric`].
    pub fn funnel(&self, name: &str) -> Result<&Defined<FunnelDefinition>, DefinitionError> {
        look_up(&self.funnels, "funnel", name)
    }

    /// A house policy by name.
    ///
    /// # Errors
    /// As [`Definitions::metric`].
    pub fn house_policy(&self, name: &str) -> Result<&Defined<HousePolicy>, DefinitionError> {
        look_up(&self.house_policies, "policy", name)
    }

    /// A platform's policy by the platform's name.
    ///
    /// # Errors
    /// As [`Definitions::metric`].
    pub fn platform_policy(&self, platform: &str) -> Result<&Defined<PlatformPolicy>, DefinitionError> {
        look_up(&self.platform_policies, "platform_policy", platform)
    }

    /// True where a metric or a conversion rests on the semantic model of this name.
    #[must_use]
    pub fn rest_on(&self, model: &str) -> bool {
        let parts = self.metrics.values().flat_map(|metric| match &metric.value.formula {
            Formula::Simple { value } => vec![value],
            Formula::Ratio { numerator, denominator } => vec![numerator, denominator],
        });
        parts
            .map(|part| &part.of)
            .chain(self.conversions.values().map(|conversion| &conversion.value.of))
            .any(|of| of == model)
    }

    /// A semantic model by name.
    ///
    /// # Errors
    /// As [`Definitions::metric`].
    pub fn semantic_model(&self, name: &str) -> Result<&Defined<SemanticModel>, DefinitionError> {
        look_up(&self.semantic_models, "semantic_model", name)
    }

    fn read_all(&mut self, heads: &[Head<'_>], mistakes: &Mistakes) {
        let of_kind = |kind| heads.iter().filter(move |head| head.kind == kind);
        for head in of_kind(Kind::Policy) {
            head.keep(&mut self.house_policies, policy::read_house(&head.name, &head.section));
        }
        for head in of_kind(Kind::PlatformPolicy) {
            head.keep(&mut self.platform_policies, policy::read_platform(&head.name, &head.section));
        }
        let unrelated = mistakes.count();
        let outlines: BTreeMap<String, Outline> = of_kind(Kind::SemanticModel)
            .filter_map(|head| Some((head.name.clone(), Outline::read(&head.section)?)))
            .collect();
        if mistakes.count() > unrelated {
            return;
        }
        for head in of_kind(Kind::SemanticModel) {
            head.keep(&mut self.semantic_models, model_reader::read(&head.name, &head.section, &outlines));
        }
        if mistakes.count() > unrelated {
            return;
        }
        let models = Models { by_name: &self.semantic_models, outlines: &outlines };
        for head in of_kind(Kind::Metric) {
            head.keep(&mut self.metrics, metric_reader::read(&head.name, &head.section, models));
        }
        for head in of_kind(Kind::Conversion) {
            head.keep(&mut self.conversions, conversion_reader::read(&head.name, &head.section, models));
        }
        let columns = EventColumns::among(&self.semantic_models);
        for head in of_kind(Kind::Funnel) {
            head.keep(&mut self.funnels, funnel_reader::read(&head.name, &head.section, columns.as_ref()));
        }
    }
}

impl Head<'_> {
    fn keep<T>(&self, into: &mut BTreeMap<String, Defined<T>>, value: Option<T>) {
        let (Some(value), Some(status)) = (value, self.status) else { return };
        let text = self.node.canonical_text();
        let hash = hash_of(&text);
        let defined = Defined { value, status, text, hash, file: self.file.to_owned(), line: self.node.line };
        into.insert(self.name.clone(), defined);
    }
}

fn look_up<'a, T>(
    all: &'a BTreeMap<String, Defined<T>>,
    kind: &'static str,
    name: &str,
) -> Result<&'a Defined<T>, DefinitionError> {
    let not_found = || DefinitionError::NotFound { kind, name: name.to_owned(), known: all.keys().cloned().collect() };
    all.get(name).ok_or_else(not_found)
}

/// Every document with its file's name, by file name.
fn read_files<'a>(files: &'a [(String, String)], mistakes: &Mistakes) -> Vec<(&'a str, YamlNode)> {
    let mut sorted: Vec<&(String, String)> = files.iter().collect();
    sorted.sort();
    let mut documents = Vec::new();
    for (file, text) in sorted {
        match document::read(file, text) {
            Ok(nodes) => documents.extend(nodes.into_iter().map(|node| (file.as_str(), node))),
            Err(error) => mistakes.add(error),
        }
    }
    documents
}

fn read_heads<'a>(documents: &'a [(&'a str, YamlNode)], mistakes: &'a Mistakes) -> Vec<Head<'a>> {
    let mut heads: Vec<Head<'a>> = Vec::new();
    let mut first: BTreeMap<(Kind, String), String> = BTreeMap::new();
    for (file, node) in documents {
        let Some(head) = read_head(file, node, mistakes) else { continue };
        let place = format!("{file}:{}", node.line);
        if let Some(first) = first.get(&(head.kind, head.name.clone())) {
            let what = head.section.what();
            head.section.mistake(node.line, format!("{what} is defined a second time; the first is at {first}"));
            continue;
        }
        first.insert((head.kind, head.name.clone()), place);
        heads.push(head);
    }
    heads
}

fn read_head<'a>(file: &'a str, node: &'a YamlNode, mistakes: &'a Mistakes) -> Option<Head<'a>> {
    let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
    let section = Section::open(file, node, "a definition".to_owned(), mistakes)?;
    let first = match &node.value {
        YamlValue::Mapping(entries) => entries.first(),
        _ => None,
    };
    let Some(first) = first else {
        section.mistake(node.line, format!("the definition is empty, expected one of: {}", spelling::or_none(&words)));
        return None;
    };
    let Some((word, kind)) = KINDS.iter().find(|(word, _)| *word == first.key) else {
        section.mistake(first.line, spelling::unknown_among("kind of definition", &first.key, &words));
        return None;
    };
    let name = section.name(word)?;
    let section = section.renamed(format!("{word} \"{name}\""));
    let statuses = [("draft", DefinitionStatus::Draft), ("approved", DefinitionStatus::Approved)];
    let status = section.choice("status", &statuses);
    Some(Head { kind: *kind, name, status, file, node, section })
}
