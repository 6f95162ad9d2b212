//! What units that are made at run time are put together from ([`Transient`]): found out by checking and baking a unit for
//! every word of every setting, and comparing its record with that of a unit without settings.

use anyhow::{Context, Result, bail, ensure};
use bumpalo::Bump;
use tomte::table::{self, Change, Form, Merge, Part, Setting, Transient, Word};

use super::{
    Identity,
    filters::Filters,
    leaves::{self, Leaf},
    record::{self, Shared},
};
use crate::{
    board::Board,
    cgroup::settings,
    check::{self, Image},
    diag::Diagnostics,
    order::Node,
    uids,
    values::{rlimit, unit_name::UnitName},
};

/// The first one's name; what `DynamicUser=` makes of it is its user.
const NAME: &str = "run-r0.service";
/// A unit without settings.
const UNIT: &str = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=:/bin/true\n";

const SERVICE: &str = "Service";
const YES_NO: &[&str] = &["yes", "no"];

/// Settings with a fixed list of words. What needs a filter of system calls of its own is not among them: filters are
/// compiled on the host.
const WORDS: [(&str, &[&str]); 29] = [
    ("CollectMode", &["inactive", "inactive-or-failed"]),
    ("DynamicUser", YES_NO),
    ("Type", &["simple", "exec", "oneshot", "notify", "notify-reload"]),
    ("RemainAfterExit", YES_NO),
    ("Restart", &["no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog"]),
    ("NotifyAccess", &["none", "main", "exec", "all"]),
    ("KillMode", &["control-group", "mixed", "process", "none"]),
    ("KillSignal", &["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2"]),
    ("SendSIGHUP", YES_NO),
    ("SendSIGKILL", YES_NO),
    ("ExitType", &["main", "cgroup"]),
    ("NoNewPrivileges", YES_NO),
    ("PrivateTmp", &["yes", "no", "disconnected"]),
    ("PrivateNetwork", YES_NO),
    ("PrivateIPC", YES_NO),
    ("PrivatePIDs", YES_NO),
    ("PrivateMounts", YES_NO),
    ("PrivateUsers", &["yes", "no"]),
    ("ProtectSystem", &["yes", "no", "full", "strict"]),
    ("ProtectHome", &["yes", "no", "read-only", "tmpfs"]),
    ("ProtectControlGroups", YES_NO),
    ("ProtectProc", &["default", "invisible", "noaccess", "ptraceable"]),
    ("ProcSubset", &["all", "pid"]),
    ("RemoveIPC", YES_NO),
    ("IgnoreSIGPIPE", YES_NO),
    ("KeyringMode", &["private", "shared", "inherit"]),
    ("StandardInput", &["null", "tty", "tty-force", "tty-fail"]),
    ("StandardOutput", &["inherit", "null", "journal", "tty"]),
    ("StandardError", &["inherit", "null", "journal", "tty"]),
];

/// Settings with a value: how it is written, and two that are not what is there without.
const VALUES: [(&str, &str, Form, [&str; 2]); 28] = [
    ("Unit", "Description", Form::Text, ["one", "another"]),
    (SERVICE, "User", Form::User, ["one", "another"]),
    (SERVICE, "Group", Form::User, ["one", "another"]),
    (SERVICE, "WorkingDirectory", Form::Path, ["/one", "/another"]),
    (SERVICE, "SyslogIdentifier", Form::Text, ["one", "another"]),
    (SERVICE, "Nice", Form::Nice, ["3", "4"]),
    (SERVICE, "Environment", Form::Assignment, ["A=one", "A=another"]),
    (SERVICE, "RestartSec", Form::Time, ["3", "4"]),
    (SERVICE, "TimeoutStartSec", Form::Time, ["3", "4"]),
    (SERVICE, "TimeoutStopSec", Form::Time, ["3", "4"]),
    (SERVICE, "RuntimeMaxSec", Form::Time, ["3", "4"]),
    (SERVICE, "WatchdogSec", Form::Time, ["3", "4"]),
    (SERVICE, "MemoryHigh", Form::Amount, ["3", "4"]),
    (SERVICE, "MemoryMax", Form::Amount, ["3", "4"]),
    (SERVICE, "MemorySwapMax", Form::Amount, ["3", "4"]),
    (SERVICE, "TasksMax", Form::Amount, ["3", "4"]),
    (SERVICE, "CPUQuota", Form::Share, ["3%", "4%"]),
    (SERVICE, "CPUWeight", Form::Weight, ["3", "4"]),
    (SERVICE, "LimitAS", Form::LimitBytes, ["3", "4"]),
    (SERVICE, "LimitCORE", Form::LimitBytes, ["3", "4"]),
    (SERVICE, "LimitDATA", Form::LimitBytes, ["3", "4"]),
    (SERVICE, "LimitFSIZE", Form::LimitBytes, ["3", "4"]),
    (SERVICE, "LimitMEMLOCK", Form::LimitBytes, ["3", "4"]),
    (SERVICE, "LimitSTACK", Form::LimitBytes, ["3", "4"]),
    (SERVICE, "LimitNOFILE", Form::Limit, ["3", "4"]),
    (SERVICE, "LimitNPROC", Form::Limit, ["3", "4"]),
    (SERVICE, "LimitRTPRIO", Form::Limit, ["3", "4"]),
    (SERVICE, "LimitSIGPENDING", Form::Limit, ["3", "4"]),
];

