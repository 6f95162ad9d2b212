//! Tests of the table: what is written reads back, and nothing that was not written gets through.

mod damage;
mod fixture;
mod golden;

use std::{string::ToString, vec, vec::Vec};

use super::*;
use fixture::{ARCH, INPUTS, Parts, blob, reseal};

#[test]
fn what_is_written_reads_back() {
    let parts = Parts::default();
    let (board, units) = (parts.board(), parts.units());
    let bytes = encode(ARCH, INPUTS, &board, &units).unwrap();
    let table = Table::open(&bytes, Some(ARCH)).unwrap();
    assert_eq!(table.board(), board);
    assert_eq!(table.ids().filter_map(|id| table.unit(id)).collect::<Vec<_>>(), units);
    assert_eq!((table.arch(), table.inputs(), table.len()), (ARCH, INPUTS, bytes.len()));
    assert_eq!(table.baked_count(), units.len());
    for (id, unit) in table.ids().zip(&units) {
        assert_eq!(table.find(unit.name.as_str()), Some(id));
    }
    assert_eq!((table.find("nobody.service"), table.unit(UnitId(99))), (None, None));
    let identities: Vec<_> =
        (0..3).map(|id| table.board().identity(IdentityId(id)).map(|one| one.baked)).collect();
    assert_eq!(identities, [Some(63016), Some(61184), None]);
    let filter = |id| table.board().filter(FilterId(id)).map(|one| one.program.len());
    assert_eq!([0, 1, 2].map(filter), [Some(8), Some(16), None]);
}

#[test]
fn a_name_that_is_no_unit_s_own_means_one_or_none() {
    let parts = Parts::default();
    let other = |aliases: &'static [u8]| {
        let board = Board { aliases: StrList::new(aliases).unwrap(), ..parts.board() };
        encode(ARCH, INPUTS, &board, &parts.units()).unwrap()
    };
    let bytes = other(b"www.service\0app.service\0loop.service\0www.service\0old.service\0\0odd.service\0");
    let table = Table::open(&bytes, Some(ARCH)).unwrap();
    let app = table.find("app.service");
    assert_eq!((table.resolve("app.service"), table.resolve("www.service")), (app, app));
    assert_eq!((table.find("www.service"), table.alias("app.service")), (None, None));
    assert_eq!((table.alias("old.service"), table.resolve("old.service")), (Some(""), None));
    assert_eq!(table.resolve("loop.service"), None, "it is looked up once");
    assert_eq!((table.alias("odd.service"), table.alias("")), (None, None), "a name without another is none");
    let many = Vec::leak(b"a\0b\0".repeat(limits::ALIASES_MAX));
    assert!(Table::open(&other(many), Some(ARCH)).is_ok());
    let more = Vec::leak(b"a\0b\0".repeat(limits::ALIASES_MAX + 1));
    assert_eq!(Table::open(&other(more), Some(ARCH)).err(), Some(OpenError::Record(0)));
}

#[test]
fn lists_inside_records_read_back_in_order() {
    let bytes = blob();
    let table = Table::open(&bytes, Some(ARCH)).unwrap();
    let unit = table.unit(table.find("app.service").unwrap()).unwrap();
    let service = unit.service.expect("a service");
    let paths: Vec<&str> =
        service.commands.of(CommandKind::Start).iter().map(|command| command.path).collect();
    assert_eq!(paths, ["/bin/app", "/bin/two"]);
    let first = service.commands.start.iter().next().unwrap();
    assert_eq!(first.argv.iter().collect::<Vec<_>>(), ["app", "", "with blank", "ünïcode"]);
    assert_eq!(first.argv.as_bytes().last(), Some(&0), "the kernel needs the last NUL too");
    let directories: Vec<_> = service.exec.directories.iter().map(|one| (one.kind, one.names)).collect();
    assert_eq!(directories.len(), 2);
    assert_eq!(directories[1].1.iter().collect::<Vec<_>>(), ["app", "app/sub"]);
    assert_eq!(service.exec.rlimits.iter().map(|limit| limit.resource).collect::<Vec<_>>(), [7, 4]);
}

