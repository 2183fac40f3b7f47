//! The file of extra headers for a gateway.

use std::path::Path;

use sealpost_sdk::ClientConfig;

use crate::failure::Failure;

/// Adds the headers of `file` to `config`: one `Name: value` a line; empty lines and lines that start with `#` do not
/// count.
pub(crate) fn add_from_file(config: &mut ClientConfig, file: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| Failure::file(format!("the headers file {}", file.display()), source))?;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself is not shown: it may hold a secret.
        let place = format!("line {} of the headers file", number + 1);
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| Failure::usage(format!("{place} is not `Name: value`")))?;
        config
            .add_header(name.trim(), value.trim())
            .map_err(|error| Failure::usage(format!("{place}: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientConfig, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        std::fs::write(&file, text).unwrap();
        let mut config = ClientConfig::new("https://relay.example.org", folder.path())?;
        add_from_file(&mut config, &file)?;
        Ok(config)
    }

    #[test]
    fn headers_are_read_and_comments_are_not() {
        let config = read("# gateway\n\nCF-Access-Client-Id: one\nCF-Access-Client-Secret: a:b\n").unwrap();
        assert_eq!(config.headers.len(), 2);
        assert_eq!(config.headers["cf-access-client-secret"], "a:b");
    }

    #[test]
    fn wrong_line_is_named_and_not_shown() {
        let failure = read("X-One: 1\nsecret without a colon\n").err().unwrap();
        assert_eq!(
            failure.to_string(),
            "line 2 of the headers file is not `Name: value`"
        );
    }
}
