//! systemd.service(5): [Service].

use tomte::table::Preserve;

use super::{Directive, Off, Page, extra, inert, needed, put, refused, supported};
use crate::{
    check::{
        checked as c,
        relations::{action, reboot_argument},
        service as s,
    },
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.service(5)", directives: DIRECTIVES };

const OBSOLETE: &str = "systemd does nothing about it any more";
const USB: &str = "FunctionFS gadgets are set up by a program of the image";

const DIRECTIVES: &[Directive] = &[
    needed("BusName", Off::Empty, c::bus_name)
        .note("a service that owns a bus name needs a message bus; remove BusName= if it works without"),
    inert("BusPolicy", OBSOLETE),
    supported("ExecCondition", s::command),
    supported("ExecReload", s::command),
    supported("ExecStart", s::command),
    supported("ExecStartPost", s::command),
    supported("ExecStartPre", s::command),
    supported("ExecStop", s::command),
    supported("ExecStopPost", s::command),
    supported("ExitType", |d, a, _| {
        put(&mut d.service().exit_with_last, scalar::choice(&a.value, &[("main", false), ("cgroup", true)]))
    }),
    supported("FailureAction", |d, a, cx| action(&mut d.unit.manners.failure_action, a, cx)),
    supported("FileDescriptorStoreMax", |d, a, _| put(&mut d.service().store_max, scalar::number(&a.value)))
        .note("32 different names at most, of 31 bytes at most"),
    supported("FileDescriptorStorePreserve", |d, a, _| {
        let words = [("no", Preserve::No), ("yes", Preserve::Yes), ("restart", Preserve::Restart)];
        put(&mut d.service().store_preserve, scalar::choice(&a.value, &words))
    }),
    supported("GuessMainPID", |d, a, _| put(&mut d.service().guess_main_pid, scalar::boolean(&a.value))),
    supported("NonBlocking", |d, a, _| put(&mut d.service().non_blocking, scalar::boolean(&a.value))),
    supported("NotifyAccess", s::notify_access),
    supported("OOMPolicy", s::oom_policy),
    extra("OpenFile", c::open_file).unless(Off::Empty),
    supported("PIDFile", s::pid_file),
    supported("PermissionsStartOnly", s::permissions_start_only)
        .note("systemd has deprecated it: put + before the programs that it is about"),
    supported("RebootArgument", |d, a, cx| reboot_argument(&mut d.unit.reboot_argument, a, cx)),
    supported("ReloadSignal", |d, a, _| put(&mut d.service().reload_signal, s::signal(a))),
    supported("RemainAfterExit", |d, a, _| {
        put(&mut d.service().remain_after_exit, scalar::boolean(&a.value))
    }),
    supported("Restart", s::restart),
    supported("RestartForceExitStatus", |d, a, _| {
        s::exit_status(&mut d.service().restart_force_exit_status, a)
    }),
    supported("RestartMaxDelaySec", |d, a, _| {
        put(&mut d.service().restart_delay_max, time::timeout(&a.value))
    }),
    supported("RestartMode", s::restart_mode),
    supported("RestartPreventExitStatus", |d, a, _| {
        s::exit_status(&mut d.service().restart_prevent_exit_status, a)
    }),
    supported("RestartSec", s::restart_sec)
        .note("twice as long each time, up to a minute, while a start fails for want of room, memory or descriptors"),
    supported("RestartSteps", |d, a, _| put(&mut d.service().restart_steps, scalar::number(&a.value))),
    supported("RootDirectoryStartOnly", |d, a, _| {
        put(&mut d.exec().view.root_start_only, scalar::boolean(&a.value))
    }),
    supported("RuntimeMaxSec", |d, a, _| put(&mut d.service().runtime_max, time::timeout(&a.value))),
    supported("RuntimeRandomizedExtraSec", |d, a, _| {
        put(&mut d.service().runtime_extra, time::span(&a.value))
    }),
    supported("Sockets", c::sockets),
    supported("StartLimitAction", |d, a, cx| action(&mut d.unit.manners.start_limit_action, a, cx)),
    supported("StartLimitBurst", s::start_limit_burst_legacy),
    supported("StartLimitInterval", s::start_limit_interval_legacy),
    supported("SuccessExitStatus", |d, a, _| s::exit_status(&mut d.service().success_exit_status, a)),
    inert("SysVStartPriority", OBSOLETE),
    supported("TimeoutAbortSec", s::timeout_abort),
    supported("TimeoutSec", s::timeout),
    supported("TimeoutStartFailureMode", |d, a, _| {
        put(&mut d.service().start_failure_mode, s::failure_mode(a))
    }),
    supported("TimeoutStartSec", s::timeout_start),
    supported("TimeoutStopFailureMode", |d, a, _| {
        put(&mut d.service().stop_failure_mode, s::failure_mode(a))
    }),
    supported("TimeoutStopSec", s::timeout_stop),
    supported("Type", s::service_type),
    refused("USBFunctionDescriptors", Off::Empty, USB),
    refused("USBFunctionStrings", Off::Empty, USB),
    supported("WatchdogSec", |d, a, _| put(&mut d.service().watchdog, time::span(&a.value))),
    supported("X-ReadyFd", s::ready_fd)
        .note("tomte's own: Type=notify for programs that write a newline to this descriptor when they are ready (s6)"),
];
