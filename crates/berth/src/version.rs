//! What this binary was built from.

/// The version of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, or `unknown` when it was built without git.
pub(crate) const COMMIT: &str = env!("BERTH_COMMIT");

/// The compiler.
pub(crate) const RUSTC: &str = env!("BERTH_RUSTC");

/// What `--version` says behind the name.
pub(crate) const SHORT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BERTH_COMMIT"), ")");
