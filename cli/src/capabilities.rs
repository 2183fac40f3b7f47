//! Capabilities as people write and read them.

use std::str::FromStr;

use sealpost_sdk::protocol::chain::{Capabilities, Preset};

const NAMES: [(Capabilities, &str); 3] = [
    (Capabilities::WRITE, "write"),
    (Capabilities::INVITE, "invite"),
    (Capabilities::MANAGE, "manage"),
];

const ROLES: &str = "Roles:
  owner   reads, writes, brings in others, manages: says who may do what, takes members out, sets the policy, deletes the space
  admin   reads, writes, brings in others
  member  reads, writes
  reader  reads
  agent   reads, writes: what a program is given by `sealpost agent approve`
Capabilities: write; invite, which is to bring in others; manage. Every member reads.";

/// Help that ends with what the roles are.
pub(crate) fn help_with_roles(examples: &str) -> String {
    format!("{ROLES}\n\n{examples}")
}

/// What may be given by an invite: people come by it, and agents never do.
pub(crate) fn of_an_invite(text: &str) -> Result<Granted, String> {
    match text.parse() {
        Ok(Preset::Agent) => Err(
            "owner, admin, member or reader; an agent does not come by an invite: `sealpost agent pair` begins with one".to_owned(),
        ),
        _ => text.parse(),
    }
}

/// A preset's name, or capabilities with commas between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted(pub(crate) Capabilities);

impl FromStr for Granted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(preset) = text.parse::<Preset>() {
            return Ok(Self(preset.capabilities()));
        }
        let mut granted = Capabilities::NONE;
        for word in text.split(',') {
            let known = NAMES.iter().find(|(_, name)| *name == word.trim());
            let (capability, _) = known.ok_or_else(|| {
                "owner, admin, member, reader or agent; or some of write, invite and manage, with commas"
                    .to_owned()
            })?;
            granted = granted.with(*capability);
        }
        Ok(Self(granted))
    }
}

/// The names of what is in a set.
pub(crate) fn names(capabilities: Capabilities) -> Vec<&'static str> {
    let held = NAMES
        .iter()
        .filter(|(capability, _)| capabilities.contains(*capability));
    held.map(|(_, name)| *name).collect()
}

/// The set as it would be typed.
pub(crate) fn argument(capabilities: Capabilities) -> String {
    let preset = Preset::ALL
        .into_iter()
        .find(|preset| preset.capabilities() == capabilities);
    preset.map_or_else(
        || names(capabilities).join(","),
        |preset| preset.name().to_owned(),
    )
}

/// The same for people: who has none may read.
pub(crate) fn in_words(names: &[&str]) -> String {
    match names {
        [] => "read".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Capabilities> {
        text.parse().ok().map(|Granted(capabilities)| capabilities)
    }

    #[test]
    fn presets_and_lists_are_understood_and_nothing_else() {
        assert_eq!(parsed("owner"), Some(Capabilities::ALL));
        assert_eq!(parsed("reader"), Some(Capabilities::NONE));
        assert_eq!(parsed("manage, write,invite"), Some(Capabilities::ALL));
        assert_eq!(parsed("write"), Some(Capabilities::WRITE));
        assert_eq!(parsed("agent"), Some(Capabilities::WRITE));
        for wrong in ["", "write,", "read", "Owner", "write invite"] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn agents_do_not_come_by_an_invite_and_everybody_else_does() {
        assert!(of_an_invite("agent").is_err_and(|why| why.contains("agent pair")));
        for role in ["owner", "admin", "member", "reader", "write"] {
            assert!(of_an_invite(role).is_ok(), "{role}");
        }
    }

    #[test]
    fn help_says_of_every_role_what_it_may() {
        let help = help_with_roles("");
        for preset in Preset::ALL {
            let line = help
                .lines()
                .find(|line| line.trim_start().starts_with(preset.name()));
            let line = line.unwrap_or_else(|| panic!("{} is not explained", preset.name()));
            let words = [
                ("writes", Capabilities::WRITE),
                ("brings in", Capabilities::INVITE),
                ("manages", Capabilities::MANAGE),
            ];
            for (word, capability) in words {
                let held = preset.capabilities().contains(capability);
                assert_eq!(line.contains(word), held, "{word} in {line:?}");
            }
        }
    }

    #[test]
    fn names_are_those_that_are_understood() {
        assert_eq!(names(Capabilities::ALL), ["write", "invite", "manage"]);
        assert_eq!(in_words(&names(Capabilities::NONE)), "read");
        for set in (0..8).filter_map(Capabilities::from_bits) {
            assert_eq!(parsed(&argument(set)), Some(set));
        }
    }
}
