//! `DevicePolicy=` and `DeviceAllow=`: a program of the kernel's extended BPF that is asked whenever a process of the group
//! opens a device or makes a node for one (facts from systemd 257's bpf-devices.c and unit.c, `unit_patch_contexts`).
//!
//! What no rule allows is refused. The rules for devices whose numbers are known are one tree of comparisons, because the
//! kernel takes a microsecond for each instruction whenever a unit starts; each of the others is a block of
//! [`Devices::RULE`] instructions that the target fills in: before that, it fits no device.
//!
//! The registers here: 0 the answer, 1 the question, 2 its first word, 3 the major, 4 the minor number.

use std::collections::{BTreeMap, BTreeSet};

use tomte::table::Devices;

use super::instruction::{AND, COPY, GO, IF, Instruction, LOAD, UNLESS, UNLESS_REGISTER, answer, jump};
use crate::{
    model::{DevicePolicy, Protect, Resources},
    values::device::{Access, Devices as Named, Rule},
};

/// Which devices a unit's processes may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// struct bpf_insn of linux/bpf.h, one after the other.
    pub program: Vec<u8>,
    /// Where the rules for `late` begin.
    pub fixed: usize,
    /// Devices whose numbers only the target knows, as `DeviceAllow=` writes them.
    pub late: Vec<String>,
    /// A unit file says so: see `tomte::table::Devices`.
    pub needed: bool,
}

/// linux/bpf.h, BPF_DEVCG_DEV_BLOCK and BPF_DEVCG_DEV_CHAR.
const BLOCK: u32 = 1;
const CHARACTER: u32 = 2;
/// BPF_DEVCG_ACC_MKNOD, BPF_DEVCG_ACC_READ and BPF_DEVCG_ACC_WRITE, where struct bpf_cgroup_dev_ctx has them: the kind of
/// device is in the lower half of the same word.
const MKNOD: u32 = 1 << 16;
const READ: u32 = 2 << 16;
const WRITE: u32 = 4 << 16;
/// No device's: major numbers have twelve bits.
const NO_MAJOR: u32 = 0x7fff_ffff;

/// Nodes with numbers that never change (the kernel's Documentation/admin-guide/devices.txt).
const KNOWN: [(&str, u32, u32); 9] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/kmsg", 1, 11),
    ("/dev/tty", 5, 0),
    ("/dev/console", 5, 1),
    ("/dev/ptmx", 5, 2),
];
/// The drivers' names in /proc/devices that stand for the same number everywhere.
const KNOWN_CLASSES: [(&str, u32); 2] = [("pts", 136), ("mem", 1)];

/// What `DevicePolicy=closed` allows: pseudo devices in every way, and pseudo terminals that are there.
const HARMLESS: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx"];
const ALL: Access = Access { read: true, write: true, mknod: true };
const READ_WRITE: Access = Access { read: true, write: true, mknod: false };
const READ_ONLY: Access = Access { read: true, write: false, mknod: false };

/// Which devices a rule is about. In this order what allows more comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Any,
    Major(u32),
    One(u32, u32),
}

/// What is allowed, by the kind of device and the access that is granted.
type Tree = BTreeMap<(u32, u32), BTreeSet<Place>>;

/// The filter of a unit with these settings; `None` if every device may be used.
pub fn filter(resources: &Resources, protect: Protect) -> Option<Filter> {
    let needed = resources.device_policy != DevicePolicy::Auto || !resources.device_allow.is_empty();
    if !needed && !protect.devices && !protect.clock {
        return None;
    }
    let mut rules = resources.device_allow.clone();
    if protect.clock {
        rules.push(Rule { devices: class("rtc"), access: READ_ONLY });
    }
    if resources.device_policy != DevicePolicy::Strict {
        rules.extend(HARMLESS.map(|path| Rule { devices: Named::Node(path.to_owned()), access: ALL }));
        rules.push(Rule { devices: class("pts"), access: READ_WRITE });
    }
    let mut tree = Tree::new();
    let mut late = Vec::new();
    for rule in &rules {
        match known(&rule.devices) {
            Some((kind, place)) => {
                tree.entry((kind, granted(rule.access))).or_default().insert(place);
            }
            None => late.push(rule),
        }
    }
    let mut program: Vec<Instruction> = begin().into();
    program.extend(compare(&tree));
    let fixed = program.len() * Instruction::BYTES;
    for rule in &late {
        let place = match rule.devices {
            Named::Node(_) => Place::One(NO_MAJOR, 0),
            Named::Class { .. } => Place::Major(NO_MAJOR),
        };
        program.extend(instructions(CHARACTER, place, rule.access));
    }
    program.extend(answer(0));
    Some(Filter {
        program: program.iter().flat_map(|one| one.bytes()).collect(),
        fixed,
        late: late.iter().map(|rule| written(&rule.devices)).collect(),
        needed,
    })
}

fn class(pattern: &str) -> Named {
    Named::Class { block: false, pattern: pattern.to_owned() }
}

