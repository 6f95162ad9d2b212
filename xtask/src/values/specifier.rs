//! `%` specifiers (systemd.unit(5), "Specifiers"), as far as they are known when a table is baked. Those that only
//! the running machine can answer are refused by name.

use std::{collections::BTreeMap, sync::Arc};

use tomte::table::Arch;

use super::unit_name::{UnitName, unescape};
use crate::{
    diag::{Code, Diagnostic},
    read::{Builder, Text},
};

const NO_SPECIFIER: &str = "is no specifier";

/// What specifiers are resolved against.
#[derive(Clone, Debug)]
pub struct Specifiers {
    /// The unit they stand in.
    pub unit: UnitName,
    /// The image they are for.
    pub image: Arc<Facts>,
}

/// What is known of the image; `None` where it is not.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Root's login shell.
    pub root_shell: Option<String>,
    /// os-release(5), by field. A field that is not in it is empty.
    pub os_release: Option<BTreeMap<String, String>>,
    /// What the programs are made for.
    pub architecture: Option<Arch>,
    /// The host name that the board sets.
    pub hostname: Option<String>,
}

impl Specifiers {
    /// `text` with every specifier replaced. `%%` is a percent sign; a `%` before anything but a letter or digit, or
    /// at the end, is literal.
    pub fn expand(&self, text: &Text) -> Result<Text, Diagnostic> {
        let written = text.as_str();
        let mut done = Builder::new(text);
        let mut at = 0;
        while let Some(percent) = written[at..].find('%').map(|found| at + found) {
            done.copy(text, at..percent);
            let letter = written[percent + 1..].chars().next();
            match letter {
                Some('%') => done.push(b"%", text.offset(percent)),
                Some(letter) if letter.is_ascii_alphanumeric() => {
                    let value = self.lookup(letter).map_err(|why| {
                        let code = if why == NO_SPECIFIER { Code::Specifier } else { Code::RunTimeSpecifier };
                        let problem = Diagnostic::error(code, format!("%{letter} {why}"))
                            .on(text, percent..percent + 2);
                        problem.help("write %% for a percent sign")
                    })?;
                    done.push(value.as_bytes(), text.offset(percent));
                }
                Some(_) | None => {
                    done.push(b"%", text.offset(percent));
                    at = percent + 1;
                    continue;
                }
            }
            at = percent + 2;
        }
        done.copy(text, at..text.len());
        done.finish(text.offset(text.len())).ok_or_else(|| super::wrong(text, Code::NotUtf8, "not UTF-8"))
    }

    fn lookup(&self, letter: char) -> Result<String, &'static str> {
        let unit = &self.unit;
        let instance = unit.instance.as_deref().unwrap_or_default();
        let last = unit.prefix.rsplit('-').next().unwrap_or_default();
        let unescaped = |text: &str| unescape(text).ok_or("stands for something that cannot be unescaped");
        Ok(match letter {
            'n' => unit.full.clone(),
            'N' => unit.stem().to_owned(),
            'p' => unit.prefix.clone(),
            'P' => unescaped(&unit.prefix)?,
            'i' => instance.to_owned(),
            'I' => unescaped(instance)?,
            'j' => last.to_owned(),
            'J' => unescaped(last)?,
            'f' => self.path().ok_or("stands for something that is no path")?,
            't' => "/run".to_owned(),
            'S' => "/var/lib".to_owned(),
            'C' => "/var/cache".to_owned(),
            'L' => "/var/log".to_owned(),
            'E' => "/etc".to_owned(),
            'D' => "/usr/share".to_owned(),
            'T' => "/tmp".to_owned(),
            'V' => "/var/tmp".to_owned(),
            // Of the user who runs the service manager, not of the service: systemd.unit(5).
            'u' | 'g' => "root".to_owned(),
            'U' | 'G' => "0".to_owned(),
            'h' => "/root".to_owned(),
            'd' => format!("/run/credentials/{}", unit.full),
            's' => {
                self.image.root_shell.clone().ok_or("is root's shell, which is known only with the image")?
            }
            'b' => return Err("is the boot ID, known only when the machine runs"),
            'm' => return Err("is the machine ID, known only when the machine runs"),
            'H' | 'q' => self.hostname()?.to_owned(),
            'l' => self.hostname()?.split('.').next().unwrap_or_default().to_owned(),
            'v' => return Err("is the kernel's release, known only when the machine runs"),
            'a' => self.architecture().ok_or("is the architecture, which is known only with the board")?,
            'A' => self.os_release("IMAGE_VERSION")?,
            'B' => self.os_release("BUILD_ID")?,
            'M' => self.os_release("IMAGE_ID")?,
            'o' => self.os_release("ID")?,
            'w' => self.os_release("VERSION_ID")?,
            'W' => self.os_release("VARIANT_ID")?,
            'c' | 'r' | 'R' => return Err("is a control group path, which systemd has dropped too"),
            'y' | 'Y' => return Err("is the unit file's path, which does not exist on the target"),
            _ => return Err(NO_SPECIFIER),
        })
    }

    /// What the board calls the machine. That somebody calls it otherwise while it runs is not seen, as in systemd,
    /// which looks when it loads the unit.
    fn hostname(&self) -> Result<&str, &'static str> {
        let name = self.image.hostname.as_deref().filter(|name| !name.is_empty());
        name.ok_or("is the host name, which is known only with a board that sets it (hostname in board.toml)")
    }

    /// systemd's word for the architecture (architecture.c).
    fn architecture(&self) -> Option<String> {
        let word = match self.image.architecture? {
            Arch::X86_64 => "x86-64",
            Arch::Aarch64 => "arm64",
            Arch::Arm => "arm",
            Arch::Riscv64 => "riscv64",
        };
        Some(word.to_owned())
    }

    fn os_release(&self, field: &str) -> Result<String, &'static str> {
        let fields = self.image.os_release.as_ref();
        let fields = fields.ok_or("is out of os-release, which is known only with the image")?;
        Ok(fields.get(field).cloned().unwrap_or_default())
    }

    /// `%f`: the instance, or the prefix, as an absolute path.
    fn path(&self) -> Option<String> {
        let name = self.unit.instance.as_deref().unwrap_or(&self.unit.prefix);
        if name == "-" {
            return Some("/".to_owned());
        }
        let path = unescape(name)?;
        Some(if path.starts_with('/') { path } else { format!("/{path}") })
    }
}

