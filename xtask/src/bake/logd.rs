//! logd's service, as a unit file would have it: what the board says of logs stands in it.

use std::net::SocketAddr;

use tomte::{table::Stdout, wire::log::LOGD_UNIT};

use crate::{
    board::Board,
    model::{Kind, Relation, Unit},
};

/// What listens at /dev/log.
pub(super) const SOCKET_UNIT: &str = "tomte-logd.socket";

/// Orders whatever prints to the log after logd, so that it also stops before it, unless it says that it may come first.
pub(super) fn takes_output(units: &mut [Unit]) {
    for unit in units.iter_mut().filter(|unit| unit.name != LOGD_UNIT && !unit.before_log) {
        if let Kind::Service(service) = &unit.kind
            && [service.exec.stdout, service.exec.stderr].contains(&Stdout::Journal)
        {
            unit.relations.imply(Relation::After, LOGD_UNIT);
        }
    }
}

/// The text of `tomte-logd.service`.
pub(super) fn service(board: &Board) -> String {
    let logd = &board.config.logd;
    let console = logd.console_priorities(board.config.log);
    let files = logd.files.as_ref().map_or_else(String::new, |files| {
        let (size, older, a_day) = (files.size.0, files.older, files.bytes_a_day.0);
        let at_once = u8::from(files.at_once);
        format!(
            " file=/var/log/tomte/messages file-size={size} files={older} bytes-a-day={a_day} at-once={at_once}"
        )
    });
    let remote = logd.remote.map_or_else(String::new, |remote| format!(" remote={}", address(remote)));
    format!(
        "\
[Unit]
Description=Log Daemon
DefaultDependencies=no
StartLimitIntervalSec=0
Before=sysinit.target
[Service]
ExecStart=@/proc/self/exe tomte-logd ring={ring} console={console}{files}{remote}
{directory}Sockets={SOCKET_UNIT}
NonBlocking=yes
DynamicUser=yes
RuntimeDirectory=tomte-logd
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes
Restart=always
RestartSec=100ms
StandardOutput=null
CapabilityBoundingSet=CAP_SYSLOG
AmbientCapabilities=CAP_SYSLOG
MemoryDenyWriteExecute=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX{families}
SystemCallArchitectures=native
SystemCallFilter=@basic-io @file-system @io-event @signal @timer
SystemCallFilter=pipe2 tee uname{socket} recvmsg recvfrom recv sendto send sendmsg
",
        ring = logd.ring.0,
        directory = if logd.files.is_some() { "LogsDirectory=tomte\n" } else { "" },
        families = if logd.remote.is_some() { " AF_INET AF_INET6" } else { "" },
        socket = if logd.remote.is_some() { " socket" } else { "" },
    )
}

/// A sockaddr of the kernel's, in hexadecimal digits. All architectures have the low byte first.
fn address(remote: SocketAddr) -> String {
    let port = remote.port().to_be_bytes();
    let bytes = match remote {
        SocketAddr::V4(v4) => [&[2, 0], &port[..], &v4.ip().octets(), &[0; 8]].concat(),
        SocketAddr::V6(v6) => {
            [&[10, 0], &port[..], &[0; 4], &v6.ip().octets(), &v6.scope_id().to_le_bytes()].concat()
        }
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bake::own,
        board::Layers,
        check::{self, Image},
        diag::Diagnostics,
        values::unit_name::UnitName,
    };

    #[test]
    fn an_address_is_what_the_kernel_reads() {
        let hex = |text: &str| address(text.parse().expect("an address"));
        assert_eq!(hex("192.0.2.1:514"), "02000202c00002010000000000000000");
        assert_eq!(hex("[::1]:514"), format!("0a00020200000000{:032x}00000000", 1));
    }

    #[test]
    fn the_board_decides_whether_there_is_a_logd_and_what_it_does() {
        let units_of = |lines: &str| {
            let text = format!("arch = \"x86_64\"\ntarget = \"t\"\nuserd = false\n{lines}\n");
            let config =
                crate::board::Config::parse(&text, std::path::Path::new("b/board.toml")).expect(lines);
            let board = Board::new("b".into(), "b".into(), config, Layers::default());
            let text = b"[Service]\nExecStart=/bin/true\n".to_vec();
            let mut diagnostics = Diagnostics::default();
            let name = UnitName::new("a.service").expect("a name");
            let mut units = vec![check::unit_of(name, text, Image::default().facts(), &mut diagnostics)];
            own::add(&board, &Image::default().facts(), &mut units, &mut diagnostics);
            assert!(diagnostics.render(false).is_empty(), "{}", diagnostics.render(false));
            (service(&board), units)
        };
        let (_, units) = units_of("[logd]\nenabled = false");
        assert_eq!(units.len(), 1);
        let (text, units) = units_of("");
        assert!(text.contains("ring=262144 console=0\n") && !text.contains("LogsDirectory"), "{text}");
        let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["a.service", LOGD_UNIT, SOCKET_UNIT].map(|name| name));
        let after = units[0]
            .relations
            .iter()
            .any(|(relation, other)| relation == Relation::After && other.value == LOGD_UNIT);
        assert!(after, "it would print while nobody takes it");
        let (text, _) =
            units_of("log = \"console\"\n[logd]\nremote = \"192.0.2.1:514\"\n[logd.files]\nolder = 1");
        assert!(text.contains("console=8 file=/var/log/tomte/messages file-size=262144 files=1"), "{text}");
        assert!(text.contains(" remote=0200") && text.contains("AF_UNIX AF_INET AF_INET6"), "{text}");
    }
}
