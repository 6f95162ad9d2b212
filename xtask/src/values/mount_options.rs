//! Options of mounts and swaps: what of them is the kernel's flags, what the file system's, and what was meant for
//! mount(8), fstab(5)'s readers or swapon(8).

/// The kernel's MS flags (linux/mount.h), of mount(2).
pub mod flag {
    pub const RDONLY: u32 = 1;
    pub const NOSUID: u32 = 1 << 1;
    pub const NODEV: u32 = 1 << 2;
    pub const NOEXEC: u32 = 1 << 3;
    pub const SYNCHRONOUS: u32 = 1 << 4;
    pub const REMOUNT: u32 = 1 << 5;
    pub const MANDLOCK: u32 = 1 << 6;
    pub const DIRSYNC: u32 = 1 << 7;
    pub const NOSYMFOLLOW: u32 = 1 << 8;
    pub const NOATIME: u32 = 1 << 10;
    pub const NODIRATIME: u32 = 1 << 11;
    pub const BIND: u32 = 1 << 12;
    pub const REC: u32 = 1 << 14;
    pub const SILENT: u32 = 1 << 15;
    pub const UNBINDABLE: u32 = 1 << 17;
    pub const PRIVATE: u32 = 1 << 18;
    pub const SLAVE: u32 = 1 << 19;
    pub const SHARED: u32 = 1 << 20;
    pub const RELATIME: u32 = 1 << 21;
    pub const I_VERSION: u32 = 1 << 23;
    pub const STRICTATIME: u32 = 1 << 24;
    pub const LAZYTIME: u32 = 1 << 25;

    /// Those of a mount point: a bind has its own.
    pub const OF_A_MOUNT_POINT: u32 =
        RDONLY | NOSUID | NODEV | NOEXEC | NOSYMFOLLOW | NOATIME | NODIRATIME | RELATIME | STRICTATIME;
}

/// `Options=` of [Mount].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Of [`flag`].
    pub flags: u32,
    /// Changes of the propagation, in their order.
    pub propagation: Vec<u32>,
    /// What the file system is told, separated by commas.
    pub data: String,
}

