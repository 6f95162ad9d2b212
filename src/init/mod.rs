//! PID 1's shell: it boots, carries events to the supervisor and actions to the kernel, and ends the machine.
//!
//! Owns every descriptor of PID 1. Holds no policy: what happens next is the supervisor's word.

mod audit;
mod boot;
mod conditions;
mod control;
mod crash;
mod ends;
mod groups;
mod handover;
mod held;
mod initctl;
mod kernel;
mod log;
mod mounts;
mod names;
mod notify;
mod perform;
mod plan;
mod posture;
mod processes;
mod report;
mod shared;
mod shutdown;
mod streams;
mod timers;
mod watch;
mod watchdog;
mod words;

use core::mem::MaybeUninit;

use crate::{
    linux::{self, apart::Place, arguments::Arguments, errno::Text},
    supervisor::{self, Event, Supervisor},
    table::Micros,
};

pub use crash::panicked;
pub use handover::rehearse;
use kernel::Kernel;
use processes::Places;

/// What PID 1 works on for as long as it lives: all in one place, as each stretch of memory of its own is a price that
/// every fork pays.
static WORK: Place<Work> = Place::new(Work {
    supervisor: MaybeUninit::uninit(),
    kernel: MaybeUninit::uninit(),
    records: supervisor::Rooms::new(),
    processes: Places::new(),
});

struct Work {
    supervisor: MaybeUninit<Supervisor<'static>>,
    kernel: MaybeUninit<Kernel>,
    /// These two grow with the number of units and processes, and take up what those need.
    records: supervisor::Rooms,
    processes: Places,
}

/// PID 1's life, from its exec to reboot(2). `linked` is the table in the binary.
pub fn run(linked: &'static [u8], arguments: Arguments) -> ! {
    let (kernel, supervisor) = begin(linked, arguments);
    linux::apart::forget_dead_frames();
    live(kernel, supervisor)
}

/// Boots, or takes over from the program before.
#[inline(never)] // its frame is large, and not needed any more afterwards
fn begin(
    linked: &'static [u8],
    arguments: Arguments,
) -> (&'static mut Kernel, &'static mut Supervisor<'static>) {
    let boot = boot::boot(linked, arguments);
    assert!(!boot.words.panic, "asked for by tomte.panic");
    let Some(Work { supervisor, kernel, records, processes }) = WORK.take() else {
        crash::give_up(format_args!("begun twice"))
    };
    let kernel = match Kernel::new(&boot, linked, processes) {
        Ok(new) => kernel.write(new),
        Err((what, errno)) => crash::give_up(format_args!("cannot set up {what}: {}", Text(errno))),
    };
    let supervisor = supervisor.write(Supervisor::new(boot.table, records));
    match boot.state.as_ref().map(|state| handover::load(state, kernel, supervisor)) {
        None => {
            kernel.open_watchdog(true);
            kernel.listen();
            supervisor.handle(kernel.now(), kernel.clock(false));
            let kernel_age = Micros(if boot.container { 0 } else { boot.started_us });
            let (random, until, machine) = (boot.random, boot.words.until(), boot.machine);
            let target = boot.target();
            supervisor.handle(kernel.now(), Event::Boot { random, until, kernel_age, machine, target });
        }
        Some(Ok(failed)) => {
            kernel.open_watchdog(true);
            kernel.listen();
            kernel.look_at_all();
            let set = supervisor.clock_was_set(kernel.now(), linux::clock::wall_us());
            supervisor.handle(kernel.now(), kernel.clock(set));
            if failed {
                supervisor.recover(kernel.now(), &|unit| kernel.facts(unit));
            }
            log::info(format_args!("executed anew"));
        }
        Some(Err(errno)) => handover::start_over(boot.arguments, errno),
    }
    (kernel, supervisor)
}

/// After so long, everybody else gets a turn: a process takes some 100 µs to make, and a client is to wait for one
/// millisecond at most; and what a child has said is read, and its pipe closed, before many more children inherit it.
const TURN: Micros = Micros(400);

/// The loop.
#[inline(never)]
fn live(kernel: &mut Kernel, supervisor: &mut Supervisor<'static>) -> ! {
    let mut life = handover::Life { kernel, supervisor };
    linux::rescue::prepare(&mut life, handover::rescue);
    let handover::Life { kernel, supervisor } = &mut life;
    loop {
        let end = kernel.now().after(TURN);
        let busy = loop {
            // What has come already is heard before there is more to do; whoever asks is answered in any case.
            let busy = kernel.knows_more() || Some(kernel.now()) > end;
            let action = if busy { supervisor.next_saying() } else { supervisor.next_action() };
            let Some(action) = action else { break busy };
            if let Some(answer) = kernel.perform(action, supervisor) {
                supervisor.handle(kernel.now(), answer);
            }
        };
        if kernel.is_to_be_replaced() {
            let event = handover::replace(kernel, supervisor, false);
            supervisor.handle(kernel.now(), event);
            continue;
        }
        if !busy {
            kernel.publish_names(supervisor);
        }
        // Every unit's times are looked at for it: only before it is waited.
        let knows_more = kernel.knows_more();
        let deadline = if knows_more { None } else { supervisor.next_deadline() };
        if !knows_more {
            kernel.watch_clock(supervisor.next_wall_deadline());
        }
        let (now, event) = kernel.wait(deadline, busy || knows_more);
        supervisor.handle(now, event);
    }
}