#[test]
fn a_table_in_a_longer_file_opens() {
    let mut bytes = blob();
    let length = bytes.len();
    bytes.extend([0xff; 100]); // the rest of an erased flash block
    assert_eq!(Table::open(&bytes, Some(ARCH)).map(|table| table.len()), Ok(length));
}

#[test]
fn nothing_at_all_is_told_from_something_else() {
    assert_eq!(Table::open(&[], Some(ARCH)).err(), Some(OpenError::Empty));
    let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".repeat(100);
    let text = "[Unit]\nDescription=not baked\n".repeat(10).into_bytes();
    let stripped = blob().iter().copied().filter(|byte| *byte != b'\r').collect(); // what a text-mode copy does
    for foreign in [elf, text, vec![0; 4096], vec![0xff; 4096], blob().split_off(1), stripped] {
        assert_eq!(Table::open(&foreign, Some(ARCH)).err(), Some(OpenError::NotATable));
    }
}

#[test]
fn a_table_for_another_architecture_is_refused_by_name() {
    for arch in [Arch::Aarch64, Arch::Arm, Arch::Riscv64] {
        let parts = Parts::default();
        let bytes = encode(arch, INPUTS, &parts.board(), &parts.units()).unwrap();
        assert_eq!(Table::open(&bytes, Some(ARCH)).err(), Some(OpenError::Arch(Some(arch))));
        assert!(Table::open(&bytes, Some(arch)).is_ok());
        assert_eq!(
            Table::open(&bytes, None).err(),
            Some(OpenError::Arch(Some(arch))),
            "on a machine without a name"
        );
    }
    let mut bytes = blob();
    bytes[10] = 77;
    assert_eq!(Table::open(&reseal(bytes), Some(ARCH)).err(), Some(OpenError::Arch(None)));
    let text = OpenError::Arch(Some(Arch::Arm)).to_string();
    assert!(text.starts_with("made for arm, this is "), "{text}");
}

#[test]
fn a_table_of_another_schema_is_refused_whatever_follows() {
    let mut bytes = blob();
    bytes[8..10].copy_from_slice(&(SCHEMA + 1).to_le_bytes());
    bytes.truncate(HEADER_BYTES);
    assert_eq!(Table::open(&bytes, Some(ARCH)).err(), Some(OpenError::Schema(SCHEMA + 1)));
}

#[test]
fn a_table_that_claims_to_be_too_large_is_refused_before_it_is_read() {
    let mut bytes = blob();
    bytes[16..20].copy_from_slice(&(TABLE_BYTES_MAX as u32 + 1).to_le_bytes());
    assert_eq!(Table::open(&bytes, Some(ARCH)).err(), Some(OpenError::TooLarge("TABLE_BYTES_MAX")));
    let mut bytes = blob();
    bytes[12..14].copy_from_slice(&(UNITS_MAX as u16 + 1).to_le_bytes());
    assert_eq!(Table::open(&reseal(bytes), Some(ARCH)).err(), Some(OpenError::TooLarge("UNITS_MAX")));
}

#[test]
fn the_writer_refuses_more_than_the_limits() {
    let parts = Parts::default();
    let units = vec![parts.units()[0]; UNITS_MAX + 1];
    assert_eq!(encode(ARCH, INPUTS, &parts.board(), &units).err(), Some(OpenError::TooLarge("UNITS_MAX")));
    let long = "x".repeat(TABLE_BYTES_MAX);
    let board = Board { hostname: &long, ..parts.board() };
    assert_eq!(encode(ARCH, INPUTS, &board, &[]).err(), Some(OpenError::TooLarge("TABLE_BYTES_MAX")));
    let units = vec![parts.units()[0]; UNITS_MAX];
    assert!(encode(ARCH, INPUTS, &parts.board(), &units).is_ok());
}

