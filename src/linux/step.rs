//! The steps of a spawn: their order, their names and systemd's exit codes for them.

/// One step. The parent's come first; the child's stand in the order of `child::STEPS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// Parent: the report pipe.
    Pipe,
    /// Parent: clone3, into the cgroup if there is one.
    Clone,
    /// Every signal's disposition back to its default.
    Signals,
    /// A session of its own.
    Session,
    /// Who `User=` is; with `DynamicUser=` also who `Group=` is.
    User,
    /// Who `Group=` and `SupplementaryGroups=` are.
    Group,
    /// Whether a dynamic number may be used; the report of the numbers.
    Identity,
    /// `MemoryMax=` and its kind, `Delegate=`.
    Cgroup,
    /// `DevicePolicy=`.
    DevicePolicy,
    /// `IPAddressDeny=`, `SocketBindDeny=` and their kind.
    NetworkPolicy,
    /// `StandardInput=`.
    Stdin,
    /// `StandardOutput=`.
    Stdout,
    /// `StandardError=`.
    Stderr,
    /// `OOMScoreAdjust=`.
    OomScore,
    /// `CoredumpFilter=`.
    CoreDumps,
    /// `CPUSchedulingPolicy=`.
    Policy,
    /// `Nice=`.
    Nice,
    /// `CPUAffinity=`.
    Affinity,
    /// `IOSchedulingClass=`.
    IoPriority,
    /// `TimerSlackNSec=`.
    TimerSlack,
    /// `Personality=`.
    Personality,
    /// `RuntimeDirectory=`.
    RuntimeDirectory,
    /// `StateDirectory=`.
    StateDirectory,
    /// `CacheDirectory=`.
    CacheDirectory,
    /// `LogsDirectory=`.
    LogsDirectory,
    /// `ConfigurationDirectory=`.
    ConfigurationDirectory,
    /// `LoadCredential=` and its kind.
    Credentials,
    /// The environment variables.
    Environment,
    /// `EnvironmentFile=` and `UnsetEnvironment=`.
    EnvironmentFile,
    /// A session keyring of its own.
    Keyring,
    /// The network namespace.
    Network,
    /// The mount namespace, and those of IPC and the hostname.
    Namespace,
    /// Landlock, below the mounts or in their place.
    Landlock,
    /// `UMask=` and `Limit*=`.
    Limits,
    /// The supplementary groups and the group.
    Groups,
    /// The user namespace.
    PrivateUsers,
    /// `CapabilityBoundingSet=`.
    BoundingSet,
    /// The user.
    Ids,
    /// `SecureBits=`.
    SecureBits,
    /// `AmbientCapabilities=`.
    AmbientCapabilities,
    /// `WorkingDirectory=`.
    WorkingDirectory,
    /// `NoNewPrivileges=`.
    NoNewPrivileges,
    /// Every descriptor but the first three will close.
    CloseDescriptors,
    /// Signals come through again.
    SignalMask,
    /// mount(2) and its kind in the place of a program.
    Call,
    /// `SystemCallFilter=` and its kind. The last step before the program, so that they need not allow the others.
    Seccomp,
    /// `$` expansion, the search of the program, and execve.
    Exec,
}

/// The words for them, in their order: one string is smaller than a table of strings.
const NAMES: &str = "\
    pipe clone signals session user group identity cgroup device-policy network-policy stdin stdout stderr oom-score \
    core-dumps scheduling-policy nice cpu-affinity io-priority timer-slack personality runtime-directory \
    state-directory cache-directory logs-directory configuration-directory credentials environment environment-file \
    keyring network namespace landlock limits groups private-users bounding-set ids secure-bits \
    ambient-capabilities working-directory no-new-privileges close-descriptors signal-mask call seccomp exec";

