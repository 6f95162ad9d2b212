//! What is fuzzed: each target's promise, as code that panics if it is broken. A new one is an entry of [`TARGETS`]; an
//! input that broke a promise goes into tests/fuzz/NAME/, so that it is tried for good.

use std::{fmt::Write as _, fs, path::Path, sync::OnceLock};

use serde::Serialize;
use tomte::{
    supervisor::{Event, Instant, Keeper, Rooms, Supervisor},
    table::{self, Arch, Micros, Table},
    wire,
};

use crate::{
    bake,
    board::{Board, Config, Layers},
    build, check,
    diag::Diagnostics,
    read::{self, UnitFile},
    target::lines::{GroupLine, UserLine},
    values::{specifier::Facts, unit_name::UnitName},
};

/// Something that reads bytes.
pub struct Target {
    /// The word for the command line, and the name of its folder in tests/fuzz.
    pub name: &'static str,
    /// Its promise, in a few words.
    pub about: &'static str,
    /// Panics if the promise does not hold for these bytes.
    pub run: fn(&[u8]),
    /// Good input to start from. What it makes of the repository's files has to be in the order of their names.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "unit-file",
        about: "a unit file that was read and written reads back the same",
        run: unit_file,
        seeds: unit_files,
    },
    Target {
        name: "check",
        about: "a unit of any bytes is checked, and every problem can be shown",
        run: check_unit,
        seeds: unit_files,
    },
    Target {
        name: "bake",
        about: "a unit without errors bakes, or the baker says why not",
        run: bake_unit,
        seeds: unit_files,
    },
    Target { name: "board", about: "board.toml of any bytes", run: board, seeds: boards },
    Target {
        name: "table",
        about: "a table that opens can be read to its end",
        run: open_table,
        seeds: || vec![golden_table()],
    },
    Target {
        name: "wire",
        about: "a packet that can be read says the same when it is written again",
        run: packet,
        seeds: packets,
    },
    Target {
        name: "notify",
        about: "what a service says of itself is understood or passed over, and no more of it than was said",
        run: notice,
        seeds: || {
            vec![
                b"READY=1\nSTATUS=Waiting\nMAINPID=42\nWATCHDOG_USEC=500000\n".to_vec(),
                b"RELOADING=1\nMONOTONIC_USEC=7\nERRNO=2\nEXTEND_TIMEOUT_USEC=1\nWATCHDOG=trigger\0".to_vec(),
                b"FDSTORE=1\nFDNAME=state\nFDPOLL=0\nNOTIFYACCESS=all\nSTOPPING=1".to_vec(),
            ]
        },
    },
    Target {
        name: "nscd",
        about: "what a C library asks for is read or turned away, and answered in full or not at all",
        run: name_request,
        seeds: name_requests,
    },
    Target {
        name: "passwd",
        about: "a line of passwd or group is an entry that reads back, or none",
        run: account_line,
        seeds: || vec![b"app:x:61184:61184:Dynamic User:/:/sbin/nologin".to_vec(), b"adm:x:4:a,b".to_vec()],
    },
    Target {
        name: "state",
        about: "what a PID 1 left to the next one is loaded or refused, and can be shown",
        run: state,
        seeds: states,
    },
    Target {
        name: "unit-record",
        about: "the record of a unit made at run time is refused or can be read like a baked one",
        run: unit_record,
        seeds: unit_records,
    },
    Target {
        name: "log",
        about: "what anybody prints or sends is kept and shown, and nothing that a terminal would obey",
        run: super::logs::run,
        seeds: super::logs::seeds,
    },
];

fn parsed(bytes: &[u8]) -> UnitFile {
    read::parse(Path::new("fuzz.service"), bytes.to_vec(), &mut Diagnostics::default())
}

fn unit_file(bytes: &[u8]) {
    let written = parsed(bytes).to_string();
    let again = parsed(written.as_bytes());
    assert!(!again.damaged, "{written:?} is damaged");
    assert_eq!(again.to_string(), written);
}

/// The unit that `bytes` make: of the kind whose section comes first, and an instance, so that every specifier stands for
/// something.
fn unit(bytes: &[u8], sink: &mut Diagnostics) -> crate::model::Unit {
    let kinds = ["Socket", "Timer", "Path", "Mount", "Swap", "Slice"];
    let file = parsed(bytes);
    let kind =
        file.sections.iter().find_map(|section| kinds.iter().find(|kind| **kind == section.name.as_str()));
    let suffix = kind.map_or_else(|| "service".to_owned(), |kind| kind.to_ascii_lowercase());
    let name = UnitName::new(&format!(r"fuzz-er@dev-a\x2db.{suffix}")).unwrap_or_else(|why| panic!("{why}"));
    check::unit_of(
        name,
        bytes.to_vec(),
        Facts { root_shell: Some("/bin/sh".to_owned()), ..Facts::default() },
        sink,
    )
}

