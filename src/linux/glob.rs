//! glob(7) patterns without a heap: whether anything matches, or each thing that does.

use core::ffi::CStr;

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};

use super::{
    AsFd,
    path::{PATH_BYTES_MAX, PathBuffer},
    tree::each_entry,
};

/// Components with wildcards in one pattern: each takes a descriptor and a kilobyte of stack.
const WILD_MAX: usize = 8;

/// Hands every path that `pattern` matches to `found`, in the order of the directories, until it answers `true`.
/// Answers whether it did.
///
/// # Errors
/// ENAMETOOLONG; ELOOP with more than eight components that have wildcards. What cannot be opened matches nothing.
pub fn each_match(pattern: &str, found: &mut dyn FnMut(&CStr) -> Result<bool, Errno>) -> Result<bool, Errno> {
    below("", pattern, WILD_MAX, found)
}

/// Goes on behind `done`, which has no wildcards any more.
fn below(
    done: &str,
    pattern: &str,
    wild_left: usize,
    found: &mut dyn FnMut(&CStr) -> Result<bool, Errno>,
) -> Result<bool, Errno> {
    let mut path = PathBuffer::empty();
    let wild = pattern.bytes().position(|byte| matches!(byte, b'*' | b'?' | b'['));
    let Some(wild) = wild else {
        let path = path.join(&[done, pattern])?;
        return match rustix::fs::lstat(path) {
            Ok(_) => found(path),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(false),
            Err(errno) => Err(errno),
        };
    };
    let Some(wild_left) = wild_left.checked_sub(1) else { return Err(Errno::LOOP) };
    let before = pattern.as_bytes().get(..wild).unwrap_or_default();
    let fixed = before.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash.saturating_add(1));
    let (fixed, rest) = pattern.split_at_checked(fixed).unwrap_or_default();
    let (component, after) = rest
        .split_at_checked(rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len()))
        .unwrap_or_default();
    let folder = path.join(&[done, fixed, if fixed.is_empty() && done.is_empty() { "." } else { "" }])?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let folder = match open(folder, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => return Ok(false),
        Err(errno) => return Err(errno),
    };
    let mut stop = false;
    each_entry(folder.as_fd(), &mut |name| {
        let Ok(name) = name.to_str() else { return Ok(()) };
        if stop || !matches(component.as_bytes(), name.as_bytes()) {
            return Ok(());
        }
        let mut path = heapless::String::<PATH_BYTES_MAX>::new();
        for &part in &[done, fixed, name] {
            path.push_str(part).map_err(|_| Errno::NAMETOOLONG)?;
        }
        stop = below(&path, after, wild_left, found)?;
        Ok(())
    })?;
    Ok(stop)
}

/// Whether `path` is one that `pattern` means.
pub(super) fn is_match(pattern: &[u8], path: &[u8]) -> bool {
    let mut names = path.split(|byte| *byte == b'/');
    let mut components = pattern.split(|byte| *byte == b'/');
    loop {
        match (components.next(), names.next()) {
            (Some(component), Some(name)) if matches(component, name) => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// Whether `name` is one that `pattern`, of one component, means. A leading dot is matched by a dot only.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut pattern_at, mut name_at) = (0_usize, 0_usize);
    // Where to try again if the rest does not fit: behind the last star, one byte of the name further on.
    let mut retry = None;
    loop {
        let rest = pattern.get(pattern_at..).unwrap_or_default();
        let left = name.get(name_at..).unwrap_or_default();
        match (rest, left) {
            ([], []) => return true,
            ([b'*', ..], _) => {
                retry = Some((pattern_at, name_at));
                pattern_at = pattern_at.saturating_add(1);
                continue;
            }
            (_, [byte, ..]) => {
                if let Some(width) = one(rest, *byte) {
                    pattern_at = pattern_at.saturating_add(width);
                    name_at = name_at.saturating_add(1);
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((star, from)) if from < name.len() => {
                retry = Some((star, from.saturating_add(1)));
                pattern_at = star.saturating_add(1);
                name_at = from.saturating_add(1);
            }
            _ => return false,
        }
    }
}

/// How many bytes of `pattern` the one byte matches.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', set @ ..] => in_set(set, byte),
        [b'\\', literal, ..] if *literal == byte => Some(2),
        [literal, ..] if *literal == byte => Some(1),
        _ => None,
    }
}

/// The same for what is behind `[`: `abc]`, `a-z]`, `!a]`. A `]` in first place is one of the set.
fn in_set(set: &[u8], byte: u8) -> Option<usize> {
    let (negated, skipped) = match set.first() {
        Some(b'!' | b'^') => (true, 1),
        _ => (false, 0),
    };
    let mut found = false;
    let mut at = skipped;
    loop {
        let low = *set.get(at)?;
        if low == b']' && at > skipped {
            break;
        }
        match (set.get(at.saturating_add(1)), set.get(at.saturating_add(2))) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                found |= (low..=*high).contains(&byte);
                at = at.saturating_add(3);
            }
            _ => {
                found |= low == byte;
                at = at.saturating_add(1);
            }
        }
    }
    (found != negated).then_some(at.saturating_add(2)) // the two brackets
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn patterns_match_as_glob_has_it() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("*", "", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxac", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[ab", "a", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("tty[0-9]*", "tty12", true),
            ("tty[0-9]*", "ttyS0", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_path_is_matched_name_by_name() {
        for (pattern, path, expected) in [
            ("/dev/tty[A-Z]*", "/dev/ttyUSB0", true),
            ("/dev/*", "/dev/snd/pcm", false),
            ("/dev/snd/*", "/dev/snd", false),
            ("/dev/snd/*", "/dev/snd/pcm", true),
            ("/dev/../*", "/dev/x", false),
        ] {
            assert_eq!(is_match(pattern.as_bytes(), path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn matches_are_found_below_directories_and_nothing_is_no_error() {
        let mut found = std::vec::Vec::new();
        let stopped = each_match("/proc/s?lf/f[d]/[0-2]", &mut |path| {
            found.push(path.to_str().expect("ascii").to_string());
            Ok(false)
        });
        assert_eq!(stopped, Ok(false));
        found.sort();
        assert_eq!(found, ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"]);
        assert_eq!(each_match("/proc/self/fd/[0-2]", &mut |_| Ok(true)), Ok(true));
        assert_eq!(each_match("/no/such/*", &mut |_| Ok(true)), Ok(false));
        assert_eq!(each_match("/proc/self/no-such", &mut |_| Ok(true)), Ok(false));
        let deep = "/*".repeat(9);
        assert_eq!(each_match(&deep, &mut |_| Ok(false)), Err(Errno::LOOP));
    }
}
