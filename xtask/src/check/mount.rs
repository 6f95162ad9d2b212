//! What the directives of systemd.mount(5) and systemd.swap(5) do, and what such a finished unit has to be (facts from
//! load-fragment.c, mount.c and swap.c). Mount points have units of their own names.

use super::{
    draft::{Cx, Draft},
    finish::{on_header, refuse},
    mounting,
    resource::not_enforced,
};
use crate::{
    diag::{Code, Diagnostic},
    model::Located,
    read::Assignment,
    values::{
        path, scalar,
        unit_name::{self, UnitName},
        word, wrong,
    },
};

type Done = Result<(), Diagnostic>;

/// A value with its specifiers replaced, and its place.
pub fn located(a: &Assignment, cx: &Cx) -> Result<Located<String>, Diagnostic> {
    let value = cx.specifiers.expand(&a.value)?.as_str().to_owned();
    Ok(Located { value, place: Some(a.value.place(0)) })
}

/// An absolute path and its place.
pub fn located_path(a: &Assignment, cx: &Cx) -> Result<Located<String>, Diagnostic> {
    let value = path::absolute(&cx.specifiers.expand(&a.value)?)?;
    Ok(Located { value, place: Some(a.value.place(0)) })
}

/// `Type=`: one word.
pub fn file_system(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let kind = located(a, cx)?;
    if word::unquoted(&a.value).len() > 1 {
        return Err(wrong(
            &a.value,
            Code::Word,
            format!("{:?} is no file system: expected one word", kind.value),
        ));
    }
    d.mount().file_system = kind;
    Ok(())
}

/// `Options=` of [Mount] and [Swap]: a list with commas.
pub fn options(a: &Assignment, cx: &mut Cx) -> Result<Located<String>, Diagnostic> {
    let options = located(a, cx)?;
    if let Some(blank) = a.value.as_str().find(", ") {
        let problem = Diagnostic::warning(Code::BlankOption, "the option begins with a blank");
        cx.problems.push(problem.on(&a.value, blank + 1..blank + 2).help("no blanks stand between options"));
    }
    Ok(options)
}

/// `Priority=` of [Swap].
pub fn priority(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.swap().priority = match a.value.is_empty() {
        true => None,
        false => Some(crate::values::scheduling::integer(&a.value, -1, 32_767, "a priority")? as i16),
    };
    Ok(())
}

/// `DirectoryMode=` and `SocketMode=`.
pub fn mode(a: &Assignment) -> Result<u16, Diagnostic> {
    scalar::mode(&a.value, 0o7777)
}

/// File systems of the kernel, which PID 1 mounts itself (mount-setup.c, `mount_point_is_api`).
const OF_THE_KERNEL: [&str; 11] = [
    "/dev",
    "/dev/pts",
    "/dev/shm",
    "/proc",
    "/run",
    "/sys",
    "/sys/firmware/efi/efivars",
    "/sys/fs/bpf",
    "/sys/fs/cgroup",
    "/sys/fs/pstore",
    "/sys/kernel/security",
];

/// The mount point's name is the unit's.
pub fn finish_mount(d: &mut Draft, name: &UnitName, cx: &mut Cx) {
    if name.instance.is_some() {
        no_template(d, cx);
        return;
    }
    let mount = d.mount();
    if mount.r#where.value.is_empty() {
        match unit_name::path_of(name) {
            Some(path) => mount.r#where = Located::implied(path),
            None => return named_after_no_path(name, d, cx),
        }
    }
    let expected = unit_name::of_path(&mount.r#where.value, "mount");
    let place = mount.r#where.value.clone();
    if expected != name.full {
        let message = format!("the unit that mounts {place} has to be called {expected}");
        refuse(Code::MountName, "Where", &message, &should_be_called(name, "Where"), cx);
    } else if OF_THE_KERNEL.contains(&place.as_str()) || place.starts_with("/sys/fs/cgroup/") {
        let message = format!("{place} is mounted before the first unit starts");
        let problem = on_header(Diagnostic::error(Code::MountName, message), d, cx);
        cx.problems.push(problem.help("remove the unit"));
    }
    if !d.mount().what.value.is_empty() {
        mounting::mount(d.mount(), cx);
    } else if !cx.failed {
        let problem = on_header(
            Diagnostic::error(Code::NothingToMount, "no What=, so there is nothing to mount"),
            d,
            cx,
        );
        cx.problems
            .push(problem.help("add What= to [Mount]: a device, a directory, or tmpfs for Type=tmpfs"));
    }
}

/// The device's or file's name is the unit's.
pub fn finish_swap(d: &mut Draft, name: &UnitName, cx: &mut Cx) {
    if name.instance.is_some() {
        no_template(d, cx);
        return;
    }
    let swap = d.swap();
    if swap.what.value.is_empty() {
        match unit_name::path_of(name) {
            Some(path) => swap.what = Located::implied(path),
            None => return named_after_no_path(name, d, cx),
        }
    }
    mounting::swap(swap, cx);
    let what = swap.what.value.clone();
    let expected = unit_name::of_path(&what, "swap");
    if expected != name.full {
        let message = format!("the unit that swaps to {what} has to be called {expected}");
        refuse(Code::MountName, "What", &message, &should_be_called(name, "What"), cx);
    }
}

fn should_be_called(name: &UnitName, key: &str) -> String {
    match unit_name::path_of(name) {
        Some(path) => format!("rename the file, or write {key}={path}"),
        None => "rename the file; systemd-escape --path prints the name for a path".to_owned(),
    }
}

fn named_after_no_path(name: &UnitName, d: &Draft, cx: &mut Cx) {
    let message = format!("{} is not the name of a path", name.full);
    let problem = on_header(Diagnostic::error(Code::MountName, message), d, cx);
    cx.problems.push(problem.help("systemd-escape --path prints the name for a path"));
}

/// One path, one unit: there are no instances.
fn no_template(d: &Draft, cx: &mut Cx) {
    let message = format!("a {} unit is no template and no instance", d.unit.kind.suffix());
    let problem = on_header(Diagnostic::error(Code::MountName, message), d, cx);
    cx.problems.push(problem.help("it stands for one path, and its name is that path"));
}

/// A slice's name is its place among the slices: each dash leads to a child (slice-util.c, `slice_name_is_valid`).
pub fn finish_slice(d: &Draft, name: &UnitName, cx: &mut Cx) {
    not_enforced(cx, &["DevicePolicy", "DeviceAllow"], "slices", "write it in the units of the slice");
    let stem = name.stem();
    let broken = stem != "-" && stem.split('-').any(str::is_empty);
    if broken || name.instance.is_some() {
        let message = format!("{:?} is no slice's name", name.full);
        let problem = on_header(Diagnostic::error(Code::UnitName, message), d, cx);
        cx.problems.push(
            problem.help("a-b.slice is a part of a.slice; no part is empty, and there are no templates"),
        );
    }
}
