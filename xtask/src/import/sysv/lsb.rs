//! The comment block of init scripts (LSB Core 22.3, insserv(8)).

use crate::read::{self, Text};

/// What the block says; empty where there is none.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Whether there is one.
    pub present: bool,
    /// What other scripts call this one.
    pub provides: Vec<Text>,
    /// What has to be there before it starts, or must not stop before it does.
    pub required: Vec<Text>,
    /// The same, if it is there at all.
    pub should: Vec<Text>,
    /// What starts after it.
    pub before: Vec<Text>,
    /// Runlevels that it starts in; `None` if nothing is said.
    pub default_start: Option<Text>,
    /// One line.
    pub short_description: String,
}

/// The block of `script`.
pub fn header(script: &Text) -> Header {
    let mut header = Header::default();
    let mut inside = false;
    for (start, line) in read::lines(script.as_str()) {
        match line.trim_end() {
            "### BEGIN INIT INFO" => {
                inside = true;
                header.present = true;
            }
            "### END INIT INFO" => break,
            _ if inside => {
                let Some(rest) = line.strip_prefix('#') else { continue };
                let Some((key, value)) = rest.split_once(':') else { continue };
                let at = start + line.len() - value.len();
                header.set(key.trim(), &script.slice(at..start + line.len()).trim());
            }
            _ => {}
        }
    }
    header
}

impl Header {
    fn set(&mut self, key: &str, value: &Text) {
        let words = words(value);
        match key.to_ascii_lowercase().as_str() {
            "provides" => self.provides.extend(words),
            "required-start" | "required-stop" => self.required.extend(words),
            "should-start" | "should-stop" | "x-start-after" => self.should.extend(words),
            "x-start-before" => self.before.extend(words),
            "default-start" => self.default_start = Some(value.clone()),
            "short-description" => self.short_description = value.as_str().to_owned(),
            _ => {}
        }
    }
}

fn words(value: &Text) -> Vec<Text> {
    let text = value.as_str();
    let mut words = Vec::new();
    let mut start = 0;
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim();
        if !word.is_empty() {
            words.push(value.slice(start..start + word.len()));
        }
        start += part.len();
    }
    words
}

/// The unit that stands for a facility of the system; `None` for one that does not, `""` if nothing has to be waited
/// for (systemd's sysv-generator.c has the same list).
pub fn facility(name: &str) -> Option<&'static str> {
    match name {
        "$local_fs" | "$syslog" => Some(""),
        "$network" => Some("network-online.target"),
        "$named" => Some("nss-lookup.target"),
        "$portmap" => Some("rpcbind.target"),
        "$remote_fs" => Some("remote-fs.target"),
        "$time" => Some("time-sync.target"),
        "$x-display-manager" => Some("display-manager.service"),
        "$mail-transport-agent" => Some("mail-transport-agent.target"),
        _ => None,
    }
}
