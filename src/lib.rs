//! tomte: PID 1 for small Linux images.
//!
//! xtask writes a table; [`supervisor`] decides; `linux` does; `init` carries messages between them.
//!
//! | room | layer | owns |
//! | --- | --- | --- |
//! | `record` | 0 | reading postcard's format, for the two below; the state that outlives a program |
//! | [`words`] | 0 | lists of words in one string; everybody may use it |
//! | [`table`] | 0 | the baked table: schema, decoding in place, limits |
//! | [`wire`] | 0 | the control protocol between `tomte` on the command line and PID 1 |
//! | [`supervisor`] | 1 | every decision: start, order, restart, stop, UIDs, who may ask what. Pure |
//! | `linux` | 1 | every system call and all unsafe code; knows no other room |
//! | `init` | 2 | PID 1's shell: boot, event loop, performing actions, shutdown |
//! | `ctl` | 2 | the command line: verbs and columns |
//! | `applets` | 2 | helpers in sandboxes of their own: logd, userd, powerkey, devices |
//!
//! Arrows point to lower layer numbers only, and `supervisor` and `linux` do not know each other;
//! `tests/layers.rs` holds that. xtask builds this package with default features off and so shares the first three.

#![no_std]

#[cfg(any(test, feature = "encode"))]
extern crate alloc;
#[cfg(test)]
extern crate self as tomte; // so that tests/sim/fixture.rs serves the tests in here as well
#[cfg(test)]
extern crate std;

#[macro_use]
mod record;
pub mod supervisor;
pub mod table;
pub mod wire;
pub mod words;

#[cfg(feature = "boot")]
pub mod applets;
#[cfg(feature = "boot")]
pub mod ctl;
#[cfg(feature = "boot")]
pub mod init;
#[cfg(feature = "boot")]
pub mod linux;
