//! What sockets, timers, paths, mounts, swaps and slices are when their files set nothing (systemd 257: socket.c,
//! timer.c, path.c, mount.c, swap.c, the `*_init` function of each). Owns these defaults; `draft` has those of services.

use tomte::table::{Micros, StartLimit};

use super::draft::service;
use crate::model::{BindIpv6Only, Kind, Located, Mount, Path, Service, Socket, Swap, Timer, Timestamping};

/// What system.conf gives every start and stop (DefaultTimeoutStartSec=).
const TIMEOUT: Micros = Micros::from_secs(90);

/// A unit of the kind `suffix`, which is none of services and targets; `None` for those.
pub fn kind(suffix: &str) -> Option<Kind> {
    Some(match suffix {
        "socket" => Kind::Socket(Box::new(socket())),
        "timer" => Kind::Timer(Box::new(timer())),
        "path" => Kind::Path(Box::new(path())),
        "mount" => Kind::Mount(Box::new(mount())),
        "swap" => Kind::Swap(Box::new(swap())),
        "slice" => Kind::Slice(Box::default()),
        _ => return None,
    })
}

const fn unset() -> Located<String> {
    Located::implied(String::new())
}

fn socket() -> Socket {
    Socket {
        listen: Vec::new(),
        accept: false,
        service: unset(),
        socket_protocol: None,
        bind_ipv6_only: BindIpv6Only::Default,
        backlog: i32::MAX as u32, // the kernel holds it to net.core.somaxconn
        bind_to_device: None,
        socket_user: unset(),
        socket_group: unset(),
        socket_mode: 0o666,
        directory_mode: 0o755,
        writable: false,
        flush_pending: false,
        max_connections: 64,
        max_connections_per_source: None,
        keep_alive: false,
        keep_alive_time: None,
        keep_alive_interval: None,
        keep_alive_probes: None,
        no_delay: false,
        defer_accept: None,
        priority: None,
        receive_buffer: None,
        send_buffer: None,
        ip_tos: None,
        ip_ttl: None,
        mark: None,
        reuse_port: false,
        free_bind: false,
        transparent: false,
        broadcast: false,
        pass_credentials: false,
        pass_security: false,
        pass_packet_info: false,
        timestamping: Timestamping::Off,
        tcp_congestion: None,
        pipe_size: None,
        message_queue_max_messages: None,
        message_queue_message_size: None,
        symlinks: Vec::new(),
        remove_on_stop: false,
        file_descriptor_name: String::new(),
        pass_file_descriptors_to_exec: false,
        trigger_limit: StartLimit { interval: Micros::from_secs(2), burst: 20 },
        poll_limit: StartLimit { interval: Micros::from_secs(2), burst: 15 },
        timeout: TIMEOUT,
        process: Service { of_socket: true, ..service() },
    }
}

const fn timer() -> Timer {
    Timer {
        elapses: Vec::new(),
        unit: unset(),
        on_clock_change: false,
        accuracy: Micros::from_secs(60),
        randomized_delay: Micros::ZERO,
        fixed_random_delay: false,
        persistent: false,
        remain_after_elapse: true,
        defer_reactivation: false,
    }
}

const fn path() -> Path {
    Path {
        watches: Vec::new(),
        unit: unset(),
        make_directory: false,
        directory_mode: 0o755,
        trigger_limit: StartLimit { interval: Micros::from_secs(2), burst: 200 },
    }
}

fn mount() -> Mount {
    Mount {
        what: unset(),
        r#where: unset(),
        file_system: unset(),
        options: unset(),
        sloppy_options: false,
        lazy_unmount: false,
        read_write_only: false,
        force_unmount: false,
        directory_mode: 0o755,
        timeout: TIMEOUT,
        service: service(),
    }
}

fn swap() -> Swap {
    Swap { what: unset(), priority: None, options: unset(), timeout: TIMEOUT, service: service() }
}
