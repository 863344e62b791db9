//! Settings: `config/tributary.toml`, then `TRIBUTARY__SECTION__KEY`. Unknown keys are refused.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use config::{Config, Environment, File, FileFormat};
use definitions::Definitions;
use include_dir::{Dir, include_dir};
use ingestion::CollectorConfig;
use model::traffic::ChannelRules;
use normalization::{MappingFile, SourceConfig, SourceKind};
use query::{EngineSettings, IdentityConfig};
use serde::Deserialize;
use server::ServerConfig;

/// What is shipped, used where no folder is named and `config/` is not there: the folder of the repository, as it was
/// when the binary was built.
static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../config");

/// Everything that an operator may set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The house as a whole.
    pub workspace: Workspace,
    /// Who sends what: one entry a source.
    pub sources: Vec<SourceConfig>,
    /// The HTTP doors in.
    pub collector: CollectorConfig,
    /// The HTTP doors out.
    pub server: ServerConfig,
    /// How questions are answered.
    pub query: QuerySettings,
    /// Which ids stand for nobody, and from which degree on one is a hub.
    #[serde(default)]
    pub identity: IdentityConfig,
}

/// `[workspace]`: the house as a whole.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Reporting zone, IANA name: where days, weeks and months are cut.
    pub zone: String,
    /// Source whose rates convert amounts, such as `ecb`; empty: the only one that has any.
    #[serde(default)]
    pub rates: String,
    /// Secret with which e-mail addresses and phone numbers are hashed on the way in. Never change it: the same
    /// address would become another person.
    pub contact_key: String,
}

/// `[query]`: how questions are answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuerySettings {
    /// Bytes that all questions together may hold in memory; beyond it they spill to disk, or fail where they cannot.
    pub memory_bytes_max: usize,
    /// Bytes of events that are kept in memory as the last questions about people read them, so that the same question is
    /// answered faster; 0: none.
    pub hot_bytes_max: usize,
}

/// Settings with the files that belong to them.
#[derive(Debug)]
pub struct Loaded {
    /// What the operator set.
    pub settings: Settings,
    /// What the stewards decided.
    pub definitions: Definitions,
    /// How traffic is read.
    pub channels: ChannelRules,
    /// How rows of files are read.
    pub mappings: Vec<MappingFile>,
    /// Mappings that are not readable: work in progress, which must not keep the others from working.
    pub mapping_mistakes: Vec<String>,
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workspace")
            .field("zone", &self.zone)
            .field("rates", &self.rates)
            .field("contact_key", &"<hidden>")
            .finish()
    }
}

impl Settings {
    /// What the engine needs to know.
    #[must_use]
    pub fn engine(&self) -> EngineSettings {
        let shops = self.sources.iter().filter(|source| source.kind == SourceKind::Shopify);
        let shop_by_web_source: BTreeMap<String, String> =
            shops.filter_map(|shop| Some((shop.web_source.clone()?, shop.name.clone()))).collect();
        EngineSettings {
            zone: self.workspace.zone.clone(),
            shop_by_web_source,
            rates: Some(self.workspace.rates.clone()).filter(|source| !source.is_empty()),
            memory_bytes_max: self.query.memory_bytes_max,
            threads: None,
            hot_bytes_max: self.query.hot_bytes_max,
            identity: self.identity.clone(),
        }
    }

    fn check(&self) -> Result<()> {
        model::time::zone(&self.workspace.zone).map_err(|error| anyhow!("workspace.zone: {error}"))?;
        if self.workspace.contact_key.len() < 16 {
            bail!("workspace.contact_key has fewer than 16 characters; take 32 random ones and keep them");
        }
        let limits = [
            ("known_ids_per_device_max", self.identity.known_ids_per_device_max),
            ("devices_per_id_per_day_max", self.identity.devices_per_id_per_day_max),
        ];
        if let Some((key, _)) = limits.into_iter().find(|(_, limit)| *limit == 0) {
            bail!("identity.{key} is 0, expected at least 1: else every login would make a hub");
        }
        let known = |name: &str, kind| self.sources.iter().any(|source| source.name == name && source.kind == kind);
        for (key, source) in &self.collector.write_keys {
            if !known(source, SourceKind::Segment) {
                bail!("collector.write_keys.{key} names \"{source}\", which is no source of kind \"segment\"");
            }
        }
        for shop in self.collector.shopify.keys() {
            if !known(shop, SourceKind::Shopify) {
                bail!("collector.shopify.{shop} is no source of kind \"shopify\"");
            }
        }
        Ok(())
    }
}

