//! The registration token of a development relay, which its starts have in common.

use std::{fs, path::Path, time::Duration};

use sealpost_protocol::http::SecretToken;
use serde::{Deserialize, Serialize};

use super::private_file;
use crate::{
    clock::{Clock, SystemClock},
    directory::{Directory, TokenListing, TokenRequest},
};

const FILE: &str = "registration-token.json";

/// It makes as many accounts as anyone tries out, and not for long.
const TOKEN: TokenRequest = TokenRequest {
    uses: 1000,
    lifetime: Some(Duration::from_secs(30 * 24 * 60 * 60)),
    note: None,
};

#[derive(Serialize, Deserialize)]
struct Kept {
    token_id: String,
    token: SecretToken,
}

/// The token of the last start while it counts, or else a new one, which the next start finds.
pub(super) async fn current(data: &Path, directory: &Directory) -> anyhow::Result<SecretToken> {
    let path = data.join(FILE);
    if let Some(kept) = read(&path) {
        let listed = directory.tokens().await?;
        if listed.iter().any(|listing| kept.is(listing) && counts(listing)) {
            return Ok(kept.token);
        }
    }
    let issued = directory.create_token(&TOKEN).await?;
    let kept = Kept {
        token_id: hex::encode(issued.token_id.as_bytes()),
        token: issued.token,
    };
    private_file::write(&path, &serde_json::to_string_pretty(&kept)?)?;
    Ok(kept.token)
}

impl Kept {
    fn is(&self, listing: &TokenListing) -> bool {
        hex::encode(listing.token_id.as_bytes()) == self.token_id
    }
}

/// A file that cannot be read is as good as none: another one replaces it.
fn read(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn counts(listing: &TokenListing) -> bool {
    let expired = listing.expires_at.is_some_and(|end| end <= SystemClock.now());
    listing.revoked_at.is_none() && listing.uses_left > 0 && !expired
}
