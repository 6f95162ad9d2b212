//! `Condition*=` and `Assert*=` (systemd.unit(5), "Conditions and Asserts").

use core::cmp::Ordering;

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
        /// The kernel runs in a virtual machine, and PID 1 in no container.
        VirtualMachine,
        /// One of the two.
        Virtual,
        /// How many processors PID 1 may use, compared with the parameter.
        Cpus,
        /// How many bytes of memory the machine has, likewise.
        Memory,
        /// The kernel's version, likewise: its first three numbers, 16 bits each.
        KernelVersion,
        /// A directory that has to be looked through since /usr has changed: systemd.unit(5).
        NeedsUpdate,
        /// What files say. Of the parameter's lines the first is what was written, with its `=`; the second is a pattern for
        /// the files' paths, and each of the others one for a line or a NUL-terminated string in them.
        FileSays,
    }
}

impl Subject {
    /// All that are not decided by the baker.
    pub const OPEN: [Self; 20] = [
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
        Self::VirtualMachine,
        Self::Virtual,
        Self::Cpus,
        Self::Memory,
        Self::KernelVersion,
        Self::NeedsUpdate,
        Self::FileSays,
    ];

    /// Whether `number` is what `parameter` asks for: signs of what is right (`<` for less, `=` for as many, `>` for more,
    /// as in `>=4` or `<>4`), and then a number. `None` if it says nothing of the kind.
    pub fn compares(parameter: &str, number: u64) -> Option<bool> {
        const SIGNS: [(u8, Ordering); 3] =
            [(b'<', Ordering::Less), (b'=', Ordering::Equal), (b'>', Ordering::Greater)];
        let (mut right, mut other) = (0_u8, 0_u64);
        let mut wanted = parameter.as_bytes();
        while let [sign @ (b'<' | b'=' | b'>'), rest @ ..] = wanted {
            (right, wanted) = (right | 1 << (sign & 3), rest);
        }
        for digit in wanted {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            other = other.checked_mul(10)?.checked_add(digit.into())?;
        }
        let sign = SIGNS.iter().find(|(_, ordering)| *ordering == number.cmp(&other))?.0;
        (!wanted.is_empty()).then_some(right & 1 << (sign & 3) != 0)
    }

    /// systemd's name for it, less `Condition` or `Assert`; with its `=`, unless that is in the parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always | Self::Never | Self::FileSays => "",
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
            Self::Container | Self::VirtualMachine | Self::Virtual => "Virtualization=",
            Self::Cpus => "CPUs=",
            Self::Memory => "Memory=",
            Self::KernelVersion => "KernelVersion=",
            Self::NeedsUpdate => "NeedsUpdate=",
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
    for &assert in &[false, true] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_the_signs_say() {
        for (parameter, right) in [
            (">=4", [false, true, true]),
            ("<>4", [true, false, true]),
            ("=4", [false, true, false]),
            ("<4", [true, false, false]),
            (">4", [false, false, true]),
            ("<=4", [true, true, false]),
        ] {
            assert_eq!(
                [3, 4, 5].map(|number| Subject::compares(parameter, number)),
                right.map(Some),
                "{parameter}"
            );
        }
        for nothing in ["", ">=", ">=x", ">=99999999999999999999", ">= 4"] {
            assert_eq!(Subject::compares(nothing, 4), None, "{nothing:?}");
        }
    }
}
