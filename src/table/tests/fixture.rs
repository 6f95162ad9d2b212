//! A small table in which every kind of value occurs.

use std::vec::Vec;

use super::super::*;

pub(super) const ARCH: Arch = Arch::X86_64;
pub(super) const INPUTS: [u8; 16] = *b"sixteen of these";

/// One instruction: the program ends and the call is made.
const ALLOW_ALL: &[u8] = &[0x06, 0, 0, 0, 0, 0, 0xff, 0x7f];
const ALLOW_TWICE: &[u8] = &[0x06, 0, 0, 0, 0, 0, 0xff, 0x7f, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f];

const LOGGING: Logging =
    Logging { rate_interval_ms: 30_000, rate_burst: 300, level: 5, level_max: 6, level_prefix: false };

/// The bytes of the lists that the records borrow.
pub(super) struct Parts {
    identities: Vec<u8>,
    filters: Vec<u8>,
    words: Vec<u8>,
    groups: Vec<u8>,
    environment: Vec<u8>,
    state_names: Vec<u8>,
    rlimits: Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            identities: list(&[
                Identity { name: "app", baked: 63016, hashed: 63016 },
                Identity { name: "app-group", baked: 61184, hashed: 65519 },
            ]),
            filters: list(&[Filter { program: ALLOW_ALL }, Filter { program: ALLOW_TWICE }]),
            words: strings(["app", "", "with blank", "ünïcode"]),
            groups: strings(["audio", "video"]),
            environment: strings(["LANG=C.UTF-8", "EMPTY="]),
            state_names: strings(["app", "app/sub"]),
            rlimits: list(&[
                Rlimit { resource: 7, soft: 1024, hard: 4096 },
                Rlimit { resource: 4, soft: 0, hard: u64::MAX },
            ]),
        }
    }
}

/// Bytes that live as long as the test program: lists of lists would need a second owner otherwise.
fn kept(bytes: Vec<u8>) -> &'static [u8] {
    bytes.leak()
}

