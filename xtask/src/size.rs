//! `size B`: the bytes of the target binary by room, against the budget; and the proof that no allocator is in it.
//!
//! Sizes of functions and statics come from a build of the same profile that keeps its symbols; the total is that of
//! the stripped binary, which is what ships. What no symbol covers is listed by section.
//!
//! # What costs, and what saves
//! Measured on x86_64 at 180,000 bytes; nine tenths are code, 43,000 instructions, a third of them moves.
//! * Chained iterators in a decision: 100 to 400 bytes each. One function that calls back ([`tomte::table::Unit::each`])
//!   saved 3,300 bytes in the supervisor. A generic function that takes a closure is there once for each closure: `dyn`.
//! * Whatever is large and handed on by value (a path, a record): `memcpy`, and a frame beyond 127 bytes, where each
//!   access takes three bytes more. Filled in place: 2,100 bytes less for paths, 600 for records.
//! * `derive(Clone)` alone on a struct of scalars copies field by field: `Copy` as well, and it is one `rep movs`.
//! * A `match` on byte strings compares by code, 100 bytes a pattern: the words in one string, and the word's place.
//! * rustix's `as_fd` asserts: 10 bytes at each of 200 uses; `linux::AsFd` does not.
//! * A large function with one caller becomes part of it, and of its frame: `inline(never)` on seventy of them, 2,200.
//!   Small ones, or all of a kind, are no gain. A decoded unit is a kilobyte of such a frame: who wants its name asks for that.
//! * `repr(C)` with the fields of most uses first, for what is larger than 128 bytes (a unit's state, the kernel): 2,600.
//! * A constant that is borrowed, or that a value begins as, stands in .rodata with all its zeros: `&[0; 512]`, four
//!   `&Reply::NoSuchUnit` and their like of 136 bytes, a struct with two empty heapless lists: 1,800.
//! * An array that is walked by value is copied first: `for &x in &[…]`. Forty loops, 1,000 bytes.
//! * Every length of a heapless text has functions and a table of its own behind `write!`: `as_mut_view()`, 600.
//!   Every type that is parsed or shown likewise: u64, and narrow it.
//! * Panics: all their texts and places are 7,000 bytes (`panic=immediate-abort` shows it, with a core of one's own).
//!   A core built for size is 1,500 bytes less; not worth a toolchain that is not stable.
//! * Of LLVM's options, each alone: `-enable-ipra` 1,900 less, but nobody but AMD's GPUs uses it; `-enable-newgvn` 400
//!   less, experimental. No difference or worse: icf (120), inline thresholds, loop options, shrink wrapping,
//!   `-machine-outliner-reruns`, `-inline-max-stacksize`, frame pointers (4,500 more), hoisting and sinking, register allocation's knobs.
//! * The way to find out: line tables (`profile.release.debug=1` changes no code), every instruction's address through
//!   `llvm-symbolizer --inlines`, bytes summed by the innermost line of src/. A line above 100 bytes is worth a look.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    process::ExitCode,
};

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use object::{Object, ObjectSection, ObjectSymbol, SectionIndex, SectionKind};

use crate::{
    board::Board,
    build::{self, Options},
    setup,
};

/// What the binary may have on every architecture, everything included, in bytes (design.md §4). Its first stage, with
/// services and targets only, had to stay under 120 KiB on x86_64.
const BUDGET: u64 = 200 << 10;
/// What CI lets pass while the budget is not kept. It was 254 KiB before the log, the names, systemctl's verbs, the watchdog
/// and the early items of a boot came, which are what design.md counts as "everything": 90 KB within one session, and 20
/// more with shared namespaces, `run --pipe`, JSON of every query, and conditions, against 12 that were saved; 4 with jobs
/// that time out, their modes and what tells a unit by whom it was started; 15 with the way from an initramfs to the root,
/// devices by what is on them, an overlay, fsck and the power key; 9 with mounts that come and go by hand, commands of
/// sockets and jobs in all modes; 1 with programs that decide about the network; 1 with /dev/mqueue and a cheaper sandbox; 2
/// with the rest of journalctl's usual options and other names of units, against 1 that was saved; 1 with sockets that PID 1
/// opens itself; 1 with what a round beside systemd found of jobs and stops; 4 with whose a
/// line of the log is, boots and a full house of clients; 2 with targets as verbs and the first match of a pattern. It goes
/// when it meets the budget.
const CEILING: u64 = 407 << 10;
/// What CI lets it have of memory that it may write, without its stack: all that it can know of units, processes and clients.
/// It is all zeros at first, and takes up what is written to.
const STATE: u64 = 494 << 10;
/// The rooms of src/.
const ROOMS: [&str; 7] = ["table", "wire", "supervisor", "linux", "init", "ctl", "applets"];
/// What only a binary with a heap has.
const ALLOCATOR_SIGNS: [&str; 3] = ["__rust_alloc", "__rg_alloc", "__rdl_alloc"];

