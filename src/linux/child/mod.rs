//! From fork to execve: the array [`STEPS`] is the documentation.
//!
//! The order is systemd's (exec-invoke.c; systemd-semantics.md §3) with one change: limits come after the mount
//! namespace, whose making needs more descriptors than a small `LimitNOFILE=` allows. A step that fails is reported and
//! ends the child with systemd's exit code for it: what narrows privilege is done, or the program does not run.

mod arena;
mod calls;
mod cgroup;
mod credentials;
mod devices;
mod directories;
mod early;
mod environment;
mod environment_file;
mod exec;
mod identity;
mod landlock;
mod mounts;
mod namespaces;
mod place;
mod privileges;
mod remount;
mod scheduling;
mod session;
mod stdio;
mod trees;

use core::cell::Cell;

pub(crate) use arena::Arena;
pub use mounts::MOUNTS_MAX;
use rustix::{fd::BorrowedFd, io::Errno};

use self::{environment::Variables, identity::Who};
use super::{
    feature::Feature,
    plan::Plan,
    raw::process,
    report::{self, Report},
    step::Step,
};

/// What the steps hand on to each other.
pub struct Work<'a> {
    plan: &'a Plan<'a>,
    report: BorrowedFd<'a>,
    arena: Arena<'a>,
    who: Who,
    variables: Variables<'a>,
    /// There is no mount namespace: Landlock is the only wall.
    alone: bool,
    /// What PID 1 has been told that there is not.
    lacking: u32,
    /// What the step works on right now: a path, a name. It is told if the step fails.
    about: Cell<&'a [u8]>,
}

impl Work<'_> {
    /// Goes on without `feature`, which the kernel does not have as `errno` says, if the board allows for that. PID 1 is
    /// told.
    fn go_without(&mut self, feature: Feature, errno: Errno) -> Result<(), Errno> {
        let lacks = matches!(errno, Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM);
        if lacks && self.plan.may_lack & feature.bit() != 0 { self.lack(feature, errno) } else { Err(errno) }
    }

    /// Tells PID 1, once, that this goes on without `feature`.
    fn lack(&mut self, feature: Feature, errno: Errno) -> Result<(), Errno> {
        if self.lacking & feature.bit() != 0 {
            return Ok(());
        }
        self.lacking |= feature.bit();
        report::write(self.report, Report::Lacking { feature, errno })
    }
}

/// A step's work. What it needs from earlier steps is in `Work`.
type Act = fn(&mut Work<'_>) -> Result<(), Errno>;

/// What a child does, in this order.
pub const STEPS: [(Step, Act); 45] = [
    (Step::Signals, session::reset_signals),
    (Step::Session, session::start),
    (Step::User, identity::find_user),
    (Step::Group, identity::find_groups),
    (Step::Identity, identity::settle),
    (Step::Cgroup, cgroup::configure),
    (Step::DevicePolicy, cgroup::restrict_devices),
    (Step::NetworkPolicy, cgroup::restrict_network),
    (Step::Stdin, stdio::connect_input),
    (Step::Stdout, stdio::connect_output),
    (Step::Stderr, stdio::connect_error),
    (Step::OomScore, scheduling::adjust_oom_score),
    (Step::CoreDumps, scheduling::filter_core_dumps),
    (Step::Policy, scheduling::set_policy),
    (Step::Nice, scheduling::set_nice),
    (Step::Affinity, scheduling::set_affinity),
    (Step::IoPriority, scheduling::set_io_priority),
    (Step::TimerSlack, scheduling::set_timer_slack),
    (Step::Personality, scheduling::set_personality),
    (Step::RuntimeDirectory, directories::make_runtime),
    (Step::StateDirectory, directories::make_state),
    (Step::CacheDirectory, directories::make_cache),
    (Step::LogsDirectory, directories::make_logs),
    (Step::ConfigurationDirectory, directories::make_configuration),
    (Step::Credentials, credentials::load),
    (Step::Environment, environment::gather),
    (Step::EnvironmentFile, environment_file::read),
    (Step::Keyring, session::join_keyring),
    (Step::Network, namespaces::enter_network),
    (Step::Namespace, namespaces::enter),
    (Step::Landlock, landlock::wall_off),
    (Step::Limits, privileges::limit),
    (Step::Groups, privileges::change_groups),
    (Step::PrivateUsers, namespaces::enter_users),
    (Step::BoundingSet, privileges::drop_bounding_set),
    (Step::Ids, privileges::change_user),
    (Step::SecureBits, privileges::set_secure_bits),
    (Step::AmbientCapabilities, privileges::raise_ambient),
    (Step::WorkingDirectory, session::change_directory),
    (Step::NoNewPrivileges, privileges::forbid_new_privileges),
    (Step::CloseDescriptors, session::close_descriptors),
    (Step::SignalMask, session::unblock_signals),
    (Step::Call, calls::carry_out),
    (Step::Seccomp, privileges::load_filter),
    (Step::Exec, exec::execute),
];

/// Carries out `plan` in this process, which has just been forked for it. `lacking`: why it is in no namespace of
/// processes, though it should be.
pub(super) fn run<'a>(plan: &'a Plan<'a>, mut report: BorrowedFd<'a>, lacking: Option<Errno>) -> ! {
    let mut subject: &[u8] = &[];
    let (step, errno) = match Arena::take() {
        Ok(arena) => {
            let (who, variables) = (Who::default(), Variables::new());
            let (alone, about) = (false, Cell::new(&[][..]));
            let mut work = Work { plan, report, arena, who, variables, alone, lacking: 0, about };
            let failure = match lacking.map_or(Ok(()), |errno| work.go_without(Feature::PidNamespaces, errno))
            {
                Ok(()) => first_failure(&mut work),
                Err(errno) => (Step::Clone, errno),
            };
            report = work.report; // it may have moved
            subject = work.about.get();
            failure
        }
        Err(errno) => (Step::Environment, errno),
    };
    // If the pipe is broken, PID 1 learns from the exit code.
    let _told = report::write_failure(report, step, errno, subject);
    process::exit(step.exit_code())
}

fn first_failure(work: &mut Work<'_>) -> (Step, Errno) {
    for &(step, act) in &STEPS {
        work.about.set(&[]);
        if let Err(errno) = work.plan.failure_at(step).map_or_else(|| act(work), Err) {
            return (step, errno);
        }
    }
    (Step::Exec, Errno::NOSYS) // the last step does not succeed: it becomes the program
}
