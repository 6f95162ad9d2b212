//! Picks the face by pid: PID 1 is the init, everybody else is an applet by argv\[0\] or the command line. Holds the panic handler.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use tomte::{applets, ctl, init, linux::arguments::Arguments, linux::process, linux::raw::process::exit};

#[path = "linux/baked.rs"]
mod baked;
#[path = "linux/mem.rs"]
mod mem;
#[path = "linux/start.rs"]
mod start;

/// The first thing after `start`.
fn main(arguments: Arguments) -> ! {
    let table = baked::table();
    if process::id() == 1 {
        init::run(table, arguments);
    }
    let other = init::rehearse(table, arguments).or_else(|| applets::run(arguments));
    exit(other.unwrap_or_else(|| ctl::run(table, arguments)))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    init::panicked(info)
}
