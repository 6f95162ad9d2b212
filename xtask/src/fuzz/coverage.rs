//! The search for inputs that reach new code, with libFuzzer: xtask builds itself once more, with counters in it.
//!
//! Nothing of it needs a nightly compiler: LLVM's pass for the counters is a code generation option, and the driver is
//! linked into the program.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, ensure};

use super::{Target, corpus, corpus_dir, mutate};
use crate::{build, toolchain};

/// What the compiler adds for libFuzzer (as cargo-fuzz does without a sanitizer).
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// Builds, and lets libFuzzer run `target` with what is known of it. What it finds stays in target/fuzz.
pub fn run(target: &Target, arguments: &[String]) -> Result<ExitCode> {
    let work = build::root_dir().join("target/fuzz");
    let found = work.join(target.name);
    fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let corpus = corpus(target)?;
    for (n, input) in corpus.iter().enumerate() {
        fs::write(found.join(format!("known-{n}")), input)?;
    }
    let words = work.join(format!("{}.dict", target.name));
    fs::write(&words, dictionary(&mutate::words(&corpus)))?;
    let program = instrumented(&work)?;
    let status = std::process::Command::new(program)
        .args(["fuzz", target.name, "--coverage", "--"])
        .arg(format!("-dict={}", words.display()))
        .arg(format!("-artifact_prefix={}/broken-", work.display()))
        .args(arguments)
        .args([&found, &corpus_dir(target)].into_iter().filter(|folder| folder.is_dir()))
        .status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// xtask with counters.
fn instrumented(work: &std::path::Path) -> Result<PathBuf> {
    let host = std::process::Command::new("rustc").args(["--print", "host-tuple"]).output()?;
    let host = String::from_utf8(host.stdout)?.trim().to_owned();
    let status = std::process::Command::new(toolchain::cargo())
        .current_dir(build::root_dir())
        .args(["build", "--release", "--manifest-path", "xtask/Cargo.toml", "--features", "libfuzzer"])
        // With a target named, build scripts and macros get no counters.
        .args(["--target", &host, "--target-dir"])
        .arg(work.join("build"))
        .env("RUSTFLAGS", FLAGS.join(" "))
        .status()?;
    ensure!(status.success(), "xtask with coverage counters does not build: {status}");
    Ok(work.join("build").join(host).join("release/xtask"))
}

/// Words in libFuzzer's format.
fn dictionary(words: &[Vec<u8>]) -> String {
    let quoted = |word: &Vec<u8>| -> String { word.iter().map(|byte| format!("\\x{byte:02x}")).collect() };
    words.iter().map(|word| format!("\"{}\"\n", quoted(word))).collect()
}
