//! What this binary was built from.

/// The version of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, or `unknown` when it was built without git.
pub(crate) const COMMIT: &str = env!("BUILD_COMMIT");

/// The compiler.
pub(crate) const RUSTC: &str = env!("BUILD_RUSTC");

/// What `--version` says behind the name.
pub(crate) const SHORT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_COMMIT"), ")");

#[cfg(test)]
mod tests {
    /// `cargo run` hands them to the program.
    #[test]
    fn no_variable_of_the_build_looks_like_a_setting() {
        let build = include_str!("../build.rs");
        let set = build.split("rustc-env=").skip(1);
        let names: Vec<&str> = set.filter_map(|rest| rest.split('=').next()).collect();
        assert_eq!(names, ["BUILD_COMMIT", "BUILD_RUSTC"]);
        assert!(names.iter().all(|name| !name.starts_with("BERTH_")));
    }
}
