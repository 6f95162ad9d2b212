//! Picks the face by pid: PID 1 is the init, everybody else is an applet by argv\[0\] or the command line. Holds the table and the panic handler.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use tomte::{applets, ctl, init, linux::arguments::Arguments, linux::process, linux::raw::process::exit};

#[path = "linux/mem.rs"]
mod mem;
#[path = "linux/start.rs"]
mod start;

/// What `cargo xtask build BOARD` baked.
static TABLE: &[u8] = include_bytes!(env!("TOMTE_TABLE"));

/// The first thing after `start`.
fn main(arguments: Arguments) -> ! {
    if process::id() == 1 {
        init::run(TABLE, arguments);
    }
    let other = init::rehearse(TABLE, arguments).or_else(|| applets::run(arguments));
    exit(other.unwrap_or_else(|| ctl::run(TABLE, arguments)))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    init::panicked(info)
}