/// `CPUQuota=` and its kind where no unit of the table has such a setting.
const NO_CPU: &str = "no unit of the image has one, so the kernel does not divide the processor";

/// How several settings that change one field go together; all others have to agree.
const MERGES: [(&str, Merge); 3] = [
    ("service.exec.posture", Merge::Strings),
    ("service.exec.view.mounts", Merge::Mounts),
    ("service.exec.capability_bounding_set", Merge::Both),
];

/// The names behind `DynamicUser=` of `slots` units. They keep nothing from boot to boot, so they have no line in
/// `uids.lock`.
pub(super) fn identities(board: &Board) -> impl Iterator<Item = Identity> {
    let range = board.uids();
    (0..board.config.transient_units).map(move |slot| {
        let name = format!("run-r{slot}");
        let hashed = uids::hashed(&name, range);
        Identity { name, baked: hashed, hashed }
    })
}

/// Adds the filter that `DynamicUser=` brings along.
pub(super) fn add_filters(board: &Board, filters: &mut Filters) -> Result<()> {
    if board.config.transient_units == 0 {
        return Ok(());
    }
    let node = node(board, SERVICE, "DynamicUser=yes")?;
    let service = node.unit.kind.service().context("a service")?;
    filters.add(&service.exec.system_calls, board.arch())
}

/// The pieces for `board`; the identities of the slots are the last of `shared`.
pub(super) fn pieces<'a>(arena: &'a Bump, board: &Board, shared: Shared<'_>) -> Result<Transient<'a>> {
    let slots = board.config.transient_units;
    if slots == 0 {
        return Ok(Transient::NONE);
    }
    let plain = fields(board, SERVICE, "", shared)?;
    let place = |path: &str| {
        let found = plain.iter().position(|leaf| leaf.path == path).and_then(|at| u8::try_from(at).ok());
        found.with_context(|| format!("a service's record has no {path} among its first fields"))
    };
    let merge = |leaf: &Leaf| {
        MERGES.iter().find(|(path, _)| *path == leaf.path).map_or(Merge::Same, |(_, merge)| *merge)
    };
    let parts: Vec<Part<'_>> = plain
        .iter()
        .map(|leaf| Part { merge: merge(leaf), bytes: arena.alloc_slice_copy(&leaf.bytes) })
        .collect();
    let mut settings = Vec::new();
    for (name, words) in WORDS {
        settings.push(with_words(arena, board, shared, &plain, name, words).with_context(|| name)?);
    }
    let cpu = shared.cgroups.divides("cpu");
    for (section, name, form, samples) in VALUES {
        if matches!(form, Form::Share | Form::Weight) && !cpu {
            settings.push(refused(name, NO_CPU));
            continue;
        }
        settings.push(
            with_value(arena, board, shared, &plain, section, name, form, samples).with_context(|| name)?,
        );
    }
    let identity = shared.identities.len().saturating_sub(usize::from(slots));
    Ok(Transient {
        slots,
        identity: table::IdentityId(u16::try_from(identity)?),
        parts: record::list(arena, &parts),
        name: place("head.name")?,
        start: place("service.commands.start")?,
        settings: record::list(arena, &settings),
    })
}

