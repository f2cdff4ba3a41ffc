//! The contract suites every implementation of a port runs, behind the feature `testing`.
