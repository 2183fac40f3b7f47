//! Messages of OPAQUE, as each side reads the other's.

use sealpost_opaque::{ClientLogin, ClientRegistration, Record, ServerSetup};

use crate::Target;

pub const OPAQUE_MESSAGES: Target = Target {
    name: "opaque_messages",
    what: "OPAQUE's messages: of clients at the relay, and what the relay stored",
    run: |bytes| {
        drop(Record::from_upload(bytes));
        drop(Record::parse(bytes));
        drop(ServerSetup::parse(bytes));
        drop(sealpost_opaque::LoginState::parse(bytes));
        SERVER.with(|server| {
            drop(server.answer_registration(bytes, b"account"));
            drop(server.start_login(None, bytes, b"account"));
        });
    },
    seeds: || {
        let registration = ClientRegistration::start(b"passphrase").map(|(_, message)| message);
        let login = ClientLogin::start(b"passphrase").map(|(_, message)| message);
        [registration, login].into_iter().flatten().collect()
    },
};

thread_local! {
    /// One setup a thread: making one costs more than judging a message.
    static SERVER: ServerSetup = ServerSetup::generate();
}
