use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;

/// The least that a development relay needs.
const DEVELOPMENT: &str = r#"
environment = "development"
[server]
public_url = "http://localhost:7450"
[database]
url = "postgres:///sealpost"
[kms]
kind = "file"
file.path = "kms.key"
"#;

/// The least that a production relay needs.
const PRODUCTION: &str = r#"
[server]
public_url = "https://relay.example.org"
[database]
url = "postgres://relay:wGk2h8@postgres/sealpost"
[kms]
kind = "openbao"
openbao = { address = "https://openbao:8200", role_id = "relay", secret_id = "wGk2h8" }
"#;

fn load(base: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let base = base.parse().unwrap();
    Config::load(
        Sources::default()
            .over(base)
            .with_variables(variables.iter().copied()),
    )
}

fn keys_of_problems(base: &str, variables: &[(&str, &str)]) -> Vec<&'static str> {
    match load(base, variables) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Invalid(problems)) => problems.into_iter().map(|problem| problem.key).collect(),
        Err(other) => panic!("{other}"),
    }
}

fn refusal(base: &str, variables: &[(&str, &str)]) -> String {
    load(base, variables)
        .err()
        .expect("it should be refused")
        .to_string()
}

#[test]
fn the_least_configurations_are_enough() {
    assert!(load(DEVELOPMENT, &[]).is_ok());
    assert!(load(PRODUCTION, &[]).is_ok_and(|config| config.is_production()));
}

#[test]
fn the_sample_is_refused_only_for_files_that_are_not_there() {
    let found = keys_of_problems(include_str!("../../sealpost.example.toml"), &[]);
    assert_eq!(found, ["database.url", "kms.openbao.secret_id"]);
}

/// So that what the sample offers in comments exists, too.
#[test]
fn the_sample_names_only_keys_that_exist() {
    let sample = include_str!("../../sealpost.example.toml");
    let offered = |line: &'static str| line.strip_prefix("# ").filter(|line| is_setting(line));
    let everything: Vec<_> = sample.lines().map(|line| offered(line).unwrap_or(line)).collect();
    let problems = keys_of_problems(&everything.join("\n"), &[]);
    assert!(
        problems.contains(&"kms.kind"),
        "both kinds at once are refused, and nothing is unknown: {problems:?}"
    );
}

fn is_setting(line: &str) -> bool {
    line.starts_with('[')
        || line.split_once(" = ").is_some_and(|(key, _)| {
            key.chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '_')
        })
}

#[test]
fn unknown_keys_and_sections_are_refused_by_name() {
    assert!(
        refusal(DEVELOPMENT, &[("SEALPOST__SERVER__PUBLIC_LISTN", "127.0.0.1:1")]).contains("public_listn")
    );
    assert!(refusal(DEVELOPMENT, &[("SEALPOST__SERVR__PUBLIC_LISTEN", "127.0.0.1:1")]).contains("servr"));
    assert!(refusal(DEVELOPMENT, &[("SEALPOST__SERVER__HEADER_TIMEOUT", "5")]).contains("header_timeout"));
}

#[test]
fn a_variable_outranks_the_file() {
    let config = load(
        DEVELOPMENT,
        &[
            ("SEALPOST__DATABASE__MAX_CONNECTIONS", "5"),
            (
                "SEALPOST__SERVER__ALLOWED_ORIGINS",
                r#"["https://app.example.org"]"#,
            ),
            ("SEALPOST__SERVER__SHUTDOWN_GRACE_MS", "1500"),
            ("SEALPOST__ACCOUNTS__REGISTRATION", "open"),
        ],
    );
    let config = config.ok().unwrap();
    assert_eq!(config.database.max_connections, 5);
    assert_eq!(config.server.allowed_origins, ["https://app.example.org"]);
    assert_eq!(config.server.shutdown_grace.as_millis(), 1500);
    assert_eq!(config.accounts.registration, Registration::Open);
}

