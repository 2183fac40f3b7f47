//! One file per verb: its arguments, what it does, what it reports.

mod account;
mod agent;
mod completions;
mod contact;
mod devices;
mod doctor;
mod evidence;
mod files;
mod fingerprint;
mod invite;
mod join;
mod login;
mod logout;
mod new_secrets;
mod outbox;
mod passphrase;
mod recovery_code;
mod register;
mod send;
mod space;
mod tail;
mod whoami;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Verb {
    Register(register::Register),
    Login(login::Login),
    Logout(logout::Logout),
    Whoami(whoami::Whoami),
    Fingerprint(fingerprint::ShowFingerprint),
    #[command(subcommand)]
    Contact(contact::Contact),
    #[command(subcommand)]
    Passphrase(passphrase::Passphrase),
    #[command(subcommand)]
    RecoveryCode(recovery_code::RecoveryCode),
    #[command(subcommand)]
    Account(account::Account),
    #[command(subcommand)]
    Space(space::Space),
    #[command(subcommand)]
    Invite(invite::Invite),
    Join(join::Join),
    Send(send::Send),
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    Tail(tail::Tail),
    Put(files::Put),
    Get(files::Get),
    #[command(name = "ls")]
    List(files::List),
    #[command(name = "rm")]
    Remove(files::Remove),
    #[command(subcommand)]
    Agent(agent::Agent),
    #[command(subcommand)]
    Devices(devices::Devices),
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

impl Verb {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.is_for_owners() {
            // Boxed: every verb would carry it.
            Box::pin(context.expect_no_agent()).await?;
        }
        match self {
            Self::Register(verb) => verb.run(context).await,
            Self::Login(verb) => verb.run(context).await,
            Self::Logout(verb) => verb.run(context).await,
            Self::Whoami(verb) => verb.run(context).await,
            Self::Fingerprint(verb) => verb.run(context).await,
            Self::Contact(verb) => verb.run(context).await,
            Self::Passphrase(verb) => verb.run(context).await,
            Self::RecoveryCode(verb) => verb.run(context).await,
            Self::Account(verb) => verb.run(context).await,
            Self::Space(verb) => verb.run(context).await,
            Self::Invite(verb) => verb.run(context).await,
            Self::Join(verb) => verb.run(context).await,
            Self::Send(verb) => verb.run(context).await,
            Self::Outbox(verb) => verb.run(context).await,
            Self::Tail(verb) => verb.run(context).await,
            Self::Put(verb) => verb.run(context).await,
            Self::Get(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Remove(verb) => verb.run(context).await,
            Self::Agent(verb) => verb.run(context).await,
            Self::Devices(verb) => verb.run(context).await,
            Self::Evidence(verb) => verb.run(context).await,
            Self::Doctor(verb) => verb.run(context).await,
            Self::Completions(verb) => verb.run(),
        }
    }

    /// Whether it changes or shows what no agent has: an account, and a say in who is in a space.
    fn is_for_owners(&self) -> bool {
        match self {
            Self::Register(_)
            | Self::Login(_)
            | Self::Passphrase(_)
            | Self::RecoveryCode(_)
            | Self::Account(_)
            | Self::Invite(_)
            | Self::Join(_) => true,
            Self::Agent(verb) => verb.is_for_owners(),
            Self::Contact(verb) => verb.is_for_owners(),
            Self::Devices(verb) => verb.is_for_owners(),
            Self::Space(verb) => verb.is_for_owners(),
            Self::Logout(_)
            | Self::Whoami(_)
            | Self::Fingerprint(_)
            | Self::Send(_)
            | Self::Outbox(_)
            | Self::Tail(_)
            | Self::Put(_)
            | Self::Get(_)
            | Self::List(_)
            | Self::Remove(_)
            | Self::Evidence(_)
            | Self::Doctor(_)
            | Self::Completions(_) => false,
        }
    }
}
