//! `[vital]`, `[watchdog]` and `[rescue]` in the table's board record, and whether they can work.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use tomte::table::{IdList, Micros, ServiceType, UnitId, Vital, Watchdog, ids};

use super::{
    keys,
    verdict::{GOOD, SICK},
};
use crate::{
    board::Board,
    diag::{Code, Diagnostic, Diagnostics},
    model::Service,
    order::Graph,
    values::time,
};

/// Hardware counts seconds; the kernel refuses more than this many.
const TIMEOUT_MAX: Micros = Micros::from_secs(65_535);
/// What has to be between two meals for PID 1 to have a second chance.
const INTERVAL_MIN: Micros = Micros::from_secs(1);

/// The parts of the board's record that this is about.
pub struct Health<'a> {
    pub rescue: Option<UnitId>,
    pub vital: Vital<'a>,
    pub watchdog: Watchdog<'a>,
}

/// What the table says of `board`, whose units are `graph`'s.
///
/// # Errors
/// If a list is longer than a table can hold.
pub fn record<'a>(arena: &'a bumpalo::Bump, board: &'a Board, graph: &Graph) -> Result<Health<'a>> {
    let id = |name: &str| find(graph, name);
    let config = &board.config;
    let vital = match &config.vital {
        None => Vital::NONE,
        Some(vital) => {
            let units = vital.units.iter().filter_map(|name| id(name.get_ref()));
            let units: BTreeSet<UnitId> = units.collect();
            Vital {
                units: IdList::new(arena.alloc_slice_copy(&ids(units))).context("a list of ids")?,
                patience: vital.patience.0,
                group_patience: vital.group_patience.as_ref().unwrap_or(&vital.patience).0,
                good_after: vital.good_after.0,
                on_good: id(GOOD).or_else(|| id("boot-complete.target")),
                on_sick: id(SICK),
            }
        }
    };
    let watchdog = config.watchdog.as_ref().map_or(Watchdog::NONE, |one| Watchdog {
        device: one.device.get_ref(),
        timeout: one.timeout.get_ref().0,
        pretimeout: pretimeout(one),
        interval: interval(one),
        shutdown: one.reboot_timeout.0,
        kexec: one.kexec_timeout.0,
        probe: &one.probe,
    });
    Ok(Health { rescue: config.rescue.as_ref().and_then(|_| id("emergency.target")), vital, watchdog })
}

fn find(graph: &Graph, name: &str) -> Option<UnitId> {
    graph.ids().find(|id| graph.node(*id).unit.name == name)
}

fn pretimeout(watchdog: &keys::Watchdog) -> Micros {
    watchdog.pretimeout.as_ref().map_or(Micros::ZERO, |one| one.get_ref().0)
}

/// Two meals before it warns.
fn interval(watchdog: &keys::Watchdog) -> Micros {
    Micros(watchdog.timeout.get_ref().0.0.saturating_sub(pretimeout(watchdog).0) / 2)
}

/// Says what cannot work of what `board` says about the machine's health.
pub fn check(board: &Board, graph: &Graph, sink: &mut Diagnostics) {
    let mut check = Check { board, graph, sink };
    if let Some(watchdog) = &board.config.watchdog {
        check.watchdog(watchdog);
    }
    if let Some(vital) = &board.config.vital {
        vital.units.iter().for_each(|name| check.vital(name, vital));
    } else if let Some(verdict) = &board.config.boot_verdict {
        let place = [&verdict.mark_good, &verdict.counter].into_iter().flatten().next();
        let message = "[boot-verdict]: nothing is vital, so there is no verdict";
        check.say(
            Code::NotVital,
            place.map(toml::Spanned::span),
            message.into(),
            "name the units in [vital]",
        );
    }
}

struct Check<'c> {
    board: &'c Board,
    graph: &'c Graph,
    sink: &'c mut Diagnostics,
}

impl Check<'_> {
    fn say(&mut self, code: Code, span: Option<std::ops::Range<usize>>, message: String, help: &str) {
        let problem = Diagnostic::error(code, message).help(help);
        self.sink.push(match span.and_then(|span| self.board.layers.text(span)) {
            Some(text) => problem.on(&text, 0..text.len()),
            None => problem,
        });
    }

    fn watchdog(&mut self, watchdog: &keys::Watchdog) {
        let timeout = watchdog.timeout.get_ref().0;
        let shown = |span: Micros| time::shown(span);
        let at = Some(watchdog.timeout.span());
        let mut say = |span, message: String, help: &str| self.say(Code::WatchdogTimes, span, message, help);
        for (span, at) in [(Some(timeout), at.clone())]
            .into_iter()
            .chain(watchdog.pretimeout.iter().map(|one| (Some(one.get_ref().0), Some(one.span()))))
        {
            if span.is_some_and(|span| span.0 % 1_000_000 != 0 || span > TIMEOUT_MAX) {
                let message = "[watchdog]: no whole number of seconds up to 65535".to_owned();
                say(at, message, "the kernel counts in seconds");
            }
        }
        if interval(watchdog) < INTERVAL_MIN {
            let message = format!(
                "[watchdog]: {} less {} is too short to be fed twice, a second apart",
                shown(timeout),
                shown(pretimeout(watchdog))
            );
            say(at.clone(), message, "a longer timeout, or a shorter pretimeout");
        }
        if !watchdog.device.get_ref().starts_with("/dev/") {
            let message = format!("[watchdog]: {:?} is no device", watchdog.device.get_ref());
            say(Some(watchdog.device.span()), message, "such as /dev/watchdog0");
        }
        let limit = watchdog.reboot_timeout.0;
        let slow = self.graph.nodes.iter().filter_map(|node| {
            let stop = node.unit.kind.service()?.timeout_stop;
            (stop > limit).then(|| (node.unit.name.clone(), stop))
        });
        for (name, stop) in slow.collect::<Vec<_>>() {
            let message = format!(
                "[watchdog]: reboot-timeout is {}, but {name} alone may take {} to stop",
                shown(limit),
                shown(stop)
            );
            self.say(
                Code::WatchdogTimes,
                at.clone(),
                message,
                "a longer reboot-timeout, or a shorter TimeoutStopSec=",
            );
        }
    }

    fn vital(&mut self, name: &toml::Spanned<String>, vital: &keys::Vital) {
        let (span, text) = (Some(name.span()), name.get_ref());
        let Some(id) = find(self.graph, text) else {
            let message = format!("[vital]: there is no {text}");
            return self.say(
                Code::MissingBoardUnit,
                span,
                message,
                "every vital unit has to be in the image",
            );
        };
        if !self.graph.pulled_in().contains(&id) {
            let message = format!("[vital]: boot does not start {text}");
            self.say(
                Code::NotVital,
                span.clone(),
                message,
                "WantedBy= in its [Install] section has boot start it",
            );
        }
        let Some(service) = self.graph.node(id).unit.kind.service() else { return };
        let ends =
            |service: &Service| service.service_type == ServiceType::Oneshot && !service.remain_after_exit;
        if ends(service) {
            let message = format!("[vital]: {text} is never up: it ends when it has done its work");
            self.say(Code::NotVital, span.clone(), message, "RemainAfterExit=yes keeps it up after that");
        }
        if service.restart_delay >= vital.patience.0 {
            let message = format!(
                "[vital]: {text} is started again after {}, but may be down for {} only",
                time::shown(service.restart_delay),
                time::shown(vital.patience.0)
            );
            self.say(Code::NotVital, span, message, "a longer patience, or a shorter RestartSec=");
        }
    }
}
