//! `fuzz`: bytes that nobody means well with, against everything that reads bytes. What a target promises holds for any
//! input; `targets.rs` has them, `mutate.rs` makes inputs out of seeds, `coverage.rs` lets libFuzzer look for them.

#[cfg(not(feature = "libfuzzer"))]
mod coverage;
#[cfg(feature = "libfuzzer")]
#[path = "libfuzzer.rs"]
mod coverage;
mod logs;
mod mutate;
mod targets;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};

pub use targets::{TARGETS, Target};

use crate::{build, diag::closest};

/// Inputs for each target, unless told otherwise. A count and no time, so that a run is the same everywhere.
const RUNS: u64 = 20_000;
/// How long one input may take until the person who waits is told which one it is.
const SLOW: Duration = Duration::from_secs(10);

/// `cargo xtask fuzz`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to fuzz; without it, everything.
    target: Option<String>,
    /// Try only the input of this seed, which a failure has printed.
    #[arg(long, requires = "target")]
    seed: Option<u64>,
    /// Try only the bytes in this file.
    #[arg(long, value_name = "FILE", requires = "target", conflicts_with = "seed")]
    input: Option<PathBuf>,
    /// The inputs to make for each target.
    #[arg(long, value_name = "COUNT", default_value_t = RUNS)]
    runs: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,
    /// Let libFuzzer look for inputs that reach new code, in a build of its own, until it is stopped.
    #[arg(long, requires = "target")]
    coverage: bool,
    /// Arguments for libFuzzer, such as -max_total_time=60.
    #[arg(last = true, requires = "coverage")]
    arguments: Vec<String>,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<ExitCode> {
    let targets: Vec<&Target> = match &args.target {
        Some(name) => vec![find(name)?],
        None => TARGETS.iter().collect(),
    };
    if args.coverage {
        return coverage::run(targets[0], &args.arguments);
    }
    if let Some(file) = &args.input {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        attempt(targets[0], &bytes).map_err(|why| anyhow!("{}: {why}", file.display()))?;
        println!("fuzz: {}: {} keeps its promise", targets[0].name, file.display());
        return Ok(ExitCode::SUCCESS);
    }
    for target in targets {
        let begin = Instant::now();
        let seeds = args.seed.map_or(args.from..args.from.saturating_add(args.runs), |seed| seed..seed + 1);
        let corpus = corpus(target)?;
        let tried = hammer(target, &corpus, seeds).map_err(|failure| anyhow!("{failure}"))?;
        println!(
            "fuzz: {}: {tried} inputs, no promise broken ({:.1} s)",
            target.name,
            begin.elapsed().as_secs_f32()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The target called `name`.
fn find(name: &str) -> Result<&'static Target> {
    if let Some(target) = TARGETS.iter().find(|target| target.name == name) {
        return Ok(target);
    }
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    match closest(name, names.iter().copied()) {
        Some(meant) => bail!("no target {name} (did you mean {meant}?)"),
        None => bail!("no target {name}; the targets are {}", names.join(", ")),
    }
}

/// Where a target's inputs are kept that once broke a promise, or that reach what others do not.
fn corpus_dir(target: &Target) -> PathBuf {
    build::root_dir().join("tests/fuzz").join(target.name)
}

/// Every input that is known for the target: its seeds, and the files in its folder, by name.
fn corpus(target: &Target) -> Result<Vec<Vec<u8>>> {
    let mut corpus = (target.seeds)();
    let folder = corpus_dir(target);
    if folder.is_dir() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
        files.sort();
        for file in files {
            corpus.push(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
        }
    }
    Ok(corpus)
}

/// Tries every input of `corpus`, and one that is made out of them for each of `seeds`.
///
/// # Errors
/// The first input that breaks the promise: how, and the way back to it.
fn hammer(target: &Target, corpus: &[Vec<u8>], seeds: std::ops::Range<u64>) -> Result<usize, String> {
    let words = mutate::words(corpus);
    let watch = Watch::start();
    for (n, input) in corpus.iter().enumerate() {
        watch.look_at(format!("known input {n} of {}", target.name));
        attempt(target, input).map_err(|why| failure(target, &format!("known input {n}"), input, &why))?;
    }
    let mut tried = corpus.len();
    for seed in seeds {
        let input = mutate::input(corpus, &words, seed);
        watch.look_at(format!("seed {seed} of {}", target.name));
        attempt(target, &input).map_err(|why| {
            let replay = format!("replay: cargo xtask fuzz {} --seed {seed}", target.name);
            failure(target, &format!("seed {seed}"), &input, &format!("{why}\n{replay}"))
        })?;
        tried += 1;
    }
    Ok(tried)
}

/// Gives one input to the target.
///
/// # Errors
/// What it panicked with.
fn attempt(target: &Target, input: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", text.unwrap_or("with no text"))
    })
}

