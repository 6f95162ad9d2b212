//! `[[mount]]` of board.toml: lines of fstab(5), made into mount and swap units as systemd-fstab-generator(8) makes them.
//! What is wrong with one is said where it stands in board.toml.

use std::sync::Arc;

use toml::Spanned;

use super::{assemble, cx_of, files::Found};
use crate::{
    board::{Layers, MountLine},
    diag::{Code, Diagnostics},
    model::{Relation, Unit},
    read::{Assignment, Builder, Section, Text},
    values::{
        specifier::Facts,
        unit_name::{self, UnitName},
        wrong,
    },
};

/// The units of `lines`, which stand in `layers`.
pub fn units(lines: &[MountLine], layers: &Layers, facts: &Facts, sink: &mut Diagnostics) -> Vec<Unit> {
    let facts = Arc::new(facts.clone());
    lines.iter().filter_map(|line| unit(line, layers, &facts, sink)).collect()
}

/// The unit of one line; `None`, and said why, if it cannot have one.
fn unit(line: &MountLine, layers: &Layers, facts: &Arc<Facts>, sink: &mut Diagnostics) -> Option<Unit> {
    let what = text(&line.what, layers)?;
    let kind = line.file_system.as_ref().and_then(|kind| text(kind, layers));
    let options = line.options.as_ref().and_then(|options| text(options, layers));
    let swap = kind.as_ref().is_some_and(|kind| kind.as_str() == "swap");
    let place = match (&line.r#where, swap) {
        (_, true) => what.clone(),
        (Some(place), false) => text(place, layers)?,
        (None, false) => {
            sink.push(wrong(
                &what,
                Code::NothingToMount,
                "[[mount]]: no `where`, so there is no place for it",
            ));
            return None;
        }
    };
    let suffix = if swap { "swap" } else { "mount" };
    if !place.as_str().starts_with('/') {
        let message = format!("[[mount]]: {:?} is not absolute", place.as_str());
        sink.push(wrong(&place, Code::Path, message).help("write the path from / on"));
        return None;
    }
    let name = UnitName::new(&unit_name::of_path(place.as_str(), suffix)).ok()?;
    let found = Found { name, file: what.place(0).file, drop_ins: Vec::new() };
    let mut own = vec![assignment("What", &what, what.as_str())];
    if !swap {
        own.push(assignment("Where", &place, place.as_str()));
        own.extend(kind.iter().map(|kind| assignment("Type", kind, kind.as_str())));
    }
    own.extend(options.iter().map(|options| assignment("Options", options, options.as_str())));
    let mut words =
        Words { general: Vec::new(), own, by: Vec::new(), wanted: true, needed: true, network: false };
    options.iter().flat_map(each).for_each(|option| words.take(&option, sink));
    if line.pass > 0 {
        let check = crate::boot::fsck_unit(what.as_str());
        for key in ["Requires", "After"] {
            words.general.push(assignment(key, &what, &check));
        }
    }
    let section = |name: &str, assignments| Section { name: made(name, &what), assignments };
    let header = if swap { "Swap" } else { "Mount" };
    let sections = [section("Unit", words.general), section(header, words.own)];
    let mut unit = assemble(&found, &sections, cx_of(&found, facts), sink).0;
    let network =
        words.network || matches!(&unit.kind, crate::model::Kind::Mount(mount) if mount.is_network());
    let target = if swap {
        "swap.target"
    } else if network {
        "remote-fs.target"
    } else {
        "local-fs.target"
    };
    if words.by.is_empty() && words.wanted {
        let relation = if words.needed { Relation::RequiredBy } else { Relation::WantedBy };
        words.by.push((relation, target.to_owned()));
    }
    words.by.iter().for_each(|(relation, other)| unit.relations.imply(*relation, other));
    Some(unit)
}

/// What the options of a line say to others than the file system.
struct Words {
    /// Of [Unit].
    general: Vec<Assignment>,
    /// Of [Mount] or [Swap].
    own: Vec<Assignment>,
    /// Who pulls it in, if not the target of its kind.
    by: Vec<(Relation, String)>,
    /// Somebody does.
    wanted: bool,
    /// And fails without it.
    needed: bool,
    network: bool,
}

impl Words {
    fn take(&mut self, option: &Text, sink: &mut Diagnostics) {
        let (key, value) = option.as_str().split_once('=').unwrap_or((option.as_str(), ""));
        let mut say = |key: &str| self.general.push(assignment(key, option, value));
        match key {
            "noauto" => self.wanted = false,
            "nofail" => self.needed = false,
            "_netdev" => self.network = true,
            "x-systemd.requires" => {
                say("Requires");
                say("After");
            }
            "x-systemd.after" => say("After"),
            "x-systemd.before" => say("Before"),
            "x-systemd.requires-mounts-for" => say("RequiresMountsFor"),
            "x-systemd.wants-mounts-for" => say("WantsMountsFor"),
            "x-systemd.wanted-by" => self.by.push((Relation::WantedBy, value.to_owned())),
            "x-systemd.required-by" => self.by.push((Relation::RequiredBy, value.to_owned())),
            "x-systemd.mount-timeout" => self.own.push(assignment("TimeoutSec", option, value)),
            "x-systemd.rw-only" => self.own.push(assignment("ReadWriteOnly", option, "yes")),
            "x-systemd.automount" | "x-systemd.makefs" | "x-systemd.growfs" | "x-systemd.pcrfs" => {
                let problem =
                    wrong(option, Code::Refused, format!("[[mount]]: {key} is not supported by tomte"));
                sink.push(
                    problem.help("a oneshot service with RequiresMountsFor= can do what is to be done there"),
                );
            }
            _ => {}
        }
    }
}

