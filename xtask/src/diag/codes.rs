//! Every kind of problem, in one table: its number, its name here, its title. A number is used once and never changes
//! its meaning; one that is no longer given stays in the table. `codes/TNNNN.md` explains it to people.
//!
//! | numbers | about |
//! | --- | --- |
//! | T00xx | files, links, the grammar |
//! | T01xx | values |
//! | T02xx | sections and keys |
//! | T03xx | settings of one unit that do not go together |
//! | T04xx | units that name each other |
//! | T05xx | the image: programs, users, groups |
//! | T06xx | limits of the table |
//! | T07xx | board.toml and uids.lock |
//! | T08xx | legal, and hardly meant |
//! | T09xx | what this tomte's PID 1 cannot do yet |
//! | T10xx | files of other inits |

macro_rules! codes {
    ($($number:ident $name:ident $title:literal;)*) => {
        /// The kind of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// All of them, sorted.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What people and programs know it by: `T0101`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($number),)*
                }
            }

            /// What `cargo xtask explain` prints: the code, what it is about, what is behind it, and examples.
            pub fn explanation(self) -> String {
                let text = match self {
                    $(Self::$name => include_str!(concat!("codes/", stringify!($number), ".md")),)*
                };
                format!("{self}: {}\n\n{text}", self.title())
            }

            /// What it is about, in a few words.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    T0001 Unreadable "a file or folder cannot be read";
    T0002 FileTooLarge "a file that is too large for a unit file";
    T0003 NotAFile "a FIFO, socket, device or folder where a unit file should be";
    T0004 TooMuchToRead "all units together are too large";
    T0005 NoSuchPath "there is no such file or folder";
    T0006 NotUtf8 "text that is not UTF-8";
    T0007 NulByte "a NUL byte";
    T0008 NoAssignment "a line that is no assignment";
    T0009 NoKey "an assignment without a key";
    T0010 NoSection "an assignment before the first section header";
    T0011 SectionHeader "a broken section header";
    T0012 FileName "a file name that is no unit name";
    T0013 Kind "a kind of unit that tomte has not";
    T0014 LinkLoop "symbolic links that lead round in a circle";
    T0015 AliasLoop "aliases that lead round in a circle";
    T0016 Masked "a masked unit";
    T0017 EndlessInstances "instances of templates without end";
    T0018 UnusedTemplate "a template that nobody uses";
    T0019 LooseLink "a link that belongs to no unit";
    T0020 NotShown "more problems than are shown";
    T0021 LooseDropIn "a drop-in without a unit";
    T0022 NoUnits "nothing to check";

    T0101 Word "a word that is none of those expected";
    T0102 Number "no number";
    T0103 AccessMode "no access mode";
    T0104 TimeSpan "no time span";
    T0105 Signal "no signal";
    T0106 ExitStatus "no exit status";
    T0107 Capability "no capability";
    T0108 Path "no path that can be used";
    T0109 UserName "no name of a user or group";
    T0110 UnitName "no unit name";
    T0111 Quoting "unbalanced quoting";
    T0112 Escape "an unknown escape sequence";
    T0113 Specifier "an unknown specifier";
    T0114 RunTimeSpecifier "a specifier that only the running machine can resolve";
    T0115 Variable "no assignment of a variable";
    T0116 DirectoryName "no name for a directory of the service";
    T0117 Command "no command line";
    T0118 CommandPrefix "prefixes of a command that do not go together";
    T0119 ResourceLimit "no resource limit";
    T0120 ConditionParameter "a condition without a parameter";
    T0121 Size "no size, share or rate";
    T0122 CalendarEvent "no calendar expression";
    T0123 Address "no address of a socket";
    T0124 Network "no IP prefix, network interface or rule for binding";
    T0125 Device "no device, or nothing that goes with one";
    T0126 CredentialName "no name of a credential";
    T0130 SystemCall "no system call, and no group of them";
    T0131 AllowedWithError "an error for a system call that is allowed";

    T0201 UnknownKey "an unknown key";
    T0202 UnknownSection "an unknown section";
    T0203 WrongSection "a key in the wrong section";
    T0204 Refused "a directive that tomte does not have";
    T0205 RefusedProtection "a protection that tomte does not have";
    T0206 OldSpelling "an old spelling";
    T0207 DeprecatedValue "a value that systemd has deprecated";
    T0208 TakenAs "a value that is taken as another one";

    T0301 NothingToRun "a service without a command";
    T0302 SeveralCommands "several commands in a service that has one";
    T0303 OneshotRestart "a restart that would never come to an end";
    T0304 NoStart "a service without ExecStart=";
    T0305 StopWithoutStart "a service that is over before it can be stopped";
    T0306 AmbientCapability "a capability that is given and taken away";
    T0307 DynamicUserName "a name that no dynamic user can have";
    T0308 DynamicUserImplies "a setting that DynamicUser= overrides";
    T0309 NothingToWaitFor "a socket, timer or path unit that nothing can start";
    T0310 Trigger "a unit that cannot be started by this one";
    T0311 Accept "what Accept=yes does not go with";
    T0312 SocketLinks "links to a socket that has not exactly one node";
    T0313 MountName "a mount or swap unit of another name than its path";
    T0314 NothingToMount "a mount unit without What=";
    T0315 ReadyFd "a descriptor that nobody can be ready through";
    T0320 NothingStarts "a filter of system calls that lets no program start";

    T0401 OrderingCycle "units that wait for each other";
    T0402 MissingUnit "a unit that is not there";
    T0403 NamesItself "a unit that names itself";
    T0404 UnitTwice "two units of one name";
    T0405 AliasTwice "two units of one alias";
    T0406 SharedOwner "two units that have the same thing for their own";
    T0407 NeedEachOther "units that need each other";
    T0408 NeedsWhatItExcludes "a unit that needs what it excludes";
    T0409 StartBound "a boot that may take too long";
    T0410 AliasKind "an alias of another kind";

    T0501 MissingProgram "a program that the image lacks";
    T0502 NotExecutable "a file that cannot be executed";
    T0503 MissingUser "a user or group that the image lacks";
    T0504 TakenName "a dynamic user whose name is taken";
    T0505 AccountTwice "a name or number of two users or groups";
    T0506 DynamicRange "a user or group with a number for dynamic users";
    T0507 TemporaryFiles "a directory that only tmpfiles.d would make";

    T0601 TableLimit "more than a table holds";

    T0701 MissingBoardUnit "a unit that board.toml names and that is not there";
    T0702 LockChanged "uids.lock was updated";
    T0703 BoardSyntax "a board.toml that is no TOML";
    T0704 BoardKey "an unknown key of board.toml";
    T0705 BoardValue "a value that a key of board.toml cannot have";
    T0706 BoardKeyMissing "a key that board.toml lacks";
    T0707 InheritUnknown "a board to inherit from that is not there";
    T0708 InheritLoop "boards that inherit from each other";
    T0709 WatchdogTimes "times of a watchdog that cannot work";
    T0710 NotVital "a vital unit that says nothing of the machine's health";

    T0801 VanishingVariable "a word that vanishes when the command runs";
    T0802 NeverElapses "a calendar expression that no moment fits";
    T0803 BlankOption "a blank between mount options";
    T0804 UnexpandedTemplate "a word that a build was to replace";
    T0805 LimitNeverReached "a limit of starts that is never reached";
    T0806 WorldWritable "a mode that lets everybody write";
    T0807 ForkingWithoutPidFile "a service that forks and does not say which process it is";
    T0808 UserWithoutNarrowing "a user of its own, and nothing else that narrows";

    T0901 NotYet "a directive that PID 1 cannot do yet";
    T0902 ProtectionNotYet "a protection that PID 1 cannot give yet";
    T0903 WithoutEffect "a directive without effect yet";

    T1001 NotKept "something of another init that a unit does not have";
    T1002 KeptOtherwise "something of another init that is done in another way";
    T1003 NoEntry "a line that the other init could not read either";
    T1004 NothingToImport "a file in which nothing is started";
    T1005 TooMuchToImport "more than one run imports";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = String;

    /// Takes `T0101` in either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|code| code.as_str().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| format!("{text} is no code; the first is {}", Self::ALL[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_keeps_its_meaning() {
        let table: String = Code::ALL.iter().map(|code| format!("{code} {}\n", code.title())).collect();
        let file = "src/diag/codes.txt";
        if std::env::var_os("TOMTE_BLESS").is_some() {
            std::fs::write(file, &table).expect("writable");
        }
        let known = std::fs::read_to_string(file).expect("readable");
        assert!(known == table, "a code has a new meaning, or is new; TOMTE_BLESS=1 accepts:\n{table}");
    }

    #[test]
    fn each_number_stands_once_and_in_order() {
        assert!(Code::ALL.is_sorted_by(|one, next| one.as_str() < next.as_str()));
        assert_eq!("t0101".parse(), Ok(Code::Word));
        assert!("T9999".parse::<Code>().is_err() && "101".parse::<Code>().is_err());
    }
}
