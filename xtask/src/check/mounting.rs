//! What a mount or swap unit runs: a oneshot service whose commands are calls, or the program that mounts such a file
//! system (mount(8), "EXTERNAL HELPERS"). Everything that can be decided about it is decided here.

use tomte::table::{Call, CommandKind, Micros, Privilege, ServiceType};

use super::{blame, draft::Cx, under};
use crate::{
    diag::{Code, Diagnostic},
    model::{Command, Mount, Place, Service, Swap},
    values::mount_options::{
        self, MountOptions,
        flag::{BIND, OF_A_MOUNT_POINT, REC, REMOUNT},
    },
};

/// umount2(2)'s flags.
const MNT_FORCE: u32 = 1;
const MNT_DETACH: u32 = 2;

/// File systems that the kernel does not mount without a program: it resolves names, or is the file system.
const WITH_A_PROGRAM: [&str; 14] = [
    "afs",
    "ceph",
    "cifs",
    "davfs",
    "fuse",
    "fuseblk",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "ntfs-3g",
    "ocfs2",
    "smb3",
    "sshfs",
];

/// Words for a device that is found by what is on it (`linux::find`), and one that udev alone knows.
const FOUND: [&str; 4] = ["LABEL=", "UUID=", "PARTLABEL=", "PARTUUID="];
const OF_UDEV: &str = "ID=";

/// Fills in what `mount` runs.
pub fn mount(mount: &mut Mount, cx: &mut Cx) {
    source(&mount.what.value, &[OF_UDEV], cx);
    let options = match mount_options::mount(&mount.options.value) {
        Ok(options) => options,
        Err((option, why)) => return refuse(option, why, cx),
    };
    let program = program(mount);
    let made = match &program {
        Some(program) => vec![with_program(mount, program)],
        None => with_calls(mount, &options),
    };
    let where_ = mount.r#where.value.as_str();
    let place = mount.what.place.clone();
    let mut commands: Vec<(CommandKind, Command)> =
        made.into_iter().map(|command| (CommandKind::Start, command)).collect();
    let again = REMOUNT | options.flags & !REC;
    let kind = mount.file_system.value.clone();
    let words = [String::new(), kind, again.to_string(), options.data, String::new()];
    if program.is_none() {
        commands.push((CommandKind::Reload, call(Call::Mount, where_, words, &place)));
    }
    // The root and what programs are run from cannot be left while anything runs (mount.c, `mount_is_extrinsic`).
    if !matches!(where_, "/" | "/usr") {
        let mut flags = 0;
        flags |= if mount.lazy_unmount { MNT_DETACH } else { 0 };
        flags |= if mount.force_unmount { MNT_FORCE } else { 0 };
        let unmount = call(Call::Unmount, where_, [flags.to_string()], &place);
        commands.push((CommandKind::Stop, unmount.clone()));
        // After a start that came half way, too.
        commands.push((CommandKind::StopPost, unmount));
    }
    oneshot(&mut mount.service, mount.timeout, commands);
}

/// Fills in what `swap` runs.
pub fn swap(swap: &mut Swap, cx: &mut Cx) {
    source(&swap.what.value, &[&FOUND[..], &[OF_UDEV]].concat(), cx);
    let flags = match mount_options::swap(&swap.options.value, swap.priority) {
        Ok(flags) => flags,
        Err(option) => return refuse(option, "swapon(2) has no such thing", cx),
    };
    let (what, place) = (swap.what.value.as_str(), swap.what.place.clone());
    let off = call(Call::SwapOff, what, ["swapoff".to_owned()], &place);
    let commands = vec![
        (CommandKind::Start, call(Call::SwapOn, what, [flags.to_string()], &place)),
        (CommandKind::Stop, off.clone()),
        (CommandKind::StopPost, off),
    ];
    oneshot(&mut swap.service, swap.timeout, commands);
}

