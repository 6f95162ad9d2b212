//! tomte as PID 1 beside a bare program that starts the same services (kernel-costs: the floor): starts, restarts, the
//! end, memory, and silence.

use std::{rc::Rc, time::Duration};

use anyhow::Result;

use super::{
    Bench, Prepared, Target, Unit,
    machine::{Machine, Setup},
};

const START: &str = "from PID 1's execve to the last service's main";
const FLOOR: &str = "clone3 and execve in a loop";

/// Everything about starts.
pub const ALL: [Bench; 11] = [
    start::<1>("start-1"),
    start::<10>("start-10"),
    start::<50>("start-50"),
    start::<200>("start-200"),
    SANDBOX,
    PROBE,
    Bench {
        name: "restart",
        about: "from a service's death to its main again, RestartSec=0, one of 50",
        floor: FLOOR,
        unit: Unit::Milliseconds,
        rounds: None,
        target: Target::Ratio(1.3),
        prepare: || {
            let (tomte, floor) = (running::<50>(&plain(50))?, running_floor::<50>()?);
            let restart = |mut machine: Machine| move || Ok(milliseconds(machine.restart()?));
            prepared("50 services", restart(tomte), restart(floor))
        },
    },
    Bench {
        name: "stop-200",
        about: "from SIGINT to the end of PID 1, with 200 services up",
        floor: "kill(-1) and waitid until nobody is left",
        unit: Unit::Milliseconds,
        rounds: None,
        target: Target::Ratio(2.0),
        prepare: || {
            let (tomte, floor) = (Setup::of_tomte(&plain(200))?, Setup::of_floor(&["200"])?);
            let grouped = Setup::of_floor(&["200", "grouped"])?;
            let stop = |setup: Setup| move || Ok(milliseconds(setup.start(200)?.stop()?));
            Ok(beside(prepared("200 services", stop(tomte), stop(floor))?, stop(grouped)))
        },
    },
    Bench {
        name: "idle-200",
        about: "times PID 1 runs in 20 s with 200 services up and nothing to do",
        floor: "the same of the floor",
        unit: Unit::Times,
        rounds: Some(1),
        target: Target::AtMost(0.0),
        prepare: || {
            let (tomte, floor) = (running::<200>(&plain(200))?, running_floor::<200>()?);
            prepared("200 services", silence(tomte), silence(floor))
        },
    },
    Bench {
        name: "memory-64",
        about: "resident memory of PID 1 with 64 services up",
        floor: "the same of the floor",
        unit: Unit::Kibibytes,
        rounds: Some(1),
        target: Target::AtMost(256.0),
        prepare: || {
            let (tomte, floor) = (running::<64>(&plain(64))?, running_floor::<64>()?);
            prepared("64 services", resident(tomte), resident(floor))
        },
    },
    Bench {
        name: "memory-each",
        about: "private memory of PID 1 for each service more, from 8 to 200",
        floor: "the same of the floor",
        unit: Unit::Kibibytes,
        rounds: Some(1),
        target: Target::AtMost(1.0),
        prepare: || {
            let tomte = (running::<8>(&plain(8))?, running::<200>(&plain(200))?);
            let floor = (running_floor::<8>()?, running_floor::<200>()?);
            prepared("8 and 200 services", each(tomte), each(floor))
        },
    },
];

const fn start<const COUNT: usize>(name: &'static str) -> Bench {
    Bench {
        name,
        about: START,
        floor: FLOOR,
        unit: Unit::Milliseconds,
        rounds: None,
        target: Target::Ratio(1.3),
        prepare: || {
            let count = COUNT.to_string();
            let (tomte, floor) = (Setup::of_tomte(&plain(COUNT))?, Setup::of_floor(&[&count])?);
            let grouped = Setup::of_floor(&[&count, "grouped"])?;
            let prepared =
                prepared(&format!("{count} services"), boot::<COUNT>(tomte), boot::<COUNT>(floor))?;
            Ok(beside(prepared, boot::<COUNT>(grouped)))
        },
    }
}

/// The whole sandbox.
const SANDBOX: Bench = Bench {
    name: "sandbox-200",
    about: "from PID 1's execve to the last of 200 sandboxed services' main",
    floor: "the same namespaces, mounts, rules and filters by a program that only makes the calls",
    unit: Unit::Milliseconds,
    rounds: None,
    target: Target::Ratio(1.1),
    prepare: || {
        let text = format!("{PLAIN}{SANDBOXED}");
        let tomte = Setup::of_tomte(&copies(200, &text))?;
        let floor = Setup::of_sandboxing_floor(200, &text)?;
        prepared("200 services", boot::<200>(tomte), boot::<200>(floor))
    },
};

