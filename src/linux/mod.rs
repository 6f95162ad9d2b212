//! Every system call and all unsafe code of tomte; knows no other room of the crate.
//!
//! Plain types in, plain types out: whoever calls maps its own records to them. [`raw`] holds the system calls that
//! rustix lacks; everything else here is safe code on top of the two. `start.rs`, `mem.rs` and `baked.rs` are no
//! modules of the library: the binary alone includes them, by path, because tests are linked otherwise, against a libc.

pub mod apart;
pub mod arguments;
pub mod boot;
pub mod cgroup;
pub mod child;
pub mod clean;
pub mod clock;
pub mod command_line;
pub mod condition;
pub mod console;
mod credentials;
pub mod devices;
pub mod directory;
pub mod disks;
pub mod errno;
mod expand;
pub mod feature;
mod find;
mod fsck;
pub mod glob;
pub mod handover;
pub mod ipc;
pub mod kept;
pub mod listen;
mod modules;
pub mod mountinfo;
mod network;
pub mod output;
pub mod passwd;
mod path;
pub mod pid_file;
pub mod pipe;
pub mod plan;
pub mod poll;
pub mod power;
pub mod power_key;
mod private_tmp;
pub mod process;
pub mod random;
pub mod raw;
pub mod report;
pub mod rescue;
pub mod root;
pub mod shell;
pub mod signals;
pub mod socket;
pub mod spawn;
pub mod stamp;
pub mod step;
pub mod stream;
pub mod tree;
pub mod watch;
pub mod watchdog;

pub use raw::AsFd;
pub use rustix::{
    fd::{BorrowedFd, OwnedFd},
    io::Errno,
};
