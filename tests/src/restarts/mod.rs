//! The restart proof: fifty clients write and read through a deployment that somebody else brought up, while commands restart
//! its parts. Nothing acked may be lost, doubled or skipped, and the SDK may tell nobody of an error.

mod audience;
mod crowd;
mod member;
mod report;

use std::{path::PathBuf, time::Duration};

use tokio::{
    process::Command,
    time::{Instant, timeout},
};

use self::{audience::Listening, crowd::Crowd, member::Members};
pub use self::{
    crowd::Deployment,
    report::{Report, Row},
};
use crate::{crash::Auditor, rounds::evidence};

/// How long a part's restart may hold everybody up.
const STANDSTILL: Duration = Duration::from_secs(180);
/// What everybody must have been acked before, between and after restarts.
const MESSAGES: u64 = 3;

/// What to prove, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The deployment.
    pub deployment: Deployment,
    /// What is done to it, one after the other.
    pub disturbances: Vec<Disturbance>,
}

/// Something that is done to the deployment.
#[derive(Clone, Debug)]
pub struct Disturbance {
    /// What it is called in the report.
    pub name: String,
    /// A command for bash; it ends when the part is back.
    pub command: String,
}

/// Runs the proof; `tell` gets a line for each step.
///
/// # Errors
/// What does not hold, in a sentence.
///
/// # Panics
/// When the folder for the clients' homes cannot be made.
pub async fn prove(options: &Options, mut tell: impl FnMut(&str)) -> Result<Report, String> {
    let folder = evidence("restarts");
    let proven = run(options, folder.clone(), &mut tell).await;
    if proven.is_ok() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    proven.map_err(|what| format!("{what}; homes in {}", folder.display()))
}

async fn run(options: &Options, folder: PathBuf, tell: &mut impl FnMut(&str)) -> Result<Report, String> {
    let begun = Instant::now();
    let crowd = Crowd::gather(&options.deployment, folder).await?;
    tell(&format!(
        "{} clients of {} people in {} spaces, after {:.0} s",
        crowd.clients(),
        crowd::PEOPLE.len(),
        crowd.spaces(),
        begun.elapsed().as_secs_f64()
    ));
    let listening = Listening::start(&crowd);
    let mut members = Members::start(&crowd);
    members.until_acked(MESSAGES).await?;
    let mut rows = Vec::new();
    for disturbance in &options.disturbances {
        let row = disturb(disturbance, &mut members).await?;
        tell(&row.to_string());
        rows.push(row);
    }
    let ledgers = members.stop().await?;
    let heard = listening.until(&ledgers).await?;
    let mut report = Report {
        clients: crowd.clients(),
        rows,
        read_by_all: heard,
        ..Report::default()
    };
    let auditor = Auditor::log_in(&crowd.config("auditor")?, crowd::PEOPLE[0]).await?;
    for (space, ledger) in crowd.space_ids().zip(&ledgers) {
        report.sums += auditor.audit(space, ledger, None).await?.sums;
    }
    auditor.leave().await?;
    Ok(report)
}

async fn disturb(disturbance: &Disturbance, members: &mut Members) -> Result<Row, String> {
    let begun = Instant::now();
    members.begin_row();
    let status = Command::new("bash")
        .args(["-ec", &disturbance.command])
        .kill_on_drop(true)
        .status();
    let status = timeout(STANDSTILL, status)
        .await
        .map_err(|_| "the command does not end")?;
    if !status.is_ok_and(|status| status.success()) {
        return Err(format!("this failed: {}", disturbance.command));
    }
    let command = begun.elapsed();
    members.until_acked(MESSAGES).await?;
    Ok(members.row(&disturbance.name, command))
}