/// A setting that cannot be set.
fn refused(name: &'static str, why: &'static str) -> Setting<'static> {
    Setting { name, form: Form::Refused, key: why, values: &[], words: table::List::new(&[]) }
}

fn with_words<'a>(
    arena: &'a Bump,
    board: &Board,
    shared: Shared<'_>,
    plain: &[Leaf],
    name: &'static str,
    words: &[&'static str],
) -> Result<Setting<'a>> {
    let mut records = Vec::new();
    let section = if name == "CollectMode" { "Unit" } else { SERVICE };
    for word in words {
        let own = fields(board, section, &format!("{name}={word}"), shared)?;
        records.push(Word { word, changes: record::list(arena, &changes(arena, plain, &own)?) });
    }
    Ok(Setting { name, form: Form::Words, key: "", values: &[], words: record::list(arena, &records) })
}

#[expect(clippy::too_many_arguments, reason = "one line of a table")]
fn with_value<'a>(
    arena: &'a Bump,
    board: &Board,
    shared: Shared<'_>,
    plain: &[Leaf],
    section: &'static str,
    name: &'static str,
    form: Form,
    samples: [&str; 2],
) -> Result<Setting<'a>> {
    let [one, other] = samples.map(|sample| fields(board, section, &format!("{name}={sample}"), shared));
    let (one, other) = (one?, other?);
    let mut values = Vec::new();
    let mut besides = one.clone();
    for (at, (one, other)) in one.iter().zip(&other).enumerate() {
        if one != other {
            values.push(u8::try_from(at)?);
            besides[at] = plain[at].clone();
        }
    }
    ensure!(!values.is_empty(), "its value is nowhere in the record");
    let zero = fields(board, section, &format!("{name}=0"), shared);
    let forever = table::list(&[u64::MAX]);
    let form = match (form, zero) {
        (Form::Time, Ok(zero)) if values.iter().all(|at| zero[usize::from(*at)].bytes == forever) => {
            Form::TimeOrForever
        }
        (form, _) => form,
    };
    let word = Word { word: "", changes: record::list(arena, &changes(arena, plain, &besides)?) };
    let values = arena.alloc_slice_copy(&values);
    let key = arena.alloc_str(&key_of(&node(board, section, &format!("{name}={}", samples[0]))?, name, form));
    Ok(Setting { name, form, key, values, words: record::list(arena, &[word]) })
}

/// What [`Setting::key`] is for the setting `name`, which `node` has.
fn key_of(node: &Node, name: &str, form: Form) -> String {
    let Some(service) = node.unit.kind.service() else { return String::new() };
    match form {
        Form::Weight | Form::Share | Form::Amount => {
            let files = settings::of(&service.resources, &settings::Unsaid::default());
            files.first().map_or_else(String::new, |setting| setting.file.to_owned())
        }
        Form::Limit | Form::LimitBytes => {
            let limit = service.exec.rlimits.iter().find(|limit| rlimit::key(limit.resource) == name);
            limit.map_or_else(String::new, |limit| char::from(limit.resource).to_string())
        }
        Form::Words
        | Form::Time
        | Form::TimeOrForever
        | Form::Text
        | Form::User
        | Form::Path
        | Form::Nice
        | Form::Assignment
        | Form::Refused => String::new(),
    }
}

/// What is different in `own`.
fn changes<'a>(arena: &'a Bump, plain: &[Leaf], own: &[Leaf]) -> Result<Vec<Change<'a>>> {
    let mut changes = Vec::new();
    for (at, (plain, own)) in plain.iter().zip(own).enumerate() {
        if plain != own {
            let bytes = arena.alloc_slice_copy(&own.bytes);
            changes.push(Change { part: u8::try_from(at)?, bytes });
        }
    }
    Ok(changes)
}