fn check_unit(bytes: &[u8]) {
    let mut sink = Diagnostics::default();
    let unit = unit(bytes, &mut sink);
    check::beyond(std::slice::from_ref(&unit), &mut sink);
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for problem in sink.iter() {
        assert!(!problem.message.is_empty() && problem.width > 0, "{problem:?}");
        assert!(problem.place.as_ref().is_none_or(|place| place.line <= lines), "{problem:?}");
    }
    let shown = sink.render(false);
    assert!(sink.has_errors() == shown.contains("error[T"), "{shown}");
    assert!(sink.to_json().to_string().len() > 1);
}

fn bake_unit(bytes: &[u8]) {
    bakes(bytes);
}

/// Whether there is a table in the end.
fn bakes(bytes: &[u8]) -> bool {
    let mut sink = Diagnostics::default();
    let unit = unit(bytes, &mut sink);
    check::beyond(std::slice::from_ref(&unit), &mut sink);
    if sink.has_errors() || !unit.kind.is_started() {
        return false;
    }
    let text = "arch = \"x86_64\"\ntarget = \"x86_64-unknown-linux-gnu\"\n";
    let config = Config::parse(text, Path::new("board.toml")).unwrap_or_else(|error| panic!("{error:#}"));
    let board = Board::new("fuzz".to_owned(), "/nonexistent".into(), config, Layers::default());
    match bake::bake_loose(&board, vec![unit], &mut sink) {
        Ok(_) => true,
        Err(error) => {
            assert!(sink.has_errors(), "no table, and no diagnostic why: {error:#}");
            false
        }
    }
}

fn board(bytes: &[u8]) {
    if let Err(error) = Config::parse(&String::from_utf8_lossy(bytes), Path::new("board.toml")) {
        assert!(!format!("{error:#}").is_empty());
    }
}

const ARCHS: [Arch; 4] = [Arch::X86_64, Arch::Aarch64, Arch::Arm, Arch::Riscv64];
/// Where a table says what it is made for.
const ARCH_AT: usize = 10;

/// Reads the bytes as they are, and with the length and checksum that they should have.
fn open_table(bytes: &[u8]) {
    read_table(bytes);
}

/// How many of the two open.
fn read_table(bytes: &[u8]) -> usize {
    let mut sealed = bytes.to_vec();
    table::seal(&mut sealed);
    let mut opened = 0;
    for bytes in [bytes, &sealed] {
        let arch = ARCHS.into_iter().find(|arch| bytes.get(ARCH_AT) == Some(&(*arch as u8)));
        let Ok(table) = Table::open(bytes, arch) else { continue };
        let board = table.board();
        assert!(table.unit(board.default_target).is_some());
        assert_eq!(Some(board.identities.iter().count()), board.identities.count());
        let mut text = format!("{board:?}");
        for id in table.ids() {
            let unit =
                table.unit(id).unwrap_or_else(|| panic!("{id:?} was decoded when the table was opened"));
            assert!(table.find(unit.name.as_str()).is_some());
            // What a list of `Debug` shows is every element.
            write!(text, "{unit:?}").unwrap_or_else(|error| panic!("{error}"));
            let _ = [unit.wants, unit.requires, unit.required_by, unit.after, unit.before]
                .map(|list| list.iter().for_each(|other| assert!(table.unit(other).is_some())));
        }
        opened += 1;
    }
    opened
}

