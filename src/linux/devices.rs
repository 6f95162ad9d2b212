//! Devices that come when the machine has long been up: what the kernel says of them (netlink(7), NETLINK_KOBJECT_UEVENT),
//! the modules that they ask for, and whose their nodes are. For children and helpers: a module's own start may take long.

use core::{ffi::CStr, fmt::Write};

use rustix::{
    fs::{AtFlags, CWD, Gid, Mode, Uid, chmod, chownat},
    io::Errno,
    net::{AddressFamily, Protocol, SocketFlags, SocketType, socket_with, sockopt::set_socket_passcred},
};

use super::{
    AsFd, arguments::Arguments, errno::Text, glob, modules::Modules, output::Output, passwd::parse_number,
    path::PathBuffer, raw, socket, stream,
};

/// NETLINK_KOBJECT_UEVENT.
const UEVENTS: u32 = 15;
/// `struct sockaddr_nl`, the family first: the first group is the kernel's own.
const FROM_THE_KERNEL: [u8; 12] = [16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
/// A message: its variables are 2048 bytes at most (UEVENT_BUFFER_SIZE), and before them stands a path of sysfs.
const MESSAGE_BYTES_MAX: usize = 8192;

/// Gives all that `pattern` matches to whom the words say: user, group and mode, each a number or empty, which changes
/// nothing.
///
/// # Errors
/// EINVAL for what is no number; chown(2)'s and chmod(2)'s.
pub(super) fn own(pattern: &str, words: &[&CStr; 3]) -> Result<(), Errno> {
    glob::each_match(pattern, &mut |path| own_one(path, words).map(|()| false)).map(drop)
}

#[inline(never)]
fn own_one(path: &CStr, words: &[&CStr; 3]) -> Result<(), Errno> {
    let mut numbers = [None; 3];
    for (number, word) in numbers.iter_mut().zip(words) {
        if !word.is_empty() {
            *number = Some(parse_number(word.to_bytes()).ok_or(Errno::INVAL)?);
        }
    }
    let [user, group, mode] = numbers;
    if user.is_some() || group.is_some() {
        chownat(CWD, path, user.map(Uid::from_raw), group.map(Gid::from_raw), AtFlags::empty())?;
    }
    mode.map_or(Ok(()), |mode| chmod(path, Mode::from_raw_mode(mode)))
}

/// Says that it is ready, and gives what comes from then on its modules and its owners, as the words say: they come in fours, as
/// [`own`] has them. Answers why nothing more can be heard: socket(2)'s errors, setsockopt(2)'s, bind(2)'s, recvmsg(2)'s.
#[inline(never)]
pub fn listen(rules: Arguments) -> Result<(), Errno> {
    let protocol = core::num::NonZeroU32::new(UEVENTS).map(Protocol::from_raw);
    let uevents = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, protocol)?;
    set_socket_passcred(&uevents, true)?;
    raw::socket::bind(uevents.as_fd(), &FROM_THE_KERNEL)?;
    let modules = Modules::find();
    match &modules {
        Ok(_) | Err(Errno::NOENT) => {} // a kernel that has all it needs has none
        Err(errno) => {
            let _ = writeln!(
                Output::stderr(),
                "cannot read the list of modules, going on without: {}",
                Text(*errno)
            );
        }
    }
    stream::say(rules, b"READY=1");
    let mut message = [0; MESSAGE_BYTES_MAX];
    loop {
        match socket::receive_from(uevents.as_fd(), &mut message) {
            // Who else sends anything here may be anybody with CAP_NET_ADMIN.
            Ok((length, sender, _)) if sender.pid == 0 => {
                serve(message.get(..length).unwrap_or_default(), modules.as_ref().ok(), rules);
            }
            Ok(_) | Err(Errno::INTR) => {}
            // One is lost: all devices that there are have their turn.
            Err(Errno::NOBUFS | Errno::MSGSIZE) => {
                if let Ok(modules) = &modules {
                    let _ = modules.load_for_devices(); // as far as there are any
                }
                apply(rules, None);
            }
            Err(errno) => return Err(errno),
        }
    }
}

