//! Debian's packages without touching the machine's own apt: which mirrors it uses, a private apt state of ours, the
//! packages that are kept and checked, and what is in them.

pub mod apt;
mod mirrors;
pub mod package;
pub mod store;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;

use crate::{build::root_dir, host::on_path, progress};
use apt::{Apt, Index};

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

/// Installs `packages` with apt-get, from the machine's release or its backports, without removing anything.
///
/// # Errors
/// What is in the way, and which packages to install by hand.
pub fn install(packages: &[&str], backports: bool) -> Result<()> {
    let names = packages.join(" ");
    let codename = codename().with_context(|| format!("install {names} by hand"))?;
    if !geteuid().is_root() {
        bail!("not root: install {names} by hand, or run `cargo xtask setup` as root");
    }
    let later = format!("{codename}-backports");
    let suites: &[&str] = if backports { &[&codename, &later] } else { &[&codename] };
    let apt = Apt::new(suites, Index::Binary(own_architecture()?), true)?;
    apt.update();
    let mut command = apt.command("apt-get");
    command.args(["install", "-y", "--no-remove", "--no-install-recommends"]).args(packages);
    if backports {
        command.args(["-t", &later]);
    }
    let _step = progress::step(format!("installing {names} with apt-get"));
    progress::capture(&mut command).map(drop)
}

/// Whether the package `name` is installed.
pub fn has_package(name: &str) -> bool {
    Path::new("/var/lib/dpkg/info").join(format!("{name}.list")).exists()
}

fn own_architecture() -> Result<String> {
    let output = progress::capture(Command::new("dpkg").arg("--print-architecture"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
