//! Where the database is and how it is spoken to: the settings of its URL, as the relay's pool understands them.
//!
//! The pool is sqlx's, this crate's driver is another. Both must read one URL alike, or a migration would run over a
//! connection that is less protected than the one it is run for.

use std::{env, path::PathBuf, str::FromStr};

use tokio_postgres::config::{Config, SslMode};
use url::form_urlencoded;

use crate::Error;

/// What `sslmode` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No TLS: `disable`, and `allow`, which the pool treats alike.
    Disable,
    /// TLS where the server offers it, with whoever it is.
    #[default]
    Prefer,
    /// TLS, with whoever it is.
    Require,
    /// TLS, with somebody whose certificate is by a trusted authority.
    VerifyCa,
    /// TLS, with somebody whose certificate is by a trusted authority and names the host.
    VerifyFull,
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "disable" | "allow" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err(Error::Tls("sslmode is none that Postgres has".into())),
        })
    }
}

/// What the URL says of TLS. Paths are of PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    pub(crate) mode: Mode,
    /// Authorities to trust beside the public ones.
    pub(crate) root_certificates: Option<PathBuf>,
    /// The client's own certificate.
    pub(crate) certificate: Option<PathBuf>,
    /// The key of that.
    pub(crate) key: Option<PathBuf>,
}

impl TlsSettings {
    /// What the variables of libpq say, which hold where the URL is silent.
    fn of_environment() -> Result<Self, Error> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name| variable(name).map(PathBuf::from);
        Ok(Self {
            mode: variable("PGSSLMODE").map_or(Ok(Mode::default()), |mode| mode.parse())?,
            root_certificates: path("PGSSLROOTCERT"),
            certificate: path("PGSSLCERT"),
            key: path("PGSSLKEY"),
        })
    }

    /// Takes a parameter of the URL; `false` if it says nothing of TLS.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Error> {
        match name {
            "sslmode" | "ssl-mode" => self.mode = value.parse()?,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => self.root_certificates = Some(value.into()),
            "sslcert" | "ssl-cert" => self.certificate = Some(value.into()),
            "sslkey" | "ssl-key" => self.key = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A database to connect to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) tls: TlsSettings,
}

impl Target {
    /// Reads a `postgres://` URL.
    pub(crate) fn parse(database_url: &str) -> Result<Self, Error> {
        let (base, query) = database_url.split_once('?').unwrap_or((database_url, ""));
        let (mut tls, mut kept) = (TlsSettings::of_environment()?, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else {
                continue;
            };
            if !tls.take(&name, &value)? && name != "statement-cache-capacity" {
                kept.push(pair);
            }
        }
        let mut config: Config = format!("{base}?{}", kept.join("&"))
            .parse()
            .map_err(Error::Connect)?;
        config.ssl_mode(match tls.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        Ok(Self { config, tls })
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    #[test]
    fn what_a_url_says_of_tls_is_taken_and_the_rest_left() {
        let url = "postgres://me:a%26b@example.org:5433/mine?sslmode=verify-full&sslrootcert=%2Fa%20b%2Fca.pem\
                   &application_name=x%20y&statement-cache-capacity=7&ssl-cert=c.pem&sslkey=k.pem";
        let target = Target::parse(url).unwrap();
        let expected = TlsSettings {
            mode: Mode::VerifyFull,
            root_certificates: Some("/a b/ca.pem".into()),
            certificate: Some("c.pem".into()),
            key: Some("k.pem".into()),
        };
        assert_eq!(target.tls, expected);
        assert_eq!(target.config.get_hosts(), [Host::Tcp("example.org".into())]);
        assert_eq!(target.config.get_ports(), [5433]);
        assert_eq!(target.config.get_password(), Some(&b"a&b"[..]));
        assert_eq!(target.config.get_application_name(), Some("x y"));
        assert_eq!(target.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn every_mode_of_the_pool_is_known_and_no_other() {
        let mode =
            |text: &str| Target::parse(&format!("postgres:///?host=%2Ftmp&{text}")).map(|it| it.tls.mode);
        assert_eq!(mode("").unwrap(), Mode::Prefer);
        for (text, expected) in [
            ("disable", Mode::Disable),
            ("allow", Mode::Disable),
            ("prefer", Mode::Prefer),
            ("require", Mode::Require),
            ("verify-ca", Mode::VerifyCa),
            ("Verify-Full", Mode::VerifyFull),
        ] {
            assert_eq!(mode(&format!("sslmode={text}")).unwrap(), expected);
            assert_eq!(mode(&format!("ssl-mode={text}")).unwrap(), expected);
        }
        assert!(matches!(mode("sslmode=verify"), Err(Error::Tls(_))));
    }
}
