//! Who may log in at the consoles: serial-getty@.service and console-getty.service as systemd has them.

use super::{
    keys::{Console, Login},
    made::Maker,
};
use crate::{
    diag::{Code, Diagnostic},
    model::Relation,
    values::unit_name,
};

/// A unit for each terminal.
pub(super) fn units(console: &Console, maker: &mut Maker<'_>) {
    if console.login == Login::Shell && !console.root {
        let message = "[console]: login = \"shell\" is a shell of root's without a password";
        maker
            .sink
            .push(Diagnostic::error(Code::BoardValue, message).help("say root = true if that is meant"));
        return;
    }
    if console.login == Login::None {
        return;
    }
    for tty in &console.tty {
        let tty = tty.get_ref().trim_start_matches("/dev/");
        let name = match tty {
            "console" => "console-getty.service".to_owned(),
            tty => format!("serial-getty@{}", unit_name::of_path(&format!("/{tty}"), "service")),
        };
        let program = match console.login {
            Login::Getty => format!("/sbin/getty -L {tty} {} vt102", console.baud),
            Login::Shell | Login::None => "/bin/sh -l".to_owned(),
        };
        let text = format!(
            "[Unit]\nDescription=Login on {tty}\nConditionPathExists=/dev/{tty}\n\
             Conflicts=rescue.service emergency.service\nBefore=getty.target\n\
             [Service]\nExecStart=-{program}\nType=idle\nRestart=always\nRestartSec=0\n\
             Environment=HOME=/root TERM=vt102\nWorkingDirectory=-/root\n\
             StandardInput=tty\nStandardOutput=tty\nTTYPath=/dev/{tty}\nTTYReset=yes\nTTYVHangup=yes\n\
             KillMode=process\nIgnoreSIGPIPE=no\nSendSIGHUP=yes\n"
        );
        let relations = &mut maker.unit(&name, &text).relations;
        relations.imply(Relation::WantedBy, "getty.target");
    }
}