impl Parts {
    pub(super) fn board(&self) -> Board<'_> {
        Board {
            name: "fixture",
            default_target: UnitId(2),
            uids: UidRange::DYNAMIC,
            identities: List::new(&self.identities),
            filters: List::new(&self.filters),
            slices: List::new(kept(list(&[slice("", &[]), slice("system.slice", b"memory.max\0\0@5000\0")]))),
            hostname: "tomte",
            environment: StrList::new(&self.environment).unwrap(),
            log: LogTarget::Kmsg,
            on_panic: PanicAction::Reboot,
            panic_delay: Micros::from_secs(10),
            may_lack: 2,
            transient: Transient::NONE,
            allow: List::new(kept(list(&[Allow {
                who: Who::User,
                number: 1000,
                verbs: 9,
                units: StrList::EMPTY,
            }]))),
            rescue: Some(UnitId(3)),
            volatile: StrList::new(b"overlay\0/dev/vda3\0ext4\0").unwrap(),
            initramfs: Some(UnitId(0)),
            aliases: StrList::new(b"www.service\0web.service\0old.service\0\0").unwrap(),
            vital: Vital {
                units: IdList::new(kept(ids([UnitId(0), UnitId(1)]))).unwrap(),
                patience: Micros::from_secs(60),
                group_patience: Micros::from_secs(20),
                good_after: Micros::from_secs(30),
                on_good: Some(UnitId(1)),
                on_sick: None,
            },
            watchdog: Watchdog {
                device: "/dev/watchdog0",
                timeout: Micros::from_secs(30),
                pretimeout: Micros::from_secs(5),
                interval: Micros::from_secs(12),
                shutdown: Micros::from_secs(600),
                kexec: Micros::from_secs(60),
                probe: "/sbin/init",
            },
        }
    }

    /// `app.service`, which the rest is about, a plain oneshot, and two targets.
    pub(super) fn units(&self) -> Vec<Unit<'_>> {
        let ids = |list: &[u16]| IdList::new(kept(ids(list.iter().copied().map(UnitId)))).unwrap();
        let head = |name: &'static str| Head {
            name: Name::new(name).unwrap(),
            description: "",
            wants: IdList::default(),
            requires: IdList::default(),
            required_by: IdList::default(),
            after: IdList::default(),
            before: IdList::default(),
            conditions: List::default(),
            related: List::default(),
            manners: Manners::DEFAULT,
            file_state: FileState::Static,
            start_limit: StartLimit { interval: Micros::from_secs(10), burst: 5 },
        };
        let app = Head {
            description: "An app, ünïcode too",
            requires: ids(&[3]),
            after: ids(&[1, 3]),
            before: ids(&[2]),
            ..head("app.service")
        };
        let first = Head { before: ids(&[0]), ..head("first.service") };
        let target = Head { wants: ids(&[0, 1]), after: ids(&[0]), ..head("multi-user.target") };
        let sysinit = Head { required_by: ids(&[0]), before: ids(&[0]), ..head("sysinit.target") };
        std::vec![
            Unit {
                head: app,
                kind: Kind::Service,
                reboot_argument: "recovery",
                job_timeout_reboot_argument: "",
                service: Some(self.service())
            },
            Unit {
                head: first,
                kind: Kind::Service,
                reboot_argument: "",
                job_timeout_reboot_argument: "late",
                service: Some(self.oneshot())
            },
            Unit {
                head: target,
                kind: Kind::Target,
                reboot_argument: "",
                job_timeout_reboot_argument: "",
                service: None
            },
            Unit {
                head: sysinit,
                kind: Kind::Target,
                reboot_argument: "",
                job_timeout_reboot_argument: "",
                service: None
            },
        ]
    }

    pub(super) fn command(&self) -> Command<'_> {
        Command {
            call: Call::Execute,
            path: "/bin/app",
            argv: StrList::new(&self.words).unwrap(),
            ignore_failure: false,
            expand: true,
            privilege: Privilege::Restricted,
        }
    }

    fn service(&self) -> Service<'_> {
        let second = Command { path: "/bin/two", ignore_failure: true, expand: false, ..self.command() };
        let full = Command { privilege: Privilege::Full, call: Call::Unmount, ..self.command() };
        let mut clean = ExitSet::default();
        clean.add_code(3);
        clean.add_signal(10);
        Service {
            service_type: ServiceType::Exec,
            remain_after_exit: false,
            restart: Restart::OnFailure,
            restart_delay: Micros::from_millis(100),
            success_exit_status: clean,
            restart_prevent_exit_status: ExitSet::default(),
            restart_force_exit_status: ExitSet::default(),
            timeout_start: Micros::from_secs(90),
            timeout_stop: Micros::FOREVER,
            timeout_abort: Micros::from_secs(20),
            start_failure_mode: FailureMode::Terminate,
            stop_failure_mode: FailureMode::Abort,
            runtime_max: Micros::from_secs(3600),
            runtime_extra: Micros::from_secs(60),
            restart_direct: true,
            restart_steps: 3,
            restart_delay_max: Micros::from_secs(60),
            restart_growth: 2.5_f64.to_bits(),
            exit_with_last: false,
            pid_file: "/run/app.pid",
            guess_main_pid: true,
            notify_access: NotifyAccess::Exec,
            ready_fd: 4,
            watchdog: Micros::from_secs(30),
            reload_signal: 1,
            oom_policy: OomPolicy::Stop,
            of_socket: false,
            per_connection: false,
            store_max: 300,
            store_preserve: Preserve::Restart,
            non_blocking: false,
            kill: Kill {
                mode: KillMode::Mixed,
                signal: 15,
                restart_signal: 10,
                final_signal: 9,
                watchdog_signal: 6,
                send_sighup: false,
                send_sigkill: true,
            },
            commands: Commands {
                start: List::new(kept(list(&[self.command(), second]))),
                stop_post: List::new(kept(list(&[full]))),
                ..Commands::default()
            },
            exec: self.exec(),
        }
    }

    fn oneshot(&self) -> Service<'_> {
        let exec = self.exec();
        Service {
            service_type: ServiceType::Oneshot,
            remain_after_exit: true,
            restart: Restart::No,
            exec: Exec { dynamic_user: false, user_identity: None, group_identity: None, ..exec },
            ..self.service()
        }
    }

    fn exec(&self) -> Exec<'_> {
        let (set, clear) = (Mount::RDONLY, Mount::NOEXEC);
        let mount =
            |path, content, source| Mount { path, content, source, set, only: 0, clear, optional: false };
        Exec {
            user: "app",
            group: "app-group",
            supplementary_groups: StrList::new(&self.groups).unwrap(),
            dynamic_user: true,
            user_identity: Some(IdentityId(0)),
            group_identity: Some(IdentityId(1)),
            environment: StrList::new(&self.environment).unwrap(),
            environment_files: StrList::new(b"-/etc/default/app\0").unwrap(),
            pass_environment: StrList::new(b"container\0").unwrap(),
            unset_environment: StrList::new(b"LANG\0").unwrap(),
            search_path: "/opt/bin",
            login_environment: LoginEnvironment::Never,
            working_directory: "/srv",
            working_directory_optional: true,
            umask: 0o027,
            rlimits: List::new(&self.rlimits),
            capability_bounding_set: 1 << 10,
            ambient_capabilities: 1 << 10,
            no_new_privileges: true,
            private_tmp: PrivateTmp::Disconnected,
            secure_bits: 3,
            keyring: Keyring::Inherit,
            view_besides: None,
            view_privileged: None,
            namespaces: Namespaces { network: true, users: PrivateUsers::Own, ..Namespaces::HOST },
            scheduling: Scheduling {
                nice: Some(25),
                affinity: &[5],
                oom_score_adjust: "-5",
                ..Scheduling::UNSET
            },
            view: View {
                own: true,
                root: "",
                propagation: Propagation::Slave,
                mounts: List::new(kept(list(&[
                    mount("/", Content::Itself, ""),
                    mount("/srv", Content::Bind, "/data"),
                ]))),
            },
            landlock: Landlock { writable: StrList::new(b"/srv\0"), ..Landlock::NONE },
            cgroup: cgroup(),
            filter: Some(FilterId(1)),
            no_write_execute: true,
            remove_ipc: true,
            directories: List::new(kept(list(&[
                directories(DirectoryKind::Runtime, 0o750, b"app\0"),
                directories(DirectoryKind::State, 0o700, &self.state_names),
            ]))),
            runtime_directory_preserve: Preserve::Restart,
            credentials: StrList::new(b"/\0key\0/etc/key\0=\0word\x002\0").unwrap(),
            credential_values: b"x\0",
            stdin: Stdin::Null,
            stdout: Stdout::Journal,
            stderr: Stdout::Inherit,
            stdin_path: "",
            stdin_data: b"a\0",
            stdout_path: "/var/log/app",
            stderr_path: "",
            tty_path: "/dev/console",
            terminal: Terminal::AS_IT_IS,
            syslog_identifier: "app",
            logging: LOGGING,
            ignore_sigpipe: true,
            posture: StrList::new(b"DynamicUser=yes\t0\t1099511627776\0").unwrap(),
        }
    }
}

