//! Cryptographic actors and their public manifests.

use bytes::Bytes;
use sealpost_protocol::{
    canonical::decode_canonical,
    http::{PrincipalCandidate, PrincipalLookup},
    ids::{AccountId, PrincipalId},
    manifest::Manifest,
    wire::{PrincipalKind, SignedManifest},
};

use super::{
    AuthenticatedSession, Directory, DirectoryError, Handle,
    ports::NewPrincipal,
    seals::{OpenSeals, columns, fields},
};

impl Directory {
    /// The principal behind a handle: a candidate until a person has compared its fingerprint.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for a handle without an account.
    pub async fn look_up_principal(
        &self,
        caller: &AuthenticatedSession,
        request: &PrincipalLookup,
    ) -> Result<PrincipalCandidate, DirectoryError> {
        self.limits.change(caller.account_id())?;
        let handle = Handle::parse(&request.handle).map_err(|_| DirectoryError::HandleInvalid)?;
        let seals = self.seals.open().await?;
        let handle_index = seals.blind(fields::HANDLE, handle.as_str().as_bytes());
        let account = self
            .store
            .account_by_handle(handle_index)
            .await?
            .ok_or(DirectoryError::NotFound)?;
        let signed = self.signed_manifest(&seals, account.principal_id).await?;
        let signed_manifest = signed.ok_or(DirectoryError::NotFound)?.to_vec().into();
        Ok(PrincipalCandidate { signed_manifest })
    }

    /// The manifest of a principal of this relay.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn manifest(&self, principal_id: PrincipalId) -> Result<Option<Manifest>, DirectoryError> {
        let seals = self.seals.open().await?;
        let signed = self.signed_manifest(&seals, principal_id).await?;
        let parse =
            |bytes| parse_manifest(&bytes).ok_or(DirectoryError::Internal("a stored manifest is malformed"));
        signed.map(parse).transpose()
    }

    pub(super) fn draft_principal(
        &self,
        seals: &OpenSeals,
        account_id: AccountId,
        kind: PrincipalKind,
        signed_manifest: &[u8],
    ) -> Result<NewPrincipal, DirectoryError> {
        let manifest = parse_manifest(&Bytes::copy_from_slice(signed_manifest))
            .filter(|manifest| manifest.kind() == kind)
            .ok_or(DirectoryError::Malformed("signed_manifest"))?;
        let principal_id = manifest.id();
        Ok(NewPrincipal {
            principal_id,
            account_id,
            manifest_sealed: seals.seal(columns::MANIFEST, principal_id.as_bytes(), signed_manifest),
            created_at: self.clock.now(),
        })
    }

    async fn signed_manifest(
        &self,
        seals: &OpenSeals,
        principal_id: PrincipalId,
    ) -> Result<Option<Bytes>, DirectoryError> {
        let Some(sealed) = self.store.manifest(principal_id).await? else {
            return Ok(None);
        };
        let opened = seals.open(columns::MANIFEST, principal_id.as_bytes(), &sealed)?;
        Ok(Some(Bytes::copy_from_slice(&opened)))
    }
}

fn parse_manifest(signed: &Bytes) -> Option<Manifest> {
    let signed: SignedManifest = decode_canonical(signed).ok()?;
    Manifest::parse_signed(&signed).ok()
}