impl Step {
    /// All of them, in order: a step's index is its place here.
    pub const ALL: [Self; 47] = [
        Self::Pipe,
        Self::Clone,
        Self::Signals,
        Self::Session,
        Self::User,
        Self::Group,
        Self::Identity,
        Self::Cgroup,
        Self::DevicePolicy,
        Self::NetworkPolicy,
        Self::Stdin,
        Self::Stdout,
        Self::Stderr,
        Self::OomScore,
        Self::CoreDumps,
        Self::Policy,
        Self::Nice,
        Self::Affinity,
        Self::IoPriority,
        Self::TimerSlack,
        Self::Personality,
        Self::RuntimeDirectory,
        Self::StateDirectory,
        Self::CacheDirectory,
        Self::LogsDirectory,
        Self::ConfigurationDirectory,
        Self::Credentials,
        Self::Environment,
        Self::EnvironmentFile,
        Self::Keyring,
        Self::Network,
        Self::Namespace,
        Self::Landlock,
        Self::Limits,
        Self::Groups,
        Self::PrivateUsers,
        Self::BoundingSet,
        Self::Ids,
        Self::SecureBits,
        Self::AmbientCapabilities,
        Self::WorkingDirectory,
        Self::NoNewPrivileges,
        Self::CloseDescriptors,
        Self::SignalMask,
        Self::Call,
        Self::Seccomp,
        Self::Exec,
    ];

    /// The step's number, as in the report and in the supervisor's `Failure`.
    pub const fn index(self) -> u8 {
        self as u8
    }

    /// The step of a number.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        NAMES.split(' ').nth(usize::from(self.index())).unwrap_or_default()
    }

    /// The exit code of a child that failed here: systemd.exec(5), "Process Exit Codes". The parent's steps have no
    /// child; theirs is what systemd's result `resources` comes closest to.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Clone | Self::Pipe | Self::EnvironmentFile | Self::Environment => 204, // MEMORY
            Self::Signals | Self::SignalMask => 207,
            Self::Session => 220,
            Self::User | Self::Identity | Self::PrivateUsers | Self::Ids => 217,
            Self::Group | Self::Groups => 216,
            Self::Cgroup | Self::DevicePolicy | Self::NetworkPolicy => 219,
            Self::Stdin => 208,
            Self::Stdout => 209,
            Self::Stderr => 222,
            Self::RuntimeDirectory => 233,
            Self::StateDirectory => 238,
            Self::CacheDirectory => 239,
            Self::LogsDirectory => 240,
            Self::ConfigurationDirectory => 241,
            Self::Credentials => 243,
            Self::Keyring => 237,
            Self::Namespace | Self::Landlock => 226,
            Self::Network => 225,
            Self::Limits | Self::CoreDumps => 205,
            Self::OomScore => 206,
            Self::Policy => 214,
            Self::Nice => 201,
            Self::Affinity => 215,
            Self::IoPriority => 211,
            Self::TimerSlack => 212,
            Self::Personality => 230,
            Self::SecureBits => 213,
            Self::BoundingSet | Self::AmbientCapabilities => 218,
            Self::WorkingDirectory => 200,
            Self::NoNewPrivileges => 227,
            Self::Seccomp => 228,
            Self::CloseDescriptors => 202,
            Self::Call => 32, // mount(8)'s "mount failure"
            Self::Exec => 203,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, format, string::String};

    use super::*;

    #[test]
    fn a_steps_index_is_its_place_among_all() {
        for (place, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(step.index()), place);
            assert_eq!(Step::from_index(step.index()), Some(step));
        }
        assert_eq!(Step::from_index(47), None);
    }

    #[test]
    fn a_step_is_called_as_it_is_here_or_more_fully() {
        for step in Step::ALL {
            let mut name = String::new();
            for letter in format!("{step:?}").chars() {
                if letter.is_uppercase() && !name.is_empty() {
                    name.push('-');
                }
                name.push(letter.to_ascii_lowercase());
            }
            assert!(step.name().ends_with(&name), "{step:?} is called {}", step.name());
        }
    }

    #[test]
    fn every_step_has_a_name_of_its_own_and_a_code_of_systemds_range() {
        let names: HashSet<_> = Step::ALL.map(Step::name).into();
        assert_eq!(names.len(), Step::ALL.len());
        let mut others = Step::ALL.into_iter().filter(|step| *step != Step::Call);
        assert!(others.all(|step| (200..=245).contains(&step.exit_code())));
    }
}
