//! Debian's packages without touching the machine's own apt: which mirrors it uses, a private apt state of ours, the
//! packages that are kept and checked, and what is in them.

pub mod apt;
mod mirrors;
pub mod package;
pub mod store;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{build::root_dir, host::on_path};

/// The folder for everything downloaded.
pub fn cache_dir() -> PathBuf {
    root_dir().join("target/cache")
}

/// The machine's Debian release; an error on anything else.
pub fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let field = |key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.map(|value| value.trim_matches('"').to_owned()).unwrap_or_default()
    };
    if field("ID") != "debian" || !on_path("apt-get") {
        bail!("this is no Debian with apt-get ({})", field("PRETTY_NAME"));
    }
    Ok(field("VERSION_CODENAME"))
}
