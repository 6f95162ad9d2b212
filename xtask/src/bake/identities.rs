//! Dynamic names of an image and their numbers: collected from the units, kept in `uids.lock`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use anyhow::{Context, Result, anyhow, bail};
use tomte::table::limits::OWN_NUMBERS_MAX;

use crate::{
    board::Board,
    diag::{Code, Diagnostic, Diagnostics},
    model::{Located, Service},
    order::Graph,
    uids::{self, Lock},
    users,
    values::user,
};

/// What to do when `uids.lock` has to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockFile {
    /// Write it, and say so.
    #[default]
    Update,
    /// Refuse: the file of the version control is to be complete.
    Locked,
    /// Neither: the units are not the board's own.
    Leave,
}

/// A dynamic name and the numbers it tries first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    /// The image's own choice, kept in `uids.lock`.
    pub baked: u32,
    /// systemd's choice.
    pub hashed: u32,
}

/// The dynamic names of all services, each once. Reports those that cannot be one.
pub(super) fn names(board: &Board, graph: &Graph, diagnostics: &mut Diagnostics) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for node in &graph.nodes {
        let Some(service) = node.unit.kind.service() else { continue };
        if !service.exec.dynamic_user {
            continue;
        }
        for problem in problems(board, service) {
            diagnostics.push(problem);
        }
        for (setting, value) in [("User", &service.exec.user.value), ("Group", &service.exec.group.value)] {
            if !value.is_empty() && !is_static(board, setting, value) {
                names.insert(value.clone());
            }
        }
    }
    names
}

/// Whether the value of `User=` or `Group=` is the number of a `[[user]]` or `[[group]]` of the board's.
fn is_static(board: &Board, setting: &str, value: &str) -> bool {
    let (config, number) = (&board.config, user::number(value));
    number.is_some_and(|number| match setting {
        "User" => config.user.iter().any(|user| user.uid == number),
        _ => config.group.iter().any(|group| group.gid == number),
    })
}

fn problems(board: &Board, service: &Service) -> Vec<Diagnostic> {
    let exec = &service.exec;
    let has_user = |name: &str| board.config.user.iter().any(|user| user.name == name);
    let has_group = |name: &str| board.config.group.iter().any(|group| group.name == name);
    let mut problems = Vec::new();
    let mut report = |code: Code, setting: &str, value: &Located<String>, problem: String| {
        let message = format!("{setting}={}: {problem}", value.value);
        problems.push(Diagnostic::error(code, message).at(value.place.clone()));
    };
    for (setting, value) in [("User", &exec.user), ("Group", &exec.group)] {
        let written = value.value.as_str();
        let (range, is_static) = (board.uids(), is_static(board, setting, written));
        match user::number(written) {
            Some(number) if is_static || range.contains(number) => {}
            Some(_) => {
                let problem = format!(
                    "with DynamicUser=yes, a number has to be one of {} to {}, or stand in board.toml",
                    range.first, range.last
                );
                report(Code::DynamicUserName, setting, value, problem);
            }
            None if written.is_empty() || user::is_strict(written) => {}
            None => {
                let problem = format!("with DynamicUser=yes, {}", users::STRICT_NAME);
                report(Code::DynamicUserName, setting, value, problem);
            }
        }
    }
    // The same refusal as at run time (status 217), but before there is an image.
    let (user, group) = (&exec.user.value, &exec.group.value);
    if has_group(user) && !has_user(user) {
        report(
            Code::TakenName,
            "User",
            &exec.user,
            "board.toml has a [[group]] of this name but no [[user]]".into(),
        );
    }
    if !group.is_empty() && group != user && has_user(group) && !has_group(group) {
        report(
            Code::TakenName,
            "Group",
            &exec.group,
            "board.toml has a [[user]] of this name but no [[group]]".into(),
        );
    }
    problems
}

/// Numbers for `names`, and the text of the lock file that keeps them.
pub(super) fn assign(
    board: &Board,
    names: &BTreeSet<String>,
    lock_file: LockFile,
    diagnostics: &mut Diagnostics,
) -> Result<(Vec<Identity>, String)> {
    let file = board.dir.join("uids.lock");
    let before = match fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let lock = Lock::parse(before.as_deref().unwrap_or_default())
        .map_err(|(line, problem)| anyhow!("{}:{line}: {problem}", file.display()))?;
    let range = board.uids();
    let config = &board.config;
    let taken = (config.user.iter().flat_map(|user| [user.uid, user.gid]))
        .chain(config.group.iter().map(|group| group.gid));
    // A number is its own, in every image.
    let own: BTreeMap<u32, &str> =
        names.iter().filter_map(|name| Some((user::number(name)?, name.as_str()))).collect();
    if own.len() > OWN_NUMBERS_MAX {
        bail!("{}: {} dynamic users are numbers, of at most {OWN_NUMBERS_MAX}", board.name, own.len());
    }
    let taken: BTreeSet<u32> = taken.chain(own.keys().copied()).collect();
    let wanted: BTreeSet<&str> =
        names.iter().map(String::as_str).filter(|name| user::number(name).is_none()).collect();
    let next = lock.assign(&wanted, range, &taken).map_err(|name| {
        anyhow!("{}: no number left for {name} in {}-{}", board.name, range.first, range.last)
    })?;

    if next != lock {
        let changes = lock.changes(&next);
        match lock_file {
            LockFile::Leave => {}
            LockFile::Locked => {
                bail!("{} has to change, which --locked forbids: {}", file.display(), changes.join("; "));
            }
            LockFile::Update => {
                super::write_whole(&file, next.text().as_bytes())?;
                diagnostics.push(Diagnostic::note(
                    Code::LockChanged,
                    format!("{} updated: {}", file.display(), changes.join("; ")),
                ));
            }
        }
    }
    let numbers: BTreeMap<&str, u32> =
        wanted.iter().filter_map(|name| next.number(name).map(|number| (*name, number))).collect();
    let identities = numbers.into_iter().map(|(name, baked)| Identity {
        name: name.to_owned(),
        baked,
        hashed: uids::hashed(name, range),
    });
    let own = own.into_iter().map(|(number, name)| Identity {
        name: name.to_owned(),
        baked: number,
        hashed: number,
    });
    Ok((identities.chain(own).collect(), next.text()))
}
