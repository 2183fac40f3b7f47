//! What the relay answers, by path.

use prost::Message;
use sealpost_opaque::{LoginState, Record};
use sealpost_protocol::SUBPROTOCOL;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::*;
use sealpost_protocol::ids::{AccountId, SessionId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::recovery::verify_recovery_login;
use sealpost_protocol::wire::SignedManifest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::wire::Request;
use super::{Account, KSF, Stage, State};

pub(super) type Answer = Result<Value, ErrorCode>;

pub(super) const MIDNIGHT: &str = "2026-11-01T00:00:00Z";

impl Request {
    fn json<T: DeserializeOwned>(&self) -> Result<T, ErrorCode> {
        serde_json::from_slice(&self.body).map_err(|_| ErrorCode::Malformed)
    }
}

impl State {
    pub(super) fn route(&mut self, request: &Request) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", paths::INFO) => self.info(),
            ("POST", paths::REGISTRATION_START) => self.start_registration(request.json()?),
            ("POST", paths::REGISTRATION_FINISH) => self.finish_registration(request.json()?),
            ("POST", paths::LOGIN_START) => self.start_login(&request.json()?),
            ("POST", paths::LOGIN_FINISH) => self.finish_login(&request.json()?),
            ("POST", paths::AGENT_ENROLL) => self.enroll(&request.json()?),
            ("POST", paths::RECOVERY_LOGIN_START) => self.start_recovery(request.json()?),
            ("POST", paths::RECOVERY_LOGIN_FINISH) => self.finish_recovery(&request.json()?),
            ("POST", paths::APPROVAL_START) => self.start_approval(&request.json()?),
            ("POST", paths::APPROVAL_CLAIM) => self.claim_approval(&request.json()?),
            ("POST", paths::APPROVAL_WITHDRAW) => self.withdraw_approval(&request.json()?),
            _ => {
                let (session, account) = self.session(request)?;
                self.route_session(request, session, account)
            }
        }
    }

    fn route_session(&mut self, request: &Request, session: SessionId, id: AccountId) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", paths::KEYSTORE) => self.keystore(id),
            ("GET", paths::KEYSTORE_HISTORY) => self.history(id),
            ("GET", path) if path.starts_with(paths::KEYSTORE_HISTORY) => self.version(id, path),
            ("PUT", paths::KEYSTORE) => self.put_keystore(id, request.json()?),
            ("POST", paths::PASSPHRASE_START) => self.start_passphrase(id, &request.json()?),
            ("POST", paths::KEYSTORE_STAGED) => self.stage(id, request.json()?),
            ("GET", paths::KEYSTORE_STAGED) => self.staged(id),
            ("POST", paths::KEYSTORE_STAGED_VERIFY) => self.verify_staged(id, &request.json()?),
            ("POST", paths::KEYSTORE_STAGED_COMMIT) => self.commit(session, id, &request.json()?),
            ("POST", paths::APPROVAL_LOOKUP) => self.look_up_approval(&request.json()?),
            ("POST", paths::APPROVAL_GRANT) => self.grant_approval(id, request.json()?),
            ("DELETE", paths::ACCOUNT) => Ok(self.delete_account(id)),
            ("GET", paths::AGENTS) => to_json(&AgentList {
                agents: self.agents.clone(),
            }),
            ("POST", paths::AGENT_PAIRING) => to_json(&PairingStarted {
                expires_at: time::OffsetDateTime::UNIX_EPOCH,
            }),
            ("DELETE", path) if path.starts_with(paths::AGENTS) => self.revoke_agent(path),
            ("GET", paths::SESSIONS) => self.list_sessions(session),
            ("DELETE", paths::SESSION_CURRENT) => self.end(session),
            ("DELETE", path) => self.end(last_part(path)?),
            ("POST", paths::PRINCIPAL_LOOKUP) => self.look_up(&request.json()?),
            ("GET", paths::SPACES) => to_json(&SpaceList {
                spaces: self.spaces.clone(),
            }),
            ("GET", paths::ACCOUNT) => self.view(id),
            _ => Err(ErrorCode::NotFound),
        }
    }

    fn session(&self, request: &Request) -> Result<(SessionId, AccountId), ErrorCode> {
        let token = request
            .token
            .as_deref()
            .and_then(|token| SecretToken::parse(token).ok());
        let bytes = token.ok_or(ErrorCode::NotAuthenticated)?.expose_bytes().to_vec();
        self.sessions
            .get(&bytes)
            .copied()
            .ok_or(ErrorCode::NotAuthenticated)
    }

    fn info(&self) -> Answer {
        let origin = format!("http://{}", self.address);
        to_json(&Info {
            name: "sealpost".to_owned(),
            version: "0".to_owned(),
            subprotocols: vec![SUBPROTOCOL.to_owned()],
            incarnation: self.incarnation,
            origin: self.faults.origin.clone().unwrap_or(origin),
            opaque_public_key: self
                .faults
                .announced_key
                .unwrap_or(self.setup.public_key())
                .to_vec()
                .into(),
            checkpoint_key: vec![7; 32].into(),
            ksf: KSF,
            open_registration: true,
            blobs: None,
        })
    }

    fn ksf(&self) -> KsfParameters {
        self.faults.ksf.unwrap_or(KSF)
    }

    fn start_registration(&mut self, body: RegistrationStart) -> Answer {
        if self.by_handle(&body.handle).is_some() {
            return Err(ErrorCode::HandleTaken);
        }
        let account_id = AccountId::new(self.draw());
        let registration_id = self.draw::<16>().to_vec();
        let response = self
            .setup
            .answer_registration(&body.registration_request.0, account_id.as_bytes())
            .map_err(|_| ErrorCode::Malformed)?;
        self.registering
            .insert(registration_id.clone(), (account_id, body.handle));
        to_json(&RegistrationStarted {
            registration_id: registration_id.into(),
            account_id,
            registration_response: response.into(),
            ksf: self.ksf(),
        })
    }

    fn finish_registration(&mut self, body: RegistrationFinish) -> Answer {
        let (id, handle) = self
            .registering
            .remove(&body.registration_id.0)
            .ok_or(ErrorCode::Expired)?;
        self.accounts.push(Account {
            id,
            handle,
            record: body.registration_upload.0,
            recovery_login_key: body.recovery_login_key.0,
            manifest: body.signed_manifest.0,
            keystores: vec![body.keystore.0],
            stage: None,
        });
        self.log_in(id, body.device_name)
    }

    fn start_login(&mut self, body: &LoginStart) -> Answer {
        let id = self.by_handle(&body.handle).map(|account| account.id);
        let record = id.and_then(|id| self.record(id));
        let identifier = id.unwrap_or(AccountId::new([0; 16]));
        let (state, response) = self.answer_login(record.as_ref(), &body.credential_request.0, identifier)?;
        let login_id = self.draw::<16>().to_vec();
        self.logging_in.insert(login_id.clone(), (id, state));
        to_json(&LoginStarted {
            login_id: login_id.into(),
            credential_response: response.into(),
            ksf: self.ksf(),
        })
    }

    fn answer_login(
        &self,
        record: Option<&Record>,
        request: &[u8],
        identifier: AccountId,
    ) -> Result<(LoginState, Vec<u8>), ErrorCode> {
        self.setup
            .start_login(record, request, identifier.as_bytes())
            .map_err(|_| ErrorCode::Malformed)
    }

    fn finish_login(&mut self, body: &LoginFinish) -> Answer {
        let (id, state) = self
            .logging_in
            .remove(&body.login_id.0)
            .ok_or(ErrorCode::Expired)?;
        let proven = state.finish(&body.credential_finalization.0);
        let id = id.filter(|_| proven.is_ok()).ok_or(ErrorCode::LoginFailed)?;
        self.log_in(id, body.device_name.clone())
    }

    fn start_recovery(&mut self, body: RecoveryLoginStart) -> Answer {
        let login_id = self.draw::<16>().to_vec();
        let challenge = self.draw::<32>();
        self.recovering
            .insert(login_id.clone(), (body.recovery_login_key.0, challenge));
        to_json(&RecoveryLoginStarted {
            login_id: login_id.into(),
            challenge: challenge.to_vec().into(),
        })
    }

    fn finish_recovery(&mut self, body: &RecoveryLoginFinish) -> Answer {
        let (key, challenge) = self
            .recovering
            .remove(&body.login_id.0)
            .ok_or(ErrorCode::Expired)?;
        let origin = format!("http://{}", self.address);
        let public = PublicKey::parse(&key).map_err(|_| ErrorCode::Malformed)?;
        verify_recovery_login(&public, &origin, &challenge, &body.signature.0)
            .map_err(|_| ErrorCode::LoginFailed)?;
        let mut accounts = self.accounts.iter();
        let account = accounts.find(|account| account.recovery_login_key == key);
        let id = account.ok_or(ErrorCode::LoginFailed)?.id;
        self.log_in(id, body.device_name.clone())
    }

    pub(super) fn log_in(&mut self, id: AccountId, device_name: String) -> Answer {
        let (token, session_id) = (self.draw::<32>(), SessionId::new(self.draw()));
        self.sessions.insert(token.to_vec(), (session_id, id));
        let handle = self.account(id).handle.clone();
        self.asked_as.push(device_name.clone());
        to_json(&LoggedIn {
            account_id: id,
            handle: self.faults.handle.clone().unwrap_or(handle),
            session_token: SecretToken::new(zeroize::Zeroizing::new(token)),
            session: session_view(session_id, &device_name, true),
        })
    }

    fn keystore(&mut self, id: AccountId) -> Answer {
        let account = self.account(id);
        let version = account.keystores.len() as u64;
        let current = account.keystores.last().cloned();
        let shown = self
            .faults
            .keystore
            .clone()
            .unwrap_or(current)
            .ok_or(ErrorCode::NotFound)?;
        Ok(json!({ "version": version, "keystore": Base64Bytes(shown), "created_at": MIDNIGHT }))
    }

    fn history(&mut self, id: AccountId) -> Answer {
        let kept = (1_u64..).zip(&self.account(id).keystores);
        let item = |(version, keystore): (u64, &Vec<u8>)| json!({ "version": version, "length": keystore.len(), "created_at": MIDNIGHT });
        let mut versions: Vec<Value> = kept.map(item).collect();
        versions.reverse();
        Ok(json!({ "versions": versions }))
    }

    fn version(&mut self, id: AccountId, path: &str) -> Answer {
        let version = path.rsplit('/').next().and_then(|part| part.parse().ok());
        let version: usize = version.ok_or(ErrorCode::NotFound)?;
        let shown = self.faults.keystore.clone().flatten();
        let kept = self.account(id).keystores.get(version.wrapping_sub(1)).cloned();
        let shown = shown.or(kept).ok_or(ErrorCode::NotFound)?;
        Ok(json!({ "version": version, "keystore": Base64Bytes(shown), "created_at": MIDNIGHT }))
    }

    fn put_keystore(&mut self, id: AccountId, body: KeystorePut) -> Answer {
        self.account(id).replace(body.base_version, body.keystore.0)
    }

    fn start_passphrase(&mut self, id: AccountId, body: &PassphraseStart) -> Answer {
        let response = self
            .setup
            .answer_registration(&body.registration_request.0, id.as_bytes())
            .map_err(|_| ErrorCode::Malformed)?;
        to_json(&PassphraseStarted {
            registration_response: response.into(),
            ksf: self.ksf(),
        })
    }

    fn stage(&mut self, id: AccountId, body: KeystoreStage) -> Answer {
        let view = StagedView {
            stage_id: self.draw::<16>().to_vec().into(),
            base_version: body.base_version,
            keystore: self.faults.staged.clone().map_or(body.keystore, Base64Bytes),
            recovery_login_key: body.recovery_login_key,
            signed_manifest: body.signed_manifest,
        };
        self.account(id).stage = Some(Stage {
            view: view.clone(),
            verified: body.registration_upload.is_none(),
            upload: body.registration_upload.map(|upload| upload.0),
        });
        to_json(&view)
    }

    fn staged(&mut self, id: AccountId) -> Answer {
        let stage = self.account(id).stage.as_ref().ok_or(ErrorCode::NotFound)?;
        to_json(&stage.view)
    }

    fn verify_staged(&mut self, id: AccountId, body: &StagedVerify) -> Answer {
        let stage = self.account(id).stage.as_mut().ok_or(ErrorCode::Expired)?;
        stage.verified = true;
        let upload = stage.upload.clone().ok_or(ErrorCode::NotFound)?;
        let record = Record::from_upload(&upload).map_err(|_| ErrorCode::Malformed)?;
        let (_, response) = self.answer_login(Some(&record), &body.credential_request.0, id)?;
        to_json(&StagedVerified {
            credential_response: response.into(),
        })
    }

    fn commit(&mut self, session: SessionId, id: AccountId, body: &StagedCommit) -> Answer {
        let account = self.account(id);
        let stage = account.stage.take().ok_or(ErrorCode::Expired)?;
        if stage.view.stage_id != body.stage_id || !stage.verified {
            return Err(ErrorCode::KeystoreConflict);
        }
        let version = account.replace(stage.view.base_version, stage.view.keystore.0)?;
        if let Some(upload) = stage.upload {
            account.record = upload;
        }
        if let Some(key) = stage.view.recovery_login_key {
            account.recovery_login_key = key.0;
        }
        if let Some(manifest) = stage.view.signed_manifest {
            account.manifest = manifest.0;
            self.sessions
                .retain(|_, (other, owner)| *other == session || *owner != id);
            self.agents.clear();
        }
        Ok(version)
    }

    fn delete_account(&mut self, id: AccountId) -> Value {
        self.accounts.retain(|account| account.id != id);
        self.sessions.retain(|_, (_, owner)| *owner != id);
        Value::Null
    }

    fn list_sessions(&mut self, current: SessionId) -> Answer {
        let mut sessions: Vec<SessionView> = self
            .sessions
            .values()
            .map(|(id, _)| session_view(*id, "device", *id == current))
            .collect();
        sessions.sort_by_key(|session| session.session_id);
        to_json(&SessionList { sessions })
    }

    fn end(&mut self, ended: SessionId) -> Answer {
        let before = self.sessions.len();
        self.sessions.retain(|_, (id, _)| *id != ended);
        (self.sessions.len() < before)
            .then_some(Value::Null)
            .ok_or(ErrorCode::NotFound)
    }

    /// An agent of the first account.
    fn enroll(&mut self, _: &AgentEnroll) -> Answer {
        let (token, session_id) = (self.draw::<32>(), SessionId::new(self.draw()));
        to_json(&AgentLoggedIn {
            account_id: self.accounts[0].id,
            name: self.faults.agent_name.clone().unwrap_or_default(),
            session_token: SecretToken::new(zeroize::Zeroizing::new(token)),
            session: session_view(session_id, "helper", true),
        })
    }

    fn revoke_agent(&mut self, path: &str) -> Answer {
        let before = self.agents.len();
        self.agents
            .retain(|agent| !path.ends_with(&agent.principal_id.to_string()));
        (self.agents.len() < before)
            .then_some(Value::Null)
            .ok_or(ErrorCode::NotFound)
    }

    fn look_up(&mut self, body: &PrincipalLookup) -> Answer {
        let known = self
            .by_handle(&body.handle)
            .map(|account| account.manifest.clone());
        let manifest = self
            .faults
            .manifest
            .clone()
            .or(known)
            .ok_or(ErrorCode::NotFound)?;
        to_json(&PrincipalCandidate {
            signed_manifest: manifest.into(),
        })
    }

    fn view(&mut self, id: AccountId) -> Answer {
        let forged = self.faults.principal;
        let account = self.account(id);
        let signed = SignedManifest::decode(&account.manifest[..]).map_err(|_| ErrorCode::Internal)?;
        let manifest = Manifest::parse_signed(&signed).map_err(|_| ErrorCode::Internal)?;
        to_json(&AccountView {
            account_id: id,
            handle: account.handle.clone(),
            principal_id: forged.unwrap_or(manifest.id()),
            keystore_version: account.keystores.len() as u64,
            stored_bytes: 0,
            quota_bytes: 1,
        })
    }
}

impl Account {
    fn replace(&mut self, base_version: u64, keystore: Vec<u8>) -> Answer {
        if base_version != self.keystores.len() as u64 {
            return Err(ErrorCode::KeystoreConflict);
        }
        self.keystores.push(keystore);
        to_json(&KeystoreVersion {
            version: self.keystores.len() as u64,
        })
    }
}

fn session_view(session_id: SessionId, device_name: &str, current: bool) -> SessionView {
    let view = json!({
        "session_id": session_id, "device_name": device_name, "current": current,
        "created_at": MIDNIGHT, "last_seen_at": MIDNIGHT, "expires_at": MIDNIGHT,
    });
    serde_json::from_value(view).unwrap()
}

fn last_part(path: &str) -> Result<SessionId, ErrorCode> {
    let id = path.rsplit('/').next().unwrap_or_default();
    id.parse().map_err(|_| ErrorCode::NotFound)
}

pub(super) fn to_json(body: &impl serde::Serialize) -> Answer {
    Ok(serde_json::to_value(body).unwrap())
}
