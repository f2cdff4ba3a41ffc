//! `berth config`.

use std::io::{self, Write};

use crate::cli::ConfigCommand;
use crate::config::{self, Origins};
use crate::failure::Failure;

/// Runs one of the commands.
pub(crate) fn run(command: ConfigCommand) -> Result<(), Failure> {
    let text = match command {
        ConfigCommand::Check(settings) => {
            config::load(&settings.into_sources())?;
            "the configuration is right\n".to_owned()
        }
        ConfigCommand::Show(show) => {
            let origins = if show.origin {
                Origins::Shown
            } else {
                Origins::Hidden
            };
            config::show(&config::load(&show.settings.into_sources())?, origins)
        }
        ConfigCommand::Schema => config::schema(),
        ConfigCommand::Example => config::example(),
        ConfigCommand::Reference => config::reference(),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}
