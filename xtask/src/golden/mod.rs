//! Golden data of real systemd, run on tomte: `tests/golden/` says what systemd did, a host board says what tomte does.

pub mod exec;
pub mod probe;
pub mod program;
pub mod sandbox;