/// The fields of os-release(5): `NAME=value` a line, the value perhaps in quotes.
pub fn os_release(text: &str) -> BTreeMap<String, String> {
    let field = |line: &str| {
        let (name, value) = line.trim().split_once('=').filter(|(name, _)| !name.starts_with('#'))?;
        let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
        let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
        // Inside of double quotes a backslash protects the characters that a shell would look at.
        let value = ["\\", "\"", "$", "`"]
            .iter()
            .fold(value.to_owned(), |value, protected| value.replace(&format!("\\{protected}"), protected));
        Some((name.to_owned(), value))
    };
    text.lines().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    fn expand(unit: &str, value: &str) -> Result<String, String> {
        let unit = UnitName::new(unit).expect(unit);
        let os_release = os_release("ID=tomteos\n# VERSION_ID=1\nVERSION_ID=\"2.5\"\nBUILD_ID='a b'\nX");
        let image = Facts {
            root_shell: Some("/bin/sh".into()),
            os_release: Some(os_release),
            architecture: Some(Arch::Aarch64),
            hostname: Some("box.example".into()),
        };
        let specifiers = Specifiers { unit, image: Arc::new(image) };
        specifiers
            .expand(&text(value))
            .map(|text| text.as_str().to_owned())
            .map_err(|problem| problem.message)
    }

    #[test]
    fn known_specifiers_are_replaced() {
        let unit = r"foo-bar@dev-a\x2db.service";
        for (value, meant) in [
            ("%n", unit),
            ("%N", r"foo-bar@dev-a\x2db"),
            ("%p %P %j %J", "foo-bar foo/bar bar bar"),
            ("%i", r"dev-a\x2db"),
            ("%I %f", "dev/a-b /dev/a-b"),
            ("%t %S %C %L %E %D %T %V", "/run /var/lib /var/cache /var/log /etc /usr/share /tmp /var/tmp"),
            ("%H %q %l", "box.example box.example box"),
            ("%u %U %g %G %h %s", "root 0 root 0 /root /bin/sh"),
            ("%d/key", r"/run/credentials/foo-bar@dev-a\x2db.service/key"),
            ("%a %o %w %B[%A%M%W]", "arm64 tomteos 2.5 a b[]"),
            ("100%% %%n", "100% %n"),
            ("100% %- %", "100% %- %"),
        ] {
            assert_eq!(expand(unit, value).as_deref(), Ok(meant), "{value}");
        }
        assert_eq!(expand("a.service", "x%iy%Iz %f").as_deref(), Ok("xyz /a"));
    }

    #[test]
    fn what_only_the_image_knows_is_refused_without_it() {
        let unit = UnitName::new("a.service").expect("a name");
        let specifiers = Specifiers { unit, image: Arc::default() };
        for letter in "saABMowWHlq".chars() {
            let problem = specifiers.expand(&text(&format!("%{letter}"))).expect_err("refused");
            assert_eq!(problem.code, Code::RunTimeSpecifier, "{problem:?}");
            assert!(problem.message.contains("known only with "), "{problem:?}");
        }
    }

    #[test]
    fn unknown_and_boot_time_specifiers_are_refused_by_name() {
        for letter in "bvmcrRyYZkx0".chars() {
            let problem = expand("a.service", &format!("x%{letter}")).expect_err("refused");
            assert!(problem.starts_with(&format!("%{letter} is ")), "{problem}");
        }
    }
}
