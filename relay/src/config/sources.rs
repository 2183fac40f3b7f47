//! Where the configuration comes from.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{Config, ConfigError, TelemetryConfig, secret::is_world_readable};

/// Variables that override keys begin with this; `__` separates section and key.
const PREFIX: &str = "SEALPOST__";
/// Keys whose value is a secret, with the sections that lead to them.
const SECRETS: [(&[&str], &str); 4] = [
    (&["database"], "url"),
    (&["kms", "openbao"], "secret_id"),
    (&["backup", "openbao"], "secret_id"),
    (&["blobs"], "secret_key"),
];

/// All sources of one configuration, in order of precedence from low to high.
#[derive(Default)]
pub struct Sources {
    base: Table,
    file: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Sources {
    /// The file, if one is named, and the variables of this process.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let variables = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        Self {
            base: Table::new(),
            file,
            variables: variables.collect(),
        }
    }

    /// Adds values below the file and the variables, above what was added before.
    #[must_use]
    pub fn over(mut self, base: Table) -> Self {
        merge(&mut self.base, base);
        self
    }

    /// Leaves the file out, where it would name another relay than the one that is meant.
    #[must_use]
    pub fn without_file(mut self) -> Self {
        self.file = None;
        self
    }

    /// Adds variables above all others.
    #[must_use]
    pub fn with_variables<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.variables.extend(owned);
        self
    }

    /// The section `[telemetry]` alone, for who logs before the rest is known.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn telemetry(&self) -> Result<TelemetryConfig, ConfigError> {
        let section = self.merge()?.remove("telemetry");
        section.map_or_else(
            || Ok(TelemetryConfig::default()),
            |section| section.try_into().map_err(shape),
        )
    }

    /// All sources as one TOML text, without the secrets that stand in them by value: for a backup.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn without_secrets(&self) -> Result<String, ConfigError> {
        let mut table = self.merge()?;
        for (sections, key) in SECRETS {
            let section = sections
                .iter()
                .try_fold(&mut table, |table, name| table.get_mut(*name)?.as_table_mut());
            section.and_then(|section| section.remove(key));
        }
        Ok(table.to_string())
    }

    /// Whether the file holds a secret by value and everybody may read it.
    pub(super) fn file_exposes_secrets(&self) -> Result<bool, ConfigError> {
        let Some(path) = self.file.as_deref().filter(|path| is_world_readable(path)) else {
            return Ok(false);
        };
        let table = read(path)?;
        Ok(SECRETS.iter().any(|(sections, key)| {
            let section = sections
                .iter()
                .try_fold(&table, |table, name| table.get(*name)?.as_table());
            section.is_some_and(|section| section.contains_key(*key))
        }))
    }

    pub(super) fn into_config(self) -> Result<Config, ConfigError> {
        let nothing_named = self.file.is_none() && self.base.is_empty();
        self.merge()?.try_into().map_err(|error| match shape(error) {
            ConfigError::Shape(what) if nothing_named => ConfigError::NoFile(what),
            error => error,
        })
    }

    fn merge(&self) -> Result<Table, ConfigError> {
        let mut table = self.base.clone();
        if let Some(path) = &self.file {
            merge(&mut table, read(path)?);
        }
        for (name, value) in &self.variables {
            merge(&mut table, variable(name, value)?);
        }
        Ok(table)
    }
}

/// On one line, like every other message.
fn shape(error: toml::de::Error) -> ConfigError {
    ConfigError::Shape(error.to_string().trim().replace('\n', " "))
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            place: format!("{}, line {}", path.display(), line(&text, &error)),
            // The error's own text would quote the line, and a secret with it.
            message: error.message().to_owned(),
        })
}

fn line(text: &str, error: &toml::de::Error) -> usize {
    let before = error.span().map_or(0, |span| span.start);
    1 + text.bytes().take(before).filter(|byte| *byte == b'\n').count()
}

/// Tables are merged key by key; anything else is replaced.
fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// `SEALPOST__DATABASE__MAX_CONNECTIONS=5` becomes `database = { max_connections = 5 }`.
fn variable(name: &str, value: &str) -> Result<Table, ConfigError> {
    let path = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
    let mut keys = path.split("__").collect::<Vec<_>>();
    let last = keys
        .pop()
        .filter(|key| !key.is_empty() && !keys.contains(&""))
        .ok_or_else(|| ConfigError::Syntax {
            place: name.to_owned(),
            message: format!("expected a name like {PREFIX}SECTION__KEY"),
        })?;
    let leaf = Table::from_iter([(last.to_owned(), parse(value))]);
    Ok(keys.into_iter().rev().fold(leaf, |table, key| {
        Table::from_iter([(key.to_owned(), Value::Table(table))])
    }))
}

/// A value in TOML's own notation where it is one, so that numbers, booleans and lists can be given; else a text.
fn parse(value: &str) -> Value {
    value.parse().unwrap_or_else(|_| Value::String(value.to_owned()))
}
