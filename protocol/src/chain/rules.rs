//! One function per kind of record: what it must be to continue a chain.

use super::*;

const SALT: usize = 32;

pub(super) fn check_genesis(genesis: &wire::Genesis, record: &ParsedControl) -> Result<Manifest, ChainError> {
    let creator = Manifest::parse(&genesis.manifest)?;
    if creator.id() != record.author {
        return Err(ChainError::Rule(
            "the genesis record's author is not the creator it names",
        ));
    }
    if creator.kind() != PrincipalKind::Human {
        return Err(ChainError::Rule("an agent cannot create a space"));
    }
    if genesis.salt.len() != SALT {
        return Err(ChainError::Rule("the genesis salt must be 32 bytes"));
    }
    record.verify(creator.signing_key())?;
    Ok(creator)
}

/// The record's id does not cover a second signature: where none is asked for, whoever carries the record could add one, and
/// two members would keep two forms of one record.
pub(super) fn check_co_signature(record: &ParsedControl) -> Result<(), ChainError> {
    let asked_for = matches!(record.body, Body::AcceptInvite(_) | Body::ReplaceKeys(_));
    if record.is_co_signed() && !asked_for {
        return Err(ChainError::Rule(
            "the record has a second signature that it does not ask for",
        ));
    }
    Ok(())
}

pub(super) fn check_add(
    chain: &ControlChain,
    author: &Member,
    add: &wire::AddMember,
) -> Result<Member, ChainError> {
    if chain.waits_for_rekey {
        return Err(ChainError::RekeyRequired);
    }
    let capabilities = Capabilities::from_bits(add.capabilities).ok_or(ChainError::Rule(
        "the record grants a capability that does not exist",
    ))?;
    let manifest = Manifest::parse(&add.manifest)?;
    check_may_grant(author, &manifest, capabilities)?;
    if chain.members.contains_key(&manifest.id()) {
        return Err(ChainError::Rule("the principal is a member already"));
    }
    if chain.members.len() >= limits::MAX_MEMBERS {
        return Err(ChainError::Rule("the space has as many members as it can have"));
    }
    let wrap_hash_length = if chain.policy.share_history {
        size_of::<Digest32>()
    } else {
        0
    };
    if add.wrap_hash.len() != wrap_hash_length {
        return Err(ChainError::Rule(
            "a wrap must be named exactly where history is shared",
        ));
    }
    Ok(Member {
        manifest,
        capabilities,
    })
}

pub(super) fn check_rekey(
    chain: &ControlChain,
    author: &Member,
    rekey: &wire::Rekey,
) -> Result<Epoch, ChainError> {
    check_may_rekey(chain, author)?;
    let previous = chain.epoch.map_or(0, |epoch| epoch.number);
    if rekey.epoch != previous + 1 {
        return Err(ChainError::Rule("the epoch is not the next one"));
    }
    if rekey.wrap_count as usize != chain.members.len() {
        return Err(ChainError::Rule("the wraps are not for exactly the members"));
    }
    let shares = chain.policy.share_history && previous > 0;
    if rekey.sealed_previous.len() != if shares { limits::SEALED_PREVIOUS } else { 0 } {
        return Err(ChainError::Rule(
            "the previous secret must be there exactly where history is shared",
        ));
    }
    Ok(Epoch {
        number: rekey.epoch,
        key_id: KeyId::try_from(&rekey.key_id[..])
            .map_err(|_| ChainError::Rule("the key id must be 32 bytes"))?,
        wraps_digest: rekey.wraps_digest[..]
            .try_into()
            .map_err(|_| ChainError::Rule("the wraps digest must be 32 bytes"))?,
    })
}

fn check_may_grant(author: &Member, newcomer: &Manifest, granted: Capabilities) -> Result<(), ChainError> {
    let may_add = author.capabilities.contains(Capabilities::MANAGE)
        || author.capabilities.contains(Capabilities::INVITE);
    if !may_add || !author.capabilities.contains(granted) {
        return Err(ChainError::NotPermitted);
    }
    if newcomer.kind() == PrincipalKind::Agent && !Capabilities::WRITE.contains(granted) {
        return Err(ChainError::Rule("an agent cannot have `manage` or `invite`"));
    }
    Ok(())
}

fn check_may_rekey(chain: &ControlChain, author: &Member) -> Result<(), ChainError> {
    let needed = if chain.waits_for_rekey {
        Capabilities::WRITE
    } else {
        Capabilities::MANAGE
    };
    let may = author.manifest.kind() == PrincipalKind::Human
        && (author.capabilities.contains(needed) || author.capabilities.contains(Capabilities::MANAGE));
    may.then_some(()).ok_or(ChainError::NotPermitted)
}
