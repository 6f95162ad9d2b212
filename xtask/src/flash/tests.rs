//! A binary onto a board that runs: the board is this machine, reached by an `ssh` that a test puts into PATH.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use super::ssh::Remote;

/// A board in a folder: `sbin/init` there is a shell script that answers `list-units` unless it is `broken`, and writes
/// its `reexec` into a file.
struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("sbin")).unwrap();
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        let fake = Self { folder };
        fs::copy(fake.program("old", ""), fake.path("sbin/tomte")).unwrap();
        symlink("tomte", fake.path("sbin/init")).unwrap();
        let root = fake.folder.path().display().to_string();
        // Host and options are of no use here; paths of the board are below the folder.
        let ssh = format!(
            "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nPATH={root}/tools:$PATH\n\
             script=$(echo \"$*\" | sed 's|/sbin/init|{root}/sbin/init|; s|/run/tomte|{root}/tomte|g')\n\
             exec sh -c \"$script\"\n"
        );
        fake.script("bin/ssh", &ssh);
        fake
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        self.path(name)
    }

    /// A program called `name` that does `first` when it is PID 1's, that is, after a `reexec`.
    fn program(&self, name: &str, first: &str) -> PathBuf {
        let root = self.folder.path().display();
        self.script(
            name,
            &format!(
                "#!/bin/sh\n# {name}\ncase $1 in\nreexec) echo {name} >> {root}/reexecs; echo '{first}' > {root}/pid1 ;;\n\
                 list-units) case $(cat {root}/pid1 2>/dev/null) in broken) exit 1 ;; esac ;;\nesac\n"
            ),
        )
    }

    /// Installs the program at `binary` in a process of its own, whose PATH has the ssh.
    fn install(&self, binary: &PathBuf) -> (bool, String) {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let this = std::env::current_exe().unwrap();
        let output = Command::new(this)
            .args(["flash::tests::installs_what_the_environment_says", "--exact", "--nocapture"])
            .env("PATH", path)
            .env(BINARY, binary)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn reexecs(&self) -> String {
        fs::read_to_string(self.path("reexecs")).unwrap_or_default()
    }
}

/// Names the binary for [`installs_what_the_environment_says`].
const BINARY: &str = "TOMTE_TEST_BINARY";

#[test]
fn installs_what_the_environment_says() {
    let Some(binary) = std::env::var_os(BINARY) else { return };
    let remote = Remote { host: "board".into(), patience: Duration::from_secs(1) };
    remote.install(&PathBuf::from(binary), std::env::consts::ARCH, false).unwrap();
}

#[test]
fn a_new_program_takes_the_place_of_the_old_one() {
    let fake = Fake::new();
    let new = fake.program("new", "");
    let (well, said) = fake.install(&new);
    assert!(well, "{said}");
    assert_eq!(fs::read(fake.path("sbin/tomte")).unwrap(), fs::read(&new).unwrap());
    assert_eq!(fs::read_link(fake.path("sbin/init")).unwrap().to_str(), Some("tomte"), "links stay");
    assert_eq!(fake.reexecs(), "new\n");
}

#[test]
fn a_program_that_does_not_answer_as_pid_1_is_taken_back_by_the_board() {
    let fake = Fake::new();
    let old = fs::read(fake.path("sbin/tomte")).unwrap();
    let (well, said) = fake.install(&fake.program("new", "broken"));
    assert!(!well && said.contains("goes on with the old one"), "{said}");
    assert_eq!(fs::read(fake.path("sbin/tomte")).unwrap(), old);
    assert_eq!(fake.reexecs(), "new\nold\n");
}

#[test]
fn a_program_that_does_not_run_there_never_comes_near_pid_1() {
    let fake = Fake::new();
    let old = fs::read(fake.path("sbin/tomte")).unwrap();
    let (well, said) = fake.install(&fake.script("new", "#!/no/such/interpreter\n"));
    assert!(!well && said.contains("cannot put it on the board"), "{said}");
    assert_eq!((fs::read(fake.path("sbin/tomte")).unwrap(), fake.reexecs()), (old, String::new()));
}
