use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::code::ErrorCode;
use sealpost_sdk::{Client, Error, PreparedStart, Proof};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::question;
use crate::secret_input::{self, Source};
use crate::verbs::new_secrets::RecoveryTarget;
use crate::verbs::whoami::Identity;

/// From when on the new secrets count.
const FROM: &str = "once the account has started over, which is said below; keep the old secrets until then";

/// Start over with new keys, because the old ones may be in foreign hands
///
/// Makes a new identity, a new passphrase and a new recovery code, in one step at the relay. The old keys are revoked there, every
/// other device is logged out, and your agents end: pair them again. Contacts stay, and have to confirm the new fingerprint. Spaces
/// stay listed as lost: ask somebody who manages each to put the new principal in the place of the old one (`sealpost space
/// replace-member`). On a new device, log in first.
///
/// The new recovery code, and the new device secret where the account has one, are shown before the switch: they count once the
/// command says that the account has started over, and until then the old ones do. Should it be cut short in between, log in with
/// the new passphrase; if that is refused, nothing has changed.
#[derive(Args)]
pub(crate) struct StartOver {
    /// Prove it with the recovery code instead of the passphrase
    #[arg(long)]
    recovery: bool,
    /// Read the new passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<u32>,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: RecoveryTarget,
}

#[derive(Serialize)]
struct StartedOver {
    #[serde(flatten)]
    identity: Identity,
    lost_agents: Vec<LostAgent>,
}

#[derive(Serialize)]
struct LostAgent {
    name: String,
    principal_id: String,
}

impl StartOver {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        self.target.expect_free()?;
        let client = context.client().await?;
        if !self.yes {
            let warning = "This gives up the account's keys, its agents, and its place in every space.";
            question::expect_typed(&client.account().handle, warning)?;
        }
        let prepared = Box::pin(self.prepare(&client, context)).await?;
        let (code, secret) = (prepared.recovery_code(), prepared.device_secret());
        if let Err(failure) = self.target.show(context, FROM, code, secret) {
            prepared.abandon().await;
            return Err(failure);
        }
        match Box::pin(prepared.commit()).await {
            Ok(started) => context.report(&StartedOver::new(&started)),
            Err(error) => {
                self.target.discard_after(&error);
                Err(overtaken(error))
            }
        }
    }

    async fn prepare(&self, client: &Client, context: &Context) -> Result<PreparedStart, Failure> {
        let new = Source::new_passphrase(self.new_passphrase_fd);
        if self.recovery {
            let code = secret_input::recovery_code()?;
            let proof = Proof::RecoveryCode(&code);
            return Ok(client.prepare_start_over(proof, &new.read_passphrase()?).await?);
        }
        let old = context.passphrase()?;
        let proof = Proof::Passphrase(&old);
        let prepared = client.prepare_start_over(proof, &new.read_passphrase()?).await;
        prepared.map_err(|error| Failure::from(error).or_by_recovery())
    }
}

/// What the relay has no more is what this has prepared: it went with the session when another device started over.
fn overtaken(error: Error) -> Failure {
    let is_gone = error.code() == Some(ErrorCode::NotFound);
    match Failure::from(error) {
        failure if is_gone => failure.advised(
            "most likely another device started over a moment before: then this one is logged out, and its new passphrase or recovery \
             code logs it in again",
        ),
        failure => failure,
    }
}

impl StartedOver {
    fn new(started: &sealpost_sdk::StartedOver) -> Self {
        let lost = started.lost_agents.iter().map(|agent| LostAgent {
            name: agent.name.clone(),
            principal_id: agent.principal_id.to_string(),
        });
        Self {
            identity: Identity::of(&started.client),
            lost_agents: lost.collect(),
        }
    }
}

impl Report for StartedOver {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The account has started over.")?;
        self.identity.write_text(out)?;
        for LostAgent { name, principal_id } in &self.lost_agents {
            writeln!(
                out,
                "lost agent  {name}  {principal_id}: take it out of its spaces (`sealpost space remove-member`) and pair it again"
            )?;
        }
        Ok(())
    }
}