/// The fields of the record of a unit with one line more in `section`.
fn fields(board: &Board, section: &str, line: &str, shared: Shared<'_>) -> Result<Vec<Leaf>> {
    let node = node(board, section, line)?;
    let policy = node.unit.kind.service().map(|service| &service.exec.system_calls);
    if let Some(policy) = policy.filter(|policy| !shared.filters.knows(policy)) {
        bail!("it needs a filter of system calls of its own: {policy:?}");
    }
    let arena = Bump::new();
    Ok(leaves::of(&whole(&arena, &node, shared)?))
}

/// The record of a unit that is made at run time.
fn whole<'a>(arena: &'a Bump, node: &'a Node, shared: Shared<'_>) -> Result<table::Unit<'a>> {
    let mut unit = record::unit(arena, node, shared)?;
    unit.head.file_state = table::FileState::Transient;
    if let Some(service) = &mut unit.service {
        // Rules do not add up as mounts do. They would only hold where there are no mount namespaces anyhow: no setting
        // here takes away what Landlock forbids besides.
        service.exec.landlock = table::Landlock::NONE;
    }
    Ok(unit)
}

/// A unit that has nothing to do with any other, with one line more in `section`.
fn node(board: &Board, section: &str, line: &str) -> Result<Node> {
    of_text(board, &format!("{UNIT}[{section}]\n{line}\n"))
}

/// The unit with the file `text`.
fn of_text(board: &Board, text: &str) -> Result<Node> {
    let image = Image {
        architecture: Some(board.arch()),
        hostname: Some(board.config.hostname.clone()),
        ..Image::default()
    };
    let mut problems = Diagnostics::default();
    let name = UnitName::new(NAME).map_err(|problem| anyhow::anyhow!("{NAME}: {problem:?}"))?;
    let unit = check::unit_of(name, text.as_bytes().to_vec(), image.facts(), &mut problems);
    ensure!(!problems.has_errors(), "{}", problems.render(false));
    Ok(Node::new(unit))
}

#[cfg(test)]
mod tests {
    use tomte::table::{ComposeError, SCHEMA, Table, Transient, compose};

    use super::*;
    use crate::{bake, cgroup::Cgroups};

    fn host() -> Board {
        Board::load("host").expect("the host board")
    }

    /// The table of the host board without units.
    fn table(board: &Board) -> Vec<u8> {
        let mut diagnostics = Diagnostics::default();
        bake::bake_loose(board, Vec::new(), &mut diagnostics).expect("a table").table
    }

