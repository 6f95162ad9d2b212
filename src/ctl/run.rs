//! `tomte run`: a unit out of settings and a command line. The table has the pieces of its record; what they do is not
//! known here.

use core::fmt;

use heapless::Vec;

use crate::{
    linux::{self, AsFd, Errno, OwnedFd, arguments::Arguments, output::Output},
    table::{
        Arch, ComposeError, Table, Transient, compose,
        limits::{SLOT_BYTES_MAX, WORDS_MAX},
    },
    wire::{JobResult, Reply, Request},
};

use super::{
    complain,
    options::{Known, OPERAND, Options},
    talk::{Connection, Name, TalkError, full_name},
    tell, usage_error,
};

/// Settings of one unit.
const SETTINGS_MAX: usize = 32;
/// What may stand before the command. The last ones are passed over.
static OPTIONS: Known = Known {
    names: "unit setenv property wait pipe collect quiet no-ask-password",
    letters: "uEp.PGq",
    valued: 3,
    optional: usize::MAX,
};

/// What was asked for.
struct Order<'a> {
    settings: Vec<(&'a str, &'a str), SETTINGS_MAX>,
    name: Name,
    wait: bool,
    /// Its streams are this command's.
    pipe: bool,
    command: Vec<&'a str, WORDS_MAX>,
}

/// What is wrong with it.
enum Wrong<'a> {
    /// This one is not understood.
    Usage(&'a str),
    Words,
    NotATable,
    NoSlots,
    Compose(ComposeError<'a>),
    File(Errno),
    Refused,
    Talk(TalkError),
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(word) => f.write_str(word),
            Self::Words => f.write_str("too many words, or one that is not UTF-8"),
            Self::NotATable => f.write_str("this program has no table"),
            Self::NoSlots => {
                f.write_str("this image has no room for such units (transient-units in board.toml)")
            }
            Self::Compose(ComposeError::Unknown(key)) => {
                write!(
                    f,
                    "{key}= cannot be set for a unit that is made at run time: that takes cargo xtask bake"
                )
            }
            Self::Compose(ComposeError::Refused(key, why)) => {
                write!(f, "{key}= cannot be set: {why}")
            }
            Self::Compose(ComposeError::Value(key)) => write!(f, "{key}= cannot have this value"),
            Self::Compose(ComposeError::Clash(one, other)) => {
                write!(f, "{one}= and {other}= cannot be put together at run time")
            }
            Self::Compose(ComposeError::TooLong) => f.write_str("the unit's record is too long"),
            Self::File(errno) => write!(f, "cannot make the unit's record: {}", linux::errno::Text(*errno)),
            Self::Refused => {
                f.write_str("a unit with this name is there already, or PID 1 has another table")
            }
            Self::Talk(error) => error.fmt(f),
        }
    }
}

impl From<TalkError> for Wrong<'_> {
    fn from(error: TalkError) -> Self {
        Self::Talk(error)
    }
}

/// Runs what the words after `run` say; answers the exit code.
#[inline(never)] // for a small frame
pub(super) fn run(linked: &'static [u8], arguments: Arguments) -> u8 {
    let ran = order(arguments).and_then(|order| start(linked, &order));
    match ran {
        Ok(code) => code,
        Err(Wrong::Usage(word)) => usage_error(word),
        Err(wrong) => complain(format_args!("{wrong}")),
    }
}

#[inline(never)] // for a small frame
fn order<'a>(arguments: Arguments) -> Result<Order<'a>, Wrong<'a>> {
    let mut order =
        Order { settings: Vec::new(), name: Name::new(), wait: false, pipe: false, command: Vec::new() };
    let mut options = Options::new(arguments, &OPTIONS);
    let mut is_verb = true;
    while let Some((place, value)) = options.next().map_err(Wrong::Usage)? {
        let setting = match place {
            OPERAND if core::mem::take(&mut is_verb) => continue,
            // From here on everything is the command.
            OPERAND => {
                order.command.push(value).map_err(|_| Wrong::Words)?;
                for word in options.words.by_ref() {
                    order.command.push(word.to_str().map_err(|_| Wrong::Words)?).map_err(|_| Wrong::Words)?;
                }
                break;
            }
            0 => {
                let name = full_name(value, ".service", &mut order.name)?;
                if value.is_empty() || value.as_bytes().contains(&b'/') || !name.ends_with(".service") {
                    return Err(Wrong::Talk(TalkError::Name));
                }
                continue;
            }
            1 => ("Environment", value),
            2 => value.split_once('=').ok_or(Wrong::Usage(value))?,
            5 => ("CollectMode", "inactive-or-failed"),
            _ => {
                order.wait |= place == 3;
                order.pipe |= place == 4;
                continue;
            }
        };
        order.settings.push(setting).map_err(|_| Wrong::Words)?;
    }
    if order.name.is_empty() {
        let name = fmt::write(
            &mut order.name.as_mut_view(),
            format_args!("run-r{}.service", u64::from(linux::process::id())),
        );
        name.map_err(|_| Wrong::Words)?;
    }
    if order.command.is_empty() { Err(Wrong::Usage("no command")) } else { Ok(order) }
}

#[inline(never)] // for a small frame
fn start<'a>(linked: &'static [u8], order: &Order<'a>) -> Result<u8, Wrong<'a>> {
    let table = Table::open(linked, Arch::NATIVE).map_err(|_| Wrong::NotATable)?;
    let transient = table.board().transient;
    if transient.slots == 0 {
        return Err(Wrong::NoSlots);
    }
    let record = written(&transient, order)?;
    let connection = &mut Connection::open()?;
    let name = order.name.as_str();
    let streams = linux::output::streams();
    let [input, output, error] = streams;
    let files = [record.as_fd(), input, output, error];
    let files = if order.pipe { files.as_slice() } else { &files[..1] };
    let reply = connection.ask_with(&Request::Run { name }, files)?;
    if matches!(reply, Reply::Job(JobResult::Invalid)) {
        return Err(Wrong::Refused);
    }
    if !matches!(reply, Reply::Job(JobResult::Done)) {
        return Ok(super::answered(&reply)?);
    }
    if !order.wait && !order.pipe {
        tell(Output::stdout(), format_args!("Running as unit: {name}\n"))?;
        return Ok(0);
    }
    let reply = connection.ask(&Request::Wait { name })?;
    let Reply::Unit(unit) = reply else { return Err(super::talk::refused(&reply).into()) };
    if order.wait {
        tell(Output::stderr(), format_args!("Finished with result: {}\n", unit.result))?;
    }
    Ok(unit.main_exit.map_or(0, |exit| exit.status()))
}

/// The record, in memory that nobody can change any more.
fn written<'a>(transient: &Transient<'a>, order: &Order<'a>) -> Result<OwnedFd, Wrong<'a>> {
    let mut composed = Ok(0);
    let file = linux::handover::seal(c"tomte-unit", SLOT_BYTES_MAX, &mut |room| {
        composed = compose(transient, &order.name, &order.command, &order.settings, room);
        composed.ok()
    });
    composed.map_err(Wrong::Compose)?;
    file.map_err(Wrong::File)
}
