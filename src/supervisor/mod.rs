//! Every decision: what starts when, what follows an end, who gets which number, who may ask what.
//!
//! Pure: no system calls, no clock, no statics, no heap, no unsafe. The caller brings `now` and carries the actions
//! out. Every action that can fail answers with an event; nothing is assumed done.

mod message;

pub use message::{Action, Answer, ClientId, Event, Instant, Log, Outcome, Pid, Slot, Spawn, Until, Whom};
