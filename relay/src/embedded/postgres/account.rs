//! The user that stands in for root.

use std::fs;

use super::super::EmbeddedError;

/// Users that are meant to own nothing else, best first.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// A user and its group, by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// An unprivileged user that the system knows by name: `initdb` insists on a name.
pub(super) fn unprivileged() -> Result<Account, EmbeddedError> {
    let file = std::path::Path::new("/etc/passwd");
    let users = fs::read_to_string(file).map_err(EmbeddedError::file("read", file))?;
    NAMES
        .iter()
        .find_map(|name| users.lines().find_map(|line| parse(line, name)))
        .ok_or_else(|| EmbeddedError::NoConfinement {
            tried: "/etc/passwd has no user nobody".into(),
        })
}

/// `name:password:user:group:...`, as in `passwd(5)`.
fn parse(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    let user = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    (user != 0).then_some(Account { user, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_user_and_group() {
        let account = parse("nobody:x:65534:65533:nobody:/nonexistent:/bin/false", "nobody");
        assert!(account.is_some_and(|account| account.user == 65534 && account.group == 65533));
    }

    #[test]
    fn root_by_another_name_is_not_taken() {
        assert!(parse("postgres:x:0:0::/:/bin/sh", "postgres").is_none());
    }
}
