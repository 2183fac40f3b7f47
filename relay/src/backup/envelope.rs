//! Encryption to an offline recipient, in the format of age (age-encryption.org/v1). The only module that knows the crate.
//!
//! Every file begins, inside, with a line that says of which backup it is: files of two backups that were mixed can be named, and
//! what follows the line is as the program that made it wrote it (`age -d -i FILE database.dump.age | tail -n +2 | pg_restore ...`).

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
    str::FromStr,
};

use age::{Decryptor, Encryptor, secrecy::ExposeSecret, stream::StreamWriter, x25519};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::BackupError;

/// What is longer is no identity file.
const IDENTITY_MAX_BYTES: u64 = 64 * 1024;
/// What is longer is no first line.
const LABEL_MAX_BYTES: u64 = 1024;

/// Who can open a backup: the public half of an identity.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl FromStr for Recipient {
    type Err = BackupError;

    fn from_str(text: &str) -> Result<Self, BackupError> {
        let parsed = text.trim().parse().map(Self);
        parsed.map_err(|_| BackupError::BadRecipient(text.to_owned()))
    }
}

/// What opens backups. It belongs on no machine that makes them.
pub struct Identity(x25519::Identity);

impl Identity {
    /// Draws a new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// The public half, as text.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// The file that `age-keygen` would write.
    #[must_use]
    pub fn expose_file(&self) -> Zeroizing<String> {
        let secret = self.0.to_string();
        Zeroizing::new(format!(
            "# public key: {}\n{}\n",
            self.recipient(),
            secret.expose_secret()
        ))
    }
}

/// All identities of a file: one of them has to fit.
pub struct Identities(Vec<x25519::Identity>);

impl Identities {
    /// Reads an identity file. Blocks.
    ///
    /// # Errors
    /// [`BackupError::BadIdentity`]; the text quotes nothing of the file.
    pub fn read(path: &Path) -> Result<Self, BackupError> {
        let mut text = Zeroizing::new(String::new());
        let file = fs::File::open(path).map_err(BackupError::file("read", path))?;
        let read = file.take(IDENTITY_MAX_BYTES).read_to_string(&mut text);
        read.map_err(|_| BackupError::BadIdentity(path.to_owned()))?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<_>, _> = lines.map(str::parse).collect();
        match identities {
            Ok(identities) if !identities.is_empty() => Ok(Self(identities)),
            _ => Err(BackupError::BadIdentity(path.to_owned())),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| identity as &dyn age::Identity)
    }
}

impl From<Identity> for Identities {
    fn from(identity: Identity) -> Self {
        Self(vec![identity.0])
    }
}

/// The line that every file begins with, inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The backup that the file is of.
    pub backup: String,
    /// The deployment that the backup is of.
    pub deployment: String,
    /// The name of the file.
    pub file: String,
}

/// Encrypts what is written. It is nothing until [`finish`](Sealer::finish) has been called.
pub struct Sealer<W: Write>(StreamWriter<W>);

impl<W: Write> Sealer<W> {
    /// Begins a file. There has to be a recipient.
    ///
    /// # Errors
    /// [`BackupError::NoRecipient`], or what writing to `out` gave.
    pub fn begin(recipients: &[Recipient], label: &Label, out: W) -> io::Result<Self> {
        let recipients = recipients.iter().map(|one| &one.0 as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        let mut sealer = Self(encryptor.wrap_output(out)?);
        let mut line = serde_json::to_vec(label).expect("a label is texts");
        line.push(b'\n');
        sealer.write_all(&line)?;
        Ok(sealer)
    }

    /// Writes what makes the file whole.
    ///
    /// # Errors
    /// What writing gave.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A file that is being decrypted, behind its label. A read fails where the file was cut off or changed.
pub struct Opened<R: Read> {
    label: Label,
    content: BufReader<age::stream::StreamReader<BufReader<R>>>,
}

impl<R: Read> Opened<R> {
    /// Begins to decrypt.
    ///
    /// # Errors
    /// [`BackupError::WrongIdentity`]; [`BackupError::FileChanged`] when the file is none of ours.
    pub fn begin(name: &str, input: R, identities: &Identities) -> Result<Self, BackupError> {
        let changed = |why| BackupError::FileChanged {
            name: name.to_owned(),
            why,
        };
        let decryptor = Decryptor::new_buffered(BufReader::with_capacity(1 << 16, input))
            .map_err(|_| changed("it is no age file"))?;
        let content = match decryptor.decrypt(identities.iter()) {
            Ok(content) => content,
            Err(age::DecryptError::NoMatchingKeys) => return Err(BackupError::WrongIdentity),
            Err(_) => return Err(changed("it does not decrypt")),
        };
        let mut content = BufReader::with_capacity(1 << 16, content);
        let mut line = Vec::new();
        (&mut content)
            .take(LABEL_MAX_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|_| changed("it does not decrypt"))?;
        let label =
            serde_json::from_slice(&line).map_err(|_| changed("it does not say of which backup it is"))?;
        Ok(Self { label, content })
    }

    /// Of which backup it is.
    pub fn label(&self) -> &Label {
        &self.label
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> Label {
        Label {
            backup: "20261121T201503Z-01020304".into(),
            deployment: "11".repeat(16),
            file: "keys.age".into(),
        }
    }

    fn seal(to: &Identity, content: &[u8]) -> Vec<u8> {
        let recipient: Recipient = to.recipient().parse().unwrap();
        let mut sealer = Sealer::begin(&[recipient], &label(), Vec::new()).unwrap();
        sealer.write_all(content).unwrap();
        sealer.finish().unwrap()
    }

    fn open(sealed: &[u8], by: Identity) -> Result<Vec<u8>, BackupError> {
        let mut opened = Opened::begin("keys.age", sealed, &by.into())?;
        assert_eq!(opened.label(), &label());
        let mut content = Vec::new();
        match opened.read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(_) => Err(BackupError::SealMalformed),
        }
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_identity_alone() {
        let alice = Identity::generate();
        let sealed = seal(&alice, &[7; 200_000]);
        assert!(matches!(
            open(&sealed, Identity::generate()),
            Err(BackupError::WrongIdentity)
        ));
        assert_eq!(open(&sealed, alice).unwrap(), [7; 200_000]);
    }

    #[test]
    fn a_file_that_is_cut_off_or_flipped_anywhere_does_not_open() {
        let alice = Identity::generate();
        let identities = || Identity(alice.0.clone());
        let sealed = seal(&alice, b"keys");
        for place in 0..sealed.len() {
            assert!(open(&sealed[..place], identities()).is_err(), "cut at {place}");
            let mut flipped = sealed.clone();
            flipped[place] ^= 1;
            assert!(open(&flipped, identities()).is_err(), "flipped at {place}");
        }
    }

    #[test]
    fn an_identity_is_read_back_from_the_file_that_was_made_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let identity = Identity::generate();
        fs::write(&path, identity.expose_file().as_bytes()).unwrap();
        let read = Identities::read(&path).unwrap();
        assert_eq!(read.0[0].to_public().to_string(), identity.recipient());
        fs::write(&path, "AGE-SECRET-KEY-1NONE").unwrap();
        let refused = Identities::read(&path).err().unwrap().to_string();
        assert!(!refused.contains("NONE"), "{refused}");
    }
}