fn oneshot(service: &mut Service, timeout: Micros, commands: Vec<(CommandKind, Command)>) {
    service.service_type = ServiceType::Oneshot;
    service.remain_after_exit = true;
    service.timeout_start = timeout;
    service.timeout_stop = timeout;
    service.timeout_abort = timeout;
    service.commands = commands;
}

/// What is to be mounted, in a way that a machine without udev understands.
fn source(what: &str, unknown: &[&str], cx: &mut Cx) {
    let problem = if unknown.iter().any(|tag| what.starts_with(tag)) {
        Diagnostic::error(
            Code::Device,
            under("What", &format!("{what:?}: nobody here looks for such a device")),
        )
        .help("write the device's node: /dev/mmcblk0p2")
    } else if what.starts_with("/dev/disk/") {
        Diagnostic::warning(Code::Device, under("What", "only a device manager makes links there"))
            .help("put its units beside this one; the mount waits for the link as long as TimeoutSec= says")
    } else {
        return;
    };
    let problem = blame(problem, "What", cx);
    cx.problems.push(problem);
}

fn refuse(option: &str, why: &str, cx: &mut Cx) {
    let message = under("Options", &format!("{option:?} is not supported by tomte"));
    let problem = blame(Diagnostic::error(Code::Refused, message), "Options", cx);
    cx.problems.push(problem.help(why));
}

/// The program that mounts it, unless the kernel can: NFS with an address needs nobody to look a name up.
fn program(mount: &Mount) -> Option<String> {
    let kind = mount.file_system.value.as_str();
    let known = WITH_A_PROGRAM.contains(&kind) && !mount.options.value.contains("addr=");
    // mount.fuse takes care of all of its kind (-t says which).
    let kind = if kind.starts_with("fuse.") { "fuse" } else { kind };
    (known || kind == "fuse").then(|| format!("mount.{kind}"))
}

fn with_program(mount: &Mount, program: &str) -> Command {
    let mut words = vec![program.to_owned(), mount.what.value.clone(), mount.r#where.value.clone()];
    if mount.sloppy_options {
        words.push("-s".to_owned());
    }
    let mut options = mount_options::for_helper(&mount.options.value);
    if options.is_empty() {
        options = if mount.read_write_only { "rw" } else { "defaults" }.to_owned();
    }
    words.extend(["-o".to_owned(), options]);
    if mount.file_system.value.starts_with("fuse.") {
        words.extend(["-t".to_owned(), mount.file_system.value.clone()]);
    }
    call(Call::Helper, program, words, &mount.what.place)
}

fn with_calls(mount: &Mount, options: &MountOptions) -> Vec<Command> {
    let (where_, place) = (mount.r#where.value.as_str(), &mount.what.place);
    let later = |flags: u32| {
        let words = [String::new(), String::new(), flags.to_string(), String::new(), String::new()];
        call(Call::Mount, where_, words, place)
    };
    let bind = options.flags & BIND != 0;
    let flags = if bind { options.flags & (BIND | REC) } else { options.flags };
    let kind = mount.file_system.value.as_str();
    let kind = if kind == "auto" || bind { "" } else { kind };
    let writable = if mount.read_write_only { "rw" } else { "" };
    let words = [
        mount.what.value.clone(),
        kind.to_owned(),
        flags.to_string(),
        options.data.clone(),
        mount.directory_mode.to_string(),
        writable.to_owned(),
    ];
    let mut calls = vec![call(Call::Mount, where_, words, place)];
    let own = options.flags & OF_A_MOUNT_POINT;
    if bind && own != 0 {
        calls.push(later(REMOUNT | BIND | own));
    }
    calls.extend(options.propagation.iter().map(|to| later(*to)));
    calls
}

fn call(call: Call, path: &str, argv: impl Into<Vec<String>>, place: &Option<Place>) -> Command {
    Command {
        place: place.clone(),
        call,
        path: path.to_owned(),
        argv: argv.into(),
        ignore_failure: false,
        expand: false,
        privilege: Privilege::Restricted,
    }
}
