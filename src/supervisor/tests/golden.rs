//! tests/golden/restart.tsv: what real systemd made of every way to die, with StartLimitBurst=3.
//!
//! Left out is the one that does not load (`oneshot` with `always`, the baker's to refuse).

use std::{format, string::String, vec};

use super::{
    fixture::{ServicePlan, service},
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::Slot,
    table::{CommandKind, Micros, NotifyAccess, Restart, ServiceType, StartLimit},
    wire::ActiveState,
};

const GOLDEN: &str = include_str!("../../../tests/golden/restart.tsv");

#[derive(Clone, Copy, PartialEq)]
enum Death {
    Exit(u8),
    Signal(u8),
    StartTimeout,
    Unready,
    Condition(u8),
}

fn death(word: &str) -> Option<Death> {
    Some(match word {
        "exit0" => Death::Exit(0),
        "exit1" => Death::Exit(1),
        "exit7-prevent" => Death::Exit(7),
        "sigHUP" => Death::Signal(1),
        "sigABRT" => Death::Signal(6),
        "sigKILL" => Death::Signal(9),
        "sigPIPE" => Death::Signal(13),
        "sigTERM" => Death::Signal(15),
        "start-timeout" => Death::StartTimeout,
        "notify-exit0" => Death::Unready,
        "condition255" => Death::Condition(255),
        _ => return None,
    })
}

fn restart(word: &str) -> Restart {
    match word {
        "no" => Restart::No,
        "always" => Restart::Always,
        "on-success" => Restart::OnSuccess,
        "on-failure" => Restart::OnFailure,
        "on-abnormal" => Restart::OnAbnormal,
        "on-abort" => Restart::OnAbort,
        "on-watchdog" => Restart::OnWatchdog,
        _ => panic!("{word} is no Restart="),
    }
}

/// Starts, then what the unit looks like: the columns of the table.
fn observe(change: impl FnOnce(&mut ServicePlan), death: Death) -> String {
    let mut unit = service("x.service").with(change);
    unit.start_limit = StartLimit { interval: Micros::from_secs(60), burst: 3 };
    let mut t = Play::new(&[unit]);
    t.boot();
    for round in 1..10_u64 {
        match death {
            Death::StartTimeout => {
                t.at(round * 1000 - 500);
                if t.pid("x.service", Slot::Main).is_some() {
                    t.main("x.service", Killed(15));
                }
            }
            Death::Condition(code) if t.pid("x.service", Slot::Control).is_some() => {
                t.control("x.service", Exited(code));
            }
            Death::Unready if t.pid("x.service", Slot::Main).is_some() => {
                t.main("x.service", Exited(0));
            }
            Death::Exit(code) if t.pid("x.service", Slot::Main).is_some() => {
                t.main("x.service", Exited(code));
            }
            Death::Signal(signal) if t.pid("x.service", Slot::Main).is_some() => {
                t.main("x.service", Killed(signal));
            }
            Death::Condition(_) | Death::Unready | Death::Exit(_) | Death::Signal(_) => {}
        }
        t.at(round * 1000);
    }
    let starts = t.spawns.iter().filter(|spawn| spawn.kind == CommandKind::Start).count();
    let status = t.status("x.service");
    let (code, number) = match status.main_exit {
        Some(exit) => (exit.code(), format!("{}", exit.status())),
        None => ("-", "0".into()),
    };
    let shown = format!(
        "{starts}\t{}\tloaded\t{}\t{}\t{}",
        status.restarts, status.active, status.sub, status.result
    );
    // systemd forgets a unit that is down and fine; its row says so and has no exit.
    if status.active == ActiveState::Inactive {
        shown.replace("\tloaded\t", " (gc)\tgc\t") + "\t-\t"
    } else {
        format!("{shown}\t{code}\t{number}")
    }
}

#[test]
fn dies_restarts_and_gives_up_as_systemd_does() {
    let mut rows = 0;
    for row in GOLDEN.lines().skip(1) {
        let columns: vec::Vec<&str> = row.splitn(4, '\t').collect();
        let [kind, setting, how, expected] = columns[..] else { panic!("{row}: four columns") };
        let oneshot = kind == "oneshot";
        let Some(way) = death(how) else { continue };
        if oneshot && setting == "always" {
            continue;
        }
        let observed = observe(
            |s| {
                s.restart = restart(setting);
                s.restart_delay = Micros::from_millis(10);
                s.prevent.add_code(7);
                match way {
                    Death::StartTimeout | Death::Unready => {
                        s.service_type = ServiceType::Notify;
                        s.notify_access = NotifyAccess::Main;
                        if way == Death::StartTimeout {
                            s.timeout_start = Micros::from_millis(300);
                        }
                    }
                    Death::Condition(_) => s.commands.push((CommandKind::Condition, false)),
                    Death::Exit(_) | Death::Signal(_) if oneshot => s.service_type = ServiceType::Oneshot,
                    Death::Exit(_) | Death::Signal(_) => {}
                }
            },
            way,
        );
        assert_eq!(observed, expected, "{row}");
        rows += 1;
    }
    assert_eq!(rows, 61, "rows that apply");
}
