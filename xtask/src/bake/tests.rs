use std::fs;

use tempfile::TempDir;
use tomte::table::{CommandKind, Table, UidRange};

use super::*;
use crate::model::{Kind, Place, Relation};
use crate::testing;

/// A board in a folder of its own, with what `toml` adds to the least a board says.
fn board(toml: &str) -> (TempDir, Board) {
    let dir = tempfile::tempdir().unwrap();
    let board_dir = dir.path().join("test-board");
    fs::create_dir(&board_dir).unwrap();
    let text =
        format!("arch = \"x86_64\"\ntarget = \"x86_64-unknown-linux-gnu\"\ntransient-units = 0\n{toml}");
    fs::write(board_dir.join("board.toml"), text).unwrap();
    let board = Board::load(board_dir.to_str().unwrap()).unwrap();
    (dir, board)
}

fn dynamic(name: &str, user: &str, group: &str) -> Unit {
    testing::service(name, |service| {
        service.exec.dynamic_user = true;
        service.exec.user.value = user.to_owned();
        service.exec.group.value = group.to_owned();
    })
}

fn bake_all(board: &Board, units: Vec<Unit>, options: &Options) -> (Result<Baked>, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let inputs = inputs::hash(board, &[]).unwrap();
    let baked = bake_units(board, units, Beside::default(), options, inputs, &mut diagnostics);
    (baked, diagnostics.iter().map(|problem| problem.message.clone()).collect())
}

fn baked(board: &Board, units: Vec<Unit>) -> Baked {
    let (baked, said) = bake_all(board, units, &Options { lock: LockFile::Leave, ..Options::default() });
    baked.unwrap_or_else(|error| panic!("{error:#}: {said:?}"))
}

fn error_of(result: Result<Baked>) -> String {
    result.err().map_or_else(|| "no error".to_owned(), |error| format!("{error:#}"))
}

fn lock_of(board: &Board) -> String {
    fs::read_to_string(board.dir.join("uids.lock")).unwrap()
}

#[test]
fn a_service_reads_back_with_everything_it_needs() {
    let (_dir, board) = board("");
    let mut unit = testing::service("app.service", |_| {});
    unit.install.present = true;
    unit.install.relations.imply(Relation::WantedBy, "multi-user.target");
    let baked = baked(&board, vec![unit]);
    let table = Table::open(&baked.table, Some(Arch::X86_64)).unwrap();
    let names: Vec<&str> = table.ids().map(|id| table.unit(id).unwrap().name.as_str()).collect();
    assert_eq!(names, ["app.service", "basic.target", "multi-user.target", "sysinit.target"]);
    let app = table.unit(table.find("app.service").unwrap()).unwrap();
    let name = |id| table.unit(id).unwrap().name.as_str();
    assert_eq!(app.after.iter().map(name).collect::<Vec<_>>(), ["basic.target", "sysinit.target"]);
    assert_eq!(app.before.iter().map(name).collect::<Vec<_>>(), ["multi-user.target"]);
    assert_eq!(name(table.board().default_target), "multi-user.target");
    let service = app.service.expect("a service");
    let command = service.commands.of(CommandKind::Start).iter().next().unwrap();
    assert_eq!(command.argv.iter().collect::<Vec<_>>(), ["/bin/app.service", "--word with blank"]);
}

#[test]
fn the_same_input_gives_the_same_bytes_and_another_input_another_hash() {
    let units = || vec![dynamic("a.service", "a", ""), testing::service("b.service", |_| {})];
    let (_one, first) = board("");
    let (_two, second) = board("");
    assert_eq!(baked(&first, units()).table, baked(&second, units()).table);
    let mut turned = units();
    turned.reverse();
    assert_eq!(baked(&first, units()).table, baked(&second, turned).table, "in whatever order they are read");
    let (_three, third) = board("# a comment\n");
    let hash = |board: &Board| {
        let baked = baked(board, units());
        Table::open(&baked.table, Some(Arch::X86_64)).unwrap().inputs()
    };
    assert_ne!(hash(&first), hash(&third));
}