/// A binary, measured.
#[derive(Debug)]
pub struct Measured {
    /// The stripped file.
    pub total: u64,
    /// Bytes by room, crate or section.
    pub rooms: BTreeMap<String, u64>,
    /// The name of an allocator's function, if there is one.
    pub allocator: Option<String>,
    /// Every function and static with its bytes, largest first.
    pub symbols: Vec<(u64, String)>,
    /// Memory that it may write, without its stack.
    pub state: u64,
}

/// Bytes of memory that PID 1 with a table of so many bytes takes up at most: its program as CI lets it be, and all that it
/// can know of units and processes. Its stack comes on top of it.
pub fn memory_at_most(table_bytes: u64) -> u64 {
    CEILING + table_bytes + STATE
}

/// `cargo xtask size B`.
pub fn run(board: &str, symbols: usize) -> Result<ExitCode> {
    let board = Board::load(board)?;
    let measured = measure(&board)?;
    for (size, name) in measured.symbols.iter().take(symbols) {
        println!("{size:7} {name}");
    }
    println!("{}", measured.table());
    if let Some(excess) = measured.excess() {
        eprintln!("warning: {excess}");
    }
    for trouble in measured.troubles() {
        eprintln!("error: {trouble}");
    }
    Ok(if measured.troubles().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds `board` twice, with and without symbols, and measures.
pub fn measure(board: &Board) -> Result<Measured> {
    setup::ensure(board)?;
    let built = build::build(board, &Options::default())?;
    let total = fs::metadata(&built.binary)?.len();
    let table = fs::metadata(&built.table)?.len();
    drop(built);
    let Symbols { mut rooms, allocator, mut symbols, state } =
        by_room(&build::build_with_symbols(board)?).context("cannot read the binary's symbols")?;
    rooms.insert("(the baked table)".into(), table);
    let covered: u64 = rooms.values().sum();
    rooms.insert("(headers and padding)".into(), total.saturating_sub(covered));
    symbols.sort_by(|one, other| other.cmp(one));
    Ok(Measured { total, rooms, allocator, symbols, state })
}

/// What an unstripped binary says about itself; the fields are those of [`Measured`].
struct Symbols {
    rooms: BTreeMap<String, u64>,
    allocator: Option<String>,
    symbols: Vec<(u64, String)>,
    state: u64,
}

/// Sorts the binary's bytes by room, crate and section.
fn by_room(bytes: &[u8]) -> Result<Symbols> {
    let file = object::File::parse(bytes)?;
    let mut left: HashMap<SectionIndex, u64> = HashMap::new();
    let mut state = 0;
    for section in file.sections() {
        if matches!(section.kind(), SectionKind::Data | SectionKind::UninitializedData) {
            state += section.size();
        }
        let loaded = matches!(
            section.kind(),
            SectionKind::Text
                | SectionKind::Data
                | SectionKind::ReadOnlyData
                | SectionKind::ReadOnlyDataWithRel
                | SectionKind::ReadOnlyString
        );
        if loaded && section.address() != 0 {
            left.insert(section.index(), section.size());
        }
    }
    let mut rooms = BTreeMap::new();
    let mut allocator = None;
    let mut symbols = Vec::new();
    let mut seen = BTreeSet::new();
    for symbol in file.symbols() {
        let name = format!("{:#}", rustc_demangle::demangle(symbol.name().unwrap_or_default()));
        if ALLOCATOR_SIGNS.iter().any(|sign| name.contains(sign)) {
            allocator = Some(name.clone());
        }
        let Some(rest) = symbol.section_index().and_then(|index| left.get_mut(&index)) else { continue };
        // Identical functions are folded into one address: count it once.
        if symbol.size() == 0 || !seen.insert(symbol.address()) {
            continue;
        }
        *rest = rest.saturating_sub(symbol.size());
        *rooms.entry(room_of(&name)).or_default() += symbol.size();
        symbols.push((symbol.size(), name));
    }
    for (index, size) in left {
        let section = file.section_by_index(index)?;
        if size > 0 {
            *rooms.entry(format!("{} without symbols", section.name()?)).or_default() += size;
        }
    }
    Ok(Symbols { rooms, allocator, symbols, state })
}

/// The room of tomte, or the crate, that a demangled name belongs to.
fn room_of(name: &str) -> String {
    let path = name
        .trim_start_matches(['<', '&', '*', '[', '('])
        .trim_start_matches("mut ")
        .trim_start_matches("dyn ");
    let mut segments = path.split("::").map(|segment| {
        segment.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default()
    });
    let first = segments.next().unwrap_or_default();
    if !path.contains("::") {
        return "(C names: start, mem)".into();
    }
    match (first, segments.next()) {
        ("tomte", Some(room)) if ROOMS.contains(&room) => format!("tomte::{room}"),
        ("tomte", _) => "tomte (main)".into(),
        ("core" | "compiler_builtins", _) => "core".into(),
        (other, _) if !other.is_empty() => format!("crate {other}"),
        _ => "other".into(),
    }
}

impl Measured {
    /// What is wrong with it.
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if self.total > CEILING {
            troubles.push(format!("{} bytes are more than the {CEILING} that there were before", self.total));
        }
        if self.state > STATE {
            troubles.push(format!(
                "{} bytes of memory that may be written are more than the {STATE} that there were before",
                self.state
            ));
        }
        if let Some(name) = &self.allocator {
            troubles.push(format!("an allocator is linked in ({name}): the target has no heap"));
        }
        troubles
    }

    /// By how much it misses the budget, in words, if it does.
    pub fn excess(&self) -> Option<String> {
        let over = self.total.checked_sub(BUDGET).filter(|over| *over > 0)?;
        Some(format!("{over} bytes more than the budget of {BUDGET}; CI lets pass {CEILING}, and no more"))
    }

    /// The rooms, largest first, with the total and the budget.
    pub fn table(&self) -> String {
        let mut rooms: Vec<_> = self.rooms.iter().collect();
        rooms.sort_by_key(|(name, size)| (std::cmp::Reverse(**size), *name));
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["ROOM", "BYTES"]);
        for (name, size) in rooms {
            table.add_row([name.clone(), size.to_string()]);
        }
        let budget = format!("budget {BUDGET}, {} %", self.total * 100 / BUDGET);
        table.add_row([format!("total, stripped ({budget})"), self.total.to_string()]);
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_the_room_its_path_begins_with() {
        assert_eq!(room_of("tomte::supervisor::Supervisor::handle"), "tomte::supervisor");
        assert_eq!(room_of("<tomte::wire::state::Ended as core::fmt::Display>::fmt"), "tomte::wire");
        assert_eq!(room_of("<&mut dyn core::fmt::Write as core::fmt::Write>::write_str"), "core");
        assert_eq!(room_of("rustix::fs::open"), "crate rustix");
        assert_eq!(room_of("tomte::main"), "tomte (main)");
        assert_eq!(room_of("memcpy"), "(C names: start, mem)");
    }

    #[test]
    fn a_binary_that_grew_or_has_a_heap_is_in_trouble() {
        let measured = |total, allocator| Measured {
            total,
            rooms: BTreeMap::new(),
            allocator,
            symbols: Vec::new(),
            state: 0,
        };
        assert!(measured(CEILING, None).troubles().is_empty());
        assert_eq!(measured(CEILING + 1, Some("__rust_alloc".into())).troubles().len(), 2);
        let large = Measured { state: STATE + 1, ..measured(0, None) };
        assert_eq!(large.troubles().len(), 1);
        assert!(measured(BUDGET, None).excess().is_none());
        assert!(measured(BUDGET + 1, None).excess().is_some_and(|words| words.starts_with("1 bytes more")));
    }
}
