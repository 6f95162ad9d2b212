//! Descriptors 0, 1 and 2 of a command.

use crate::{
    linux::{
        BorrowedFd,
        plan::{self as linux_plan, Input, Output, Passed, Stdio, Taking, Writing},
    },
    table::{self, CommandKind, Exec, Stdin, Stdout},
};

/// Whether one of the streams is the unit's socket, which every command has then.
pub(in crate::init) fn takes_socket(exec: &Exec<'_>) -> bool {
    exec.stdin == Stdin::Socket || exec.stdout == Stdout::Socket || exec.stderr == Stdout::Socket
}

/// The three streams of a command of `kind`, where `log` is its own and `descriptors` are passed to it.
pub(super) fn streams<'a>(
    exec: &Exec<'a>,
    kind: CommandKind,
    log: Option<BorrowedFd<'a>>,
    descriptors: &[Passed<'a>],
) -> Stdio<'a> {
    Stdio {
        input: input(exec, kind, descriptors),
        output: output(stdout(exec, kind), exec.stdout_path, log, descriptors),
        error: output(exec.stderr, exec.stderr_path, log, descriptors),
        tty_path: exec.tty_path,
        terminal: terminal(exec, kind),
    }
}

/// `stdio` with the streams of whoever asked for the unit (`run --pipe`) instead.
pub(in crate::init) fn of_client<'a>(
    stdio: Stdio<'a>,
    [input, output, error]: [BorrowedFd<'a>; 3],
) -> Stdio<'a> {
    Stdio { input: Input::Fd(input), output: Output::Fd(output), error: Output::Fd(error), ..stdio }
}

/// The descriptor called `name`; without a name the only one there is.
fn stream<'a>(name: &str, descriptors: &[Passed<'a>]) -> Option<BorrowedFd<'a>> {
    match descriptors {
        [one] if name.is_empty() => Some(one.fd),
        _ if name.is_empty() => None,
        _ => descriptors.iter().find(|one| one.name == name).map(|one| one.fd),
    }
}

/// Whether a stream is to be a descriptor that is not there, or one of several.
pub(in crate::init) fn misses_stream(exec: &Exec<'_>, descriptors: &[Passed<'_>]) -> bool {
    let output =
        |kind, name| matches!(kind, Stdout::Socket | Stdout::Fd) && stream(name, descriptors).is_none();
    matches!(exec.stdin, Stdin::Socket | Stdin::Fd) && stream(exec.stdin_path, descriptors).is_none()
        || output(exec.stdout, exec.stdout_path)
        || output(exec.stderr, exec.stderr_path)
}

/// Commands beside the main process have no terminal to type at (execute.h, `EXEC_APPLY_TTY_STDIN`).
const fn has_terminal(kind: CommandKind) -> bool {
    match kind {
        CommandKind::Condition | CommandKind::StartPre | CommandKind::Start | CommandKind::StopPost => true,
        CommandKind::StartPost | CommandKind::Reload | CommandKind::Stop => false,
    }
}

const fn terminal(exec: &Exec<'_>, kind: CommandKind) -> linux_plan::Terminal {
    let table::Terminal { hang_up, reset, rows, columns } = exec.terminal;
    let before = has_terminal(kind);
    linux_plan::Terminal { hang_up: hang_up && before, reset: reset && before, rows, columns }
}

fn input<'a>(exec: &Exec<'a>, kind: CommandKind, descriptors: &[Passed<'a>]) -> Input<'a> {
    let terminal = |taking| if has_terminal(kind) { Input::Tty(taking) } else { Input::Null };
    match exec.stdin {
        Stdin::Null => Input::Null,
        Stdin::Tty => terminal(Taking::Wait),
        Stdin::TtyForce => terminal(Taking::Force),
        Stdin::TtyFail => terminal(Taking::Fail),
        Stdin::File => Input::File(exec.stdin_path),
        Stdin::Data => Input::Data(exec.stdin_data),
        Stdin::Socket | Stdin::Fd => stream(exec.stdin_path, descriptors).map_or(Input::Null, Input::Fd),
    }
}

/// Where `StandardOutput=` of a command of `kind` goes: one that is not given the terminal writes there all the same
/// (exec-invoke.c, `setup_output`).
const fn stdout(exec: &Exec<'_>, kind: CommandKind) -> Stdout {
    match (exec.stdout, exec.stdin) {
        (Stdout::Inherit, Stdin::Tty | Stdin::TtyForce | Stdin::TtyFail) if !has_terminal(kind) => {
            Stdout::Tty
        }
        (stdout, _) => stdout,
    }
}

fn output<'a>(
    kind: Stdout,
    path: &'a str,
    log: Option<BorrowedFd<'a>>,
    descriptors: &[Passed<'a>],
) -> Output<'a> {
    match (kind, log) {
        (Stdout::Inherit, _) => Output::Inherit,
        (Stdout::Null, _) | (Stdout::Journal, None) => Output::Null,
        (Stdout::Tty, _) => Output::Tty,
        (Stdout::Journal, Some(log)) => Output::Fd(log),
        (Stdout::File, _) => Output::File(path, Writing::Over),
        (Stdout::Append, _) => Output::File(path, Writing::Append),
        (Stdout::Truncate, _) => Output::File(path, Writing::Truncate),
        (Stdout::Socket | Stdout::Fd, _) => stream(path, descriptors).map_or(Output::Null, Output::Fd),
    }
}