#[test]
fn two_units_with_one_dynamic_name_share_one_identity() {
    let (_dir, board) = board("");
    let units = vec![
        dynamic("a.service", "shared", ""),
        dynamic("b.service", "shared", "other"),
        dynamic("c.service", "c", "61500"),
    ];
    let baked = baked(&board, units);
    let names: Vec<&str> = baked.identities.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["c", "other", "shared", "61500"]);
    assert_eq!((baked.identities[3].baked, baked.identities[3].hashed), (61500, 61500));
    let table = Table::open(&baked.table, Some(Arch::X86_64)).unwrap();
    let of = |unit: &str| {
        let service = table.unit(table.find(unit).unwrap()).unwrap().service.expect("a service");
        let name = |id| table.board().identity(id).unwrap().name.to_owned();
        (service.exec.user_identity.map(name), service.exec.group_identity.map(name))
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(of("a.service"), (some("shared"), some("shared")));
    assert_eq!(of("b.service"), (some("shared"), some("other")));
    assert_eq!(of("c.service"), (some("c"), some("61500")));
}

#[test]
fn a_service_without_dynamic_user_has_no_identity() {
    let (_dir, board) = board("");
    let unit = testing::service("a.service", |service| service.exec.user.value = "daemon".into());
    assert_eq!(baked(&board, vec![unit]).identities, []);
}

#[test]
fn identities_that_collide_get_different_numbers_in_the_range_of_the_board() {
    let (_dir, board) = board("uids = { first = 70000, last = 70003 }\n");
    let names = ["a", "b", "c", "d"];
    let units = names.map(|name| dynamic(&format!("{name}.service"), name, "")).to_vec();
    let baked = baked(&board, units);
    let mut numbers: Vec<u32> = baked.identities.iter().map(|one| one.baked).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [70000, 70001, 70002, 70003]);
    assert!(baked.identities.iter().all(|one| (UidRange { first: 70000, last: 70003 }).contains(one.hashed)));
}

#[test]
fn the_lock_file_is_written_once_and_said_and_then_left_alone() {
    let (_dir, board) = board("");
    let units = || vec![dynamic("foo.service", "foo", "")];
    let (result, said) = bake_all(&board, units(), &Options::default());
    result.unwrap();
    assert!(said[0].ends_with("uids.lock updated: foo: 63016"), "{said:?}");
    assert!(lock_of(&board).ends_with("\nfoo 63016\n"));
    let (result, said) = bake_all(&board, units(), &Options { lock: LockFile::Locked, ..Options::default() });
    result.unwrap();
    assert_eq!(said, [""; 0]);
}

#[test]
fn locked_refuses_a_lock_file_that_has_to_change() {
    let (_dir, board) = board("");
    let options = Options { lock: LockFile::Locked, ..Options::default() };
    let (result, _) = bake_all(&board, vec![dynamic("foo.service", "foo", "")], &options);
    let error = error_of(result);
    assert!(error.ends_with("uids.lock has to change, which --locked forbids: foo: 63016"), "{error}");
    assert!(!board.dir.join("uids.lock").exists());
}

#[test]
fn a_corrupt_lock_file_is_an_error_with_its_line() {
    let (_dir, board) = board("");
    fs::write(board.dir.join("uids.lock"), "# head\nfoo 63016\nbar 63016\n").unwrap();
    let (result, _) = bake_all(&board, vec![dynamic("foo.service", "foo", "")], &Options::default());
    let error = error_of(result);
    assert!(error.ends_with("uids.lock:3: 63016 is taken already, on line 2"), "{error}");
}

