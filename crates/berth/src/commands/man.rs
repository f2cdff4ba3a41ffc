//! `berth man`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::Cli;

/// Prints the main page, or writes all pages into `directory`.
pub(crate) fn run(directory: Option<&Path>) -> io::Result<()> {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        return io::stdout().write_all(&page);
    };
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)
}
