//! From unit files to a table (the targets are the unit language's: 1 000 files checked in a second, 64 services baked in
//! 100 ms).

use std::{fs, path::PathBuf, rc::Rc};

use anyhow::{Result, ensure};
use sha2::{Digest as _, Sha256};
use tomte::table::Table;

use super::{
    Bench, Prepared, Target, Unit,
    material::{self, Units},
    timed,
};
use crate::{
    bake::{self, Baked, LockFile, Options},
    board::Board,
    build::root_dir,
    check,
    diag::Diagnostics,
};

/// All of `cargo xtask check` but printing.
pub const CHECK: Bench = Bench {
    name: "check-1000",
    about: "check 1000 services, and render what is wrong with them",
    floor: "read and hash the same files",
    unit: Unit::Milliseconds,
    rounds: None,
    target: Target::AtMost(1_000.0),
    prepare: || {
        let units = Rc::new(material::services(1000)?);
        let floor = Rc::clone(&units);
        Ok(Prepared {
            input: units.about.clone(),
            round: timed(move || check_all(&units)),
            floor: timed(move || hash_all(&floor.files)),
            grouped: None,
        })
    },
};

/// All of `cargo xtask bake` but writing the table.
pub const BAKE: Bench = Bench {
    name: "bake-64",
    about: "bake a board of 64 services",
    floor: "read and hash the same files",
    unit: Unit::Milliseconds,
    rounds: None,
    target: Target::AtMost(100.0),
    prepare: || {
        let units = Rc::new(material::good_services(64)?);
        let floor = Rc::clone(&units);
        Ok(Prepared {
            input: units.about.clone(),
            round: timed(move || bake_all(&units).map(drop)),
            floor: timed(move || hash_all(&floor.files)),
            grouped: None,
        })
    },
};

/// What PID 1 does first.
pub const OPEN: Bench = Bench {
    name: "open-64",
    about: "open the table of 64 services, and decode every record",
    floor: "hash the same bytes",
    unit: Unit::Milliseconds,
    rounds: None,
    target: Target::AtMost(1.0),
    prepare: || {
        let Baked { table, arch, .. } = bake_all(&material::good_services(64)?)?;
        let table = Rc::new(table);
        let floor = Rc::clone(&table);
        Ok(Prepared {
            input: format!("{} bytes", table.len()),
            round: timed(move || {
                let table = Table::open(&table, Some(arch)).map_err(|error| anyhow::anyhow!("{error}"))?;
                let mut baked = table.ids().filter(|id| !table.slots().any(|slot| slot == *id));
                ensure!(baked.all(|id| table.unit(id).is_some()), "a record is missing");
                Ok(())
            }),
            floor: timed(move || hashed(&floor)),
            grouped: None,
        })
    },
};

fn check_all(units: &Units) -> Result<()> {
    let mut sink = Diagnostics::default();
    let found = check::load(&[units.path().to_owned()], &mut sink);
    check::beyond(&found, &mut sink);
    ensure!(found.len() >= units.files.len() && !sink.render(false).contains('\0'), "units are missing");
    Ok(())
}

fn bake_all(units: &Units) -> Result<Baked> {
    let board = Board::load("host")?;
    let options = Options {
        units: vec![units.path().to_owned()],
        roots: vec![root_dir().join("tests/configs/rootfs")],
        lock: LockFile::Leave,
        ..Options::default()
    };
    let mut sink = Diagnostics::default();
    let baked = bake::bake(&board, &options, &mut sink);
    ensure!(!sink.has_errors(), "{}", sink.render(false));
    baked
}

fn hash_all(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| hashed(&fs::read(file)?))
}

fn hashed(bytes: &[u8]) -> Result<()> {
    ensure!(Sha256::digest(bytes).iter().any(|byte| *byte != 0), "a hash of zeros");
    Ok(())
}