#[test]
fn names_that_no_dynamic_user_can_have_are_refused_at_their_place() {
    let statics = "[[group]]\nname = \"adm\"\ngid = 4\n[[user]]\nname = \"web\"\nuid = 8\ngid = 4\n";
    let cases = [
        ("my.app", "", "User=my.app: with DynamicUser=yes, a name starts with"),
        (
            "7777",
            "",
            "User=7777: with DynamicUser=yes, a number has to be one of 61184 to 65519, or stand in board",
        ),
        ("adm", "", "User=adm: board.toml has a [[group]] of this name but no [[user]]"),
        ("x", "web", "Group=web: board.toml has a [[user]] of this name but no [[group]]"),
    ];
    for (user, group, expected) in cases {
        let (_dir, board) = board(statics);
        let mut unit = dynamic("a.service", user, group);
        let place = Place { file: "units/a.service".into(), line: 4, column: 6 };
        if let Kind::Service(service) = &mut unit.kind {
            service.exec.user.place = Some(place.clone());
            service.exec.group.place = Some(place.clone());
        }
        let mut diagnostics = Diagnostics::default();
        let inputs = inputs::hash(&board, &[]).unwrap();
        let result =
            bake_units(&board, vec![unit], Beside::default(), &Options::default(), inputs, &mut diagnostics);
        assert!(result.is_err(), "{expected}");
        let problems: Vec<_> = diagnostics.iter().collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.starts_with(expected), "{}", problems[0].message);
        assert_eq!(problems[0].place, Some(place));
    }
}

#[test]
fn what_exceeds_a_limit_is_refused_with_its_name_the_value_and_the_unit() {
    type Change = fn(&mut crate::model::Service);
    let cases: [(Change, &str); 6] = [
        (
            |service| service.exec.environment = (0..129).map(|n| format!("V{n}=")).collect(),
            "a.service: Environment: 129 is more than ENVIRONMENT_MAX allows, 128",
        ),
        (
            |service| service.commands = vec![service.commands[0].clone(); 33],
            "a.service: ExecStart: 33 is more than COMMANDS_MAX allows, 32",
        ),
        (
            |service| service.commands[0].1.argv = vec![String::new(); 129],
            "a.service: ExecStart: 129 is more than WORDS_MAX allows, 128",
        ),
        (
            |service| service.commands[0].1.argv = vec!["x".repeat(16 << 10)],
            "a.service: ExecStart: 16385 is more than WORDS_BYTES_MAX allows, 16384",
        ),
        (
            |service| service.exec.working_directory = format!("/{}", "x".repeat(4095)),
            "a.service: WorkingDirectory: 4097 is more than PATH_BYTES_MAX allows, 4096",
        ),
        (
            |service| service.commands[0].1.argv.push("a\0b".into()),
            "a.service: ExecStart: \"a\\0b\" has a NUL byte in it",
        ),
    ];
    for (change, expected) in cases {
        let (_dir, board) = board("");
        let unit = testing::service("a.service", change);
        let (result, said) = bake_all(&board, vec![unit], &Options::default());
        assert!(result.is_err());
        assert_eq!(said, [expected]);
    }
}

#[test]
fn more_units_than_a_table_holds_are_refused() {
    let (_dir, board) = board("");
    // 256 of them fit, but not with the targets that they need; 70 000 are more than there are ids.
    for (count, said_count) in [(256, 259), (300, 300), (70_000, 70_000)] {
        let units = (0..count).map(|n| testing::service(&format!("s{n}.service"), |_| {})).collect();
        let (result, said) = bake_all(&board, units, &Options::default());
        assert!(result.is_err());
        assert_eq!(said, [format!("test-board: units: {said_count} is more than UNITS_MAX allows, 256")]);
    }
}

#[test]
fn a_table_that_grows_too_large_is_refused() {
    let (_dir, board) = board("");
    let large = |n| {
        testing::service(&format!("s{n}.service"), |service| {
            service.commands = vec![service.commands[0].clone(); 32];
            for (_, command) in &mut service.commands {
                command.argv = vec!["x".repeat((16 << 10) - 1)];
            }
        })
    };
    let (result, _) = bake_all(&board, (0..3).map(large).collect(), &Options::default());
    let error = error_of(result);
    assert_eq!(error, "test-board: the table is larger than TABLE_BYTES_MAX allows");
}