/// Whether PID 1 keeps anybody waiting. It and who asks have the processor whenever they want it: what is measured is PID 1,
/// and not how the kernel shares two processors among thirty children.
const PROBE: Bench = Bench {
    name: "probe-32",
    about: "the longest that somebody waits who asks PID 1 all the time while 32 sandboxed services start",
    floor: "the longest of 1001 answers while nothing starts",
    unit: Unit::Milliseconds,
    rounds: None,
    target: Target::AtMost(1.0),
    prepare: || {
        let first = "CPUSchedulingPolicy=fifo\nCPUSchedulingPriority=10\nCPUSchedulingResetOnFork=yes";
        let asks = |word: &str| {
            let text = PLAIN.replace("ExecStart=SERVICE", &format!("ExecStart=SERVICE {word}\n{first}"));
            (format!("{word}.service"), text)
        };
        let many = format!("{PLAIN}{SANDBOXED}").replace("multi-user.target", "many.target");
        let target = ("many.target".to_owned(), "[Unit]\nDescription=Many\n".to_owned());
        let units = [vec![asks("probe"), asks("calm"), target], copies(32, &many)].concat();
        let setup = Rc::new(Setup::of_tomte(&units)?);
        let longest = |word: &'static str| {
            let setup = Rc::clone(&setup);
            move || {
                let mut machine = setup.start(2)?;
                machine.put_first()?;
                let longest = machine.work(word)?;
                machine.stop()?;
                Ok(longest as f64 / 1e3)
            }
        };
        prepared("32 services", longest("probe"), longest("calm"))
    },
};

/// The settings that systemd.exec(5) has for a service of its own, without those that give it something.
const SANDBOXED: &str = "\
[Service]
DynamicUser=yes
ProtectHome=yes
PrivateDevices=yes
PrivateIPC=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
MemoryDenyWriteExecute=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
CapabilityBoundingSet=
";

/// A round of starts.
fn boot<const COUNT: usize>(setup: Setup) -> impl FnMut() -> Result<f64> {
    move || {
        let machine = setup.start(COUNT)?;
        let took = machine.boot();
        machine.stop()?;
        Ok(milliseconds(took))
    }
}

fn prepared(
    input: &str,
    round: impl FnMut() -> Result<f64> + 'static,
    floor: impl FnMut() -> Result<f64> + 'static,
) -> Result<Prepared> {
    Ok(Prepared { input: input.to_owned(), round: Box::new(round), floor: Box::new(floor), grouped: None })
}

/// The same beside the second floor, too.
fn beside(mut prepared: Prepared, grouped: impl FnMut() -> Result<f64> + 'static) -> Prepared {
    prepared.grouped = Some(Box::new(grouped));
    prepared
}

/// A service without any setting.
const PLAIN: &str = "\
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=SERVICE
Restart=always
RestartSec=0
[Install]
WantedBy=multi-user.target
";

fn plain(count: usize) -> Vec<(String, String)> {
    copies(count, PLAIN)
}

/// Services with `text` in their unit files.
fn copies(count: usize, text: &str) -> Vec<(String, String)> {
    (0..count).map(|n| (format!("plain-{n:03}.service"), text.to_owned())).collect()
}

fn running<const COUNT: usize>(units: &[(String, String)]) -> Result<Machine> {
    Setup::of_tomte(units)?.start(COUNT)
}

fn running_floor<const COUNT: usize>() -> Result<Machine> {
    Setup::of_floor(&[&COUNT.to_string()])?.start(COUNT)
}

fn silence(machine: Machine) -> impl FnMut() -> Result<f64> {
    move || {
        let before = machine.switches()?;
        std::thread::sleep(Duration::from_secs(20));
        Ok((machine.switches()? - before) as f64)
    }
}

fn resident(machine: Machine) -> impl FnMut() -> Result<f64> {
    move || Ok(machine.memory("Rss")? as f64)
}

fn private(machine: &Machine) -> Result<u64> {
    Ok(machine.memory("Private_Clean")? + machine.memory("Private_Dirty")?)
}

fn each((few, many): (Machine, Machine)) -> impl FnMut() -> Result<f64> {
    move || Ok(private(&many)?.saturating_sub(private(&few)?) as f64 / 192.0)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
