//! New devices that are let in.

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::*;
use sealpost_protocol::ids::AccountId;
use serde_json::{Value, json};

use super::routes::{Answer, MIDNIGHT, to_json};
use super::{State, WaitingDevice};

impl State {
    pub(super) fn start_approval(&mut self, body: &ApprovalStart) -> Answer {
        let shown = json!({
            "hpke_key": body.hpke_key, "device_name": body.device_name, "created_at": MIDNIGHT,
        });
        let device = WaitingDevice {
            shown: serde_json::from_value(shown).unwrap(),
            claim: body.claim_token.expose_bytes().to_vec(),
            approved: None,
        };
        self.waiting
            .insert(body.request_token.expose_bytes().to_vec(), device);
        Ok(json!({ "expires_at": MIDNIGHT }))
    }

    pub(super) fn look_up_approval(&self, body: &ApprovalLookup) -> Answer {
        let known = self.waiting.get(&body.request_token.expose_bytes()[..]);
        let known = known.filter(|device| device.approved.is_none());
        let device = known.ok_or(ErrorCode::DeviceCodeInvalid)?;
        to_json(self.faults.device.as_ref().unwrap_or(&device.shown))
    }

    pub(super) fn grant_approval(&mut self, id: AccountId, body: ApprovalGrant) -> Answer {
        let known = self.waiting.get_mut(&body.request_token.expose_bytes()[..]);
        let known = known.filter(|device| device.approved.is_none());
        let device = known.ok_or(ErrorCode::DeviceCodeInvalid)?;
        device.approved = Some((id, body.sealed_approval.0));
        Ok(Value::Null)
    }

    pub(super) fn claim_approval(&mut self, body: &ApprovalClaim) -> Answer {
        let token = self.claimed(body).ok_or(ErrorCode::DeviceCodeInvalid)?;
        let device = &self.waiting[&token];
        let made_up = self.faults.let_into.zip(self.faults.approval.clone());
        let Some((id, approval)) = device.approved.clone().or(made_up) else {
            return Ok(json!({}));
        };
        let name = device.shown.device_name.clone();
        self.waiting.remove(&token);
        let approval = self.faults.approval.clone().unwrap_or(approval);
        let login = self.log_in(self.faults.let_into.unwrap_or(id), name)?;
        Ok(json!({ "approved": { "sealed_approval": Base64Bytes(approval), "login": login } }))
    }

    pub(super) fn withdraw_approval(&mut self, body: &ApprovalClaim) -> Answer {
        if let Some(token) = self.claimed(body) {
            self.waiting.remove(&token);
        }
        Ok(Value::Null)
    }

    fn claimed(&self, body: &ApprovalClaim) -> Option<Vec<u8>> {
        let mut waiting = self.waiting.iter();
        let found = waiting.find(|(_, device)| device.claim == body.claim_token.expose_bytes());
        found.map(|(token, _)| token.clone())
    }
}
