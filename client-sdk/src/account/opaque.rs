//! The client's steps of OPAQUE, stretched off the async threads.

use sealpost_opaque::{CheckedKsf, ClientLogin, ClientRegistration, LoggedIn, Registered};

use super::relay::check_opaque_key;
use crate::blocking;
use crate::error::Error;
use crate::keystore::RelayPin;
use crate::secret::Passphrase;

/// A registration whose request is to be sent.
pub(super) fn start_registration(passphrase: &Passphrase) -> Result<(ClientRegistration, Vec<u8>), Error> {
    ClientRegistration::start(passphrase.expose_bytes()).map_err(to_error)
}

/// Stretches and seals; takes a tenth of a second or more.
pub(super) async fn finish_registration(
    state: ClientRegistration,
    passphrase: &Passphrase,
    response: Vec<u8>,
    ksf: CheckedKsf,
    pin: &RelayPin,
) -> Result<Registered, Error> {
    let passphrase = passphrase.share();
    let registered = blocking::run(move || state.finish(passphrase.expose_bytes(), &response, ksf))
        .await
        .map_err(to_error)?;
    check_opaque_key(&registered.server_public_key, pin)?;
    Ok(registered)
}

/// A login whose request is to be sent.
pub(super) fn start_login(passphrase: &Passphrase) -> Result<(ClientLogin, Vec<u8>), Error> {
    ClientLogin::start(passphrase.expose_bytes()).map_err(to_error)
}

/// Stretches and proves. Whoever answered is known to hold the pinned key before the proof is handed out.
pub(super) async fn finish_login(
    state: ClientLogin,
    passphrase: &Passphrase,
    response: Vec<u8>,
    ksf: CheckedKsf,
    pin: &RelayPin,
) -> Result<LoggedIn, Error> {
    let passphrase = passphrase.share();
    let logged_in = blocking::run(move || state.finish(passphrase.expose_bytes(), &response, ksf))
        .await
        .map_err(to_error)?;
    check_opaque_key(&logged_in.server_public_key, pin)?;
    Ok(logged_in)
}

fn to_error(error: sealpost_opaque::Error) -> Error {
    use sealpost_opaque::Error as Opaque;
    match error {
        Opaque::Mismatch => Error::NotAuthenticated("check handle and passphrase"),
        Opaque::PassphraseLength => Error::usage("the passphrase is empty or too long"),
        Opaque::Malformed(what) => Error::alarm(format!("the relay sent a malformed {what}")),
        Opaque::Internal => Error::usage("this machine cannot stretch the passphrase"),
    }
}
