//! Makes a backup: the database first, the keys last, so that they open whatever the dump holds.

use std::{io::Write, path::PathBuf, sync::Arc};

use serde::Serialize;
use tokio::time::Instant;

use super::{
    BackupError,
    address::DatabaseAddress,
    authenticity::ManifestKey,
    blocking,
    envelope::{Label, Recipient},
    folder::{self, BackupFolder, Draft},
    keys::KeySnapshot,
    manifest::{FORMAT, FileFacts, KmsFacts, Manifest, SealKeyFacts},
    names,
    programs::Programs,
    progress::{Progress, Step},
    source::Source,
    status::{self, LastBackup},
    writer::{Writer, demand_plain_names},
};
use crate::{app::Parts, atrest::transit::RaftSnapshots, config::Config};

/// What a backup takes beside the tables: headers, keys, manifest. What is sealed does not compress: a dump writes it in
/// hexadecimal digits, and these compress to little more than what they stand for, which a quarter more covers.
const ROOM_BESIDE: u64 = 16 << 20;

/// How a backup is to be made.
pub struct CreateOptions {
    /// The folder of the backups.
    pub folder: PathBuf,
    /// Whether that is a new place.
    pub first: bool,
    /// Who can open it.
    pub recipients: Vec<Recipient>,
    /// Small files of the deployment that belong to it, such as the store of its certificates.
    pub attached: Vec<PathBuf>,
    /// The configuration without its secrets, as TOML.
    pub configuration: String,
    /// The programs of Postgres.
    pub programs: Programs,
}

/// What was made.
#[derive(Clone, Debug, Serialize)]
pub struct Created {
    /// Its name.
    pub id: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// Spaces in it.
    pub spaces: u64,
    /// How long it took.
    pub seconds: u64,
}

/// Makes a backup of a relay that may be serving.
///
/// # Errors
/// [`BackupError`]; what is wrong with the target is told before anything is written. Nothing that was begun is ever taken for a
/// backup, and the next run removes it.
pub async fn create(
    config: &Config,
    parts: &Parts,
    options: CreateOptions,
    progress: Arc<dyn Progress>,
) -> Result<Created, BackupError> {
    let began = Instant::now();
    progress.step(Step::Prepare);
    if options.recipients.is_empty() {
        return Err(BackupError::NoRecipient);
    }
    demand_plain_names(&options.attached)?;
    let (path, first) = (options.folder.clone(), options.first);
    let folder = blocking(move || BackupFolder::open(&path, first)).await?;
    let source = Source::look(config, parts).await?;
    let (draft, manifest) = write(source, &folder, config, parts, options, &progress).await?;
    let path = blocking(move || draft.publish()).await?;
    let created = Created {
        path,
        bytes: manifest.bytes(),
        spaces: manifest.database.spaces,
        seconds: began.elapsed().as_secs(),
        id: manifest.id,
    };
    let last = LastBackup {
        id: created.id.clone(),
        created_at: manifest.created_at,
        bytes: created.bytes,
        seconds: created.seconds,
    };
    blocking(move || {
        status::note_backup(folder.path(), last);
        Ok(())
    })
    .await?;
    Ok(created)
}

/// Writes every file into a draft: the dump, then the keys, then what names both.
async fn write(
    source: Source,
    folder: &BackupFolder,
    config: &Config,
    parts: &Parts,
    options: CreateOptions,
    progress: &Arc<dyn Progress>,
) -> Result<(Draft, Manifest), BackupError> {
    folder.demand_room(source.table_bytes / 4 * 5 + ROOM_BESIDE)?;
    let created_at = folder.moment(parts.clock.now())?;
    let id = folder::name(created_at, &*parts.entropy);
    let writer = Writer {
        draft: folder.draft(&id)?,
        recipients: options.recipients,
        label: Label {
            backup: id.clone(),
            deployment: source.facts.deployment.clone(),
            file: String::new(),
        },
    };
    progress.step(Step::Configuration);
    let (small, text, attached) = (writer.clone(), options.configuration, options.attached);
    let mut files = blocking(move || {
        let mut files = vec![small.write(names::CONFIGURATION, text.as_bytes())?];
        for path in &attached {
            files.push(small.attach(path)?);
        }
        Ok(files)
    })
    .await?;

    progress.step(Step::Dump);
    files.push(dump(&writer, config, options.programs, &source, progress).await?);
    // The moment is not needed any more, and an open one holds up the database's own tidying.
    drop(source.snapshot);

    progress.step(Step::Keys);
    // Wrapped before the keys are taken, so that those open it.
    let key = ManifestKey::draw(&id, &*parts.wrapper, &*parts.entropy).await?;
    let (keys, key_name) = take_keys(config, parts, source.raft.as_ref()).await?;
    let kind = keys.kind();
    let sealing = writer.clone();
    files.push(blocking(move || sealing.write(names::KEYS, &keys.expose_content())).await?);

    progress.step(Step::Finish);
    let manifest = Manifest {
        format: FORMAT,
        id,
        created_at: created_at.replace_nanosecond(0).unwrap_or(created_at),
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        database: source.facts,
        kms: KmsFacts {
            kind: kind.to_owned(),
            key_name,
            key_versions: source.key_versions,
            seal_key: seal_key(config),
        },
        opaque_fingerprint: source.opaque_fingerprint,
        blob_inventory_root: None,
        files,
    };
    let (draft, written) = (writer.draft.clone(), manifest.clone());
    blocking(move || writer.write_manifest(&written, &key)).await?;
    Ok((draft, manifest))
}

async fn dump(
    writer: &Writer,
    config: &Config,
    programs: Programs,
    source: &Source,
    progress: &Arc<dyn Progress>,
) -> Result<FileFacts, BackupError> {
    let url = config
        .database
        .url()
        .map_err(BackupError::file("read", "database.url_file"))?;
    let address = DatabaseAddress::of(url.expose_secret());
    let (writer, progress) = (writer.clone(), progress.clone());
    let (name, total) = (source.snapshot.name().to_owned(), source.table_bytes);
    blocking(move || {
        let (mut file, mut done) = (writer.begin(names::DUMP)?, 0);
        programs.dump(&address, &name, &mut |piece| {
            file.write_all(piece)?;
            done += piece.len() as u64;
            progress.bytes(done, total.max(done));
            Ok(())
        })?;
        file.finish()
    })
    .await
}

async fn take_keys(
    config: &Config,
    parts: &Parts,
    raft: Option<&RaftSnapshots>,
) -> Result<(KeySnapshot, String), BackupError> {
    let key_name = parts.wrapper.describe().key_name;
    if let Some(raft) = raft {
        return Ok((KeySnapshot::of_openbao(raft).await?, key_name));
    }
    let file = config
        .kms
        .file
        .as_ref()
        .expect("a checked configuration has the section of its kind");
    let path = file.path.clone();
    let keys = blocking(move || KeySnapshot::of_file(&path)).await?;
    Ok((keys, key_name))
}

fn seal_key(config: &Config) -> Option<SealKeyFacts> {
    let backup = &config.backup;
    let (id, sha256) = backup.seal_key_id.clone().zip(backup.seal_key_sha256.clone())?;
    Some(SealKeyFacts {
        id,
        sha256: sha256.to_ascii_lowercase(),
    })
}
