//! The bugs of `test mutants`: each is one that somebody could write, and that must not pass unseen.

/// A bug, as a change to one file of the supervisor.
pub struct Bug {
    /// What it does wrong.
    pub what: &'static str,
    /// The file below `src/supervisor`.
    pub file: &'static str,
    /// What is there, once.
    pub right: &'static str,
    /// What is there instead.
    pub wrong: &'static str,
}

const fn bug(what: &'static str, file: &'static str, right: &'static str, wrong: &'static str) -> Bug {
    Bug { what, file, right, wrong }
}

/// All of them.
pub const BUGS: [Bug; 68] = [
    bug(
        "Restart=on-abort takes no signal for an abort",
        "restart.rs",
        "matches!(restart, Always | OnFailure | OnAbnormal | OnAbort)",
        "matches!(restart, Always | OnFailure | OnAbnormal)",
    ),
    bug(
        "RestartPreventExitStatus= prevents nothing",
        "restart.rs",
        "if in_set(&service.restart_prevent_exit_status) {",
        "if false && in_set(&service.restart_prevent_exit_status) {",
    ),
    bug(
        "a polite signal is clean for any process",
        "restart.rs",
        "SIGTERM | SIGPIPE) if daemon =>",
        "SIGTERM | SIGPIPE) if daemon || true =>",
    ),
    bug(
        "one start more than StartLimitBurst=",
        "limit.rs",
        "if self.starts < limit.burst {",
        "if self.starts <= limit.burst {",
    ),
    bug(
        "the start limit's window ends a moment early",
        "limit.rs",
        "is_none_or(|end| now <= end)",
        "is_none_or(|end| now < end)",
    ),
    bug(
        "a number is given out although somebody has it",
        "uid.rs",
        "&& !self.holders.iter().any(|holder| holder.number == Some(number))",
        "&& self.holders.len() < usize::MAX",
    ),
    bug(
        "a number leaves although another unit uses it",
        "uid.rs",
        "if holder.references > 1 {",
        "if holder.references > 2 {",
    ),
    bug(
        "a number that could not be cleaned is given to somebody else",
        "uid.rs",
        "        if !holder.tainted\n            && let Some(number) = holder.number.take()",
        "        if let Some(number) = holder.number.take()",
    ),
    bug(
        "a number is given back while it is in use",
        "hold.rs",
        "} else if !self.pool.is_used(identity) && !self.pool.is_leaving(identity) {",
        "} else if !self.pool.is_leaving(identity) {",
    ),
    bug(
        "a number is cleaned before its process has said whether it runs under it",
        "hold.rs",
        "if held && (record.main_unidentified || record.control_unidentified) {",
        "if held && record.main_unidentified && record.control_unidentified && record.unfits > 9 {",
    ),
    bug(
        "KillMode=mixed leaves the rest alive",
        "stop.rs",
        "KillMode::Mixed => Prey::All,",
        "KillMode::Mixed => Prey::Slots,",
    ),
    bug(
        "no SIGKILL follows SIGTERM",
        "stop.rs",
        "Self::StopWatchdog | Self::StopSigterm if kill.send_sigkill => Some(Self::StopSigkill),",
        "Self::StopWatchdog | Self::StopSigterm if kill.send_sigkill => None,",
    ),
    bug(
        "the restart signal is for every stop",
        "stop.rs",
        "Self::StopSigterm if again => kill.restart_signal,",
        "Self::StopSigterm if again || kill.send_sighup => kill.restart_signal,",
    ),
    bug(
        "a unit is down while its children live",
        "stop.rs",
        "Prey::All => record.populated || slots,",
        "Prey::All => slots,",
    ),
    bug(
        "what was stopped on request restarts",
        "stop.rs",
        "!stopping && !record.forbid_restart && restart::wanted",
        "!stopping && restart::wanted",
    ),
    bug(
        "a restart goes on although a stop came while the janitor worked",
        "stop.rs",
        "if then == Rest::Restart && (self.peek(id).forbid_restart || self.run.is_shutting_down()) {",
        "if then == Rest::Restart && self.peek(id).forbid_restart && self.peek(id).errno > 4000 {",
    ),
    bug(
        "a start does not wait for what it comes after",
        "turn.rs",
        "unit.after.iter().all(|other| self.peek(other).job.is_none()) && !unit.before",
        "!unit.before",
    ),
    bug(
        "a stop does not wait for what comes after it",
        "turn.rs",
        "!unit.before.iter().any(|other| self.peek(other).job.is_some_and(|job| job.kind.is_stop()))",
        "unit.before.iter().count() < usize::MAX",
    ),
    bug(
        "whoever waited for a job is not looked at again",
        "turn.rs",
        "            if self.peek(other).job.is_some() {",
        "            if self.peek(other).job.is_none() {",
    ),
    bug(
        "a unit starts although what it requires has failed",
        "turn.rs",
        "                record.job = Some(Job { kind: JobKind::Start, phase: Phase::Doomed });\n                record.blame",
        "                record.job = Some(Job { kind: JobKind::Start, phase: Phase::Waiting });\n                record.blame",
    ),
    bug(
        "a restart on request ends with the stop",
        "turn.rs",
        "if job.kind == JobKind::Restart && result == JobResult::Done {",
        "if job.kind == JobKind::Restart && result == JobResult::Failed {",
    ),
    bug(
        "a stop's job never ends",
        "turn.rs",
        "if let Some(Job { kind, phase: Phase::Running }) = record.job {",
        "if let Some(Job { kind: kind @ (JobKind::Start | JobKind::Reload), phase: Phase::Running }) = record.job {",
    ),
    bug(
        "nobody is said to be left although a process was made since",
        "end.rs",
        "if record.main.pid().is_some() || record.control.pid().is_some() {",
        "if record.main.pid().is_some() && record.control.pid().is_some() {",
    ),
    bug(
        "the first failure of a unit is forgotten",
        "unit.rs",
        "if self.result == ServiceResult::Success {\n            self.result = result;",
        "if result != ServiceResult::Success {\n            self.result = result;",
    ),
    bug(
        "a service that ends before it was ready has done well",
        "end.rs",
        "if result == ServiceResult::Success { ServiceResult::Protocol } else { result };",
        "if result == ServiceResult::Success { ServiceResult::Success } else { result };",
    ),
    bug(
        "ExecStartPre=- does not ignore",
        "end.rs",
        "let well = result == ServiceResult::Success || is_ignored(service, kind, index);",
        "let well = result == ServiceResult::Success || (index > 9 && is_ignored(service, kind, index));",
    ),
    bug(
        "the processes of a unit are not counted",
        "start.rs",
        "record.populated = true;",
        "record.populated = false;",
    ),
    bug("a start remembers the exit before it", "start.rs", "        record.main_exit = None;\n", ""),
    bug(
        "restarts are not counted",
        "start.rs",
        "record.restarts = record.restarts.saturating_add(1);",
        "record.restarts = record.restarts.saturating_add(0);",
    ),
    bug(
        "a main process is asked for again and again",
        "start.rs",
        "                record.main = Process::Asked;\n",
        "",
    ),
    bug(
        "anybody may say that a service is ready",
        "notice.rs",
        "NotifyAccess::Main => main,",
        "NotifyAccess::Main => true,",
    ),
    bug(
        "the watchdog sleeps",
        "notice.rs",
        "let watched = record.watchdog != Micros::ZERO && is_watched(record.state);",
        "let watched = record.watchdog == Micros::FOREVER && is_watched(record.state);",
    ),
    bug(
        "a stranger may ask",
        "rights.rs",
        "if peer.is_root() || verb == Verb::Status {",
        "if peer.is_root() || verb == Verb::Status || verb == Verb::Stop {",
    ),
    bug(
        "a client that has gone is answered",
        "control.rs",
        "self.waiting.retain(|waiting| waiting.client != client);",
        "self.waiting.retain(|waiting| waiting.client == client || waiting.client != client);",
    ),
    bug(
        "a client beyond the limit is not answered",
        "control.rs",
        "            self.busy = Some(client);",
        "            self.busy = None;",
    ),
    bug("shutdown is late from the beginning", "shutdown.rs", "*late |= *at <= now;", "*late |= *at > now;"),
    bug(
        "units behind the one whose turn it is are forgotten",
        "set.rs",
        "self.first_at_least(from).or_else(|| self.first_at_least(0))",
        "self.first_at_least(from)",
    ),
    bug(
        "a moment that a unit waits for is forgotten",
        "mod.rs",
        "if self.peek(id).deadline().is_none() {",
        "if self.peek(id).deadline().is_some() {",
    ),
    bug(
        "whoever has had his turn has it again",
        "mod.rs",
        "self.turn = id.0.saturating_add(1);",
        "self.turn = 0;",
    ),
    bug(
        "what goes down for another table may start again meanwhile",
        "switch.rs",
        "self.is_moving() && self.marked.contains(id)",
        "self.is_moving() && id.0 == u16::MAX",
    ),
    bug(
        "the vital units are restarted together again and again",
        "vital.rs",
        "let tried = matches!(self.health.verdict, Verdict::Regrouped | Verdict::Sick);",
        "let tried = false;",
    ),
    bug(
        "a start that may fail gives way to no stop of what it would stop",
        "mode.rs",
        "if job.kind == JobKind::Stop { up } else { down }",
        "if job.kind == JobKind::Stop { up } else { up }",
    ),
    bug(
        "an irreversible job gives way to whoever comes",
        "mode.rs",
        "if against && (mode == JobMode::Fail || record.job_flags & IRREVERSIBLE != 0) {",
        "if against && mode == JobMode::Fail {",
    ),
    bug(
        "flush calls off what ignores isolation",
        "mode.rs",
        "if other && !self.ignores_isolation(id) {",
        "if other {",
    ),
    bug(
        "a start's mode is that of all jobs after it",
        "mode.rs",
        "        self.marks = 0;\n        None\n    }\n\n    /// The same of a stop.",
        "        None\n    }\n\n    /// The same of a stop.",
    ),
    bug(
        "a stop's mode is that of all jobs after it",
        "mode.rs",
        "        self.stop_reached(root, lists);\n        self.marks = 0;",
        "        self.stop_reached(root, lists);",
    ),
    bug(
        "whoever requires a unit is started with its start",
        "job.rs",
        "if id != root && !state.is_down() && state.active() != ActiveState::Deactivating {",
        "if id != root && state.active() != ActiveState::Deactivating {",
    ),
    bug(
        "a stop is called off by a restart for another one's sake",
        "job.rs",
        "if id != root && !state.is_down() && state.active() != ActiveState::Deactivating {",
        "if id != root && !state.is_down() {",
    ),
    bug(
        "a job that is to wait for nobody waits",
        "mode.rs",
        "if mode == JobMode::IgnoreDependencies { UNORDERED } else { 0 }",
        "if mode == JobMode::Isolate { UNORDERED } else { 0 }",
    ),
    bug(
        "an old look is judged by",
        "survey.rs",
        "            return self.survey.ask();\n",
        "            self.survey.ask();\n",
    ),
    bug(
        "who was on his way is not looked at again",
        "survey.rs",
        "            self.survey.missed = true;\n",
        "",
    ),
    bug(
        "the answer to another program's look is heard",
        "survey.rs",
        "if !core::mem::take(&mut self.survey.asked) || self",
        "let _asked = core::mem::take(&mut self.survey.asked);\n        if self",
    ),
    bug(
        "a mount that goes by hand has failed to stay",
        "survey.rs",
        "            record.forbid_restart = true;\n",
        "",
    ),
    bug(
        "a mount by hand brings along what should have come first",
        "survey.rs",
        "if !unit.after.contains(other) && self",
        "if self",
    ),
    bug(
        "a mount that could not go brings everything along",
        "survey.rs",
        "let news = record.job.is_none() && !was_up;",
        "let news = record.job.is_none();",
    ),
    bug(
        "there are two looks at a time",
        "survey.rs",
        "if !survey.due || survey.asked || self",
        "if !survey.due || self",
    ),
    bug(
        "a socket that closes runs no ExecStopPre=",
        "trigger.rs",
        "            self.run_commands(id, service, CommandKind::Stop);\n",
        "            self.run_commands(id, service, CommandKind::StopPost);\n",
    ),
    bug(
        "a socket listens before its ExecStartPost= has ended",
        "trigger.rs",
        "Some(service) => return self.run_commands(id, service, CommandKind::StartPost),\n                None",
        "Some(_) | None",
    ),
    bug(
        "a socket does not open after ExecStartPre=",
        "start.rs",
        "            CommandKind::StartPre if service.of_socket => self.open_trigger(id),\n",
        "",
    ),
    bug(
        "a trigger limit is never hit",
        "trigger.rs",
        "if !record.triggers.admit(limit, now) {",
        "if record.triggers.is_spent(limit, now) {",
    ),
    bug(
        "a trigger limit that is hit closes nothing",
        "trigger.rs",
        "return self.close_trigger(id, ServiceResult::TriggerLimitHit);",
        "return;",
    ),
    bug(
        "a poll limit that is hit pauses for nothing",
        "trigger.rs",
        "let at = record.polls.end(socket.poll_limit);",
        "let at = None;",
    ),
    bug(
        "a socket of many connections fails with one service",
        "trigger.rs",
        "Some(Kind::Socket(socket)) if !socket.accept => ServiceResult",
        "Some(Kind::Socket(_)) => ServiceResult",
    ),
    bug(
        "a short turn adopts nobody",
        "mod.rs",
        "if let Some(adoption) = self.due_adoption(id) {",
        "if let Some(adoption) = self.due_adoption(id).filter(|_| id.0 == u16::MAX) {",
    ),
    bug(
        "what a short turn has to say is not noted",
        "mod.rs",
        "                self.noted.insert(id);\n",
        "",
    ),
    bug(
        "who restarts at once and finds no number does so at full speed",
        "restart.rs",
        "delay.max(SCARCE_PAUSE_MIN).0",
        "delay.0",
    ),
    bug(
        "a missing number is no shortage",
        "turn.rs",
        "let nothing = record.result == ServiceResult::Resources;",
        "let nothing = record.restarts == u32::MAX;",
    ),
    bug(
        "JobTimeoutSec= begins anew when the job has its turn",
        "job.rs",
        "if timed == 0 {",
        "if timed == 0 || running {",
    ),
];
