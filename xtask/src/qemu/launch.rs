//! One run of a virtual machine: direct kernel boot, always emulated (`-accel tcg`: a /dev/kvm that exists need not
//! work), console on the serial line, report and Ctrl-C through virtio-serial ports.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process, set_parent_process_death_signal},
};

use super::monitor::{GuestEnd, Hand, Monitor};
use crate::{
    board::{Board, Qemu},
    image::Made,
    progress,
    run::watch::{Machine, Show, Watched, watch},
};

/// Where the report goes, seen by PID 1: port 1 of the first virtio device.
pub const REPORT_INSIDE: &str = "/dev/vport0p1";
/// PCI slots: fixed, so that the serial device is the first virtio device of every machine.
const SERIAL_SLOT: u32 = 2;
const NETWORK_SLOT: u32 = 3;
const DISK_SLOT: u32 = 4;

/// What a run of a virtual machine gave.
pub struct Ran {
    pub watched: Watched,
    /// What QEMU says of the end.
    pub end: GuestEnd,
    /// What PID 1 wrote to the report's port.
    pub report: Option<String>,
}

/// A port of the guest and where it is on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    pub guest: u16,
    pub host: u16,
}

/// Finds a free port of 127.0.0.1 for each port the board forwards.
pub fn forwards(qemu: &Qemu) -> Result<Vec<Forward>> {
    // All listeners are open until every number is known, so that no number comes twice.
    let listeners: Vec<(u16, TcpListener)> = qemu
        .forward
        .iter()
        .map(|guest| Ok((*guest, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?)))
        .collect::<std::io::Result<_>>()
        .context("no free port on 127.0.0.1")?;
    let numbered = listeners
        .iter()
        .map(|(guest, listener)| Ok(Forward { guest: *guest, host: listener.local_addr()?.port() }));
    numbered.collect()
}

/// Boots `board` with `words` for PID 1 on the kernel's command line.
pub fn launch(
    board: &Board,
    qemu: &Qemu,
    made: &Made,
    words: &[String],
    forwards: &[Forward],
    guard: Option<Duration>,
    show: Show,
) -> Result<Ran> {
    let (loaded, disk) = match made {
        Made::Disk { image, qemu } => (qemu.as_ref().context("a disk that QEMU cannot boot")?, Some(image)),
        Made::Loaded(loaded) => (loaded, None),
    };
    // In the build's folder, which is locked for this run: what a killed run leaves there, the next one removes.
    let dir = loaded.initramfs.with_file_name("run");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let (report, control, monitor) = (dir.join("report"), dir.join("control"), dir.join("monitor"));
    for fifo in [&control, &monitor].iter().flat_map(|path| ["in", "out"].map(|end| path.with_extension(end)))
    {
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .with_context(|| format!("cannot make {}", fifo.display()))?;
    }
    let monitor = Monitor::open(&monitor)?;
    let mut command = Command::new(&qemu.program);
    command
        .args(monitor.words())
        .args(["-M", &qemu.machine, "-accel", "tcg", "-cpu", &qemu.cpu, "-m", &qemu.memory, "-smp", "1"])
        .args(["-display", "none", "-nodefaults", "-serial", "stdio"])
        .args(qemu.moments.is_empty().then_some("-no-reboot"))
        .arg("-kernel")
        .arg(&loaded.kernel)
        .arg("-initrd")
        .arg(&loaded.initramfs)
        .args(["-append", &command_line(board, qemu, words)])
        .args(disk_words(disk.map(PathBuf::as_path)))
        .args(serial_words(&report, &control))
        .args(network_words(forwards))
        .args(qemu.devices.iter().flat_map(|device| ["-device", device.as_str()]))
        .args(&qemu.words);
    if show == Show::Live {
        eprintln!("+ {}", progress::shown(&command));
        for forward in forwards {
            eprintln!("port {} of the guest is 127.0.0.1:{} here", forward.guest, forward.host);
        }
    }
    let mut child = tied(&command).spawn().with_context(|| format!("cannot start {}", qemu.program))?;
    let console = child.stdout.take().context("QEMU has no stdout")?;
    let hand = monitor.hand(&qemu.moments)?;
    let mut machine = Vm { control: control.with_extension("in"), pid: Pid::from_child(&child), hand };
    let watched = watch(child, File::from(std::os::fd::OwnedFd::from(console)), &mut machine, guard, show)?;
    Ok(Ran { watched, end: monitor.end(), report: fs::read_to_string(&report).ok() })
}

