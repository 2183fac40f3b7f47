//! Folders: files that are put and got together, under one message.

mod get;
mod put;
mod walk;

pub use put::{PutFolder, check_folder};
pub use sealpost_protocol::blob::{FOLDER_TYPE, Folder, FolderError, FolderFile};