#[test]
fn a_variable_without_a_key_is_refused() {
    assert!(refusal(DEVELOPMENT, &[("SEALPOST__", "1")]).contains("SEALPOST__SECTION__KEY"));
    assert!(refusal(DEVELOPMENT, &[("SEALPOST__SERVER__", "1")]).contains("SEALPOST__SECTION__KEY"));
}

#[test]
fn production_wants_a_public_https_url() {
    for url in [
        "http://relay.example.org",
        "https://localhost",
        "https://relay.localhost",
        "https://127.0.0.1",
        "https://[::1]:7450",
        "https://0.0.0.0",
    ] {
        let found = keys_of_problems(PRODUCTION, &[("SEALPOST__SERVER__PUBLIC_URL", url)]);
        assert_eq!(found, ["server.public_url"], "{url}");
    }
}

#[test]
fn values_that_no_relay_can_run_with_are_refused() {
    for (variable, value, key) in [
        (
            "LIMITS__KEYSTORE_QUOTA_BYTES",
            "2883583",
            "limits.keystore_quota_bytes",
        ),
        (
            "LOG__QUEUED_BYTES_PER_SPACE",
            "262143",
            "log.queued_bytes_per_space",
        ),
        ("DATABASE__MAX_CONNECTIONS", "3", "database.max_connections"),
        ("DATABASE__ACQUIRE_TIMEOUT_MS", "0", "database.acquire_timeout_ms"),
        (
            "DATABASE__STATEMENT_TIMEOUT_MS",
            "0",
            "database.statement_timeout_ms",
        ),
        (
            "ACCOUNTS__SESSION_LIFETIME_DAYS",
            "0",
            "accounts.session_lifetime_days",
        ),
        (
            "ACCOUNTS__SESSION_LIFETIME_DAYS",
            "3651",
            "accounts.session_lifetime_days",
        ),
    ] {
        let variable = format!("SEALPOST__{variable}");
        assert_eq!(
            keys_of_problems(PRODUCTION, &[(&variable, value)]),
            [key],
            "{value}"
        );
    }
}

#[test]
fn a_public_url_is_scheme_host_and_port() {
    let with = |url| load(PRODUCTION, &[("SEALPOST__SERVER__PUBLIC_URL", url)]);
    for url in [
        "relay.example.org",
        "ftp://a.example",
        "https://a.example/path",
        "https://u:p@a.example",
        "https://a.example/?q",
    ] {
        assert!(with(url).is_err(), "{url}");
    }
    let config = with("https://Relay.example.org:443/").ok().unwrap();
    assert_eq!(config.server.public_url.origin(), "https://relay.example.org");
}

#[test]
fn a_wildcard_or_inexact_origin_is_refused() {
    for origin in [
        "*",
        "https://*.example.org",
        "https://a.example/",
        "https://A.example",
        "a.example",
        "null",
    ] {
        let list = format!("[{origin:?}]");
        let found = keys_of_problems(PRODUCTION, &[("SEALPOST__SERVER__ALLOWED_ORIGINS", &list)]);
        assert_eq!(found, ["server.allowed_origins"], "{origin}");
    }
}

