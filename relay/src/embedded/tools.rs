//! Where the programs are.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::EmbeddedError;

/// The folder that `scripts/setup` fills.
#[derive(Clone, Debug)]
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// The folder named by `SEALPOST_TOOLS`, else `.tools` at the root of the workspace this was built from.
    pub fn locate() -> Self {
        let folder = env::var_os("SEALPOST_TOOLS").map_or_else(workspace_tools, PathBuf::from);
        Self { folder }
    }

    /// A program of PostgreSQL 18, such as `pg_dump`.
    pub fn postgres(&self, program: &str) -> Result<PathBuf, EmbeddedError> {
        self.find(&format!("postgres-18/bin/{program}"))
    }

    /// OpenBao's one program, `bao`.
    pub fn openbao(&self) -> Result<PathBuf, EmbeddedError> {
        self.find("openbao/bin/bao")
    }

    fn find(&self, relative: &str) -> Result<PathBuf, EmbeddedError> {
        let path = self.folder.join(relative);
        match path.canonicalize() {
            Ok(_) => std::path::absolute(&path).map_err(EmbeddedError::file("find", &path)),
            Err(_) => Err(EmbeddedError::ToolMissing { path }),
        }
    }
}

fn workspace_tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
        .join(".tools")
}
