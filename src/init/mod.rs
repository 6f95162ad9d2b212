//! PID 1's shell: it boots, carries events to the supervisor and actions to the kernel, and ends the machine.
//!
//! Owns every descriptor of PID 1. Holds no policy: what happens next is the supervisor's word.

mod boot;
mod conditions;
mod control;
mod crash;
mod ends;
mod groups;
mod handover;
mod held;
mod kernel;
mod log;
mod names;
mod notify;
mod perform;
mod plan;
mod posture;
mod processes;
mod report;
mod shutdown;
mod timers;
mod watch;
mod words;

use crate::{
    linux::{self, arguments::Arguments, errno::Text},
    supervisor::{Event, Supervisor},
    table::Micros,
};

pub use crash::panicked;
pub use handover::rehearse;
use kernel::Kernel;

/// PID 1's life, from its exec to reboot(2). `linked` is the table in the binary.
pub fn run(linked: &'static [u8], arguments: Arguments) -> ! {
    let boot = boot::boot(linked, arguments);
    assert!(!boot.words.panic, "asked for by tomte.panic");
    let mut supervisor = Supervisor::new(boot.table);
    let mut kernel = match Kernel::new(&boot) {
        Ok(kernel) => kernel,
        Err((what, errno)) => crash::give_up(format_args!("cannot set up {what}: {}", Text(errno))),
    };
    match boot.state.as_ref().map(|state| handover::load(state, &mut kernel, &mut supervisor)) {
        None => {
            kernel.listen();
            supervisor.handle(kernel.now(), kernel.clock(false));
            let kernel_age = Micros(if boot.container { 0 } else { boot.started_us });
            let (random, until, machine) = (boot.random, boot.words.until(), boot.machine);
            supervisor.handle(kernel.now(), Event::Boot { random, until, kernel_age, machine });
        }
        Some(Ok(failed)) => {
            kernel.listen();
            kernel.look_at_all();
            supervisor.handle(kernel.now(), kernel.clock(true)); // somebody may have set it meanwhile
            if failed {
                supervisor.recover(kernel.now(), &|unit| kernel.facts(unit));
            }
            log::info(format_args!("executed anew"));
        }
        Some(Err(errno)) => handover::start_over(boot.arguments, errno),
    }
    live(&mut kernel, &mut supervisor)
}

/// The loop. Apart from [`run`], whose frame holds both.
#[inline(never)]
fn live(kernel: &mut Kernel, supervisor: &mut Supervisor<'static>) -> ! {
    let mut life = handover::Life { kernel, supervisor };
    linux::rescue::prepare(&mut life, handover::rescue);
    let handover::Life { kernel, supervisor } = &mut life;
    loop {
        while let Some(action) = supervisor.next_action() {
            if let Some(answer) = kernel.perform(action, supervisor) {
                supervisor.handle(kernel.now(), answer);
            }
        }
        if kernel.is_to_be_replaced() {
            let event = handover::replace(kernel, supervisor, false);
            supervisor.handle(kernel.now(), event);
            continue;
        }
        let deadline = supervisor.next_deadline();
        kernel.watch_clock(supervisor.next_wall_deadline());
        let (now, event) = kernel.wait(deadline);
        supervisor.handle(now, event);
    }
}
