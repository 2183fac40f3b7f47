//! What one assertion must say, and who must have signed it.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use super::{AccessSettings, Refusal};

/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 30;

/// The claims are judged by the library; of what else they say nothing is used.
#[derive(Deserialize)]
struct Claims {}

/// What an assertion must say.
#[derive(Debug)]
pub(super) struct Expected(Validation);

impl Expected {
    pub(super) fn of(settings: &AccessSettings) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[settings.team_url.origin().ascii_serialization()]);
        validation.set_audience(&[&settings.audience]);
        validation.validate_nbf = true; // where it is said: service tokens have none
        validation.leeway = LEEWAY;
        Self(validation)
    }

    /// Signature first, then audience, issuer and times.
    pub(super) fn check(&self, assertion: &[u8], key: &DecodingKey) -> Result<(), Refusal> {
        match decode::<Claims>(assertion, key, &self.0) {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::Denied(reason(error.kind()))),
        }
    }
}

/// Which of the team's keys it names. Anything but RS256 ends here: no key is looked for.
pub(super) fn key_id(assertion: &[u8]) -> Result<String, Refusal> {
    let header = decode_header(assertion).map_err(|_| Refusal::Denied("it is no assertion"))?;
    if header.alg != Algorithm::RS256 {
        return Err(Refusal::Denied("it is not signed by RS256"));
    }
    header.kid.ok_or(Refusal::Denied("it names no key"))
}

/// A reason that holds nothing of what the stranger sent.
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "its signature is not of the key it names",
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidAudience => "it is for another application",
        ErrorKind::InvalidIssuer => "it is of another team",
        ErrorKind::MissingRequiredClaim(_) => "it does not say what it must",
        _ => "it cannot be read",
    }
}
