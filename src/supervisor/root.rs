//! The way from an initramfs to the machine's root, and what lies over a root. Where the kernel's command line says something
//! else than the board, that counts: kernel-command-line(7), bootparam(7).

use crate::words::{self, last};

/// Seconds that are for good: `rootwait`.
const FOREVER: &str = "4294967295";
/// What `systemd.volatile=` says for nothing.
const NOTHING: &str = "no 0 false off";

/// Which device is to be the root, and how it is to be mounted, in the words that `linux::plan::Call::Root` takes: `words` gets
/// them one after the other. The board has `what` and the words of [`crate::table::Call::Root`].
pub fn way<'a>(
    line: &'a str,
    what: &'a str,
    board: &mut dyn Iterator<Item = &'a str>,
    words: &mut dyn FnMut(&'a str),
) -> &'a str {
    let (kind, options) = (board.next().unwrap_or_default(), board.next().unwrap_or_default());
    let (wait, lies_over) = (board.next().unwrap_or_default(), board.next().unwrap_or_default());
    words(last(line, "rootfstype").unwrap_or(kind));
    words(last(line, "rootflags").unwrap_or(options));
    words(if last(line, "rootwait").is_some() { FOREVER } else { wait });
    words(last(line, "rootdelay").filter(|delay| delay.parse::<u32>().is_ok()).unwrap_or("0"));
    let mode = line.split_ascii_whitespace().rfind(|word| matches!(*word, "ro" | "rw"));
    words(mode.unwrap_or("ro"));
    words(init(line));
    words(over(line, lies_over));
    board.for_each(words);
    last(line, "root").unwrap_or(what)
}

/// What lies over the root, of which the board says `over`: `overlay`, `state`, or nothing. Other words than systemd's come
/// back as they are.
pub fn over<'a>(line: &'a str, over: &'a str) -> &'a str {
    let over = last(line, "systemd.volatile").unwrap_or(over);
    if words::place(NOTHING, over.as_bytes()).is_some() { "" } else { over }
}

/// The program that a root is entered with.
pub fn init(line: &str) -> &str {
    last(line, "init").filter(|path| path.starts_with('/')).unwrap_or("/sbin/init")
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn chosen(line: &'static str, board: &'static str) -> (&'static str, Vec<&'static str>) {
        let mut words = Vec::new();
        let what = way(line, "LABEL=board", &mut board.split(','), &mut |word| words.push(word));
        (what, words)
    }

    #[test]
    fn a_root_is_what_the_board_says() {
        let (what, words) = chosen("quiet rooty=x", "ext4,noatime,30,overlay,LABEL=upper,f2fs");
        assert_eq!(what, "LABEL=board");
        let all = ["ext4", "noatime", "30", "0", "ro", "/sbin/init", "overlay", "LABEL=upper", "f2fs"];
        assert_eq!(words, all);
    }

    #[test]
    fn the_kernels_command_line_goes_before() {
        let line = "rw root=/dev/vda2 rootfstype=xfs rootflags=usrquota ro rootdelay=5 rw rootwait init=/bin/init \
                    systemd.volatile=state";
        let (what, words) = chosen(line, "ext4,noatime,30,overlay,LABEL=upper");
        assert_eq!(what, "/dev/vda2");
        let all = ["xfs", "usrquota", FOREVER, "5", "rw", "/bin/init", "state", "LABEL=upper"];
        assert_eq!(words, all);
        assert_eq!(FOREVER.parse(), Ok(u32::MAX));
    }

    #[test]
    fn what_makes_no_sense_is_not_guessed_at() {
        let (_, words) = chosen("rootdelay=soon init=relative", "");
        assert_eq!(words, ["", "", "", "0", "ro", "/sbin/init", ""]);
        assert_eq!((over("systemd.volatile=yes", ""), over("systemd.volatile=off", "overlay")), ("yes", ""));
    }
}