/// As `DeviceAllow=` has it.
fn written(devices: &Named) -> String {
    match devices {
        Named::Node(path) => path.clone(),
        Named::Class { block: true, pattern } => format!("block-{pattern}"),
        Named::Class { block: false, pattern } => format!("char-{pattern}"),
    }
}

/// The kind and the numbers, if they are the same on every machine.
fn known(devices: &Named) -> Option<(u32, Place)> {
    match devices {
        Named::Node(path) => {
            let numbered = |start: &str| {
                let (major, minor) = path.strip_prefix(start)?.split_once(':')?;
                Some(Place::One(major.parse().ok()?, minor.parse().ok()?))
            };
            let node = KNOWN.iter().find(|(name, ..)| name == path);
            node.map(|(_, major, minor)| (CHARACTER, Place::One(*major, *minor)))
                .or_else(|| numbered("/dev/char/").map(|place| (CHARACTER, place)))
                .or_else(|| numbered("/dev/block/").map(|place| (BLOCK, place)))
        }
        Named::Class { block, pattern } if pattern == "*" => {
            Some((if *block { BLOCK } else { CHARACTER }, Place::Any))
        }
        Named::Class { block: true, .. } => None,
        Named::Class { block: false, pattern } => KNOWN_CLASSES
            .iter()
            .find(|(name, _)| name == pattern)
            .map(|(_, major)| (CHARACTER, Place::Major(*major))),
    }
}

/// Takes the question apart: struct bpf_cgroup_dev_ctx.
const fn begin() -> [Instruction; 3] {
    [
        Instruction::new(LOAD, 2, 1, 0, 0),
        Instruction::new(LOAD, 3, 1, 4, 0),
        Instruction::new(LOAD, 4, 1, 8, 0),
    ]
}

/// The bits of `access` in the question's first word.
fn granted(access: Access) -> u32 {
    let bits = [(access.read, READ), (access.write, WRITE), (access.mknod, MKNOD)];
    bits.into_iter().filter(|(may, _)| *may).map(|(_, bit)| bit).sum()
}

/// Goes on behind the next three instructions unless a device of `kind` is asked for, and no more of it than `granted`. What
/// is asked for beyond that leaves bits in the upper half, so that the word is no kind of device.
const fn question(kind: u32, granted: u32, otherwise: i16) -> [Instruction; 3] {
    [
        Instruction::new(COPY, 0, 2, 0, 0),
        Instruction::new(AND, 0, 0, 0, !granted),
        Instruction::new(UNLESS, 0, 0, otherwise, kind),
    ]
}

/// All of `tree`: goes on behind it with what it does not allow.
fn compare(tree: &Tree) -> Vec<Instruction> {
    let mut program = Vec::new();
    for ((kind, granted), places) in tree {
        let body = compare_numbers(places);
        program.extend(question(*kind, *granted, jump(body.len())));
        program.extend(body);
    }
    if program.is_empty() {
        return program; // the kernel refuses what nobody gets to
    }
    let yes = program.len() + 1;
    for (at, one) in program.iter_mut().enumerate() {
        if one.offset == YES {
            one.offset = jump(yes - at - 1);
        }
    }
    program.push(Instruction::new(GO, 0, 0, jump(answer(1).len()), 0));
    program.extend(answer(1));
    program
}

/// Stands for the way to the answer that allows, until that has its place. No other jump goes backwards.
const YES: i16 = -1;

/// Goes to [`YES`] with the numbers of `places`.
fn compare_numbers(places: &BTreeSet<Place>) -> Vec<Instruction> {
    let mut program = Vec::new();
    let mut minors: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for place in places {
        match *place {
            Place::Any => return vec![Instruction::new(GO, 0, 0, YES, 0)],
            Place::Major(major) => program.push(Instruction::new(IF, 3, 0, YES, major)),
            Place::One(major, minor) if !places.contains(&Place::Major(major)) => {
                minors.entry(major).or_default().push(minor);
            }
            Place::One(..) => {}
        }
    }
    for (major, minors) in minors {
        program.push(Instruction::new(UNLESS, 3, 0, jump(minors.len()), major));
        program.extend(minors.into_iter().map(|minor| Instruction::new(IF, 4, 0, YES, minor)));
    }
    program
}

/// One rule for what the target fills in. A number that does not matter is compared with itself.
fn instructions(kind: u32, place: Place, access: Access) -> [Instruction; Devices::RULE] {
    let number = |register: u8, number: Option<u32>, offset: i16| match number {
        Some(number) => Instruction::new(UNLESS, register, 0, offset, number),
        None => Instruction::new(UNLESS_REGISTER, register, register, offset, 0),
    };
    let (major, minor) = match place {
        Place::One(major, minor) => (Some(major), Some(minor)),
        Place::Major(major) => (Some(major), None),
        Place::Any => (None, None),
    };
    let [copy, mask, unless] = question(kind, granted(access), 4);
    let [yes, end] = answer(1);
    [copy, mask, unless, number(3, major, 3), number(4, minor, 2), yes, end]
}
