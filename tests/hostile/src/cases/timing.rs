//! Whether the time that a client takes for a ciphertext tells why it does not open.

use futures_util::StreamExt;
use sealpost_sdk::{Position, Space};
use tokio::time::Instant;

use super::malformed::{PAGE, mixed_of};

/// Forms as long as what Alice sealed.
pub(super) const SAME_LENGTH: [&str; 4] = [
    "noise",
    "what was sealed elsewhere",
    "a flipped tag",
    "a flipped beginning",
];
/// The threshold of dudect (Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017).
const NOTICEABLE: f64 = 4.5;

/// How long the SDK takes for the same number of each equally long form: whether that tells them apart.
pub(super) async fn timing_of(space: &Space, before: u64, count: usize) -> String {
    let mut took: [Vec<f64>; SAME_LENGTH.len()] = Default::default();
    let mixed = mixed_of(count);
    let mut messages = space.read(
        Position::after_event(before + mixed as u64),
        before + count as u64,
    );
    for group in 0..(count - mixed) / PAGE {
        let begun = Instant::now();
        for _ in 0..PAGE {
            messages.next().await.unwrap().unwrap_err();
        }
        took[group % SAME_LENGTH.len()].push(begun.elapsed().as_secs_f64());
    }
    let mut strongest: Option<(f64, &str, &str)> = None;
    for (first, second) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        let t = welch(&took[first], &took[second]).map(f64::abs);
        if let Some(t) = t.filter(|t| strongest.is_none_or(|(strongest, ..)| *t > strongest)) {
            strongest = Some((t, SAME_LENGTH[first], SAME_LENGTH[second]));
        }
    }
    match strongest {
        None => "too few for a statistic of the time they take".to_owned(),
        Some((t, first, second)) => format!(
            "the time they take tells apart {first} and {second} best, at Welch's |t| = {t:.1} over {} groups of {PAGE} each ({} \
             {NOTICEABLE})",
            took[0].len(),
            if t < NOTICEABLE {
                "not noticeable: below"
            } else {
                "NOTICEABLE: above"
            },
        ),
    }
}

/// Welch's t: by how many standard errors two means differ.
fn welch(first: &[f64], second: &[f64]) -> Option<f64> {
    let moments = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let squares: f64 = sample.iter().map(|took| (took - mean).powi(2)).sum();
        (mean, squares / (count - 1.0) / count)
    };
    if first.len().min(second.len()) < 8 {
        return None;
    }
    let ((mean, error), (other, others)) = (moments(first), moments(second));
    Some((mean - other) / (error + others).sqrt())
}
