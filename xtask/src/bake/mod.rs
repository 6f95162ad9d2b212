//! The table of a board: unit files in, checked bytes out. Everything that the baker has to say goes into the
//! diagnostics; the bytes are opened with the target's own code and compared before anybody gets them.

mod cgroups;
pub mod conditions;
mod credentials;
mod filters;
mod identities;
mod inputs;
mod leaves;
pub mod limits;
mod logd;
mod own;
mod posture;
mod pressure;
mod record;
mod transient;
mod trigger;
pub mod verb;
mod verify;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bumpalo::Bump;
use tomte::table::{self, Arch};

use crate::{
    allow,
    board::Board,
    boot,
    cgroup::Cgroups,
    check::{self, Image},
    diag::{Diagnostics, Severity},
    model::Unit,
    order::{self, Graph, Wanted},
    users,
};

pub use filters::Filters;
pub use identities::{Identity, LockFile};

/// What may differ from the board's own ways.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Unit files and folders of them to take instead of the board's units/ folder, unless empty. The board's `enable`
    /// is not asked then: services that nothing pulls in start too. Numbers of users are not kept in `uids.lock`.
    pub units: Vec<PathBuf>,
    /// What boot starts instead of the board's default target.
    pub target: Option<String>,
    /// The image's root directories, if they are there: programs, users and groups that they lack are errors then.
    pub roots: Vec<PathBuf>,
    /// Users and groups that the image gets besides those in its files.
    pub later: allow::Known,
    /// What to do about `uids.lock`.
    pub lock: LockFile,
    /// The table is to be looked at, not to be run: what PID 1 cannot do yet is only noted.
    pub only_to_look: bool,
}

/// A table, and what it was made from.
#[derive(Clone, Debug)]
pub struct Baked {
    /// The blob for the target.
    pub table: Vec<u8>,
    pub arch: Arch,
    /// The units by id, and how they hang together.
    pub graph: Graph,
    /// The dynamic names by id.
    pub identities: Vec<Identity>,
    pub filters: Filters,
    /// Units of kinds that PID 1 cannot start: read and checked, but in no table.
    pub unstarted: Vec<Unit>,
}

/// Bakes the table of `board`.
///
/// # Errors
/// If `diagnostics` has errors afterwards, or a file cannot be read or written.
pub fn bake(board: &Board, options: &Options, diagnostics: &mut Diagnostics) -> Result<Baked> {
    let (paths, lock) = match options.units.is_empty() {
        true => (board.units(), options.lock),
        false => (options.units.clone(), LockFile::Leave),
    };
    let (roots, lack) = image_roots(board, options);
    let image = Image {
        roots,
        lack,
        later: options.later.clone(),
        users: board.config.user.iter().map(|user| (user.name.clone(), user.uid)).collect(),
        groups: board.config.group.iter().map(|group| (group.name.clone(), group.gid)).collect(),
        instances: board.config.enable.clone().unwrap_or_default(),
        architecture: Some(board.arch()),
        hostname: Some(board.config.hostname.clone()),
        dynamic: board.uids(),
    };
    let mut units = check::load_for(&paths, &image, diagnostics);
    if options.units.is_empty() {
        units.extend(check::fstab::units(&board.config.mount, &board.layers, &image.facts(), diagnostics));
        units.extend(boot::units(&board.config, &image.facts(), diagnostics));
        boot::allow_safe_target(&board.config, &mut units);
    }
    own::add(board, &image.facts(), &mut units, diagnostics);
    match options.only_to_look {
        true => check::beyond_as(Some(Severity::Note), &units, diagnostics),
        false => check::beyond(&units, diagnostics),
    }
    let unstarted: Vec<Unit> = units.extract_if(.., |unit| !unit.kind.is_started()).collect();
    stop_at_errors(board, diagnostics)?;
    let inputs = inputs::hash(board, &paths)?;
    let beside = Beside { slices: &unstarted, masked: check::masked(&paths) };
    let baked = bake_units(board, units, beside, &Options { lock, ..options.clone() }, inputs, diagnostics)?;
    Ok(Baked { unstarted, ..baked })
}

/// The image's root directories, and how bad it is what they lack.
fn image_roots(board: &Board, options: &Options) -> (Vec<PathBuf>, Severity) {
    // A host board's image is the host's own `/`, which may change before the run: what it lacks is only warned of.
    // Another board's is not made yet.
    match (&options.roots[..], board.is_host()) {
        ([], true) => ([vec![PathBuf::from("/")], board.rootfs()].concat(), Severity::Warning),
        ([], false) => (Vec::new(), Severity::Warning),
        (given, _) => (given.to_vec(), Severity::Error),
    }
}

