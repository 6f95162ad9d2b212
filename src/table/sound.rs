//! Whether decoded records make sense: what `open` asks of each, so that nobody asks again.
//!
//! Decoding alone allows any number and any text. After these checks every reference points at something, every list is
//! whole and within its limit, and no text that becomes a C string has a NUL in it.

use super::{
    Board, Calendar, Cgroup, CommandKind, Devices, Directories, DirectoryKind, Exec, Filter, FilterId, Hook,
    IdList, Identity, IdentityId, Kill, Kind, Landlock, Micros, Mount, Service, Slice, Socket, StrList,
    Traffic, Unit, UnitId, View,
    limits::{
        AFFINITY_BYTES_MAX, ALIASES_MAX, ALLOW_MAX, COMMANDS_MAX, CONDITIONS_MAX, CREDENTIALS_MAX,
        DIRECTORIES_MAX, ELAPSES_MAX, ENVIRONMENT_FILES_MAX, ENVIRONMENT_MAX, FILTER_BYTES_MAX,
        FILTER_INSTRUCTION_BYTES, FILTERS_MAX, GROUPS_MAX, IDENTITIES_MAX, LATE_DEVICES_MAX, LISTEN_MAX,
        MOUNTS_MAX, OPTIONS_MAX, OWN_NUMBERS_MAX, PATH_BYTES_MAX, POSTURE_MAX, RLIMITS_MAX, SETTINGS_MAX,
        SLICE_BYTES_MAX, SLICES_MAX, SYMLINKS_MAX, UNITS_MAX, USER_NAME_BYTES_MAX, WATCHES_MAX,
        WORDS_BYTES_MAX, WORDS_MAX,
    },
};

/// Highest signal number of the kernel (`_NSIG`).
const SIGNAL_MAX: u8 = 64;

impl Board<'_> {
    /// Whether the board's references and lists fit a table of `units` units.
    pub fn is_sound(&self, units: usize) -> bool {
        let one = |identity: &Identity<'_>| {
            (1..=USER_NAME_BYTES_MAX).contains(&identity.name.len())
                && is_c_string(identity.name)
                && self.uids.contains(identity.baked)
                && self.uids.contains(identity.hashed)
        };
        let known = |id: UnitId| id.index() < units;
        known(self.default_target)
            && self.uids.is_valid()
            && self.identities.are_all(IDENTITIES_MAX, one)
            && self.identities.iter().filter_map(|one| one.own_number()).count() <= OWN_NUMBERS_MAX
            && self.filters.are_all(FILTERS_MAX, Filter::is_sound)
            && self.slices.are_all(SLICES_MAX, Slice::is_sound)
            && self.allow.are_all(ALLOW_MAX, |rule| holds(rule.units, UNITS_MAX))
            && is_c_string(self.hostname)
            && self.transient.is_sound(self.identity_count())
            && self.vital.units.iter().all(known)
            && [self.rescue, self.initramfs, self.vital.on_good, self.vital.on_sick]
                .iter()
                .flatten()
                .all(|id| known(*id))
            && is_path(self.watchdog.device)
            && is_path(self.watchdog.probe)
            && (self.watchdog.device.is_empty() || self.watchdog.interval != Micros::ZERO)
            && holds(self.environment, ENVIRONMENT_MAX)
            && holds(self.aliases, 2 * ALIASES_MAX)
    }
}

impl Filter<'_> {
    /// What the program does is the kernel's to check.
    fn is_sound(&self) -> bool {
        !self.program.is_empty()
            && self.program.len() <= FILTER_BYTES_MAX
            && self.program.len().is_multiple_of(FILTER_INSTRUCTION_BYTES)
    }
}

impl Unit<'_> {
    /// Whether every reference points into tables of the given sizes and every list is whole and within its limit.
    pub fn is_sound(&self, units: usize, identities: usize, filters: usize) -> bool {
        let known = |ids: IdList<'_>| ids.iter().all(|UnitId(id)| usize::from(id) < units);
        let related = self.related.count().is_some() && self.related.iter().all(|one| known(one.units));
        let lists = [self.wants, self.requires, self.required_by, self.after, self.before];
        let conditions = self.conditions;
        related
            && lists.into_iter().all(known)
            && conditions.count().is_some_and(|count| count <= CONDITIONS_MAX)
            && conditions.iter().all(|condition| is_path(condition.parameter))
            && match &self.kind {
                Kind::Target => self.service.is_none(),
                Kind::Service => self.service.is_some(),
                Kind::Socket(socket) => socket.is_sound(),
                Kind::Path(path) => path.watches.are_all(WATCHES_MAX, |watch| is_path(watch.path)),
                Kind::Device(node) => is_path(node) && self.service.is_none(),
                Kind::Timer(timer) => {
                    timer.spans.are_all(ELAPSES_MAX, |_| true)
                        && timer.calendars.are_all(ELAPSES_MAX, Calendar::is_sound)
                }
            }
            && [self.reboot_argument, self.job_timeout_reboot_argument].iter().all(|word| is_path(word))
            && self.service.as_ref().is_none_or(|service| service.is_sound(identities, filters))
    }
}

impl Socket<'_> {
    fn is_sound(&self) -> bool {
        [self.name, self.user, self.group].iter().all(|path| is_path(path))
            && holds(self.symlinks, SYMLINKS_MAX)
            && self.listen.are_all(LISTEN_MAX, |listen| {
                is_path(listen.path)
                    && is_path(listen.interface)
                    && listen.options.are_all(OPTIONS_MAX, |_| true)
            })
    }
}

