//! `run` for a board on the desk: build, image, flash, then its serial console until the report has come.

use std::{io::stdout, path::PathBuf};

use anyhow::{Context, Result, bail};

use super::{
    Args, Outcome,
    judge::{Ending, judge},
};
use crate::{
    board::Board,
    flash,
    serial::{End, Port, RawTerminal, Wanted},
};

/// Where the report goes on such a board: /proc takes no new files, so PID 1 writes it to the console, between two lines.
const REPORT_INSIDE: &str = "/proc/console";

/// How to reach the board's console.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Console {
    /// The board's serial console, such as /dev/ttyUSB0.
    #[arg(long, value_name = "PATH")]
    pub serial: Option<PathBuf>,
    /// Its bits a second [default: as board.toml says, or 115200]
    #[arg(long, value_name = "NUMBER", requires = "serial")]
    pub speed: Option<u32>,
    /// Write all that the console says to this file, too.
    #[arg(long, value_name = "FILE", requires = "serial")]
    pub log: Option<PathBuf>,
}

/// Brings `board`'s software to it, and watches its console.
pub fn execute(board: &Board, args: &Args) -> Result<Outcome> {
    let to = &args.to;
    let flashes = to.device.is_some() || to.ssh.is_some() || to.tftp.is_some();
    let config = board.config.serial.as_ref();
    let device = args.console.serial.clone().or_else(|| config?.device.clone().map(PathBuf::from));
    let Some(device) = device else {
        bail!(
            "board {} is no virtual machine: where is its console? --serial /dev/ttyUSB0; and --device PATH, --ssh \
             HOST or --tftp DIR to write it first",
            board.name
        );
    };
    let speed = args.console.speed.or_else(|| Some(config?.speed)).unwrap_or(115_200);
    let port = Port::open(&device, speed)?; // before anybody waits for a build
    if flashes {
        let mut image = args.image_args();
        image.words = args.words.clone();
        if let Some(until) = args.until {
            image.words.extend([until.word(), format!("tomte.report={REPORT_INSIDE}")]);
        }
        flash::onto(board, to, &image)?;
        if to.device.is_some() {
            eprintln!("put it into the board, and give that power");
        }
    }
    eprintln!("{} at {speed} bits a second; Ctrl-] ends it", device.display());
    let wanted = Wanted { log: args.console.log.clone(), report: args.until.is_some(), guard: args.guard() };
    let terminal = RawTerminal::new()?;
    let seen = port.talk(&wanted, std::io::stdin(), &mut stdout()).context("the serial console")?;
    drop(terminal);
    if args.until.is_none() {
        return Ok(Outcome::unjudged(board, seen.lines));
    }
    let ending = match seen.end {
        End::Guard => Ending::Hung,
        End::Key => Ending::Asked,
        End::Report | End::Closed => Ending::Itself,
    };
    Ok(judge(board, seen.lines, ending, None, Vec::new()))
}
