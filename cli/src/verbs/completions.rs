use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;

/// Print completions for a shell
#[derive(Args)]
#[command(
    after_help = "Example:\n  sealpost completions bash > ~/.local/share/bash-completion/completions/sealpost"
)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "sealpost", &mut script);
        Ok(io::Write::write_all(&mut io::stdout(), &script)?)
    }
}
