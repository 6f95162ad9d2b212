//! systemd.kill(5): how processes are ended.

use super::{Directive, Page, put, supported};
use crate::{check::service as s, values::scalar};

pub const PAGE: Page = Page { manual: "systemd.kill(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    supported("FinalKillSignal", |d, a, _| put(&mut d.kill().final_signal, s::signal(a))),
    supported("KillMode", s::kill_mode),
    supported("KillSignal", |d, a, _| put(&mut d.kill().signal, s::signal(a))),
    supported("RestartKillSignal", s::restart_kill_signal),
    supported("SendSIGHUP", |d, a, _| put(&mut d.kill().send_sighup, scalar::boolean(&a.value))),
    supported("SendSIGKILL", |d, a, _| put(&mut d.kill().send_sigkill, scalar::boolean(&a.value))),
    supported("WatchdogSignal", |d, a, _| put(&mut d.kill().watchdog_signal, s::signal(a))),
];