/// Does what is to be done for the device that has come, if `message` tells of one.
fn serve(message: &[u8], modules: Option<&Modules>, rules: Arguments) {
    if value(message, b"ACTION=") != Some(b"add") {
        return;
    }
    if let (Some(alias), Some(modules)) = (value(message, b"MODALIAS="), modules) {
        modules.load_matching(alias);
    }
    let name = value(message, b"DEVNAME=").and_then(|name| core::str::from_utf8(name).ok());
    if let Some(name) = name
        && let Ok(path) = PathBuffer::empty().join(&["/dev/", name])
    {
        apply(rules, Some(path));
    }
}

/// Does what each rule says about `path`, or about all nodes; what cannot be done is said, and goes no further.
#[inline(never)]
fn apply(rules: Arguments, path: Option<&CStr>) {
    let mut words = rules.words().skip(1);
    while let (Some(pattern), Some(user), Some(group), Some(mode)) =
        (words.next(), words.next(), words.next(), words.next())
    {
        let (pattern, words) = (pattern.to_str().unwrap_or_default(), [user, group, mode]);
        let done = match path {
            Some(path) if glob::is_match(pattern.as_bytes(), path.to_bytes()) => own_one(path, &words),
            Some(_) => Ok(()),
            None => own(pattern, &words),
        };
        if let Err(errno) = done {
            let _ = writeln!(Output::stderr(), "{pattern}: cannot give it to its owner: {}", Text(errno));
        }
    }
}

/// What a message says of `key`, whose last byte is `=`.
fn value<'m>(message: &'m [u8], key: &[u8]) -> Option<&'m [u8]> {
    message.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(key))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_message_says_what_came_and_what_it_asks_for() {
        let message =
            b"add@/devices/pci0/usb1\0ACTION=add\0DEVPATH=/devices/pci0/usb1\0DEVNAME=bus/usb/001/002\0\
                        XMODALIAS=no\0MODALIAS=usb:v1D6Bp0002\0SEQNUM=7\0";
        for (key, expected) in [
            (&b"ACTION="[..], Some(&b"add"[..])),
            (b"DEVNAME=", Some(b"bus/usb/001/002")),
            (b"MODALIAS=", Some(b"usb:v1D6Bp0002")),
            (b"DRIVER=", None),
        ] {
            assert_eq!(value(message, key), expected);
        }
        assert_eq!(value(b"", b"ACTION="), None);
    }

    #[test]
    fn nodes_get_the_mode_that_the_words_say_and_empty_words_change_nothing() {
        let folder = std::env::temp_dir().join(std::format!("tomte-own-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("ttyX0"), "").expect("a file");
        let pattern = std::format!("{}/tty*", folder.display());
        let mode = || fs::metadata(folder.join("ttyX0")).expect("the file").permissions().mode() & 0o7777;
        assert_eq!(own(&pattern, &[c"", c"", c"432"]), Ok(()));
        assert_eq!(mode(), 0o660);
        assert_eq!(own(&pattern, &[c"", c"", c""]), Ok(()));
        assert_eq!(mode(), 0o660);
        assert_eq!(own(&pattern, &[c"", c"", c"rw"]), Err(Errno::INVAL));
        fs::remove_dir_all(&folder).expect("our own");
    }

    #[test]
    fn rules_come_in_fours_and_each_has_its_turn_whatever_the_others_do() {
        let folder = std::env::temp_dir().join(std::format!("tomte-rules-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for name in ["a", "b"] {
            fs::write(folder.join(name), "").expect("a file");
        }
        let word = |name: &str| -> &'static CStr {
            let text = std::format!("{}/{name}", folder.display());
            std::boxed::Box::leak(std::ffi::CString::new(text).expect("no NUL").into_boxed_c_str())
        };
        let (a, all) = (word("a"), word("*"));
        let rules = Arguments::of(&[c"tomte-devices", a, c"", c"", c"rw", all, c"", c"", c"384", c"odd"]);
        let mode = |name| fs::metadata(folder.join(name)).expect("a file").permissions().mode() & 0o7777;
        let before = mode("b");
        apply(rules, Some(a));
        assert_eq!((mode("a"), mode("b")), (0o600, before), "what came, and nothing else");
        apply(rules, None);
        assert_eq!(mode("b"), 0o600);
        fs::remove_dir_all(&folder).expect("our own");
    }
}
