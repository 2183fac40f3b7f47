use sealpost_protocol::http::{AgentList, AgentView};

use super::{AuthenticatedSession, Directory, DirectoryError};
use crate::directory::{
    ports::AgentRow,
    seals::{OpenSeals, columns},
};

impl Directory {
    /// The agents of the caller's account, newest first.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn agents(&self, caller: &AuthenticatedSession) -> Result<AgentList, DirectoryError> {
        let seals = self.seals.open().await?;
        let rows = self.store.agents_of(caller.account_id()).await?;
        let agents = rows.iter().map(|row| view(&seals, row));
        Ok(AgentList {
            agents: agents.collect::<Result<_, _>>()?,
        })
    }
}

fn view(seals: &OpenSeals, row: &AgentRow) -> Result<AgentView, DirectoryError> {
    let key = row.principal_id.as_bytes();
    let manifest = seals.open(columns::MANIFEST, key, &row.manifest_sealed)?;
    Ok(AgentView {
        principal_id: row.principal_id,
        name: seals.open_text(columns::AGENT_NAME, key, &row.name_sealed)?,
        signed_manifest: manifest.to_vec().into(),
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
    })
}
