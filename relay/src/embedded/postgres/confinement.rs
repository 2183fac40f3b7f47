//! How Postgres, which refuses to be root, runs when we are root.

use std::{
    fmt, fs,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
    process::Stdio,
};

use rustix::process::geteuid;

use super::{
    super::{EmbeddedError, Tools, launcher::Launcher},
    account::{self, Account},
};

/// A way to run Postgres. As root, each is tried in the order of [`Confinement::FOR_ROOT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// As the user we are.
    AsWeAre,
    /// In a user namespace, where our own user id has another number and no privilege. It may enter what we own,
    /// so a folder of mode 0700 is no obstacle, and needs no `/etc/subuid`.
    UserNamespace,
    /// As another user with the one privilege of passing through folders and reading files, because ours are closed.
    OtherUserReadingAll,
    /// As another user with the privilege of ignoring file permissions, for containers that have no better one.
    OtherUserIgnoringPermissions,
}

impl Confinement {
    /// What root tries, best first.
    pub const FOR_ROOT: [Self; 3] = [
        Self::UserNamespace,
        Self::OtherUserReadingAll,
        Self::OtherUserIgnoringPermissions,
    ];
    /// What anybody else tries: the second helps a user id that the system has no name for.
    pub const FOR_OTHERS: [Self; 2] = [Self::AsWeAre, Self::UserNamespace];

    fn launcher(self, account: Account) -> Launcher {
        let launcher = Launcher::default();
        match self {
            Self::AsWeAre => launcher,
            Self::UserNamespace => launcher.then(user_namespace(account)),
            Self::OtherUserReadingAll => launcher
                .then(other_user(account))
                .then(privilege("dac_read_search")),
            Self::OtherUserIgnoringPermissions => {
                launcher.then(other_user(account)).then(privilege("dac_override"))
            }
        }
    }

    /// Gives a folder with all in it to the user that Postgres will be, when it is another's.
    ///
    /// Inside a user namespace that is still our own user.
    pub(super) fn hand_over(self, folder: &Path) -> Result<(), EmbeddedError> {
        if !geteuid().is_root() {
            return Ok(());
        }
        let owner = match self {
            Self::AsWeAre | Self::UserNamespace => Account { user: 0, group: 0 },
            _ => account::unprivileged()?,
        };
        let found = fs::symlink_metadata(folder).map_err(EmbeddedError::file("look at", folder))?;
        if found.uid() == owner.user {
            Ok(())
        } else {
            give(folder, owner)
        }
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AsWeAre => "as we are",
            Self::UserNamespace => "in a user namespace",
            Self::OtherUserReadingAll => "as another user with CAP_DAC_READ_SEARCH",
            Self::OtherUserIgnoringPermissions => "as another user with CAP_DAC_OVERRIDE",
        })
    }
}

fn user_namespace(account: Account) -> [String; 5] {
    let user = format!("--map-user={}", account.user);
    let group = format!("--map-group={}", account.group);
    ["unshare".into(), "--user".into(), user, group, "--".into()]
}

fn other_user(account: Account) -> [String; 6] {
    let [user, group] = [account.user.to_string(), account.group.to_string()];
    [
        "setpriv".into(),
        "--reuid".into(),
        user,
        "--regid".into(),
        group,
        "--clear-groups".into(),
    ]
}

/// Without `no_setuid_fixup`, `access(2)` would answer for the bare user, and Postgres asks it about its own programs.
fn privilege(name: &str) -> [String; 5] {
    [
        format!("--inh-caps=-all,+{name}"),
        format!("--ambient-caps=-all,+{name}"),
        format!("--bounding-set=-all,+{name}"),
        "--securebits=+no_setuid_fixup".into(),
        "--".into(),
    ]
}

fn give(path: &Path, owner: Account) -> Result<(), EmbeddedError> {
    let found = fs::symlink_metadata(path).map_err(EmbeddedError::file("look at", path))?;
    if found.is_dir() {
        for entry in fs::read_dir(path).map_err(EmbeddedError::file("list", path))? {
            give(&entry.map_err(EmbeddedError::file("list", path))?.path(), owner)?;
        }
    }
    lchown(path, Some(owner.user), Some(owner.group)).map_err(EmbeddedError::file("give away", path))
}

/// The first way that works, or `wanted` if that does: proven by running a program of Postgres that way.
pub(super) fn choose(
    tools: &Tools,
    socket_folder: &Path,
    wanted: Option<Confinement>,
) -> Result<(Confinement, Launcher), EmbeddedError> {
    let candidates: &[Confinement] = match &wanted {
        Some(wanted) => std::slice::from_ref(wanted),
        None if geteuid().is_root() => &Confinement::FOR_ROOT,
        None => &Confinement::FOR_OTHERS,
    };
    let account = account::unprivileged()?;
    let mut tried = Vec::new();
    for confinement in candidates {
        let launcher = confinement.launcher(account);
        confinement.hand_over(socket_folder)?;
        match prove(&launcher, &tools.postgres("postgres")?, socket_folder) {
            Ok(()) => return Ok((*confinement, launcher)),
            Err(reason) => tried.push(format!("{confinement}: {reason}")),
        }
    }
    Err(EmbeddedError::NoConfinement {
        tried: tried.join("; "),
    })
}

/// Whether we are somebody with a name who is not root, can run Postgres and can write to the folder.
const QUESTION: &str = r#"id -un && test "$(id -u)" -ne 0 && "$1" --version && test -w "$2""#;

/// Fails with what the attempt said.
fn prove(launcher: &Launcher, postgres: &Path, folder: &Path) -> Result<(), String> {
    let mut command = launcher.command(Path::new("sh"));
    command
        .args(["-c", QUESTION, "sh"])
        .arg(postgres)
        .arg(folder)
        .stderr(Stdio::piped());
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("{}: {error}", command.get_program().display())),
    }
}
