//! What codes and approvals are made of, byte by byte.

use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use sealpost_protocol::approval::DeviceRequest;
use sealpost_protocol::ids::{AccountId, PrincipalId};
use serde::Deserialize;

use super::*;
use crate::account::approval::NotADeviceCode;
use crate::account::approval::grant::OpenedGrant;
use crate::identity::HpkePrivateKey;

#[derive(Deserialize)]
struct File {
    origin: String,
    handle: String,
    device_name: String,
    hpke_seed: String,
    owner_signing_seed: String,
    owner_hpke_seed: String,
    codes: Vec<CodeVector>,
    refused_codes: Vec<RefusedCode>,
    approvals: Vec<ApprovalVector>,
    refused_approvals: Vec<RefusedApproval>,
}

#[derive(Deserialize)]
struct CodeVector {
    why: String,
    handle: String,
    secret: String,
    request: String,
    code: String,
    request_token: String,
    preshared_key: String,
}

#[derive(Deserialize)]
struct RefusedCode {
    why: String,
    code: String,
}

#[derive(Deserialize)]
struct ApprovalVector {
    why: String,
    sealed: String,
    grant: GrantVector,
    valid_signature: bool,
}

#[derive(Deserialize)]
struct GrantVector {
    origin: String,
    handle: String,
    account_id: AccountId,
    principal_id: PrincipalId,
    request: String,
    root_key: String,
    generation: u64,
    keystore_digest: String,
}

#[derive(Deserialize)]
struct RefusedApproval {
    why: String,
    sealed: String,
}

fn file() -> File {
    serde_json::from_str(include_str!("../../../../vectors/approval.json")).unwrap()
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn one_time(file: &File) -> HpkePrivateKey {
    HpkePrivateKey::from_bytes(&bytes::<32>(&file.hpke_seed)).unwrap()
}

#[test]
fn device_codes_are_those_of_the_vectors() {
    let file = file();
    let request = DeviceRequest {
        origin: &file.origin,
        handle: &file.handle,
        device_name: &file.device_name,
        hpke_key: &XWing::sk_to_pk(&one_time(&file)).to_bytes(),
    };
    assert_eq!(hex::encode(request.hash()), file.codes[0].request);
    for vector in &file.codes {
        let code = DeviceCode::new(bytes(&vector.secret), bytes(&vector.request), &vector.handle);
        assert_eq!(*code.expose_text(), vector.code, "{}", vector.why);
        assert_eq!(hex::encode(code.token().expose_bytes()), vector.request_token);
        assert_eq!(hex::encode(*code.preshared_key()), vector.preshared_key);
        let read = DeviceCode::parse(&vector.code).unwrap();
        assert_eq!((read.handle(), read.request()), (code.handle(), code.request()));
    }
    for vector in &file.refused_codes {
        let refused = DeviceCode::parse(&vector.code).err();
        assert_eq!(refused, Some(NotADeviceCode), "{}", vector.why);
    }
}

#[test]
fn approvals_of_the_vectors_open_to_what_they_say_or_not_at_all() {
    let file = file();
    let code = DeviceCode::parse(&file.codes[0].code).unwrap();
    let one_time = one_time(&file);
    let seeds = [&file.owner_signing_seed, &file.owner_hpke_seed].map(|seed| SecretKey::from(bytes(seed)));
    let [signing, hpke] = seeds;
    let owner = Identity::from_seeds(signing, hpke);
    for vector in &file.approvals {
        let sealed = hex::decode(&vector.sealed).unwrap();
        let opened = OpenedGrant::open(&sealed, &code, &one_time).unwrap();
        let (grant, expected) = (&opened.grant, &vector.grant);
        assert_eq!(
            (&grant.origin, &grant.handle),
            (&expected.origin, &expected.handle)
        );
        assert_eq!(grant.account_id, expected.account_id);
        assert_eq!(grant.principal_id, expected.principal_id);
        assert_eq!(hex::encode(grant.request), expected.request);
        assert_eq!(hex::encode(grant.root_key.expose_bytes()), expected.root_key);
        assert_eq!(grant.generation.number, expected.generation);
        assert_eq!(hex::encode(grant.generation.digest), expected.keystore_digest);
        assert_eq!(opened.is_by(&owner), vector.valid_signature, "{}", vector.why);
    }
    for vector in &file.refused_approvals {
        let sealed = hex::decode(&vector.sealed).unwrap();
        let opened = OpenedGrant::open(&sealed, &code, &one_time);
        assert!(opened.is_none(), "{}", vector.why);
    }
}