/// The words about a broken promise. The input is kept, as a seed means another one when the corpus has grown.
fn failure(target: &Target, what: &str, input: &[u8], why: &str) -> String {
    let name = format!("{}-{}", target.name, what.replace(' ', "-"));
    let file = build::root_dir().join("target/fuzz").join(name);
    let kept =
        fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).and_then(|()| fs::write(&file, input));
    let kept = match kept {
        Ok(()) => format!("or: cargo xtask fuzz {} --input {}", target.name, file.display()),
        Err(error) => format!("cannot keep the input in {}: {error}", file.display()),
    };
    format!("fuzz: {}: {what} ({} bytes): {why}\n{kept}", target.name, input.len())
}

/// Tells which input it is that takes so long. It ends nothing.
struct Watch {
    current: Arc<Mutex<(String, Instant)>>,
    done: Arc<AtomicBool>,
}

impl Watch {
    fn start() -> Self {
        let watch = Self {
            current: Arc::new(Mutex::new((String::new(), Instant::now()))),
            done: Arc::new(AtomicBool::new(false)),
        };
        let (current, done) = (Arc::clone(&watch.current), Arc::clone(&watch.done));
        thread::spawn(move || {
            let mut told = String::new();
            while !done.load(Ordering::Relaxed) {
                thread::park_timeout(SLOW);
                let Ok(current) = current.lock() else { return };
                if current.1.elapsed() > SLOW && current.0 != told {
                    eprintln!("fuzz: {} takes more than {} s", current.0, SLOW.as_secs());
                    told.clone_from(&current.0);
                }
            }
        });
        watch
    }

    fn look_at(&self, what: String) {
        if let Ok(mut current) = self.current.lock() {
            *current = (what, Instant::now());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_keeps_its_promise_on_what_is_known_and_a_little_more() {
        for target in TARGETS {
            let corpus = corpus(target).expect("readable");
            assert!(!corpus.is_empty(), "{} has no seeds", target.name);
            hammer(target, &corpus, 0..300).unwrap_or_else(|failure| panic!("{failure}"));
        }
    }

    #[test]
    fn a_broken_promise_is_told_with_the_way_back_to_it() {
        let target = Target {
            name: "no-bracket",
            about: "",
            run: |bytes| assert!(!bytes.contains(&b'['), "a bracket"),
            seeds: || vec![b"[S]\nK=v\n".to_vec()],
        };
        let known = hammer(&target, &(target.seeds)(), 0..1).expect_err("a bracket is there");
        assert!(known.contains("no-bracket: known input 0 (8 bytes): panicked: a bracket"), "{known}");
        let made = hammer(&target, &[b"(S)\nK=[".to_vec()[..6].to_vec()], 0..20_000);
        let made = made.expect_err("a bit away from the seed");
        let seed: u64 = made
            .split("--seed ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .expect("the seed");
        let again = hammer(&target, &[b"(S)\nK=".to_vec()], seed..seed + 1).expect_err("the same input");
        assert_eq!(made, again);
    }
}
