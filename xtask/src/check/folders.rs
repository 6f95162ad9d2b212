//! Where an image keeps its unit files.

use std::path::{Path, PathBuf};

/// systemd's folders below the root, the weakest first (systemd.unit(5), "Unit File Load Path"): what generators and
/// the running system make is not there.
const FOLDERS: [&str; 4] =
    ["usr/lib/systemd/system", "lib/systemd/system", "usr/local/lib/systemd/system", "etc/systemd/system"];

/// The folders of unit files in the image that lies in `roots`, the weakest first. Where /lib is a link to /usr/lib they
/// are one.
pub fn of_image(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let all = FOLDERS.iter().flat_map(|folder| roots.iter().map(move |root| root.join(folder)));
    all.filter(|folder| {
        let Ok(real) = folder.canonicalize() else { return false };
        let new = real.is_dir() && !seen.contains(&real);
        seen.push(real);
        new
    })
    .collect()
}

/// Whether `path` looks like the root of an image that has unit files.
pub fn is_root(path: &Path) -> bool {
    FOLDERS.iter().any(|folder| path.join(folder).is_dir())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_merged_usr_has_its_units_once_and_etc_wins() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["usr/lib/systemd/system", "etc/systemd/system"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        symlink("usr/lib", root.path().join("lib")).unwrap();
        let roots = [root.path().to_owned()];
        let found = of_image(&roots);
        let expected =
            ["usr/lib/systemd/system", "etc/systemd/system"].map(|folder| root.path().join(folder));
        assert_eq!(found, expected);
        assert!(is_root(root.path()) && !is_root(&found[0]));
    }
}
