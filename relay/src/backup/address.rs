//! How `pg_dump` and `pg_restore` reach the database that the relay's pool reaches.

use std::process::Command;

use crate::config::SecretText;

/// Parameters that the relay's pool understands and libpq knows by another name; without one, libpq does not know them.
const PARAMETERS: [(&str, Option<&str>); 6] = [
    ("ssl-mode", Some("sslmode")),
    ("ssl-root-cert", Some("sslrootcert")),
    ("ssl-ca", Some("sslrootcert")),
    ("ssl-cert", Some("sslcert")),
    ("ssl-key", Some("sslkey")),
    ("statement-cache-capacity", None),
];

/// Where a database is, for libpq: the password apart, because others see a command line.
pub(super) struct DatabaseAddress {
    url: String,
    password: Option<SecretText>,
}

impl DatabaseAddress {
    /// Takes a URL apart as the relay's pool reads it.
    pub(super) fn of(database_url: &str) -> Self {
        let (base, query) = database_url.split_once('?').unwrap_or((database_url, ""));
        let (base, mut password) = without_password(base);
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = PARAMETERS.iter().find(|(ours, _)| *ours == name);
            match known.map_or(Some(name), |(_, theirs)| *theirs) {
                Some("password") => password = Some(decoded(value)),
                Some(name) => kept.push(format!("{name}={value}")),
                None => {}
            }
        }
        let query = if kept.is_empty() {
            String::new()
        } else {
            format!("?{}", kept.join("&"))
        };
        Self {
            url: format!("{base}{query}"),
            password,
        }
    }

    /// Tells a program, the password in its environment.
    pub(super) fn show_to(&self, command: &mut Command) {
        command.arg(format!("--dbname={}", self.url));
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password.expose_secret());
        }
    }
}

/// `postgres://alice:secret@host/name` without `:secret`, and that.
fn without_password(base: &str) -> (String, Option<SecretText>) {
    let Some((scheme, rest)) = base.split_once("://") else {
        return (base.to_owned(), None);
    };
    let Some((user, place)) = rest.rsplit_once('@') else {
        return (base.to_owned(), None);
    };
    match user.split_once(':') {
        Some((name, secret)) => (format!("{scheme}://{name}@{place}"), Some(decoded(secret))),
        None => (base.to_owned(), None),
    }
}

/// Undoes `%41`.
fn decoded(text: &str) -> SecretText {
    let pair = format!("x={}", text.replace('+', "%2B"));
    let found = url::form_urlencoded::parse(pair.as_bytes()).next();
    SecretText::new(found.map_or_else(String::new, |(_, value)| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, Option<String>) {
        let address = DatabaseAddress::of(url);
        let password = address
            .password
            .map(|password| password.expose_secret().to_owned());
        (address.url, password)
    }

    #[test]
    fn a_password_is_never_on_the_command_line() {
        for (url, shown) in [
            (
                "postgres://alice:a%20%2Bb+c@host:5432/name",
                "postgres://alice@host:5432/name",
            ),
            (
                "postgres:///name?user=alice&password=a%20%2Bb%2Bc",
                "postgres:///name?user=alice",
            ),
        ] {
            let (found, password) = parts(url);
            assert_eq!((found.as_str(), password.as_deref()), (shown, Some("a +b+c")));
        }
        assert_eq!(
            parts("postgres://alice@host/name"),
            ("postgres://alice@host/name".into(), None)
        );
    }

    #[test]
    fn what_the_pool_alone_understands_is_translated() {
        let (url, _) =
            parts("postgres:///name?host=%2Frun&ssl-mode=require&ssl-ca=a.pem&statement-cache-capacity=7");
        assert_eq!(
            url,
            "postgres:///name?host=%2Frun&sslmode=require&sslrootcert=a.pem"
        );
    }
}