    /// What the client makes of `settings`.
    fn composed<'a>(
        transient: &Transient<'a>,
        settings: &[(&'a str, &'a str)],
    ) -> Result<Vec<u8>, ComposeError<'a>> {
        let mut room = vec![0; 16 << 10];
        let length = compose(transient, NAME, &["/bin/true", "a b"], settings, &mut room)?;
        room.truncate(length);
        Ok(room)
    }

    /// What the baker makes of the same in a unit file.
    fn baked(board: &Board, settings: &[(&str, &str)]) -> Vec<u8> {
        let mut text = "[Unit]\nDefaultDependencies=no\n".to_owned();
        let of = |section: &str| {
            let named = VALUES.iter().filter(move |(of, ..)| *of == section).map(|(_, name, ..)| *name);
            named.collect::<Vec<_>>()
        };
        let lines = |unit: bool| {
            let of_unit = move |key: &str| key == "CollectMode" || of("Unit").contains(&key);
            let lines = settings.iter().filter(move |(key, _)| of_unit(key) == unit);
            lines.map(|(key, value)| format!("{key}={value}\n")).collect::<String>()
        };
        text += &lines(true);
        text += "[Service]\nExecStart=:/bin/true \"a b\"\n";
        text += &lines(false);
        let node = of_text(board, &text).expect(&text);
        let mut filters = Filters::default();
        add_filters(board, &mut filters).expect("a filter");
        let identities: Vec<Identity> = identities(board).collect();
        let cgroups = Cgroups::default();
        let shared = Shared {
            arch: board.arch(),
            identities: &identities,
            filters: &filters,
            cgroups: &cgroups,
            known: &crate::allow::Known::default(),
        };
        let arena = Bump::new();
        let record = whole(&arena, &node, shared).expect("a record");
        leaves::of(&record).into_iter().flat_map(|leaf| leaf.bytes).collect()
    }

    #[test]
    fn the_clients_record_is_the_bakers() {
        let board = host();
        let table = table(&board);
        let table = Table::open(&table, Some(board.arch())).expect("a table of this schema");
        let transient = table.board().transient;
        let cases: [&[(&str, &str)]; 17] = [
            &[],
            &[("DynamicUser", "yes")],
            &[("DynamicUser", "1")],
            &[("User", "nobody"), ("Group", "nogroup")],
            &[("User", "1000"), ("WorkingDirectory", "/srv/x")],
            &[("Description", "A nap"), ("Type", "oneshot"), ("RemainAfterExit", "true")],
            &[("Restart", "on-failure"), ("RestartSec", "1min 30s"), ("RuntimeMaxSec", "infinity")],
            &[("TimeoutStopSec", "0"), ("TimeoutStartSec", "500ms")],
            &[("Nice", "-5"), ("KillMode", "mixed"), ("KillSignal", "SIGINT")],
            &[("Environment", "A=1"), ("Environment", "B=2"), ("Environment", "A=3")],
            &[("ProtectSystem", "strict"), ("ProtectHome", "yes"), ("PrivateTmp", "yes")],
            &[("NoNewPrivileges", "no"), ("NoNewPrivileges", "yes")],
            &[("PrivateNetwork", "on"), ("PrivateIPC", "y"), ("ProtectProc", "invisible")],
            &[("MemoryMax", "64M"), ("MemoryHigh", "50%"), ("MemorySwapMax", "0"), ("TasksMax", "infinity")],
            &[("LimitNOFILE", "16:1024"), ("LimitCORE", "0"), ("LimitAS", "1G"), ("LimitNOFILE", "32")],
            &[("TasksMax", "7"), ("CollectMode", "inactive-or-failed"), ("DynamicUser", "yes")],
            &[("StandardOutput", "null"), ("WatchdogSec", "2h"), ("SyslogIdentifier", "nap")],
        ];
        for settings in cases {
            assert_eq!(composed(&transient, settings), Ok(baked(&board, settings)), "{settings:?}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        let board = host();
        let table = table(&board);
        let table = Table::open(&table, Some(board.arch())).expect("a table of this schema");
        let transient = table.board().transient;
        let refused = |settings: &[(&'static str, &'static str)]| composed(&transient, settings).err();
        for (key, value) in
            [("SystemCallFilter", "@system-service"), ("NoSuchSetting", "1"), ("ExecStartPre", "x")]
        {
            assert_eq!(refused(&[(key, value)]), Some(ComposeError::Unknown(key)));
        }
        assert_eq!(refused(&[("CPUQuota", "50%")]), Some(ComposeError::Refused("CPUQuota", NO_CPU)));
        for (key, value) in [
            ("Type", "whatever"),
            ("DynamicUser", "perhaps"),
            ("Nice", "20"),
            ("WorkingDirectory", "srv"),
            ("WorkingDirectory", "/srv/../etc"),
            ("RestartSec", "soon"),
            ("RestartSec", ""),
            ("RestartSec", "18446744073709551616"),
            ("User", "a b"),
            ("Description", "%n"),
            ("Environment", "A=b c"),
            ("Environment", "1=b"),
            ("MemoryMax", "0"),
            ("MemoryMax", "101%"),
            ("MemoryMax", "64Q"),
            ("TasksMax", "-1"),
            ("LimitNOFILE", "2:1"),
            ("LimitNOFILE", "64K"),
            ("LimitNOFILE", "010"),
            ("LimitAS", "99999999999T"),
            ("LimitCORE", ""),
        ] {
            assert_eq!(refused(&[(key, value)]), Some(ComposeError::Value(key)), "{key}={value}");
        }
        assert_eq!(
            refused(&[("User", "nobody"), ("DynamicUser", "yes")]),
            Some(ComposeError::Clash("User", "DynamicUser"))
        );
    }

    #[test]
    fn a_board_without_slots_has_no_pieces() {
        let mut board = host();
        board.config.transient_units = 0;
        let table = table(&board);
        let table = Table::open(&table, Some(board.arch())).expect("a table");
        assert_eq!(table.board().transient, Transient::NONE, "schema {SCHEMA}");
        assert_eq!(table.slots().count(), 0);
    }
}
