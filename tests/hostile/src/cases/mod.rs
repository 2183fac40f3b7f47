//! What a hostile relay does, case by case, and what a client must make of it.

/// A case's function, as the table of cases takes it.
macro_rules! run {
    ($case:ident) => {
        |scene| Box::pin($case(scene))
    };
}

mod driven;
mod files;
mod identity;
mod invites;
mod keystores;
mod log;
mod malformed;
mod members;
mod protocol;
mod timing;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::report::{Outcome, Report, Verdict};
use crate::scene::Scene;
use crate::victim::{Failure, Read, Victim};

/// One thing that a hostile relay does.
pub struct Case {
    /// For example `R24`.
    pub id: &'static str,
    /// What the relay does.
    pub name: &'static str,
    sdk: Against,
    interop: Against,
}

/// What the case is against one of the clients.
enum Against {
    /// It is done.
    Run(Run),
    /// It does not apply, or is shown elsewhere; this is why.
    Explained(&'static str),
}

type Run = for<'a> fn(&'a Scene) -> LocalBoxFuture<'a, Shown>;

/// What the client showed: what it said when it did what it must, or what it did instead.
type Shown = Result<String, String>;

/// Both clients are held against it.
const fn both(id: &'static str, name: &'static str, run: Run) -> Case {
    Case {
        id,
        name,
        sdk: Against::Run(run),
        interop: Against::Run(run),
    }
}

/// The SDK is held against it; the other client is not, and this is why.
const fn sdk(id: &'static str, name: &'static str, run: Run, why: &'static str) -> Case {
    Case {
        id,
        name,
        sdk: Against::Run(run),
        interop: Against::Explained(why),
    }
}

/// It is not done, and this is why.
const fn explained(id: &'static str, name: &'static str, why: &'static str) -> Case {
    Case {
        id,
        name,
        sdk: Against::Explained(why),
        interop: Against::Explained(why),
    }
}

/// Cases that an SDK fails which was built without its checks (feature `weakened-sdk`): these would notice if one were missing.
pub const NOTICED: [&str; 25] = [
    "R2", "R3", "R4", "R5", "R7", "R9", "R11", "R15", "R21", "R22", "R24", "R25", "R26", "R27", "R28", "R29",
    "R30", "R31", "R36", "R37", "R38", "R52", "R54", "R55", "R58",
];

/// Every case, by number.
#[must_use]
pub fn all() -> Vec<Case> {
    let groups = [
        identity::cases(),
        keystores::cases(),
        log::cases(),
        members::cases(),
        invites::cases(),
        files::cases(),
        protocol::cases(),
    ];
    groups.into_iter().flatten().collect()
}

/// Holds a client against these cases, one after the other; tells of each before it begins.
pub async fn hold(
    victim: Victim,
    malformed: usize,
    cases: &[Case],
    mut progress: impl FnMut(&Case),
) -> Report {
    let scene = Scene::set(victim, malformed).await;
    let mut outcomes = Vec::with_capacity(cases.len());
    for case in cases {
        progress(case);
        outcomes.push(case.run(&scene).await);
    }
    scene.end().await;
    Report::of(victim, outcomes)
}

impl Case {
    /// Does it to the victim of the scene.
    pub async fn run(&self, scene: &Scene) -> Outcome {
        let against = match scene.victim {
            Victim::Sdk => &self.sdk,
            Victim::Interop => &self.interop,
        };
        let before = scene.relay.misbehaved() + scene.storage.misbehaved();
        let shown = match against {
            Against::Explained(why) => return self.outcome(Verdict::Explained, 0, (*why).to_owned()),
            Against::Run(run) => AssertUnwindSafe(run(scene)).catch_unwind().await,
        };
        scene.relay.behave();
        scene.storage.behave();
        let misbehaved = scene.relay.misbehaved() + scene.storage.misbehaved() - before;
        let shown = shown.unwrap_or_else(|_| Err("the case itself failed; its panic is above".to_owned()));
        let (verdict, said) = match shown {
            Ok(_) if misbehaved == 0 => (Verdict::NeverMisbehaved, String::new()),
            Ok(said) => (Verdict::Resisted, said),
            Err(said) => (Verdict::Broken, said),
        };
        self.outcome(verdict, misbehaved, said)
    }

    fn outcome(&self, verdict: Verdict, misbehaved: u64, said: String) -> Outcome {
        Outcome {
            id: self.id,
            name: self.name,
            verdict,
            misbehaved,
            said,
        }
    }
}

/// It must be refused by an error of this class.
fn refused<T>(done: Result<T, Failure>, classes: &[&str]) -> Shown {
    match done {
        Ok(_) => Err("it went through".to_owned()),
        Err(failure) if classes.contains(&&failure.class[..]) => Ok(said(&failure)),
        Err(failure) => Err(format!("another error than it should be: {}", said(&failure))),
    }
}

/// It must raise the alarm.
fn alarmed<T>(done: Result<T, Failure>) -> Shown {
    match done {
        Ok(_) => Err("it went through".to_owned()),
        Err(failure) if failure.is_alarm() => Ok(said(&failure)),
        Err(failure) => Err(format!("no alarm: {}", said(&failure))),
    }
}

/// It must raise the alarm, and nothing may be shown but a beginning of what was said.
fn alarmed_after(read: Read, honest: &[&str]) -> Shown {
    if !honest.iter().take(read.texts.len()).eq(read.texts.iter()) {
        return Err(format!("it showed {:?}", read.texts));
    }
    alarmed(read.ended)
}

/// It must go on as with an honest relay.
fn unharmed(read: Read, honest: &[&str]) -> Shown {
    match read.ended {
        Ok(()) if read.texts == honest => Ok(format!("read {} messages, each once", honest.len())),
        Ok(()) => Err(format!("it showed {:?}", read.texts)),
        Err(failure) => Err(said(&failure)),
    }
}

/// Ids are shortened: they differ from run to run, and nobody reads them.
fn said(failure: &Failure) -> String {
    let words = failure.text.split(' ').map(|word| {
        let id = word.trim_end_matches([',', '.', ':']);
        let is_id = id.len() == 64 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_id {
            word.replacen(id, "..", 1)
        } else {
            word.to_owned()
        }
    });
    format!("{}: {}", failure.class, words.collect::<Vec<_>>().join(" "))
}

/// One verdict over several forms of a case: what was said, each thing once; or the first form that went wrong.
#[derive(Default)]
struct Forms {
    said: Vec<String>,
}

impl Forms {
    fn add(&mut self, form: &str, shown: Shown) -> Result<(), String> {
        let said = shown.map_err(|wrong| format!("{form}: {wrong}"))?;
        if !self.said.contains(&said) {
            self.said.push(said);
        }
        Ok(())
    }

    fn shown(self) -> Shown {
        Ok(self.said.join(" | "))
    }
}
