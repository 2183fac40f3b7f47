//! The report as text.

use std::{collections::BTreeMap, fmt};

use super::{Contestant, Report, Row, Skipped};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = &self.machine;
        writeln!(
            f,
            "{}, {:?} mode, {} round(s)\n{} cores of {}, {} GiB, Linux {}",
            self.started_at,
            self.mode,
            self.rounds,
            machine.cores,
            machine.processor,
            machine.memory_gib,
            machine.kernel
        )?;
        writeln!(
            f,
            "one strict check {:.1} us, one open {:.1} us (1 KiB, one thread)",
            self.primitives.check_us, self.primitives.open_us
        )?;
        writeln!(f, "the relay is configured as by default but for:")?;
        for (key, value) in &self.relay_settings {
            writeln!(f, "  {key}={value}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "WARNING: {warning}")?;
        }
        self.rows.iter().try_for_each(|row| write!(f, "\n{row}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.title)?;
        for contestant in &self.contestants {
            self.write_contestant(f, contestant)?;
        }
        for Skipped { name, reason } in &self.skipped {
            writeln!(f, "  skipped: {name} ({reason})")?;
        }
        for ratio in &self.ratios {
            let value = ratio.value.map(|value| format!("{value:.3}"));
            let value = value.as_deref().unwrap_or("too short to tell");
            writeln!(f, "  => {:<58} {value:>8}", ratio.of)?;
        }
        Ok(())
    }
}

impl Row {
    fn write_contestant(&self, f: &mut fmt::Formatter<'_>, contestant: &Contestant) -> fmt::Result {
        let value = contestant.value;
        write!(
            f,
            "  {:<12} {:>11} {} [{}..{}]",
            contestant.name,
            number(value.median),
            self.unit,
            number(value.least),
            number(value.greatest)
        )?;
        if let Some(latency) = contestant.latency {
            write!(
                f,
                "; {} p50 {:.2} p99 {:.2} p99.9 {:.2} ms",
                contestant.latency_of, latency.p50_ms, latency.p99_ms, latency.p999_ms
            )?;
        }
        if let Some(calls) = contestant.kms_calls_per_million {
            write!(f, "; {calls:.1} KMS calls per million")?;
        }
        writeln!(f)?;
        if !contestant.cpu_us.is_empty() {
            let cpu = list(&contestant.cpu_us, 2);
            writeln!(f, "               CPU us per {}: {cpu}", self.cpu_per)?;
            let busy = list(&contestant.busy_cores, 2);
            writeln!(f, "               cores: {busy}; {}", contestant.limit)?;
        }
        if !contestant.note.is_empty() {
            writeln!(f, "               {}", contestant.note)?;
        }
        Ok(())
    }
}

fn list(values: &BTreeMap<&'static str, f64>, digits: usize) -> String {
    let one = |(name, value): (&&str, &f64)| format!("{name} {value:.digits$}");
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Large numbers without digits behind the point and with a gap at each thousand.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        limit::Primitives,
        measure::Machine,
        plan::Mode,
        report::{Ratio, Spread},
    };

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (value, text) in [
            (1.234, "1.23"),
            (999.6, "1,000"),
            (100.4, "100"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    fn report() -> Report {
        let value = Spread {
            median: 12_345.0,
            least: 11_000.0,
            greatest: 13_000.0,
        };
        let relay = Contestant {
            value,
            ..Contestant::of_values("relay", &[]).with_note("a note".to_owned())
        };
        Report {
            started_at: "2026-11-20T12:00:00Z".to_owned(),
            machine: Machine::this(),
            mode: Mode::Smoke,
            rounds: 1,
            relay_settings: [("SEALPOST__A__B", "7")].into(),
            primitives: Primitives::default(),
            warnings: vec!["the wind blows".to_owned()],
            rows: vec![Row {
                name: "append".to_owned(),
                title: "a title".to_owned(),
                unit: "messages/s",
                cpu_per: "message",
                contestants: vec![relay],
                skipped: vec![Skipped {
                    name: "redis",
                    reason: "redis-server is not installed".to_owned(),
                }],
                ratios: vec![Ratio {
                    of: "relay / limit".to_owned(),
                    value: Some(0.5),
                }],
            }],
        }
    }

    #[test]
    fn text_and_json_tell_the_same() {
        let report = report();
        let (text, json) = (report.to_string(), report.to_json().unwrap());
        for (in_text, in_json) in [
            ("12,345 messages/s [11,000..13,000]", r#""median":12345.0"#),
            ("               a note\n", r#""note":"a note""#),
            (
                "  skipped: redis (redis-server is not installed)\n",
                r#""skipped":[{"name":"redis","reason":"redis-server is not installed"}]"#,
            ),
            ("relay / limit", r#""of":"relay / limit","value":0.5"#),
            ("SEALPOST__A__B=7", r#""SEALPOST__A__B":"7""#),
            ("WARNING: the wind blows", r#""warnings":["the wind blows"]"#),
        ] {
            assert!(text.contains(in_text), "{text}");
            assert!(json.contains(in_json), "{json}");
        }
    }
}