#[test]
fn trusting_every_proxy_is_refused() {
    let found = keys_of_problems(
        DEVELOPMENT,
        &[("SEALPOST__SERVER__TRUSTED_PROXIES", r#"["0.0.0.0/0"]"#)],
    );
    assert_eq!(found, ["server.trusted_proxies"]);
}

#[test]
fn production_wants_no_key_file_unless_it_says_so() {
    let with_file = DEVELOPMENT
        .replace("development", "production")
        .replace("http://localhost:7450", "https://relay.example.org");
    assert_eq!(keys_of_problems(&with_file, &[]), ["kms.kind"]);
    assert!(
        load(
            &with_file,
            &[("SEALPOST__KMS__FILE__ALLOW_IN_PRODUCTION", "true")]
        )
        .is_ok()
    );
}

#[test]
fn production_wants_no_placeholders() {
    let variables = [
        (
            "SEALPOST__DATABASE__URL",
            "postgres://sealpost:change-me@postgres/sealpost",
        ),
        ("SEALPOST__KMS__OPENBAO__SECRET_ID", "CHANGEME"),
    ];
    assert_eq!(
        keys_of_problems(PRODUCTION, &variables),
        ["database.url", "kms.openbao.secret_id"]
    );
}

#[test]
fn a_secret_is_given_by_value_or_by_file_but_not_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = secret_file(folder.path(), 0o600);
    let both = [("SEALPOST__DATABASE__URL_FILE", file.as_str())];
    assert_eq!(keys_of_problems(PRODUCTION, &both), ["database.url"]);

    let by_file = PRODUCTION
        .replace("url = \"postgres", "url_file = \"")
        .replace("://relay:wGk2h8@postgres/sealpost", &file);
    let config = load(&by_file, &[]).ok().unwrap();
    assert_eq!(
        config.database.url().unwrap().expose_secret(),
        "postgres:///from-a-file"
    );
}

#[test]
fn production_wants_secret_files_that_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let file = secret_file(folder.path(), 0o604);
    let without_url = PRODUCTION.replace("url = \"postgres://relay:wGk2h8@postgres/sealpost\"", "");
    let found = keys_of_problems(&without_url, &[("SEALPOST__DATABASE__URL_FILE", &file)]);
    assert_eq!(found, ["database.url"]);
}

#[test]
fn production_wants_a_file_with_secrets_in_it_to_be_private() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), PRODUCTION).unwrap();
    let load = || Config::load(Sources::of_process(Some(file.path().to_owned())));
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(load().is_err_and(|error| error.to_string().contains("everybody may read it")));
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(load().is_ok());
}

fn secret_file(folder: &Path, mode: u32) -> String {
    let path = folder.join("secret");
    fs::write(&path, "postgres:///from-a-file\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn no_refusal_quotes_a_secret() {
    let syntax = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        syntax.path(),
        "[database]\nurl = \"postgres://relay:wGk2h8@postgres\n",
    )
    .unwrap();
    let broken = Config::load(Sources::of_process(Some(syntax.path().to_owned())));
    let broken = broken.err().unwrap().to_string();
    assert!(
        broken.contains("line 2") && !broken.contains("wGk2h8"),
        "{broken}"
    );

    let wrong_type = refusal(PRODUCTION, &[("SEALPOST__DATABASE__URL", "[\"wGk2h8\"]")]);
    assert!(!wrong_type.contains("wGk2h8"), "{wrong_type}");
}

