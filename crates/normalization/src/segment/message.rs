//! One message: its kind, its context (its own over the batch's), where it was recorded, and what it says beside.

use std::borrow::Cow;

use model::{EventKind, Origin, RawRecord, Signals};

use crate::{
    contact::Contacts,
    error::NormalizeError,
    json::{self, Object},
    personal,
    signals::SignalReader,
};

/// Words in a library's name that only mobile SDKs have.
const APP_LIBRARIES: [&str; 8] = ["ios", "android", "kotlin", "swift", "flutter", "native", "unity", "xamarin"];
/// Words in a library's name that only server SDKs have. `analytics.js` and `analytics-next` have none of them.
const SERVER_LIBRARIES: [&str; 11] =
    ["node", "python", "ruby", "go", "golang", "java", "php", "net", "rust", "clojure", "server"];

/// One message as sent.
pub(crate) struct Message<'a> {
    /// The message itself.
    pub(crate) body: Object<'a>,
    /// Its own context.
    context: Object<'a>,
    /// The batch's context, for what its own does not say.
    shared: Object<'a>,
    /// What kind it is.
    pub(crate) kind: EventKind,
}

impl<'a> Message<'a> {
    /// Reads the kind from the message, else from the header `path`.
    pub(crate) fn read(body: Object<'a>, shared: Object<'a>, raw: &RawRecord) -> Result<Self, NormalizeError> {
        let stated = body.word("type")?.or_else(|| raw.header("path").map(Cow::Borrowed));
        let kind = kind(&json::required(stated, "type")?)?;
        let context = body.object("context")?;
        Ok(Self { body, context, shared, kind })
    }

    /// Browser, app or server, by the channel that the sender names, else by its library.
    pub(crate) fn origin(&self) -> Result<Origin, NormalizeError> {
        let channel = match self.context_of("channel").word("channel")? {
            Some(channel) => Some(channel),
            None => self.body.word("channel")?,
        };
        match channel.as_deref() {
            Some("server") => return Ok(Origin::Server),
            Some("mobile") => return Ok(Origin::App),
            Some("browser" | "web") => return Ok(Origin::Browser),
            _ => {}
        }
        let library = self.context_of("library").object("library")?;
        let name = library.word("name")?.unwrap_or_default();
        let name = if name.bytes().any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_lowercase())
        } else {
            name
        };
        let has = |known: &[&str]| name.split(|c: char| !c.is_alphanumeric()).any(|word| known.contains(&word));
        Ok(match () {
            () if has(&APP_LIBRARIES) => Origin::App,
            () if has(&SERVER_LIBRARIES) => Origin::Server,
            () => Origin::Browser,
        })
    }

    /// `traits` of identify and group calls, `properties` of the others.
    pub(crate) fn properties(&self) -> Result<Object<'a>, NormalizeError> {
        match self.kind {
            EventKind::Identify | EventKind::Group => self.body.object("traits"),
            _ => self.body.object("properties"),
        }
    }

    /// The properties without personal fields; what a page, screen or group call says beside them follows.
    pub(crate) fn redacted_properties(
        &self,
        properties: &Object<'_>,
        contacts: &Contacts,
    ) -> Result<String, NormalizeError> {
        let beside: &[&str] = match self.kind {
            EventKind::Page | EventKind::Screen => &["name", "category"],
            EventKind::Group => &["groupId"],
            _ => &[],
        };
        let mut extra = Vec::new();
        for key in beside {
            extra.extend(self.body.personal(key)?.map(|text| (*key, contacts.id(&text))));
        }
        let hidden: &[&str] = if self.kind == EventKind::Identify { &["name"] } else { &[] };
        Ok(personal::redacted(properties, &extra, hidden))
    }

    /// The traffic signals of the page: its address first, then what the SDK read from it.
    pub(crate) fn signals(&self) -> Result<Signals, NormalizeError> {
        let mut reader = SignalReader::default();
        self.read_page(&self.context_of("page").object("page")?, &mut reader);
        if self.kind == EventKind::Page {
            self.read_page(&self.properties()?, &mut reader);
        }
        for (name, value) in self.context_of("campaign").object("campaign")?.entries() {
            let name = if name == "name" { "campaign" } else { name.as_ref() };
            if let Some(value) = value.digits_or_text() {
                reader.campaign(name, &value);
            }
        }
        if let Some(address) = lenient(&self.context_of("referrer").object("referrer")?, "url") {
            reader.referrer(&address);
        }
        if let Some(agent) = lenient(self.context_of("userAgent"), "userAgent") {
            reader.user_agent(&agent);
        }
        Ok(reader.finish())
    }

    fn read_page(&self, page: &Object<'_>, reader: &mut SignalReader) {
        if let Some(path) = lenient(page, "path") {
            reader.path(&path);
        }
        if let Some(address) = lenient(page, "url") {
            reader.page(&address);
        }
        if let Some(query) = lenient(page, "search") {
            reader.query(&query);
        }
        if let Some(address) = lenient(page, "referrer") {
            reader.referrer(&address);
        }
    }

    /// The context that says `key`: the message's own, else the batch's.
    fn context_of(&self, key: &str) -> &Object<'a> {
        if self.context.get(key).is_some() { &self.context } else { &self.shared }
    }
}

/// A text that only feeds signals: one of another type is as absent, since no number depends on it alone.
fn lenient<'a>(object: &Object<'a>, key: &str) -> Option<Cow<'a, str>> {
    object.get(key).and_then(json::Json::text).filter(|text| !text.trim().is_empty())
}

fn kind(name: &str) -> Result<EventKind, NormalizeError> {
    Ok(match name {
        "track" => EventKind::Track,
        "page" => EventKind::Page,
        "screen" => EventKind::Screen,
        "identify" => EventKind::Identify,
        "group" => EventKind::Group,
        "alias" => EventKind::Alias,
        _ => {
            let expected = "one of track, page, screen, identify, group, alias";
            return Err(NormalizeError::malformed("type", &personal::masked(name), expected));
        }
    })
}