impl Service<'_> {
    fn is_sound(&self, identities: usize, filters: usize) -> bool {
        let is_signal = |signal: &u8| (1..=SIGNAL_MAX).contains(signal);
        let Kill { signal, restart_signal, final_signal, watchdog_signal, .. } = self.kill;
        let signals = [signal, restart_signal, final_signal, watchdog_signal, self.reload_signal];
        signals.iter().all(is_signal)
            && is_path(self.pid_file)
            && f64::from_bits(self.restart_growth) >= 1.0
            && CommandKind::ALL.iter().all(|kind| self.has_sound_commands(*kind))
            && self.exec.is_sound(identities, filters)
    }

    fn has_sound_commands(&self, kind: CommandKind) -> bool {
        self.commands.of(kind).are_all(COMMANDS_MAX, |command| {
            is_path(command.path) && holds(command.argv, WORDS_MAX) && !command.argv.is_empty()
        })
    }
}

impl Exec<'_> {
    fn is_sound(&self, identities: usize, filters: usize) -> bool {
        let known = |id: Option<IdentityId>| id.is_none_or(|id| id.index() < identities);
        let paths = [self.user, self.group, self.working_directory, self.tty_path, self.syslog_identifier];
        known(self.user_identity)
            && known(self.group_identity)
            && self.filter.is_none_or(|FilterId(id)| usize::from(id) < filters)
            && self.cgroup.is_sound(filters)
            && paths.iter().all(|path| is_path(path))
            && self.umask <= 0o777
            && holds(self.environment, ENVIRONMENT_MAX)
            && holds(self.environment_files, ENVIRONMENT_FILES_MAX)
            && holds(self.pass_environment, ENVIRONMENT_MAX)
            && holds(self.unset_environment, ENVIRONMENT_MAX)
            && holds(self.supplementary_groups, GROUPS_MAX)
            && holds(self.credentials, CREDENTIALS_MAX)
            && self.rlimits.are_all(RLIMITS_MAX, |limit| usize::from(limit.resource) < RLIMITS_MAX)
            && self.directories.are_all(DirectoryKind::ALL.len(), Directories::is_sound)
            && self.view.is_sound()
            && [&self.view_besides, &self.view_privileged].into_iter().flatten().all(View::is_sound)
            && [
                self.namespaces.network_path,
                self.namespaces.ipc_path,
                self.search_path,
                self.stdin_path,
                self.stdout_path,
                self.stderr_path,
            ]
            .iter()
            .all(|path| is_path(path))
            && self.scheduling.nice.is_none_or(|nice| nice < 40)
            && self.scheduling.affinity.len() <= AFFINITY_BYTES_MAX
            && self.landlock.is_sound()
            && holds(self.posture, POSTURE_MAX)
    }
}

impl Slice<'_> {
    fn is_sound(&self) -> bool {
        is_slice(self.path)
            && are_settings(self.settings)
            && holds(self.controllers, SETTINGS_MAX)
            && holds(self.usual_controllers, SETTINGS_MAX)
    }
}

impl Cgroup<'_> {
    fn is_sound(&self, filters: usize) -> bool {
        let sound = |Devices { program: FilterId(id), late, .. }: Devices<'_>| {
            usize::from(id) < filters && holds(late, LATE_DEVICES_MAX)
        };
        let mut last = None;
        let programs = |hook: &Hook| {
            let once = last.replace(hook.traffic as u8) < Some(hook.traffic as u8);
            once && usize::from(hook.program.0) < filters
        };
        is_slice(self.slice)
            && are_settings(self.settings)
            && (self.subgroup.is_empty() || is_inside(self.subgroup))
            && !self.subgroup.contains('/')
            && self.devices.is_none_or(sound)
            && self.network.are_all(Traffic::ALL.len(), programs)
    }
}

impl View<'_> {
    fn is_sound(&self) -> bool {
        let (mut sorted, mut last) = (true, "");
        for mount in self.mounts.iter() {
            sorted &= last <= mount.path;
            last = mount.path;
        }
        let sound = |mount: &Mount<'_>| {
            is_place(mount.path)
                && is_path(mount.source)
                && (mount.set | mount.only | mount.clear) & !Mount::FLAGS == 0
        };
        (self.root.is_empty() || is_place(self.root)) && self.mounts.are_all(MOUNTS_MAX, sound) && sorted
    }
}

impl Landlock<'_> {
    fn is_sound(&self) -> bool {
        [self.writable, self.executable]
            .iter()
            .flatten()
            .all(|paths| holds(*paths, MOUNTS_MAX) && paths.iter().all(is_place))
    }
}

impl Directories<'_> {
    fn is_sound(&self) -> bool {
        // `..` or a leading slash would leave the prefix; the baker has normalised the names.
        self.mode <= 0o7777
            && [self.names, self.links].iter().all(|list| list.iter().all(is_inside))
            && holds(self.names, DIRECTORIES_MAX)
            && holds(self.links, 2 * DIRECTORIES_MAX)
    }
}

/// Whether `path` is absolute and leads straight down.
fn is_place(path: &str) -> bool {
    path == "/" || path.strip_prefix('/').is_some_and(is_inside)
}

/// Whether `path` is relative and leads straight down.
fn is_inside(path: &str) -> bool {
    is_path(path) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn is_slice(path: &str) -> bool {
    path.is_empty() || path.len() <= SLICE_BYTES_MAX && is_inside(path)
}

/// A file, a device and a text each.
fn are_settings(list: StrList<'_>) -> bool {
    holds(list, 3 * SETTINGS_MAX) && list.count().is_multiple_of(3)
}

fn is_c_string(text: &str) -> bool {
    !text.as_bytes().contains(&0)
}

fn is_path(text: &str) -> bool {
    text.len() < PATH_BYTES_MAX && is_c_string(text)
}

fn holds(list: StrList<'_>, most: usize) -> bool {
    list.as_bytes().len() <= WORDS_BYTES_MAX && list.count() <= most
}