fn packet(bytes: &[u8]) {
    if let Ok(request) = wire::decode::<wire::Request<'_>>(bytes) {
        again(&request, |bytes| wire::decode(bytes).is_ok_and(|again: wire::Request<'_>| again == request));
    }
    if let Ok(reply) = wire::decode::<wire::Reply<'_>>(bytes) {
        again(&reply, |bytes| wire::decode(bytes).is_ok_and(|again: wire::Reply<'_>| again == reply));
    }
}

/// Nothing is understood that no line says, and the same message without its NUL says the same.
fn notice(bytes: &[u8]) {
    let Some(notice) = wire::Notice::parse(bytes) else { return };
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    assert!(bytes.len() <= wire::NOTICE_BYTES_MAX && !bytes.contains(&0));
    assert_eq!(wire::Notice::parse(bytes), Some(notice));
    let says = |line: &str| bytes.split(|byte| *byte == b'\n').any(|one| one == line.as_bytes());
    for (is_understood, line) in [
        (notice.ready, "READY=1"),
        (notice.reloading, "RELOADING=1"),
        (notice.stopping, "STOPPING=1"),
        (notice.store == Some(true), "FDSTORE=1"),
        (notice.store == Some(false), "FDSTOREREMOVE=1"),
        (notice.unpolled, "FDPOLL=0"),
        (notice.watchdog == Some(wire::Ping::Alive), "WATCHDOG=1"),
    ] {
        assert!(!is_understood || says(line), "{line}");
    }
    if let Some(status) = notice.status.filter(|status| !status.is_empty()) {
        assert!(says(&format!("STATUS={status}")), "{status:?}");
    }
    if let Some(name) = notice.fd_name {
        assert!(says(&format!("FDNAME={name}")) && name.len() <= wire::FD_NAME_BYTES_MAX, "{name:?}");
    }
}

/// Writes the value and asks whether that reads back the same.
fn again<T: Serialize + std::fmt::Debug>(value: &T, reads_back: impl FnOnce(&[u8]) -> bool) {
    let mut buffer = vec![0; 256 << 10];
    let bytes = wire::encode(value, &mut buffer).unwrap_or_else(|| panic!("{value:?} cannot be written"));
    assert!(reads_back(bytes), "{value:?} reads back as something else");
}

/// The repository's own unit files, good and bad, by name.
fn unit_files() -> Vec<Vec<u8>> {
    let root = build::root_dir();
    let folders = ["tests/configs/good", "tests/configs/bad", "board-configs/host/units"];
    let mut files: Vec<_> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(root.join(folder)).ok())
        .flat_map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()))
        .filter(|path| path.is_file() && path.extension().is_some_and(|end| end != "expected"))
        .collect();
    files.sort();
    files.iter().filter_map(|file| fs::read(file).ok()).collect()
}

fn boards() -> Vec<Vec<u8>> {
    let mut boards: Vec<_> = crate::board::folders().unwrap_or_default();
    boards.sort();
    let root = build::root_dir().join("board-configs");
    boards.iter().filter_map(|name| fs::read(root.join(name).join("board.toml")).ok()).collect()
}

/// A supervisor of the golden table that has loaded `bytes`, if they are a state.
fn state(bytes: &[u8]) {
    let blob = golden_table();
    let Ok(table) = Table::open(&blob, Some(Arch::X86_64)) else { return };
    let mut rooms = Box::new(Rooms::new());
    let mut supervisor = Supervisor::new(table, &mut rooms);
    let mut with = Keeper::load(bytes);
    supervisor.keep(&mut with);
    let _deadline = supervisor.next_deadline();
    for id in table.ids() {
        assert!(supervisor.status(id).is_none_or(|status| status.id == id.0));
    }
}

/// That of one that has just booted, and of one that has not.
fn states() -> Vec<Vec<u8>> {
    let blob = golden_table();
    let Ok(table) = Table::open(&blob, Some(Arch::X86_64)) else { return Vec::new() };
    let mut rooms = Box::new(Rooms::new());
    let mut supervisor = Supervisor::new(table, &mut rooms);
    let mut saved = || {
        let mut room = vec![0; 64 << 10];
        let mut with = Keeper::save(&mut room);
        supervisor.keep(&mut with);
        let left = with.left().unwrap_or_default();
        let state = room[..room.len() - left].to_vec();
        supervisor.handle(
            Instant(1),
            Event::Boot { random: 1, until: None, kernel_age: Micros::ZERO, machine: 0, target: None },
        );
        state
    };
    vec![saved(), saved()]
}

/// The host board's table without units: it has slots.
fn empty_table() -> Option<Vec<u8>> {
    let board = Board::load("host").ok()?;
    bake::bake_loose(&board, Vec::new(), &mut Diagnostics::default()).ok().map(|baked| baked.table)
}

fn unit_record(bytes: &[u8]) {
    static TABLE: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let Some(blob) = TABLE.get_or_init(empty_table) else { return };
    let Ok(mut table) = Table::open(blob, Arch::NATIVE) else { return };
    let Some(slot) = table.slots().next() else { return };
    let made = table.make(slot, bytes);
    assert_eq!(made, table.unit(slot).is_some());
    if let Some(unit) = table.unit(slot) {
        assert_eq!(table.find(unit.name.as_str()), Some(slot));
        assert!(unit.service().is_some_and(|service| service.commands.start.count().is_some()));
    }
}