/// Bakes `units` that were not read from the board's folder, and writes no file.
///
/// # Errors
/// As [`bake`].
pub fn bake_loose(board: &Board, units: Vec<Unit>, diagnostics: &mut Diagnostics) -> Result<Baked> {
    let options = Options { lock: LockFile::Leave, ..Options::default() };
    bake_units(board, units, Beside::default(), &options, inputs::Inputs::default(), diagnostics)
}

/// What files say besides units that can be started.
#[derive(Default)]
struct Beside<'u> {
    slices: &'u [Unit],
    /// Names of which there is to be no unit.
    masked: Vec<String>,
}

/// Bakes `units`, which were made from files with the hash `inputs`.
fn bake_units(
    board: &Board,
    mut units: Vec<Unit>,
    beside: Beside<'_>,
    options: &Options,
    inputs: inputs::Inputs,
    diagnostics: &mut Diagnostics,
) -> Result<Baked> {
    credentials::hide(&mut units);
    limits::units(board, units.len(), diagnostics); // the graph has room for no more
    stop_at_errors(board, diagnostics)?;
    let default_target = options.target.as_deref().unwrap_or(&board.config.default_target);
    // `enable` is about the board's own units. Units that somebody names for this once are there to be started.
    let own = options.units.is_empty();
    let enable = board.config.enable.as_deref().filter(|_| own);
    let wanted = Wanted { default_target, enable, orphans: !own };
    let graph = Graph::new(units, &wanted, diagnostics);
    stop_at_errors(board, diagnostics)?;
    let mut graph = graph.context("a graph without errors is whole")?;
    graph.mask(beside.masked);
    limits::check(board, &graph, diagnostics);
    if own {
        boot::check(board, &graph, diagnostics);
    }
    let limit = board.config.boot_timeout.map(|limit| limit.0);
    limit
        .and_then(|limit| order::too_long(&graph, limit))
        .into_iter()
        .for_each(|problem| diagnostics.push(problem));
    if own {
        let names: Vec<&str> = graph.nodes.iter().map(|node| node.unit.name.as_str()).collect();
        allow::check(&board.config.allow, &names)?;
    }
    let names = identities::names(board, &graph, diagnostics);
    stop_at_errors(board, diagnostics)?;
    let (mut identities, lock_text) = identities::assign(board, &names, options.lock, diagnostics)?;
    identities.extend(transient::identities(board));

    let arch = board.arch();
    let mut filters = Filters::new(&graph, arch)?;
    transient::add_filters(board, &mut filters)?;
    let cgroups = Cgroups::new(&graph, beside.slices, board.config.transient_units > 0)?;
    let known = users::known(&board.config, &image_roots(board, options).0);
    let shared =
        record::Shared { arch, identities: &identities, filters: &filters, cgroups: &cgroups, known: &known };
    let arena = Bump::new();
    let meant_board = record::board(&arena, board, &graph, shared)?;
    let meant: Vec<table::Unit<'_>> =
        graph.nodes.iter().map(|node| record::unit(&arena, node, shared)).collect::<Result<_>>()?;
    let table = table::encode(arch, inputs.finish(&lock_text), &meant_board, &meant)
        .map_err(|error| anyhow::anyhow!("{}: the table is {error}", board.name))?;
    verify::verify(&table, arch, &meant_board, &meant, &graph)
        .with_context(|| format!("{}: the table", board.name))?;
    Ok(Baked { table, arch, graph, identities, filters, unstarted: Vec::new() })
}

/// Writes the table to `file`, whole or not at all.
pub fn write(baked: &Baked, file: &Path) -> Result<()> {
    write_whole(file, &baked.table)
}

/// Writes `bytes` to a new file beside `file` and puts that in its place. What is there and no regular file (/dev/null,
/// a pipe) keeps its place and is written into.
fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;

    if std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()));
    }
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> Result<()> {
        std::fs::create_dir_all(dir)?;
        let mut beside = tempfile::Builder::new().permissions(public_file()).tempfile_in(dir)?;
        beside.write_all(bytes)?;
        beside.persist(file)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

fn public_file() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

fn stop_at_errors(board: &Board, diagnostics: &Diagnostics) -> Result<()> {
    match diagnostics.count(Severity::Error) {
        0 => Ok(()),
        1 => bail!("{}: no table because of the error above", board.name),
        errors => bail!("{}: no table because of the {errors} errors above", board.name),
    }
}
