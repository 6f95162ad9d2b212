//! Running without root: a user namespace with 65536 ids from /etc/subuid and /etc/subgid, mapped by newuidmap(1) and
//! newgidmap(1). Ids up to 65535 are needed because tomte's dynamic users go up to 65519.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};
use rustix::process::{getgid, getuid};

use crate::progress;

/// How many ids besides root's the namespace has: 1..=65535.
const IDS: u32 = 65_535;

/// The ranges lent to the person who runs xtask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lent {
    first_uid: u32,
    first_gid: u32,
}

/// Looks whether a user namespace can be made; the error says what is missing and every way out.
pub fn probe() -> Result<Lent> {
    let (name, uid) = (user_name(), getuid().as_raw());
    let first = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        range_in(&text, &name, uid)
    };
    let mut missing = Vec::new();
    for program in ["newuidmap", "newgidmap"] {
        if !on_path(program) {
            missing.push(format!("{program} is not installed (Debian: apt-get install uidmap)"));
        }
    }
    let (uids, gids) = (first("/etc/subuid"), first("/etc/subgid"));
    for (file, range) in [("/etc/subuid", uids), ("/etc/subgid", gids)] {
        if range.is_none() {
            missing.push(format!("{file} lends {name} no {IDS} ids (a line such as {name}:100000:65536)"));
        }
    }
    if let (true, Some(first_uid), Some(first_gid)) = (missing.is_empty(), uids, gids) {
        return Ok(Lent { first_uid, first_gid });
    }
    bail!(
        "the host board needs root, or a user namespace with ids up to {IDS}, and {}\nways out: run it as root; add \
         what is missing; or use a QEMU board: cargo xtask run --board qemu-x86_64",
        missing.join("; ")
    )
}

/// Maps the ids of the process `pid`, which is in a fresh user namespace: 0 is the caller, the rest are the lent ones.
pub fn map(lent: Lent, pid: u32) -> Result<()> {
    let maps =
        [("newuidmap", getuid().as_raw(), lent.first_uid), ("newgidmap", getgid().as_raw(), lent.first_gid)];
    for (program, own, first) in maps {
        let words = [pid, 0, own, 1, 1, first, IDS].map(|number| number.to_string());
        progress::capture(Command::new(program).args(words)).context(
            "the user namespace gets no ids (is newuidmap set-user-ID root, and not kept from that by a container?)",
        )?;
    }
    Ok(())
}

/// The first range of at least [`IDS`] ids for `name` or `uid` in a subuid(5) file.
fn range_in(text: &str, name: &str, uid: u32) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let first = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let ours = owner == name || owner == uid.to_string();
        (ours && count >= IDS).then_some(first)
    })
}

fn user_name() -> String {
    let uid = getuid().as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    named.unwrap_or(uid)
}

/// Whether `program` is in a folder of PATH.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_counts_when_it_is_the_persons_and_large_enough() {
        let text = "other:100000:65536\nme:200000:1000\n1000:300000:65536\nme:400000:65536\n";
        assert_eq!(range_in(text, "me", 7), Some(400_000));
        assert_eq!(range_in(text, "me", 1000), Some(300_000));
        assert_eq!(range_in(text, "nobody", 7), None);
    }
}
