//! tomte(1) and tomte(8).

use anyhow::Result;
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

/// What systemctl(1) answers too.
const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "Done; of a query: it is so."),
    ("1", "PID 1 refused, or the job failed."),
    ("2", "The command line was not understood."),
    ("3", "The unit is not active."),
    ("4", "There is no such unit."),
    ("5", "There is no such unit to start, to stop, or to do anything else with."),
];

/// tomte(1), made from `command`.
pub(super) fn tomte(command: &Command) -> Result<Vec<u8>> {
    let man = Man::new(command.clone()).section("1").manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["VERBS"]);
    for verb in command.get_subcommands() {
        roff.control("TP", []);
        let operands = verb.get_arguments().find(|arg| arg.get_id() == "operands");
        let operands = operands.and_then(|arg| arg.get_value_names()).map(|names| names.join(" "));
        roff.text([bold(verb.get_name()), roman(" "), roman(operands.unwrap_or_default())]);
        roff.text([roman(verb.get_about().map(ToString::to_string).unwrap_or_default())]);
        roff.control("RS", []);
        for option in verb.get_arguments().filter(|arg| arg.get_id() != "operands") {
            roff.control("TP", []);
            let letter = option.get_short().map_or_else(String::new, |letter| format!("-{letter}, "));
            let value = option.get_value_names().map(|names| format!(" {}", names.join(" ")));
            let name = option.get_long().unwrap_or_default();
            roff.text([bold(format!("{letter}--{name}")), roman(value.unwrap_or_default())]);
            roff.text([roman(option.get_help().map(ToString::to_string).unwrap_or_default())]);
        }
        roff.control("RE", []);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in EXIT_STATUS {
        roff.control("TP", []);
        roff.text([bold(status)]);
        roff.text([roman(meaning)]);
    }
    section(
        &mut roff,
        "OTHER NAMES",
        "Called systemctl or service, it takes their command lines for the verbs above and passes over options that mean \
         nothing here. Called poweroff, reboot, halt or shutdown, it does that.",
    );
    section(
        &mut roff,
        "WHO MAY ASK",
        "Root may ask everything, everybody the state of units; [[allow]] in board.toml(5) says who may ask for more.",
    );
    section(&mut roff, "SEE ALSO", "tomte(8), board.toml(5), systemctl(1)");
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// tomte(8).
pub(super) fn pid_1() -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("TH", ["tomte", "8", "", "", "System Administration"]);
    section(&mut roff, "NAME", "tomte - PID 1 for small Linux images");
    section(
        &mut roff,
        "DESCRIPTION",
        "As PID 1 tomte starts and supervises the units of the table that was baked into it when the image was built. It \
         reads no configuration. It listens at /run/tomte/control for tomte(1), at /run/tomte/notify for sd_notify(3), and \
         keeps the names of dynamic users in /run/tomte/passwd and /run/tomte/group.",
    );
    section(
        &mut roff,
        "HELPERS",
        "tomte-userd.service, started by tomte-userd.socket, answers the C libraries at /run/nscd/socket, so that dynamic \
         users have names without an NSS module: always with musl, with glibc unless it was built with --disable-nscd. \
         glibc asks no other NSS module about users then. userd = false in board.toml(5) leaves it out.",
    );
    roff.control("SH", ["KERNEL COMMAND LINE"]);
    for (word, meaning) in [
        ("tomte.until=idle|MICROSECONDS", "Report and end then."),
        ("tomte.report=PATH", "Where the report goes."),
        ("tomte.panic", "Fail at once, to see what the board makes of it."),
    ] {
        roff.control("TP", []);
        roff.text([bold(word)]);
        roff.text([roman(meaning)]);
    }
    section(
        &mut roff,
        "SIGNALS",
        "Those of BusyBox, of sysvinit and of systemd that end the machine are understood.",
    );
    section(&mut roff, "SEE ALSO", "tomte(1), board.toml(5)");
    roff.render().into_bytes()
}

fn section(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    roff.text([roman(text)]);
}
