//! Files in spaces: blobs on their way to and from the storage that the relay names.
//!
//! Neither side holds more than a few parts in memory. What the storage gives is worth nothing before it is opened and
//! compared; what the relay names is checked against the one place that it announced before anything is sent there.

mod address;
mod again;
mod buffers;
mod download;
mod fetch;
mod folder;
mod open;
mod part;
mod progress;
mod put;
mod reference;
mod retry;
mod storage;

pub(crate) use again::note_again;
pub use folder::{FOLDER_TYPE, Folder, FolderError, FolderFile, PutFolder, check_folder};
pub use open::BlobFile;
pub use progress::{Progress, Watch};
pub use put::{PutBlob, PutOptions, Resume};