/// A string of board.toml; its quotes are not of it.
fn text(value: &Spanned<String>, layers: &Layers) -> Option<Text> {
    let (whole, value) = (layers.text(value.span())?, value.get_ref());
    let inside = 1..whole.len().saturating_sub(1);
    Some(match whole.as_str().get(inside.clone()) {
        Some(written) if written == value => whole.slice(inside),
        _ => made(value, &whole), // it has escapes
    })
}

/// `text`, as if it stood where `place` begins.
fn made(text: &str, place: &Text) -> Text {
    let mut builder = Builder::new(place);
    builder.push(text.as_bytes(), place.offset(0));
    builder.finish(place.offset(0)).unwrap_or_else(|| place.clone())
}

/// `KEY=VALUE` of a unit, for what `place` says. There are no specifiers in board.toml.
fn assignment(key: &str, place: &Text, value: &str) -> Assignment {
    let plain = value == place.as_str() && !value.contains('%');
    let value = if plain { place.clone() } else { made(&value.replace('%', "%%"), place) };
    Assignment { key: made(key, place), value }
}

/// The options between the commas.
fn each(options: &Text) -> Vec<Text> {
    let mut at = 0;
    let mut all = Vec::new();
    for option in options.as_str().split(',') {
        all.push(options.slice(at..at + option.len()));
        at += option.len() + 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{board::Board, model::Kind};

    fn load(lines: &str) -> (Vec<Unit>, String) {
        let text = format!("arch = \"x86_64\"\ntarget = \"t\"\n{lines}");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("board.toml"), text).expect("writable");
        let mut sink = Diagnostics::default();
        let board = Board::read(&format!("{}/", folder.path().display()), &mut sink).expect("readable");
        let board = board.expect("a good board");
        let units = units(&board.config.mount, &board.layers, &Facts::default(), &mut sink);
        (units, sink.render(false))
    }

    fn relations(unit: &Unit) -> String {
        let all: Vec<_> = unit
            .relations
            .iter()
            .map(|(relation, other)| format!("{}={}", relation.setting(), other.value))
            .collect();
        all.join(" ")
    }

    #[test]
    fn a_line_is_a_unit_that_the_file_systems_target_needs() {
        let (units, said) = load(
            "[[mount]]\nwhat = \"/dev/vda2\"\nwhere = \"/data\"\ntype = \"ext4\"\noptions = \"noatime,x-systemd.mount-timeout=5s\"\n\
             [[mount]]\nwhat = \"srv:/x\"\nwhere = \"/mnt/x%y\"\ntype = \"nfs4\"\noptions = \"nofail,addr=10.0.0.1\"\n\
             [[mount]]\nwhat = \"/dev/vda3\"\ntype = \"swap\"\noptions = \"pri=5\"\n\
             [[mount]]\nwhat = \"tmpfs\"\nwhere = \"/var/cache\"\ntype = \"tmpfs\"\noptions = \"noauto,x-systemd.requires=a.service\"\n",
        );
        assert_eq!(said, "");
        let names: Vec<_> = units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["data.mount", "mnt-x\\x25y.mount", "dev-vda3.swap", "var-cache.mount"]);
        let all: Vec<_> = units.iter().map(relations).collect();
        assert_eq!(
            all,
            [
                "RequiredBy=local-fs.target",
                "WantedBy=remote-fs.target",
                "RequiredBy=swap.target",
                "Requires=a.service After=a.service"
            ]
        );
        let Kind::Mount(mount) = &units[0].kind else { panic!("a mount") };
        assert_eq!(mount.timeout, tomte::table::Micros::from_secs(5));
        assert_eq!(mount.service.commands[0].1.argv[..4], ["/dev/vda2", "ext4", "1024", ""]);
        let Kind::Mount(mount) = &units[1].kind else { panic!("a mount") };
        assert_eq!(mount.r#where.value, "/mnt/x%y");
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        for (line, place, message) in [
            ("what = \"/dev/vda2\"", "board.toml:4:9", "no `where`"),
            ("what = \"tmpfs\"\nwhere = \"data\"\ntype = \"tmpfs\"", "board.toml:5:10", "is not absolute"),
            ("what = \"ID=x\"\nwhere = \"/data\"", "board.toml:4:9", "nobody here looks for such a device"),
            ("what = \"/dev/vda2\"\nwhere = \"/proc\"", "board.toml", "mounted before the first unit starts"),
            (
                "what = \"/dev/vda2\"\nwhere = \"/data\"\noptions = \"ro,x-systemd.automount\"",
                "board.toml:6:15",
                "x-systemd.automount is not supported",
            ),
        ] {
            let (_, said) = load(&format!("[[mount]]\n{line}\n"));
            assert!(said.contains(place) && said.contains(message), "{said}");
        }
    }
}