/// What `open` says of the fixture after `change`, and where the record is that it minds.
fn opened_after(change: impl FnOnce(&mut Board<'_>, &mut Vec<Unit<'_>>)) -> Option<OpenError> {
    let parts = Parts::default();
    let (mut board, mut units) = (parts.board(), parts.units());
    change(&mut board, &mut units);
    let bytes = encode(ARCH, INPUTS, &board, &units).unwrap();
    Table::open(&bytes, Some(ARCH)).err()
}

#[test]
fn references_that_lead_nowhere_are_refused() {
    let record = |n| Some(OpenError::Record(n));
    assert_eq!(opened_after(|board, _| board.default_target = UnitId(4)), record(0));
    assert_eq!(opened_after(|_, units| units[1].head.after = IdList::new(&[4, 0]).unwrap()), record(2));
    assert_eq!(opened_after(|_, units| units[3].head.required_by = IdList::new(&[4, 0]).unwrap()), record(4));
    assert_eq!(
        opened_after(|_, units| fixture::exec(&mut units[0]).user_identity = Some(IdentityId(2))),
        record(1)
    );
    assert_eq!(
        opened_after(|_, units| fixture::exec(&mut units[0]).group_identity = Some(IdentityId(2))),
        record(1)
    );
}

#[test]
fn values_that_no_system_call_takes_are_refused() {
    type Change = fn(&mut Board<'_>, &mut Vec<Unit<'_>>);
    let cases: [(Change, usize); 9] = [
        (|board, _| board.uids = UidRange { first: 2, last: 1 }, 0),
        (|board, _| board.uids = UidRange { first: 61184, last: 65534 }, 0),
        (|board, _| board.uids = UidRange { first: 100, last: 200 }, 0), // the identities are outside
        (|board, _| board.hostname = "a\0b", 0),
        (|_, units| fixture::service(&mut units[0]).kill.signal = 0, 1),
        (|_, units| fixture::service(&mut units[0]).kill.final_signal = 65, 1),
        (|_, units| fixture::exec(&mut units[0]).working_directory = "/a\0b", 1),
        (|_, units| fixture::exec(&mut units[0]).umask = 0o1000, 1),
        (|_, units| fixture::service(&mut units[0]).commands.start = List::new(&[0xff]), 1),
    ];
    for (n, (change, record)) in cases.into_iter().enumerate() {
        assert_eq!(opened_after(change), Some(OpenError::Record(record)), "case {n}");
    }
}

#[test]
fn directory_names_that_leave_their_prefix_are_refused() {
    for name in ["/etc", "..", "a/../../b", "a//b", "", "."] {
        let names = strings([name]);
        let directories = list(&[Directories {
            kind: DirectoryKind::State,
            mode: 0o755,
            names: StrList::new(&names).unwrap(),
            links: StrList::EMPTY,
        }]);
        let parts = Parts::default();
        let mut units = parts.units();
        fixture::exec(&mut units[0]).directories = List::new(&directories);
        let bytes = encode(ARCH, INPUTS, &parts.board(), &units).unwrap();
        assert_eq!(Table::open(&bytes, Some(ARCH)).err(), Some(OpenError::Record(1)), "{name:?}");
    }
}

#[test]
fn a_command_without_words_is_refused() {
    let parts = Parts::default();
    let commands = list(&[Command { argv: StrList::default(), ..parts.command() }]);
    let mut units = parts.units();
    fixture::service(&mut units[0]).commands.stop = List::new(&commands);
    let bytes = encode(ARCH, INPUTS, &parts.board(), &units).unwrap();
    assert_eq!(Table::open(&bytes, Some(ARCH)).err(), Some(OpenError::Record(1)));
}

#[test]
fn a_list_of_records_without_bytes_ends() {
    let list: List<'_, [u8; 0]> = List::new(&[0, 0]);
    assert_eq!((list.count(), list.iter().count()), (None, 0));
}
