//! `Condition*=` and `Assert*=` (systemd.unit(5), "Conditions and Asserts").

use super::List;

choice! {
    /// What is looked at. The baker decides what cannot change from one start to the next.
    pub enum Subject {
        /// Decided by the baker: it holds. The parameter is what was written, with its `=`.
        Always,
        /// Decided by the baker: it does not.
        Never,
        /// Something is there, links followed.
        PathExists,
        /// Something matches the pattern.
        PathExistsGlob,
        /// A directory, links followed.
        PathIsDirectory,
        /// A symbolic link.
        PathIsSymbolicLink,
        /// The root of a mount.
        PathIsMountPoint,
        /// On a file system that may be written.
        PathIsReadWrite,
        /// A directory with something in it.
        DirectoryNotEmpty,
        /// A regular file of more than no bytes.
        FileNotEmpty,
        /// A regular file that somebody may execute.
        FileIsExecutable,
        /// A word of the kernel's command line, or its part before a `=`.
        KernelCommandLine,
        /// cgroup controllers, blank-separated; `v1` or `v2` for the layout.
        ControlGroupController,
        /// PID 1 may still gain the capability of this number.
        Capability,
        /// PID 1 runs in a container.
        Container,
    }
}

impl Subject {
    /// All that are not decided by the baker.
    pub const OPEN: [Self; 13] = [
        Self::PathExists,
        Self::PathExistsGlob,
        Self::PathIsDirectory,
        Self::PathIsSymbolicLink,
        Self::PathIsMountPoint,
        Self::PathIsReadWrite,
        Self::DirectoryNotEmpty,
        Self::FileNotEmpty,
        Self::FileIsExecutable,
        Self::KernelCommandLine,
        Self::ControlGroupController,
        Self::Capability,
        Self::Container,
    ];

    /// systemd's name for it, less `Condition` or `Assert`; with its `=`, unless that is in the parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always | Self::Never => "",
            Self::PathExists => "PathExists=",
            Self::PathExistsGlob => "PathExistsGlob=",
            Self::PathIsDirectory => "PathIsDirectory=",
            Self::PathIsSymbolicLink => "PathIsSymbolicLink=",
            Self::PathIsMountPoint => "PathIsMountPoint=",
            Self::PathIsReadWrite => "PathIsReadWrite=",
            Self::DirectoryNotEmpty => "DirectoryNotEmpty=",
            Self::FileNotEmpty => "FileNotEmpty=",
            Self::FileIsExecutable => "FileIsExecutable=",
            Self::KernelCommandLine => "KernelCommandLine=",
            Self::ControlGroupController => "ControlGroupController=",
            Self::Capability => "Capability=",
            Self::Container => "Virtualization=",
        }
    }
}

record! {
    /// One condition. All without `trigger` have to hold, and one of those with it, if there are any.
    pub struct Condition<'t> {
        /// What is looked at.
        pub subject: Subject,
        /// `Assert…=`: if it does not hold, the start fails. Otherwise it is passed over.
        pub assert: bool,
        /// `|`.
        pub trigger: bool,
        /// `!`: holds if the subject does not.
        pub negate: bool,
        /// A path, a word, a number.
        pub parameter: &'t str,
    }
}

/// What came of looking at a unit's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They hold.
    Met,
    /// This one, by its place in the list, does not, and the start is passed over.
    Unmet(u8),
    /// This one does not, and the start fails.
    AssertFailed(u8),
}

/// Looks at `conditions` with `holds`, in their order. A condition that cannot be looked at does not hold, negated or
/// not (condition.c, `condition_test_list`).
pub fn examine<'t, E>(
    conditions: List<'t, Condition<'t>>,
    holds: &mut dyn FnMut(Condition<'t>) -> Result<bool, E>,
) -> Verdict {
    for assert in [false, true] {
        let mut last_trigger = None;
        let mut triggered = false;
        for (place, condition) in (0..).zip(conditions.iter()) {
            if condition.assert != assert || (condition.trigger && triggered) {
                continue;
            }
            let met = holds(condition).is_ok_and(|holds| holds != condition.negate);
            match (condition.trigger, met) {
                (true, _) => (last_trigger, triggered) = (Some(place), met),
                (false, true) => {}
                (false, false) => return Verdict::not_met(assert, place),
            }
        }
        if let (Some(place), false) = (last_trigger, triggered) {
            return Verdict::not_met(assert, place);
        }
    }
    Verdict::Met
}

impl Verdict {
    const fn not_met(assert: bool, place: u8) -> Self {
        if assert { Self::AssertFailed(place) } else { Self::Unmet(place) }
    }
}
