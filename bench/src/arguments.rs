//! What the command line says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{broker::Wanted, peer::Peer, plan::Mode, row};

/// Measures the relay beside its physical limits, in the same minutes, through real sockets, on a real Postgres and a real
/// OpenBao. Prints a table, or JSON with the same content; progress goes to standard error.
#[derive(Debug, Parser)]
#[command(name = "sealpost-bench", version, after_help = rows())]
pub struct Arguments {
    /// What else it does.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What is measured.
    #[command(flatten)]
    pub choice: Choice,
}

/// What is measured.
#[derive(Args, Debug)]
pub struct Choice {
    /// Some 10 minutes, a quarter of an hour beside both brokers; this is the default
    #[arg(long)]
    pub quick: bool,
    /// An hour and a half, beside both brokers longer: medians of at least five interleaved runs
    #[arg(long, conflicts_with_all = ["quick", "smoke"])]
    pub full: bool,
    /// A few seconds: whether the rows work; the numbers mean nothing
    #[arg(long, conflicts_with = "quick")]
    pub smoke: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Only this row, or these: a name, or what stands before its dash; may be given more than once
    #[arg(long = "row", value_name = "NAME")]
    pub rows: Vec<String>,
    /// Draw what is drawn of the rows into this folder, as SVG
    #[arg(long, value_name = "FOLDER")]
    pub plots: Option<PathBuf>,
    /// Draw a flamegraph of the relay for each row into this folder; takes perf, and costs each row some of its speed
    #[arg(long, value_name = "FOLDER")]
    pub flamegraphs: Option<PathBuf>,
    /// Which brokers take part: redis-server and nats-server, on PATH or in /usr/sbin
    #[arg(long, value_enum, default_value_t = Wanted::Auto)]
    pub brokers: Wanted,
}

/// In which form something is proven.
#[derive(Args, Clone, Copy, Debug)]
pub struct Form {
    /// Seconds, with tiny sizes: whether it works; the numbers mean nothing and are not judged
    #[arg(long)]
    pub short: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What else it does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Proves that acks per second fall by less than 15 % while the database grows from 1 million events to 10 and, where the disk has
    /// room, on to 50, and from 1,000 spaces to 100,000. Takes an hour or so, and up to 60 GB in the folder for temporary files
    Growth {
        /// In which form.
        #[command(flatten)]
        form: Form,
        /// Draw acks per second and latency over the size into this folder, as SVG
        #[arg(long, value_name = "FOLDER")]
        plots: Option<PathBuf>,
    },
    /// Proves that under a mixed load memory and latency are flat, and no table and no cache grows that should not
    Soak {
        /// How long, 4 at least: there is a look each minute, and the second half of the looks is judged
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(4..))]
        minutes: u32,
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
    /// Serves as one of the bare servers that the relay is compared with, until standard input ends
    #[command(hide = true)]
    Peer {
        /// Which.
        peer: Peer,
        /// The database of the prototype.
        #[arg(long)]
        database: Option<String>,
    },
}

impl Choice {
    /// How thoroughly.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match (self.full, self.smoke) {
            (true, _) => Mode::Full,
            (_, true) => Mode::Smoke,
            _ => Mode::Quick,
        }
    }

    /// Which rows, in their order.
    ///
    /// # Errors
    /// When a name means none.
    pub fn rows(&self) -> anyhow::Result<Vec<row::Name>> {
        for wanted in &self.rows {
            if !row::ALL.iter().any(|name| name.is_meant_by(wanted)) {
                anyhow::bail!("there is no row named {wanted}. {}", rows());
            }
        }
        let is_wanted = |name: &&row::Name| {
            self.rows.is_empty() || self.rows.iter().any(|wanted| name.is_meant_by(wanted))
        };
        Ok(row::ALL.iter().filter(is_wanted).copied().collect())
    }
}

fn rows() -> String {
    let names: Vec<_> = row::ALL.iter().map(|name| name.text()).collect();
    format!("Rows: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn choice(arguments: &[&str]) -> Choice {
        let arguments = [&["bench"], arguments].concat();
        Arguments::try_parse_from(arguments).unwrap().choice
    }

    #[test]
    fn arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn quick_is_the_default_and_all_rows_run() {
        let choice = choice(&[]);
        assert_eq!(choice.mode(), Mode::Quick);
        assert_eq!(choice.rows().unwrap().len(), row::ALL.len());
        assert_eq!(choice.brokers, Wanted::Auto);
    }

    #[test]
    fn unknown_row_is_refused_with_the_list_of_rows() {
        let refused = choice(&["--row", "speed"]).rows().unwrap_err().to_string();
        assert!(refused.contains("append-1000"), "{refused}");
        assert_eq!(choice(&["--full", "--row", "idle"]).rows().unwrap().len(), 1);
    }
}
