//! Input that nobody means well with: each is refused in words, with work that its size bounds. None of these tests
//! looks at a clock: what is not bounded never ends.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener},
    path::Path,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::{
    check::{Image, load_for},
    diag::{SHOWN_PER_FILE_MAX, Severity},
};

const RUN: &str = "[Service]\nExecStart=/bin/true\n";

/// What is said about a folder that `fill` has filled, its path left out, and how many units it has.
fn said_of(fill: impl FnOnce(&Path)) -> (usize, String) {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    let mut sink = Diagnostics::default();
    let units = load_for(&[folder.path().to_owned()], &Image::default(), &mut sink);
    (units.len(), sink.render(false).replace(&format!("{}/", folder.path().display()), ""))
}

fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().expect("a parent")).expect("writable");
    fs::write(path, text).expect("writable");
}

#[test]
fn nothing_but_regular_files_is_ever_opened() {
    let (units, said) = said_of(|folder| {
        write(folder.join("good.service"), RUN);
        mknodat(CWD, folder.join("fifo.service"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
        drop(UnixListener::bind(folder.join("socket.service")).expect("a socket"));
        symlink("/dev/zero", folder.join("zero.service")).expect("a link");
        fs::create_dir(folder.join("directory.service")).expect("a folder");
        fs::create_dir(folder.join("good.service.d")).expect("a folder");
        mknodat(CWD, folder.join("good.service.d/x.conf"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
        write(folder.join("other.service.d"), "");
    });
    assert_eq!(units, 4, "those that could not be read are there by name");
    for expected in [
        "error[T0003]: cannot read fifo.service: it is a FIFO\n",
        "error[T0003]: cannot read socket.service: it is a socket\n",
        "error[T0003]: cannot read zero.service: it is a device\n",
        "error[T0003]: cannot read good.service.d/x.conf: it is a FIFO\n",
        "warning[T0003]: directory.service: a directory, though it is called like a unit: skipped\n",
        "warning[T0003]: other.service.d: no directory, though it is called like one: skipped\n",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert_eq!(said.matches("error").count(), 4, "{said}");
}

#[test]
fn links_that_go_round_in_a_circle_are_refused() {
    let (units, said) = said_of(|folder| {
        symlink("b.service", folder.join("a.service")).expect("a link");
        symlink("a.service", folder.join("b.service")).expect("a link");
        symlink("c.service", folder.join("c.service")).expect("a link");
        symlink("x.wants", folder.join("x.wants")).expect("a link");
        symlink("x.service.d", folder.join("x.service.d")).expect("a link");
    });
    assert_eq!(units, 0);
    for name in ["a.service", "b.service", "c.service", "x.wants", "x.service.d"] {
        assert!(
            said.contains(&format!("error[T0014]: cannot read {name}: Too many levels of symbolic links")),
            "{said}"
        );
    }
}

#[test]
fn aliases_that_lead_back_to_themselves_are_refused() {
    let one = tempfile::tempdir().expect("a folder");
    let other = tempfile::tempdir().expect("a folder");
    write(one.path().join("b.service"), RUN);
    write(other.path().join("a.service"), RUN);
    symlink(one.path().join("b.service"), one.path().join("a.service")).expect("a link");
    let mut sink = Diagnostics::default();
    let units = load_for(&[one.path().into(), other.path().into()], &Image::default(), &mut sink);
    assert_eq!(
        (units.len(), sink.render(false).as_str()),
        (2, ""),
        "the later file wins over the earlier link"
    );

    symlink(other.path().join("a.service"), other.path().join("b.service")).expect("a link");
    let mut sink = Diagnostics::default();
    let paths = [other.path().into(), one.path().join("a.service")];
    load_for(&paths, &Image::default(), &mut sink);
    let said = sink.render(false);
    assert!(said.contains("a.service: an alias that leads back to itself, by a.service"), "{said}");
}

#[test]
fn an_alias_of_an_alias_is_a_name_of_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path().join("c.service"), RUN);
    symlink("c.service", folder.path().join("b.service")).expect("a link");
    symlink("b.service", folder.path().join("a.service")).expect("a link");
    let mut sink = Diagnostics::default();
    let units = load_for(&[folder.path().into()], &Image::default(), &mut sink);
    let aliases: Vec<_> = units[0].install.aliases.iter().map(|alias| alias.value.as_str()).collect();
    assert_eq!((units.len(), aliases, sink.render(false).as_str()), (1, vec!["a.service", "b.service"], ""));
}

#[test]
fn a_folder_that_contains_itself_is_looked_into_once() {
    let (units, said) = said_of(|folder| {
        write(folder.join("a.service"), RUN);
        for name in ["self", "self.service.d", "a.service.d", "a.target.wants"] {
            symlink(".", folder.join(name)).expect("a link");
        }
    });
    assert_eq!((units, said.as_str()), (1, ""));
}

#[test]
fn binary_garbage_and_other_encodings_are_refused_with_their_place() {
    let garbage: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let utf16: Vec<u8> = RUN.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, message) in [
        (&garbage, "error[T0006]: not UTF-8\n"),
        (&utf16, "error[T0007]: a NUL byte\n"),
        (&vec![0xff; 4096], "error[T0006]: not UTF-8\n"),
        (&b"\x7fELF\x02\x01\x01\0\0\0".to_vec(), "error[T0007]: a NUL byte\n"),
    ] {
        let (_, said) = said_of(|folder| write(folder.join("a.service"), bytes));
        assert!(said.starts_with(message) && said.contains("--> a.service:1:"), "{said}");
        assert_eq!(said.matches("error").count(), 1, "{said}");
        assert!(said.len() < 1000, "{} bytes", said.len());
    }
}

#[test]
fn names_that_are_no_utf8_are_refused() {
    let (units, said) = said_of(|folder| {
        write(folder.join(OsStr::from_bytes(b"caf\xe9.service")), RUN);
        write(folder.join(OsStr::from_bytes(b"\xff\xfe")), "not a unit, so nobody's business");
        write(folder.join(OsStr::from_bytes(b"x.service.d/\xff.conf")), "");
    });
    assert_eq!(units, 0);
    assert!(
        said.starts_with("error[T0012]: caf\u{fffd}.service: \"caf\u{fffd}.service\" is no unit name"),
        "{said}"
    );
    assert_eq!(said.matches("error").count(), 1, "{said}");
}

#[test]
fn a_line_of_ten_megabytes_is_refused_by_its_size() {
    let (_, said) = said_of(|folder| {
        write(folder.join("a.service"), format!("{RUN}Environment=A={}", "x".repeat(10 << 20)));
    });
    assert_eq!(said, "error[T0002]: cannot read a.service: it has more than 1048576 bytes\n\n");
}

#[test]
fn a_line_as_long_as_a_file_may_be_is_shown_in_part() {
    let (_, said) = said_of(|folder| {
        write(folder.join("a.service"), format!("{RUN}{}", "x".repeat(1_000_000)));
    });
    assert!(said.starts_with("error[T0008]: \"xxx") && said.contains(" … "), "{}", &said[..100]);
    assert!(said.len() < 3000, "{} bytes", said.len());
}

#[test]
fn a_file_of_mistakes_says_the_first_hundred() {
    let (_, said) =
        said_of(|folder| write(folder.join("a.service"), format!("{RUN}{}", "x\n".repeat(200_000))));
    assert_eq!(said.matches("error[T0008]: \"x\" is no assignment").count(), SHOWN_PER_FILE_MAX);
    assert!(said.ends_with("note[T0020]: a.service: 199900 further errors are not shown\n\n"), "{said}");
}

#[test]
fn a_template_whose_instances_name_new_ones_forever_is_refused() {
    let (units, said) = said_of(|folder| {
        write(folder.join("a@.service"), format!("[Unit]\nWants=a@%i-x.service\n{RUN}"));
        write(folder.join("start.target"), "[Unit]\nWants=a@x.service\n");
    });
    assert!(units < 100, "{units}");
    assert!(said.starts_with("error[T0017]: a@x-x-x"), "{said}");
    assert!(said.contains("more than 32 deep") && said.contains("a@.service:2:"), "{said}");
}

#[test]
fn templates_whose_instances_double_each_time_are_refused() {
    let (units, said) = said_of(|folder| {
        for name in ["a@.service", "b@.service"] {
            write(folder.join(name), format!("[Unit]\nWants=a@%i0.service b@%i1.service\n{RUN}"));
        }
        write(folder.join("start.target"), "[Unit]\nWants=a@x.service\n");
    });
    assert!(units < 2000, "{units}");
    assert!(said.contains("too many instances of templates: more than 1024"), "{said}");
}

#[test]
fn drop_ins_by_the_thousand_are_read_once_and_counted_for_each_unit() {
    let drop_ins = |folder: &Path, text: &str| {
        for n in 0..2000 {
            write(folder.join(format!("service.d/{n:04}.conf")), text);
        }
    };
    let (units, said) = said_of(|folder| {
        write(folder.join("a.service"), RUN);
        drop_ins(folder, "[Service]\nUser=a\nbad\n");
    });
    assert_eq!((units, said.matches("\"bad\" is no assignment").count()), (1, 2000));
    let (units, said) = said_of(|folder| {
        for n in 0..200 {
            write(folder.join(format!("{n}.service")), RUN);
        }
        drop_ins(folder, "[Service]\nUser=a\n");
    });
    assert!(units < 100, "{units}");
    assert_eq!(said.matches("too much to read").count(), 1, "{said}");
}

#[test]
fn ten_thousand_units_load() {
    let (units, said) = said_of(|folder| {
        for n in 0..10_000 {
            let after = format!("[Unit]\nAfter=u{}.service\n{RUN}", (n + 1) % 10_000);
            write(folder.join(format!("u{n}.service")), after);
        }
    });
    assert_eq!((units, said.as_str()), (10_000, ""));
}

#[test]
fn lines_of_a_hundred_thousand_words_are_read_word_by_word_and_not_word_by_line() {
    let words = |word: &dyn Fn(usize) -> String| (0..100_000).map(word).collect::<Vec<_>>().join(" ");
    let (unit, sink) =
        unit_of("a.service", &format!("[Unit]\nAfter={}\n{RUN}", words(&|_| "a.target".into())));
    assert_eq!((unit.relations.iter().count(), sink.render(false).as_str()), (100_000, ""));
    let (_, sink) = unit_of("a.service", &format!("[Unit]\nAfter={}\n{RUN}", words(&|n| format!("{n}"))));
    assert!(sink.render(false).contains("a.service: 99900 further errors are not shown"));
    let variables = format!("{RUN}Environment={}", words(&|n| format!("A{n}=")));
    let (_, sink) = unit_of("a.service", &variables);
    assert!(sink.render(false).contains("100000 variables"), "{}", sink.render(false));
    let lines: String = (0..20_000).map(|n| format!("ExecStart=/bin/{n}\nEnvironment=B{n}=\n")).collect();
    let (_, sink) = unit_of("a.service", &format!("[Service]\nType=oneshot\n{lines}"));
    assert_eq!(sink.count(Severity::Error), 2, "{}", sink.render(false));
}