#[test]
fn openbao_takes_one_kind_of_credential() {
    let only =
        |credential: &str| PRODUCTION.replace(r#"role_id = "relay", secret_id = "wGk2h8""#, credential);
    assert_eq!(
        keys_of_problems(&only(r#"role_id = "relay""#), &[]),
        ["kms.openbao"]
    );
    let folder = tempfile::tempdir().unwrap();
    let token = secret_file(folder.path(), 0o600);
    assert!(load(&only(&format!("token_file = {token:?}")), &[]).is_ok());
    let two = only(&format!(
        "token_file = {token:?}, role_id = \"relay\", secret_id = \"wGk2h8\""
    ));
    assert_eq!(keys_of_problems(&two, &[]), ["kms.openbao"]);
}

#[test]
fn access_needs_a_team_by_https_and_an_audience() {
    let with = |text: &str| format!("{PRODUCTION}\n[access]\n{text}");
    let good = with("team_url = \"https://alice-and-bob.cloudflareaccess.com\"\naudience = \"4714\"");
    assert!(load(&good, &[]).is_ok_and(|config| config.access.is_some()));
    for (text, key) in [
        (
            "team_url = \"http://team.example.org\"\naudience = \"4714\"",
            "access.team_url",
        ),
        (
            "team_url = \"https://team.example.org/x\"\naudience = \"4714\"",
            "access.team_url",
        ),
        (
            "team_url = \"https://team.example.org\"\naudience = \" \"",
            "access.audience",
        ),
    ] {
        assert_eq!(keys_of_problems(&with(text), &[]), [key], "{text}");
    }
}

#[test]
fn what_a_backup_keeps_of_a_configuration_holds_no_secret_and_everything_else() {
    let variables = [
        ("SEALPOST__BACKUP__OPENBAO__SECRET_ID", "wGk2h8"),
        ("SEALPOST__DATABASE__MAX_CONNECTIONS", "7"),
    ];
    let sources = Sources::default()
        .over(PRODUCTION.parse().unwrap())
        .with_variables(variables);
    let text = sources.without_secrets().unwrap();
    assert!(!text.contains("wGk2h8"), "{text}");
    for kept in [
        "https://relay.example.org",
        "https://openbao:8200",
        "role_id = \"relay\"",
        "max_connections = 7",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}

#[test]
fn what_is_said_of_backups_has_to_be_whole() {
    assert_eq!(
        keys_of_problems(DEVELOPMENT, &[("SEALPOST__BACKUP__SEAL_KEY_ID", "k1")]),
        ["backup.seal_key_id"]
    );
    let recipients = [("SEALPOST__BACKUP__RECIPIENTS", r#"["AGE-SECRET-KEY-1"]"#)];
    assert_eq!(keys_of_problems(DEVELOPMENT, &recipients), ["backup.recipients"]);
    let half = [("SEALPOST__BACKUP__OPENBAO__ROLE_ID", "backup")];
    assert_eq!(keys_of_problems(DEVELOPMENT, &half), ["backup.openbao"]);
    let digits = "0".repeat(64);
    let whole = [
        ("SEALPOST__BACKUP__SEAL_KEY_ID", "k1"),
        ("SEALPOST__BACKUP__SEAL_KEY_SHA256", digits.as_str()),
    ];
    assert_eq!(keys_of_problems(DEVELOPMENT, &whole), Vec::<&str>::new());
}

#[test]
fn a_storage_for_blobs_needs_keys_a_bucket_and_in_production_a_public_address() {
    let storage = |lines: &str| format!("{PRODUCTION}[blobs]\nendpoint = \"http://garage:3900\"\n{lines}");
    let whole = "public_endpoint = \"https://s3.example.org\"\nbucket = \"sealpost\"\naccess_key = \"GK12\"\nsecret_key = \"wGk2h8\"\n";
    assert!(load(&storage(whole), &[]).is_ok());
    for (changed, key) in [
        (
            whole.replace("https://s3.example.org", "http://s3.example.org"),
            "blobs.public_endpoint",
        ),
        (
            whole.replace("https://s3.example.org", "https://localhost"),
            "blobs.public_endpoint",
        ),
        (
            whole.replace("s3.example.org", "s3.localhost"),
            "blobs.public_endpoint",
        ),
        (
            whole.replace("s3.example.org", "0.0.0.0"),
            "blobs.public_endpoint",
        ),
        (
            whole.replace("s3.example.org", "192.0.2.1") + "path_style = false\n",
            "blobs.path_style",
        ),
        (
            whole.replace("\"sealpost\"", "\"files.acme\"") + "path_style = false\n",
            "blobs.path_style",
        ),
        (whole.replace("secret_key = \"wGk2h8\"", ""), "blobs.secret_key"),
        (whole.replace("wGk2h8", "change-me"), "blobs.secret_key"),
        (whole.replace("\"sealpost\"", "\"Seal/post\""), "blobs.bucket"),
        (whole.replace("\"sealpost\"", "\"sealpost-\""), "blobs.bucket"),
        (
            format!("{whole}url_lifetime_seconds = 7200\n"),
            "blobs.url_lifetime_seconds",
        ),
        (
            format!("{whole}keep_unfinished_seconds = 0\n"),
            "blobs.keep_unfinished_seconds",
        ),
    ] {
        assert_eq!(keys_of_problems(&storage(&changed), &[]), [key], "{changed}");
    }
}