/// What the kernel is told.
fn command_line(board: &Board, qemu: &Qemu, words: &[String]) -> String {
    let own = board.config.image.as_ref().map_or("", |image| &image.command_line);
    let emulated = match board.config.arch.as_str() {
        // On a busy machine the PC's timer comes too late for the kernel's test of it, which ends in a panic. KVM's guests
        // leave it out, too.
        "x86_64" => " no_timer_check",
        // Against Meltdown, which an emulated processor does not have, each way into the kernel and back would empty the
        // emulator's table of addresses: a quarter of a boot.
        "aarch64" => " kpti=off",
        _ => "",
    };
    let words = [&format!("console={} panic=-1 quiet{emulated}", qemu.console), own, &words.join(" ")];
    words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The disk, whose file stays as it is: what the guest writes is gone with it.
fn disk_words(disk: Option<&Path>) -> Vec<String> {
    let Some(disk) = disk else { return Vec::new() };
    vec![
        "-drive".into(),
        format!("file={},format=raw,if=none,id=disk,snapshot=on", disk.display()),
        "-device".into(),
        format!("virtio-blk-pci,drive=disk,addr={DISK_SLOT:#x}"),
    ]
}

/// The ports for the report and for Ctrl-C.
fn serial_words(report: &Path, control: &Path) -> [String; 10] {
    [
        "-device".into(),
        format!("virtio-serial-pci,addr={SERIAL_SLOT:#x}"),
        "-chardev".into(),
        format!("file,id=report,path={}", report.display()),
        "-device".into(),
        "virtserialport,chardev=report,name=tomte.report,nr=1".into(),
        "-chardev".into(),
        format!("pipe,id=control,path={}", control.display()),
        "-device".into(),
        "virtserialport,chardev=control,name=tomte.control,nr=2".into(),
    ]
}

/// QEMU's user network with the forwarded ports; none when there are no ports.
fn network_words(forwards: &[Forward]) -> Vec<String> {
    if forwards.is_empty() {
        return Vec::new();
    }
    let forward = |one: &Forward| format!(",hostfwd=tcp:127.0.0.1:{}-:{}", one.host, one.guest);
    let ports: String = forwards.iter().map(forward).collect();
    vec![
        "-netdev".into(),
        format!("user,id=network{ports}"),
        "-device".into(),
        format!("virtio-net-pci,netdev=network,addr={NETWORK_SLOT:#x},romfile="),
    ]
}

/// `command`, started by a copy of xtask that first ties it to this one: QEMU dies with xtask, however that ends. A
/// process group of its own keeps the terminal's Ctrl-C away from it.
fn tied(command: &Command) -> Command {
    let mut tied = Command::new("/proc/self/exe");
    tied.arg("tied")
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0);
    tied
}

/// The other half of [`tied`]: becomes `words`. Comes back only with an error.
pub fn run_tied(words: &[String]) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot tie QEMU to xtask (PDEATHSIG)")?;
    let (program, words) = words.split_first().context("no program")?;
    let error = Command::new(program).args(words).exec();
    Err(error).with_context(|| format!("cannot execute {program}"))
}

struct Vm {
    control: PathBuf,
    pid: Pid,
    hand: Hand,
}

impl Machine for Vm {
    fn said(&mut self, line: &str) -> Result<()> {
        self.hand.see(line)
    }

    /// A line to the board's control.service, which asks PID 1.
    fn interrupt(&mut self) -> Result<()> {
        write_line(&self.control).context("cannot reach the guest")
    }

    fn kill(&mut self) -> Result<()> {
        kill_process(self.pid, Signal::KILL).context("cannot end QEMU")
    }
}

fn write_line(control: &Path) -> std::io::Result<()> {
    // QEMU holds the other end, so this neither blocks nor fails while it lives.
    OpenOptions::new().read(true).write(true).open(control)?.write_all(b"shutdown\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_forwarded_port_gets_a_number_of_its_own() {
        let qemu: Qemu = toml::from_str(
            "program = 'q'\nmachine = 'm'\ncpu = 'c'\nmemory = '1'\nconsole = 't'\nkernel-package = 'k'\nforward = [80, 443]",
        )
        .unwrap();
        let found = forwards(&qemu).unwrap();
        assert_eq!(found.iter().map(|forward| forward.guest).collect::<Vec<_>>(), [80, 443]);
        assert_ne!(found[0].host, found[1].host);
    }
}
