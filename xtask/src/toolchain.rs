//! With which compiler a target is built, and where its `core` comes from. Three ways, tried in this order:
//!
//! 1. the compiler brings the target (`rustup`'s or a distribution's rust-std);
//! 2. `rustup target add` gets it;
//! 3. `core` is built from its sources along with tomte (`-Zbuild-std`): those of the compiler at hand (rustup's component
//!    rust-src), or Debian's compiler with its own (rustc-web, cargo-web, rust-web-src).
//!
//! No cross gcc and no libc in any of them; rust-lld links.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    build::root_dir,
    debian::{self, cache_dir},
    host, progress,
};

/// Debian's compiler that is new enough, its cargo, and the sources of its library.
const DEBIAN: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// Where Debian puts programs. rustup's must not come before them when Debian's compiler is meant.
const DEBIAN_PATH: &str = "/usr/bin:/bin";
/// Asks for one of the ways by its word, whatever else there is.
const WISH: &str = "TOMTE_TOOLCHAIN";

/// How one target is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The compiler at hand brings the target.
    Prebuilt,
    /// The compiler at hand builds `core` too.
    Source,
    /// Debian's compiler builds `core` too.
    Debian,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prebuilt => "the compiler brings its core",
            Self::Source => "core is built from rustup's rust-src",
            Self::Debian => "core is built from Debian's rust-web-src, by rustc-web",
        })
    }
}

impl Toolchain {
    /// The way that `target` can be built now, without getting anything.
    pub fn ready(target: &str) -> Result<Option<Self>> {
        for way in wished()? {
            let ready = match way {
                Self::Prebuilt => has_core(target)?,
                // Only where rustup has said that it does not have the target itself.
                Self::Source => was_refused(target)? && has_sources(&sysroot(&rustc())?),
                Self::Debian => was_refused(target)? && debian_is_there(),
            };
            if ready {
                return Ok(Some(way));
            }
        }
        Ok(None)
    }

    /// The way to build `target`; gets what that needs.
    ///
    /// # Errors
    /// If none of the ways can be had: each with the reason.
    pub fn get(target: &str) -> Result<Self> {
        if let Some(ready) = Self::ready(target)? {
            return Ok(ready);
        }
        let mut reasons = Vec::new();
        for way in wished()? {
            let (name, got) = match way {
                Self::Prebuilt => (format!("rustup target add {target}"), add_target(target)),
                Self::Source => ("rustup component add rust-src".into(), add_sources()),
                Self::Debian => (format!("Debian's {}", DEBIAN.join(", ")), install_debian()),
            };
            match got {
                Ok(()) => {
                    eprintln!("{target}: {way}");
                    return Ok(way);
                }
                Err(error) => reasons.push(format!("{name}: {}", brief(&error))),
            }
        }
        Err(anyhow!(
            "no core library for {target}; a toolchain that brings it would do (distributions name it \
             rust-std-{target} or alike), or one of these:\n  {}",
            reasons.join("\n  ")
        ))
    }

    /// `cargo verb` for `target`.
    pub fn cargo(self, verb: &str, target: &str) -> Result<Command> {
        let mut cargo = match self {
            Self::Prebuilt | Self::Source => Command::new(cargo()),
            Self::Debian => Command::new("/usr/bin/cargo"),
        };
        cargo.current_dir(root_dir()).args([verb, "--target", target]);
        if self == Self::Debian {
            cargo.env("PATH", DEBIAN_PATH).env("RUSTC", self.rustc()).env_remove("RUSTUP_TOOLCHAIN");
            if let Some(linker) = linker()? {
                cargo.env(format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_")), linker);
            }
        }
        if self != Self::Prebuilt {
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=core,compiler_builtins");
        }
        Ok(cargo)
    }

    /// The compiler itself.
    pub fn rustc(self) -> PathBuf {
        match self {
            Self::Prebuilt | Self::Source => rustc(),
            Self::Debian => "/usr/bin/rustc".into(),
        }
    }

    /// Part of the name of the folder that this compiler builds in.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Prebuilt => "cargo",
            // What asks for unstable features builds everything again for whoever does not.
            Self::Source => "cargo-source",
            Self::Debian => "cargo-debian",
        }
    }
}

/// The ways to try: all, or the one that the environment asks for.
fn wished() -> Result<Vec<Toolchain>> {
    Ok(match env::var(WISH).as_deref() {
        Err(_) => vec![Toolchain::Prebuilt, Toolchain::Source, Toolchain::Debian],
        Ok("prebuilt") => vec![Toolchain::Prebuilt],
        Ok("source") => vec![Toolchain::Source],
        Ok("debian") => vec![Toolchain::Debian],
        Ok(other) => bail!("{WISH}={other}: one of prebuilt, source, debian is meant"),
    })
}

/// The cargo that runs us, or the one on PATH.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

