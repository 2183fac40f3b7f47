//! Runs every target over its seeds, over all their cut and flipped forms, and over every case ever found.

use sealpost_fuzz::{TARGETS, Target, cases};

/// Longer seeds are flipped and cut at this many places, evenly spread.
const PLACES: usize = 600;

fn places(seed: &[u8]) -> impl Iterator<Item = usize> {
    (0..seed.len()).step_by((seed.len() / PLACES).max(1))
}

fn judge_neighbours(target: &Target, seed: &[u8]) {
    for place in places(seed) {
        (target.run)(&seed[..place]);
        let mut changed = seed.to_vec();
        changed[place] ^= 1 << (place % 8);
        (target.run)(&changed);
        changed[place] = 0xff;
        (target.run)(&changed);
    }
    (target.run)(&seed.repeat(2));
}

#[test]
fn every_target_has_seeds_and_a_name_of_its_own() {
    for (place, target) in TARGETS.iter().enumerate() {
        assert!(!(target.seeds)().is_empty(), "{} has no seeds", target.name);
        let twin = TARGETS[..place].iter().find(|other| other.name == target.name);
        assert!(twin.is_none(), "two targets are called {}", target.name);
    }
}

#[test]
fn seeds_and_all_their_cut_and_flipped_forms_are_judged() {
    for target in TARGETS {
        (target.run)(&[]);
        for seed in (target.seeds)() {
            (target.run)(&seed);
            judge_neighbours(target, &seed);
        }
    }
}

#[test]
fn cases_that_were_found_once_stay_fixed() {
    for target in TARGETS {
        for (name, bytes) in cases::read(target.name).unwrap() {
            println!("{}: {name}", target.name);
            (target.run)(&bytes);
        }
    }
}
