//! Every system call and all unsafe code of the target binary, as safe functions of one step each.
//!
//! Knows no other room: plain values in, plain values out. What it decides is how, never whether.

pub mod boot;
pub mod clock;
pub mod console;
pub mod poll;
pub mod power;
pub mod socket;

pub use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    io::Errno,
};