fn unit_records() -> Vec<Vec<u8>> {
    let Some(blob) = empty_table() else { return Vec::new() };
    let Ok(table) = Table::open(&blob, Arch::NATIVE) else { return Vec::new() };
    let transient = table.board().transient;
    let of = |settings: &[(&str, &str)]| {
        let mut room = vec![0; 16 << 10];
        let length = table::compose(&transient, "x.service", &["/bin/true"], settings, &mut room).ok()?;
        room.truncate(length);
        Some(room)
    };
    [of(&[]), of(&[("DynamicUser", "yes"), ("Environment", "A=1")])].into_iter().flatten().collect()
}

/// tests/golden/table.hex as bytes.
fn golden_table() -> Vec<u8> {
    let text = fs::read_to_string(build::root_dir().join("tests/golden/table.hex")).unwrap_or_default();
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn name_request(bytes: &[u8]) {
    let wire::nscd::Asked::For(kind, key) = wire::nscd::parse(bytes) else { return };
    assert!(!key.is_empty() && !key.contains(&0));
    let mut buffer = [0; 600];
    let mut answer = wire::nscd::Answer::new(&mut buffer);
    answer.user([key, b"x", key, b"/", b"/"], 1, 1);
    let length = answer.bytes().map(<[u8]>::len);
    assert_eq!(length, Some(36 + 2 * (key.len() + 1) + 6));
    let mut answer = wire::nscd::Answer::new(&mut buffer);
    answer.none(kind);
    assert!(answer.bytes().is_some());
}

fn name_requests() -> Vec<Vec<u8>> {
    let request = |kind: u32, key: &[u8]| {
        let words = [2, kind, u32::try_from(key.len()).unwrap_or(u32::MAX)];
        words.into_iter().flat_map(u32::to_ne_bytes).chain(key.iter().copied()).collect()
    };
    [(0, &b"app\0"[..]), (1, b"61184\0"), (2, b"adm\0"), (3, b"4\0"), (11, b"passwd\0"), (15, b"app\0")]
        .map(|(kind, key)| request(kind, key))
        .to_vec()
}

fn account_line(bytes: &[u8]) {
    if let Some(user) = UserLine::parse(bytes) {
        let head = [user.name, user.password].join(&b':');
        assert!(!user.name.is_empty() && bytes.starts_with(&head));
        let text = [user.gecos, user.home, user.shell].join(&b':');
        assert!(bytes.windows(text.len().max(1)).any(|window| window == text) || text.is_empty());
    }
    if let Some(group) = GroupLine::parse(bytes) {
        assert!(group.members().all(|member| group.has_member(member)));
    }
}

/// One packet of each kind that has something in it.
fn packets() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut add = |bytes: Option<&[u8]>| packets.extend(bytes.map(<[u8]>::to_vec));
    let mut buffer = [0; wire::PACKET_BYTES_MAX];
    let name = "sshd.service";
    for request in [
        wire::Request::Manager,
        wire::Request::Units { from: 300 },
        wire::Request::Start { name },
        wire::Request::Shutdown(wire::Power::Reboot),
    ] {
        add(wire::encode(&request, &mut buffer));
    }
    let manager = wire::ManagerStatus {
        board: "host",
        arch: "x86_64",
        state: "running",
        boot_us: 1,
        boot_cpu_us: 1,
        units: 2,
        failed: 0,
        jobs: 0,
        now_us: 3,
        inputs: [7; 16],
    };
    for reply in [
        wire::Reply::Manager(manager),
        wire::Reply::End { next: Some(3) },
        wire::Reply::Job(wire::JobResult::Done),
        wire::Reply::Version(1),
    ] {
        add(wire::encode(&reply, &mut buffer));
    }
    packets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_get_as_far_as_the_code_that_is_to_be_tried() {
        assert_eq!(read_table(&golden_table()), 2, "as it is, and sealed");
        let baked = unit_files().into_iter().filter(|file| bakes(file)).count();
        assert!(baked > 5, "only {baked} unit files bake");
        // What is only there for boards to inherit from is no whole board.
        let whole = |text: &&Vec<u8>| String::from_utf8_lossy(text).contains("\narch = ");
        assert!(
            boards().iter().filter(whole).all(|text| Config::parse(
                &String::from_utf8_lossy(text),
                Path::new("b")
            )
            .is_ok())
        );
        for packet in packets() {
            let read = wire::decode::<wire::Request<'_>>(&packet).is_ok()
                || wire::decode::<wire::Reply<'_>>(&packet).is_ok();
            assert!(read, "{packet:x?}");
        }
    }
}
