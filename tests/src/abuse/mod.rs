//! The abuse proof: a relay is attacked over real sockets while honest people talk, and what that costs is measured.
//!
//! Attackers sit at addresses of their own (127.0.1.x) and run at low priority. They share this machine's cores with the relay and
//! with the honest all the same, which on few cores slows these down whatever the relay does. So the honest are measured three
//! times: alone; under attack; and beside threads of the attackers' priority that take as much CPU as the attackers took and
//! talk to nobody. What the attack costs beyond those is what the relay does for the attackers.

mod attack;
mod attacks;
mod exchange;
mod mob;
mod process;
mod report;
mod tally;
mod victim;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::Instant;

pub use self::report::{EXPLANATION, Report, Row};
use self::{
    attack::{Arena, Attack, Bound},
    attacks::ATTACKS,
    exchange::Exchange,
    mob::Mob,
    process::Usage,
    tally::Tally,
    victim::{Member, Victim},
};

/// How to prove it.
#[derive(Clone, Debug)]
pub struct Options {
    /// One attack by its name, else all.
    pub attack: Option<String>,
    /// How long each attack lasts; those that wait to be closed may take longer.
    pub time: Duration,
    /// In short: one relay for all attacks, with short deadlines, and no judgement of time.
    pub short: bool,
}

/// The names of all attacks, each with what it does.
pub fn attacks() -> impl Iterator<Item = (&'static str, &'static str)> {
    ATTACKS.iter().map(|attack| (attack.name, attack.what))
}

/// Attacks; tells of each attack when it is over.
///
/// # Panics
/// When there is no attack of that name, or the relay cannot be set up.
pub async fn prove(options: &Options, mut progress: impl FnMut(&Row)) -> Report {
    let wanted = |attack: &&Attack| options.attack.as_ref().is_none_or(|name| name == attack.name);
    let attacks: Vec<_> = ATTACKS.iter().filter(wanted).collect();
    assert!(
        !attacks.is_empty(),
        "there is no attack named {:?}",
        options.attack
    );
    let mob = Mob::gather();
    let mut report = Report::default();
    let mut victim = None;
    for attack in attacks {
        let mut row = meet(attack, &mut victim, options, &mob).await;
        if row.is_beyond() {
            let again = [
                meet(attack, &mut victim, options, &mob).await,
                meet(attack, &mut victim, options, &mob).await,
            ];
            row = row.or_median_of(again);
        }
        progress(&row);
        report.rows.push(row);
    }
    report
}

async fn meet(attack: &'static Attack, victim: &mut Option<Victim>, options: &Options, mob: &Mob) -> Row {
    // Without this, what one attack left in memory would hide what the next one takes.
    if !options.short {
        *victim = None;
    }
    let victim = match victim {
        Some(victim) => victim,
        none => none.insert(Victim::set_up(options.short).await),
    };
    suffer(attack, victim, options, mob).await
}

/// How long a relay may take to be done with attackers that are gone.
const AFTERMATH: Duration = Duration::from_secs(2);

async fn suffer(attack: &'static Attack, victim: &Victim, options: &Options, mob: &Mob) -> Row {
    let exchange = Exchange::begin(victim).await;
    let a_while = options.time.min(Duration::from_secs(5));
    let set_on = |number, member, time| {
        let arena = Arena {
            relay: victim.relay.addresses().public,
            number,
            until: Instant::now() + time,
            cast: Arc::clone(&victim.cast),
            member,
            times: victim.times,
            bound: attack.bound,
        };
        mob.set_on((attack.run)(arena))
    };
    // What it took to set all up is given back first.
    exchange.listen(a_while).await;
    let id = victim.relay.id();
    process::forget_highest(id);
    if attack.bound == Bound::Right {
        set_on(0, Member::Bob, a_while).await.expect("Bob does not panic");
    }
    let quiet = exchange.listen(a_while).await;
    let before = Usage::begin(id);
    let idle = mob.cpu();
    let tallies = (0..attack.attackers).map(|number| set_on(number, Member::Mallory, options.time));
    let tallies = join_all(tallies.collect::<Vec<_>>());
    let (noisy, tallies) = tokio::join!(exchange.listen(options.time), tallies);
    let used = before.end(id);
    let appetite = (mob.cpu() - idle).as_secs_f64() / used.time.as_secs_f64();
    // What the relay still has to do for attackers that are gone must not pass for the burners' doing.
    exchange.listen(a_while.min(AFTERMATH)).await;
    let burners = mob.burn(appetite);
    let burnt = exchange.listen(a_while).await;
    drop(burners);
    let tally = tallies
        .into_iter()
        .map(|tally| tally.expect("no attacker panics"));
    let honest = exchange.end().await;
    Row {
        attack,
        tally: tally.fold(Tally::default(), Tally::and),
        growth: used.growth,
        cpu: used.cpu.as_secs_f64() / used.time.as_secs_f64(),
        seconds: options.time.as_secs_f64(),
        appetite,
        quiet,
        noisy,
        burnt,
        honest,
        limit: attack.bound.within(&victim.times),
        is_timed: !options.short,
        times: 1,
    }
}