fn cgroup() -> Cgroup<'static> {
    Cgroup {
        slice: "system.slice",
        settings: StrList::new(b"pids.max\0\0@1500\0").unwrap(),
        delegate: true,
        subgroup: "main",
        devices: Some(Devices {
            program: FilterId(0),
            fixed: 8,
            late: StrList::new(b"char-rtc\0").unwrap(),
            needed: true,
        }),
        network: List::new(kept(list(&[
            Hook { traffic: Traffic::Egress, program: FilterId(0) },
            Hook { traffic: Traffic::Bind6, program: FilterId(0) },
        ]))),
    }
}

fn slice(path: &'static str, settings: &'static [u8]) -> Slice<'static> {
    Slice {
        path,
        settings: StrList::new(settings).unwrap(),
        controllers: StrList::new(b"+memory\0").unwrap(),
        usual_controllers: StrList::new(b"+pids\0").unwrap(),
    }
}

/// The fixture's table.
pub(super) fn blob() -> Vec<u8> {
    let parts = Parts::default();
    encode(ARCH, INPUTS, &parts.board(), &parts.units()).unwrap()
}

/// The same bytes with their length and a right checksum, so that the decoder has to notice what is wrong.
pub(super) fn reseal(mut bytes: Vec<u8>) -> Vec<u8> {
    seal(&mut bytes);
    bytes
}

/// The service of a unit that is one.
pub(super) fn service<'u, 't>(unit: &'u mut Unit<'t>) -> &'u mut Service<'t> {
    unit.service.as_mut().expect("a service")
}

/// The processes of a unit that is a service.
pub(super) fn exec<'u, 't>(unit: &'u mut Unit<'t>) -> &'u mut Exec<'t> {
    &mut service(unit).exec
}

fn directories(kind: DirectoryKind, mode: u16, names: &[u8]) -> Directories<'_> {
    Directories { kind, mode, names: StrList::new(names).unwrap(), links: StrList::EMPTY }
}
