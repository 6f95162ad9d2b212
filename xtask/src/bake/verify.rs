//! The table is read back with the target's own code and compared with what was meant, value by value.

use anyhow::{Context, Result, ensure};
use bumpalo::Bump;
use tomte::table::{Arch, Board, CommandKind, Table, Unit};

use super::record;
use crate::order::{Graph, Node};

/// Compares the blob with the records it was made of, and the lists in them with the model.
pub(super) fn verify(
    blob: &[u8],
    arch: Arch,
    board: &Board<'_>,
    units: &[Unit<'_>],
    graph: &Graph,
) -> Result<()> {
    let table = Table::open(blob, Some(arch)).map_err(|error| anyhow::anyhow!("{error}"))?;
    ensure!(table.board() == *board, "the board's record reads back as {:?}", table.board());
    ensure!(table.baked_count() == units.len(), "{} units of {}", table.baked_count(), units.len());
    for ((id, meant), node) in table.ids().zip(units).zip(&graph.nodes) {
        let found = table.unit(id).with_context(|| format!("{} does not read back", meant.name))?;
        ensure!(found == *meant, "{} reads back as {found:?}", meant.name);
        ensure!(table.find(meant.name.as_str()) == Some(id), "{} is not found by its name", meant.name);
        lists(&found, node).with_context(|| meant.name.to_string())?;
    }
    Ok(())
}

/// Records are equal when their bytes are; this is about what the bytes say.
fn lists(found: &Unit<'_>, node: &Node) -> Result<()> {
    let (Some(found), Some(meant)) = (found.service(), node.unit.kind.service()) else {
        return Ok(());
    };
    let arena = Bump::new();
    for kind in CommandKind::ALL {
        let mut commands = found.commands.of(kind).iter();
        for (_, command) in meant.commands.iter().filter(|(of, _)| *of == kind) {
            let meant = record::command(&arena, command)?;
            ensure!(commands.next() == Some(meant), "{kind:?}: {} does not read back", command.path);
        }
        ensure!(commands.next().is_none(), "{kind:?}: more commands than meant");
    }
    let rlimits: Vec<_> = found.exec.rlimits.iter().collect();
    ensure!(rlimits == meant.exec.rlimits, "limits read back as {rlimits:?}");
    let mut directories = found.exec.directories.iter();
    for directory in &meant.exec.directories {
        let meant = record::directory(&arena, directory)?;
        ensure!(directories.next() == Some(meant), "{:?} directories do not read back", directory.kind);
    }
    ensure!(directories.next().is_none(), "more directories than meant");
    ensure!(found.exec.environment.iter().eq(&meant.exec.environment), "the environment does not read back");
    Ok(())
}