/// What an option does.
enum Meaning {
    /// Sets and clears flags.
    Flags(u32, u32),
    Propagation(u32),
    /// Nothing for the kernel.
    Others,
    /// It is not done here, for this reason.
    Refused(&'static str),
    /// The file system knows.
    Data,
}

fn meaning(option: &str) -> Meaning {
    use Meaning::{Data, Flags, Others, Propagation, Refused};
    use flag::{
        BIND, DIRSYNC, I_VERSION, LAZYTIME, MANDLOCK, NOATIME, NODEV, NODIRATIME, NOEXEC, NOSUID,
        NOSYMFOLLOW, PRIVATE, RDONLY, REC, RELATIME, SHARED, SILENT, SLAVE, STRICTATIME, SYNCHRONOUS,
        UNBINDABLE,
    };
    let name = option.split_once('=').map_or(option, |(name, _)| name);
    match option {
        "ro" => Flags(RDONLY, 0),
        "rw" => Flags(0, RDONLY),
        "nosuid" => Flags(NOSUID, 0),
        "suid" => Flags(0, NOSUID),
        "nodev" => Flags(NODEV, 0),
        "dev" => Flags(0, NODEV),
        "noexec" => Flags(NOEXEC, 0),
        "exec" => Flags(0, NOEXEC),
        "sync" => Flags(SYNCHRONOUS, 0),
        "async" => Flags(0, SYNCHRONOUS),
        "dirsync" => Flags(DIRSYNC, 0),
        "mand" => Flags(MANDLOCK, 0),
        "nomand" => Flags(0, MANDLOCK),
        "noatime" => Flags(NOATIME, 0),
        "atime" => Flags(0, NOATIME),
        "nodiratime" => Flags(NODIRATIME, 0),
        "diratime" => Flags(0, NODIRATIME),
        "relatime" => Flags(RELATIME, 0),
        "norelatime" => Flags(0, RELATIME),
        "strictatime" => Flags(STRICTATIME, 0),
        "nostrictatime" => Flags(0, STRICTATIME),
        "lazytime" => Flags(LAZYTIME, 0),
        "nolazytime" => Flags(0, LAZYTIME),
        "iversion" => Flags(I_VERSION, 0),
        "noiversion" => Flags(0, I_VERSION),
        "nosymfollow" => Flags(NOSYMFOLLOW, 0),
        "symfollow" => Flags(0, NOSYMFOLLOW),
        "silent" => Flags(SILENT, 0),
        "loud" => Flags(0, SILENT),
        "bind" => Flags(BIND, 0),
        "rbind" => Flags(BIND | REC, 0),
        // What a user may mount is nothing to become root with (mount(8)).
        "user" | "users" => Flags(NOSUID | NODEV | NOEXEC, 0),
        "owner" | "group" => Flags(NOSUID | NODEV, 0),
        "private" => Propagation(PRIVATE),
        "slave" => Propagation(SLAVE),
        "shared" => Propagation(SHARED),
        "unbindable" => Propagation(UNBINDABLE),
        "rprivate" => Propagation(PRIVATE | REC),
        "rslave" => Propagation(SLAVE | REC),
        "rshared" => Propagation(SHARED | REC),
        "runbindable" => Propagation(UNBINDABLE | REC),
        "" | "defaults" | "auto" | "noauto" | "nouser" | "nousers" | "noowner" | "nogroup" | "_netdev"
        | "nofail" => Others,
        "remount" => {
            Refused("reloading the unit does that; what is mounted when it starts is taken as it is")
        }
        "move" => Refused("bind shows it at the other place as well"),
        _ => match name {
            "comment" | "uhelper" | "helper" | "X-mount.mkdir" => Others,
            "loop" | "offset" | "sizelimit" | "encryption" => {
                Refused("losetup(8) in a service before the mount can do it")
            }
            _ if name.starts_with("X-mount.") => Refused("a oneshot service after the mount can do it"),
            _ if name.starts_with("verity.") => {
                Refused("veritysetup(8) in a service before the mount can do it")
            }
            _ if name.starts_with("x-") || name.starts_with("X-") => Others,
            _ => Data,
        },
    }
}

/// Takes `options` apart. The error is an option that cannot be had, and why.
pub fn mount(options: &str) -> Result<MountOptions, (&str, &'static str)> {
    let mut all = MountOptions::default();
    let mut data = Vec::new();
    for option in split(options) {
        match meaning(option) {
            Meaning::Flags(set, clear) => all.flags = all.flags & !clear | set,
            Meaning::Propagation(to) => all.propagation.push(to),
            Meaning::Others => {}
            Meaning::Refused(why) => return Err((option, why)),
            Meaning::Data => data.push(option),
        }
    }
    all.data = data.join(",");
    Ok(all)
}

/// What of `options` a program such as mount.nfs is told: all but what only fstab(5)'s readers understand.
pub fn for_helper(options: &str) -> String {
    let own = |option: &&str| !option.starts_with("x-") && !option.starts_with("X-") && *option != "nofail";
    split(options).filter(|option| !option.is_empty()).filter(own).collect::<Vec<_>>().join(",")
}

/// The options between the commas; one in quotes may hold some.
fn split(options: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    options.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// swapon(2)'s flags for `options` and `Priority=`. The error is an option that there is not.
pub fn swap(options: &str, priority: Option<i16>) -> Result<u32, &str> {
    const PREFER: u32 = 0x8000;
    const DISCARD: u32 = 0x1_0000;
    const DISCARD_ONCE: u32 = 0x2_0000;
    const DISCARD_PAGES: u32 = 0x4_0000;
    let mut flags = 0;
    let mut first = priority;
    for option in split(options) {
        match option {
            "discard" => flags |= DISCARD,
            "discard=once" => flags |= DISCARD | DISCARD_ONCE,
            "discard=pages" => flags |= DISCARD | DISCARD_PAGES,
            "" | "defaults" | "sw" | "auto" | "noauto" | "nofail" | "_netdev" => {}
            _ if option.starts_with("x-") => {}
            _ => match option.strip_prefix("pri=").and_then(|number| number.parse().ok()) {
                // [Swap] wins (swap.c).
                Some(number @ -1..=32_767) => first = first.or(Some(number)),
                Some(_) | None => return Err(option),
            },
        }
    }
    if let Some(first @ 0..) = first {
        flags |= PREFER | u32::from(first.unsigned_abs());
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(options: &str) -> u32 {
        mount(options).expect("no such option is refused").flags
    }

    #[test]
    fn flags_are_the_kernels_and_the_last_word_counts() {
        assert_eq!(flags("defaults"), 0);
        assert_eq!(flags("ro,nosuid,nodev,noexec"), 0b1111);
        assert_eq!(flags("ro,rw"), 0);
        assert_eq!(flags("user"), flag::NOSUID | flag::NODEV | flag::NOEXEC);
        assert_eq!(flags("users,exec,suid"), flag::NODEV);
        assert_eq!(flags("rbind"), flag::BIND | flag::REC);
    }

    #[test]
    fn what_is_no_flag_is_the_file_systems() {
        let options = mount("size=10%,ro,mode=0755,x-systemd.automount,nofail,_netdev").expect("fine");
        assert_eq!((options.data.as_str(), options.flags), ("size=10%,mode=0755", flag::RDONLY));
        let options = mount("context=\"system_u:object_r:tmp_t:s0:c127,c456\",noexec").expect("fine");
        assert_eq!(options.data, "context=\"system_u:object_r:tmp_t:s0:c127,c456\"");
        assert_eq!(options.flags, flag::NOEXEC);
    }

    #[test]
    fn propagation_is_a_call_of_its_own() {
        assert_eq!(mount("bind,rshared").expect("fine").propagation, [flag::SHARED | flag::REC]);
    }

    #[test]
    fn what_is_not_done_says_what_to_do_instead() {
        for option in [
            "remount",
            "move",
            "loop",
            "offset=4096",
            "loop=/dev/loop3",
            "X-mount.owner=5",
            "verity.hashdevice=/x",
        ] {
            assert_eq!(mount(option).expect_err("refused").0, option);
        }
    }

    #[test]
    fn a_helper_is_told_what_mount_8_would_tell_it() {
        assert_eq!(for_helper("vers=4,nofail,x-systemd.automount,_netdev,ro"), "vers=4,_netdev,ro");
    }

    #[test]
    fn a_swap_has_a_priority_if_somebody_gives_it_one() {
        assert_eq!(swap("", None), Ok(0));
        assert_eq!(swap("pri=5,discard", None), Ok(0x1_8005));
        assert_eq!(swap("pri=5", Some(7)), Ok(0x8007));
        assert_eq!(swap("", Some(-1)), Ok(0));
        assert_eq!(swap("discard=pages,nofail", None), Ok(0x5_0000));
        assert_eq!(swap("pri=high", None), Err("pri=high"));
        assert_eq!(swap("size=1", None), Err("size=1"));
    }
}