#[test]
fn a_written_table_is_whole_and_readable_by_all() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, board) = board("");
    let baked = baked(&board, Vec::new());
    let file = dir.path().join("deep/er/table");
    write(&baked, &file).unwrap();
    write(&baked, &file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), baked.table);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn unit_files_of_a_folder_are_baked_as_they_stand() {
    let (_dir, board) = board("");
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/configs/good");
    let options = Options { units: vec![good], ..Options::default() };
    let mut diagnostics = Diagnostics::default();
    let baked = bake(&board, &options, &mut diagnostics).unwrap_or_else(|error| panic!("{error:#}"));
    let table = Table::open(&baked.table, Some(Arch::X86_64)).unwrap();
    for name in ["myapp.service", "myapp-directories.service", "myapp-dynamic.service", "network.target"] {
        assert!(table.find(name).is_some(), "{name}");
    }
    assert!(baked.identities.iter().any(|one| one.name == "myapp-dynamic"));
    assert!(!board.dir.join("uids.lock").exists(), "units from elsewhere leave no trace in the board");
}

#[test]
fn the_boards_of_this_repository_bake_with_the_lock_files_they_have() {
    for name in crate::board::names().unwrap() {
        let board = Board::load(&name).unwrap();
        let options = Options { lock: LockFile::Locked, ..Options::default() };
        let mut diagnostics = Diagnostics::default();
        if let Err(error) = bake(&board, &options, &mut diagnostics) {
            panic!("{error:#}\n{}", diagnostics.render(false));
        }
    }
}

#[test]
fn the_hash_of_the_inputs_follows_names_and_contents_of_all_files() {
    let (dir, board) = board("");
    let units = dir.path().join("units");
    fs::create_dir_all(units.join("a.service.d")).unwrap();
    let hash = |lock: &str| inputs::hash(&board, std::slice::from_ref(&units)).unwrap().finish(lock);
    let mut seen = vec![hash("")];
    let mut is_new = |hash: [u8; 16]| {
        let new = !seen.contains(&hash);
        seen.push(hash);
        new
    };
    fs::write(units.join("a.service"), "x").unwrap();
    assert!(is_new(hash("")), "another file");
    fs::write(units.join("a.service"), "y").unwrap();
    assert!(is_new(hash("")), "another content");
    fs::write(units.join("a.service.d/z.conf"), "").unwrap();
    assert!(is_new(hash("")), "a drop-in");
    fs::rename(units.join("a.service"), units.join("b.service")).unwrap();
    assert!(is_new(hash("")), "another name");
    assert!(is_new(hash("a 61184\n")), "another lock file");
    assert!(!is_new(hash("")), "nothing else changes it");
}

#[test]
fn inputs_that_are_no_files_count_by_name_and_folders_in_themselves_once() {
    let (_dir, board) = board("");
    let units = board.dir.join("units");
    fs::create_dir(&units).unwrap();
    let hash = || inputs::hash(&board, std::slice::from_ref(&units)).unwrap().finish("");
    let mut hashes = vec![hash()];
    for (target, name) in [(".", "self"), ("self/self", "again"), ("/dev/zero", "zero"), ("nowhere", "lost")]
    {
        std::os::unix::fs::symlink(target, units.join(name)).unwrap();
        hashes.push(hash());
    }
    fs::write(units.join("self/self/self/a.service"), "").unwrap();
    hashes.push(hash());
    assert!(hashes[0] == hashes[1] && hashes[1] == hashes[2], "folders in themselves add no file");
    assert!(hashes[2..].is_sorted_by(|one, next| one != next), "{hashes:x?}");
}

#[test]
fn a_table_for_what_is_no_regular_file_goes_into_it_and_leaves_it_there() {
    use std::os::unix::fs::FileTypeExt as _;

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // For writing as well, or opening it would wait for a writer.
    let reader = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    write_whole(&pipe, b"table").unwrap();
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let mut bytes = [0; 5];
    std::io::Read::read_exact(&mut &reader, &mut bytes).unwrap();
    assert_eq!(&bytes, b"table");
}