fn rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

/// What `rustc` prints for `arguments`, run where the repository's toolchain counts.
fn print(rustc: &Path, arguments: &[&str]) -> Result<String> {
    let output = progress::capture(Command::new(rustc).current_dir(root_dir()).args(arguments))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where `rustc` keeps its libraries.
pub fn sysroot(rustc: &Path) -> Result<PathBuf> {
    print(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

/// Whether rustc's library folder for `target` holds a core.
fn has_core(target: &str) -> Result<bool> {
    let dir = print(&rustc(), &["--print", "target-libdir", "--target", target])?;
    let holds_core = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    };
    Ok(fs::read_dir(dir).is_ok_and(|mut entries| entries.any(holds_core)))
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/core").exists()
}

/// The note that rustup does not have `target` for this very compiler: asked once, not at every build.
fn refusal(target: &str) -> Result<(PathBuf, String)> {
    Ok((cache_dir().join("toolchain").join(target), print(&rustc(), &["--version", "--verbose"])?))
}

fn was_refused(target: &str) -> Result<bool> {
    let (note, version) = refusal(target)?;
    Ok(fs::read_to_string(note).is_ok_and(|noted| noted == version))
}

fn add_target(target: &str) -> Result<()> {
    eprintln!("the compiler has no {target}: asking rustup");
    let added = rustup(&["target", "add", target]);
    if has_core(target)? {
        return Ok(());
    }
    let (note, version) = refusal(target)?;
    if let Some(folder) = note.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(&note, version).with_context(|| format!("cannot write {}", note.display()))?;
    added?;
    bail!("rustup added it, but {} is not rustup's: put rustup's first in PATH", rustc().display())
}

fn add_sources() -> Result<()> {
    let sysroot = sysroot(&rustc())?;
    if !has_sources(&sysroot) {
        rustup(&["component", "add", "rust-src"])?;
    }
    if !has_sources(&sysroot) {
        bail!("{} has no sources of core after that", sysroot.display());
    }
    Ok(())
}

fn rustup(arguments: &[&str]) -> Result<()> {
    if !host::on_path("rustup") {
        bail!("there is no rustup on PATH");
    }
    progress::capture(Command::new("rustup").current_dir(root_dir()).args(arguments)).map(|_| ())
}

fn debian_is_there() -> bool {
    let rustc = Path::new("/usr/bin/rustc");
    rustc.exists()
        && Path::new("/usr/bin/cargo").exists()
        && sysroot(rustc).is_ok_and(|root| has_sources(&root))
}

fn install_debian() -> Result<()> {
    if debian_is_there() {
        return Ok(());
    }
    let mut packages = DEBIAN.to_vec();
    if linker()?.is_none() {
        packages.push("lld");
    }
    debian::install(&packages, false)?;
    if !debian_is_there() {
        bail!("{} are installed, but /usr/bin/rustc has no sources of core", DEBIAN.join(", "));
    }
    Ok(())
}

/// lld for a compiler that brings none: that of the other compiler, or the machine's.
fn linker() -> Result<Option<PathBuf>> {
    let own = sysroot(&rustc()).ok().map(|root| root.join("lib/rustlib"));
    let hosts = own.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let brought = hosts.map(|host| host.path().join("bin/rust-lld")).find(|path| path.exists());
    Ok(brought.or_else(|| host::on_path("ld.lld").then(|| "ld.lld".into())))
}

/// An error in one line: what failed, and the last thing that was said about it.
fn brief(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let said = |line: &&str| line.starts_with("error") || line.starts_with("E:");
    let line = text.lines().find(said).or_else(|| text.lines().next());
    line.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_that_builds_the_tests_brings_its_own_target() {
        let host = print(&rustc(), &["--version", "--verbose"]).unwrap();
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        assert!(has_core(host).unwrap());
        assert!(!has_core("thumbv7neon-unknown-linux-musleabihf").unwrap());
    }

    #[test]
    fn only_a_core_from_sources_asks_for_what_is_not_stable() {
        for way in [Toolchain::Prebuilt, Toolchain::Source, Toolchain::Debian] {
            let cargo = way.cargo("build", "riscv64gc-unknown-linux-musl").unwrap();
            let bootstrap =
                cargo.get_envs().any(|(name, value)| name == "RUSTC_BOOTSTRAP" && value.is_some());
            assert_eq!(bootstrap, way != Toolchain::Prebuilt);
        }
    }

    #[test]
    fn a_failure_is_told_by_what_was_said_last() {
        let error = anyhow!(
            "rustup target add x: exit status: 1\ninfo: downloading\nerror: no x for 'stable'\n 14: ?"
        );
        assert_eq!(brief(&error), "error: no x for 'stable'");
        assert_eq!(brief(&anyhow!("not root")), "not root");
    }
}
