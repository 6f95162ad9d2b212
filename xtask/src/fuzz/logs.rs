//! What anybody may print or send, and what a reader of the log makes of it.

use tomte::wire::log::{
    BLOCK_BYTES, ENTRY_BYTES_MAX, Entry, Head, LINE_BYTES_MAX, Origin, Shown, Terms, entry_json, split_line,
    syslog,
};

/// Lines, messages, records of the kernel and entries of any bytes: nothing is lost, what a terminal is shown has nothing that
/// it would obey, and JSON is JSON.
pub fn run(bytes: &[u8]) {
    let (mut rest, mut kept) = (bytes, 0);
    while let Some((line, following)) = split_line(rest, true) {
        assert!(line.len() <= LINE_BYTES_MAX && following.len() < rest.len());
        kept += line.len();
        rest = following;
        show(line, line);
    }
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!(rest.is_empty() && kept + ends == bytes.len(), "a line is lost");
    let message = syslog::parse(bytes);
    show(message.identifier, message.text);
    if let Some(record) = syslog::kernel_record(bytes) {
        show(b"kernel", record.text);
    }
    let _ = (Terms::read(bytes), Head::read(bytes));
    let mut rest = bytes;
    while let Some((_, following)) = Entry::read(rest) {
        assert!(following.len() < rest.len());
        rest = following;
    }
}

fn show(identifier: &[u8], text: &[u8]) {
    let entry = Entry {
        origin: Origin::Stdout,
        priority: 6,
        pid: 1,
        time_us: 2,
        unit: b"a.service",
        identifier,
        text,
    };
    let mut room = [0; BLOCK_BYTES];
    let length = entry.write(&mut room);
    assert!((1..=ENTRY_BYTES_MAX).contains(&length));
    let (read, _) = Entry::read(&room).expect("it was just written");
    assert!(text.starts_with(read.text) && identifier.starts_with(read.identifier));
    let mut shown = String::new();
    Shown(read.text).write(&mut shown).expect("a String takes all");
    assert!(!shown.contains(|character: char| character.is_control() && character != '\t'), "{shown:?}");
    shown.clear();
    entry_json(&read, 1, &mut shown).expect("a String takes all");
    assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
}

/// Lines and messages as programs write them.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        "<3>broken\nplain\n\nescape \x1b[2J nul \0 end",
        "<34>Oct 11 22:14:15 su[9]: 'su root' failed",
        "<165>1 2003-10-11T22:14:15.003Z host evnt 77 ID47 [a x=\"]\\\" [\"] \u{feff}msg",
        "6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n",
        "\u{9b}31m grüße",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
