use time::OffsetDateTime;

use super::Stored;
use crate::{atrest::BlindIndexValue, directory::ids::TokenId};

/// A registration token to be stored.
pub struct NewToken {
    /// Its public name.
    pub token_id: TokenId,
    /// Keyed hash of the token.
    pub token_hash: BlindIndexValue,
    /// How many accounts it makes.
    pub uses: u32,
    /// The operator's note, sealed.
    pub note_sealed: Option<Vec<u8>>,
    /// Now.
    pub created_at: OffsetDateTime,
    /// From when on it is refused.
    pub expires_at: Option<OffsetDateTime>,
}

/// A registration token as stored.
pub struct TokenRow {
    /// Its public name.
    pub token_id: TokenId,
    /// How many accounts it was made for.
    pub uses_total: u32,
    /// How many it can still make.
    pub uses_left: u32,
    /// The operator's note, sealed.
    pub note_sealed: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// From when on it is refused.
    pub expires_at: Option<OffsetDateTime>,
    /// When the operator revoked it.
    pub revoked_at: Option<OffsetDateTime>,
}

/// Registration tokens.
pub trait TokenStore: Send + Sync {
    /// Stores a token.
    fn insert_token<'a>(&'a self, token: &'a NewToken) -> Stored<'a, ()>;

    /// Whether a token with this hash could be used now.
    fn is_token_usable(&self, token_hash: BlindIndexValue, now: OffsetDateTime) -> Stored<'_, bool>;

    /// Every token, oldest first.
    fn tokens(&self) -> Stored<'_, Vec<TokenRow>>;

    /// Revokes a token; `false` if there is none of that name that counts.
    fn revoke_token(&self, token_id: TokenId, now: OffsetDateTime) -> Stored<'_, bool>;
}