/// Reads the folder `config` (or what is shipped, where it is not there), and the environment over it.
///
/// # Errors
/// Every mistake with file, key or line, and the nearest right spelling.
pub fn load(folder: Option<&Path>) -> Result<Loaded> {
    let folder = folder.or_else(|| Some(Path::new("config")).filter(|path| path.join("tributary.toml").is_file()));
    let Folder { toml, channels, definitions: files, mappings } = match folder {
        Some(folder) => read_folder(folder)?,
        None => shipped(),
    };
    let settings = read_settings(&toml)?;
    let definitions = Definitions::parse(&files)
        .map_err(|mistakes| anyhow!("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let channels: ChannelRules =
        definitions::parse_yaml("channels.yaml", &channels).map_err(|mistake| anyhow!("{mistake}"))?;
    let (mut sound, mut mapping_mistakes) = (Vec::new(), Vec::new());
    for (name, text) in &mappings {
        match parse_mapping(&format!("mappings/{name}"), text) {
            Ok(mapping) => sound.push(mapping),
            Err(mistake) => mapping_mistakes.push(mistake.to_string()),
        }
    }
    Ok(Loaded { settings, definitions, channels, mappings: sound, mapping_mistakes })
}

/// Settings from TOML text, with the environment over it.
///
/// # Errors
/// An unknown key with the nearest right one, a wrong type, or values that contradict each other.
pub fn read_settings(toml: &str) -> Result<Settings> {
    let environment = Environment::with_prefix("TRIBUTARY").separator("__").prefix_separator("__").try_parsing(true);
    let settings: Settings = Config::builder()
        .add_source(File::from_str(toml, FileFormat::Toml))
        .add_source(environment)
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| anyhow!("settings: {}", with_nearest(&error.to_string())))?;
    settings.check()?;
    Ok(settings)
}

/// Adds the nearest right spelling to serde's «unknown field `x`, expected one of `a`, `b`».
fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((found, known)) = quoted.split_first().filter(|_| message.contains("unknown field")) else {
        return message.to_owned();
    };
    match known.iter().min_by_key(|name| strsim::damerau_levenshtein(found, name)) {
        Some(nearest) if strsim::damerau_levenshtein(found, nearest) <= 3 => {
            format!("{message}; did you mean `{nearest}`?")
        }
        _ => message.to_owned(),
    }
}

/// Reads one mapping's file. What its expressions mean is checked when it is compiled.
///
/// # Errors
/// With the line, and the nearest right spelling of an unknown key.
pub fn read_mapping(path: &Path) -> Result<MappingFile> {
    parse_mapping(&path.display().to_string(), &read(path)?)
}

fn parse_mapping(name: &str, text: &str) -> Result<MappingFile> {
    definitions::parse_yaml(name, text).map_err(|mistake| anyhow!("{mistake}"))
}

/// The texts of a configuration; definitions and mappings with the names of their files.
struct Folder {
    toml: String,
    channels: String,
    definitions: Vec<(String, String)>,
    mappings: Vec<(String, String)>,
}

fn shipped() -> Folder {
    let text = |path: &str| SHIPPED.get_file(path).and_then(|file| file.contents_utf8()).unwrap_or_default().to_owned();
    let yaml = |folder: &str| {
        let files = SHIPPED.get_dir(folder).into_iter().flat_map(Dir::files);
        let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "yaml"));
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut texts: Vec<(String, String)> =
            files.filter_map(|file| Some((name(file.path()), file.contents_utf8()?.to_owned()))).collect();
        texts.sort();
        texts
    };
    Folder {
        toml: text("tributary.toml"),
        channels: text("channels.yaml"),
        definitions: yaml("definitions"),
        mappings: yaml("mappings"),
    }
}

fn read_folder(folder: &Path) -> Result<Folder> {
    let mappings = folder.join("mappings");
    Ok(Folder {
        toml: read(&folder.join("tributary.toml"))?,
        channels: read(&folder.join("channels.yaml"))?,
        definitions: read_yaml(&folder.join("definitions"))?,
        mappings: if mappings.is_dir() { read_yaml(&mappings)? } else { Vec::new() },
    })
}

/// Every YAML file of a folder with its name, sorted.
fn read_yaml(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, read(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_settings_are_sound() {
        let loaded = read_settings(&shipped().toml).unwrap();
        assert_eq!(loaded.server, ServerConfig::default());
        assert_eq!(loaded.identity, IdentityConfig::default());
        assert!(!format!("{loaded:?}").contains(&loaded.workspace.contact_key));
    }

    #[test]
    fn everything_in_the_configuration_folder_is_shipped() {
        let folder = read_folder(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"))).unwrap();
        let shipped = shipped();
        assert_eq!((shipped.definitions, shipped.mappings), (folder.definitions, folder.mappings));
    }

    #[test]
    fn a_limit_of_hubs_is_at_least_one() {
        let wrong = shipped().toml.replace("known_ids_per_device_max = 10", "known_ids_per_device_max = 0");
        let message = read_settings(&wrong).unwrap_err().to_string();
        assert!(message.contains("identity.known_ids_per_device_max is 0, expected at least 1"), "{message}");
    }

    #[test]
    fn an_unknown_key_names_the_nearest_right_one() {
        let wrong = shipped().toml.replace("rows_max = ", "row_max = ");
        let message = read_settings(&wrong).unwrap_err().to_string();
        assert!(message.contains("did you mean `rows_max`?"), "{message}");
    }
}
