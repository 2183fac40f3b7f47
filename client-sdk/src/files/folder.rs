//! Folders: files that are put and got together, under one message.

mod get;
mod put;
mod walk;

pub use put::PutFolder;
pub use sealpost_protocol::blob::{FOLDER_TYPE, Folder, FolderError, FolderFile};
