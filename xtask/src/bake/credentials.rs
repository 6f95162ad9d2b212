//! `LoadCredential=` and its kind as the table has them, in the order in which systemd tries them (exec-credential.c,
//! `acquire_credentials`): loaded, imported, set.

use crate::model::{Credential, CredentialSource as Source, CredentialsView, Unit};

/// Hides the credentials of some units from the views of all others.
pub(super) fn hide(units: &mut [Unit]) {
    let has_some = |unit: &Unit| unit.kind.service().is_some_and(|one| !one.exec.credentials.is_empty());
    if units.iter().any(has_some) {
        for exec in units.iter_mut().filter_map(|unit| unit.kind.exec_mut()) {
            if exec.view.credentials == CredentialsView::Host {
                exec.view.credentials = CredentialsView::Nothing;
            }
        }
    }
}

const fn rank(credential: &Credential) -> u8 {
    match credential.source {
        Source::Path(_) | Source::Stored(_) => 0,
        Source::Beginning(_) | Source::Import(_) => 1,
        Source::Value(_) => 2,
    }
}

fn sorted(all: &[Credential]) -> Vec<&Credential> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|one| rank(one));
    sorted
}

/// Where credentials of the machine are kept: the first one that has a name is meant (exec-credential.c,
/// `credential_search_path`).
const STORES: [&str; 4] =
    ["/etc/credstore", "/run/credstore", "/usr/local/lib/credstore", "/usr/lib/credstore"];

/// Three strings each, as `tomte::table::Exec::credentials` says. A file may be missing if there is a value for its name.
pub(super) fn sources(all: &[Credential]) -> Vec<String> {
    let has_value =
        |name: &str| all.iter().any(|other| other.name == name && matches!(other.source, Source::Value(_)));
    let mut strings = Vec::new();
    for Credential { name, source } in sorted(all) {
        let mut add = |kind: &str, from: String| strings.extend([kind.to_owned(), name.clone(), from]);
        match source {
            Source::Path(path) => add(if has_value(name) { "-" } else { "/" }, path.clone()),
            Source::Stored(stored) | Source::Import(stored) => {
                STORES.iter().for_each(|store| add("-", format!("{store}/{stored}")));
            }
            Source::Beginning(stem) => {
                STORES.iter().for_each(|store| add("*", format!("{store}/{stem}")));
            }
            Source::Value(value) => add("=", value.len().to_string()),
        }
    }
    strings
}

/// The values of `SetCredential=`, one after the other.
pub(super) fn values(all: &[Credential]) -> Vec<u8> {
    let value = |one: &Credential| match &one.source {
        Source::Value(value) => value.clone(),
        Source::Path(_) | Source::Stored(_) | Source::Beginning(_) | Source::Import(_) => Vec::new(),
    };
    sorted(all).into_iter().flat_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_comes_before_what_is_imported_and_what_is_set() {
        let one = |name: &str, source| Credential { name: name.into(), source };
        let all = [
            one("v", Source::Value(b"a\0".to_vec())),
            one("i.", Source::Beginning("x.".into())),
            one("v", Source::Path("/v".into())),
            one("w", Source::Value(b"bcd".to_vec())),
            one("p", Source::Path("/p:q".into())),
            one("s", Source::Stored("t".into())),
        ];
        let said: Vec<String> = sources(&all).chunks(3).map(|three| three.join(" ")).collect();
        let stored = |kind: &str, name: &str| STORES.map(|store| format!("{kind} {store}/{name}")).to_vec();
        let expected = [
            vec!["- v /v".into(), "/ p /p:q".into()],
            stored("- s", "t"),
            stored("* i.", "x."),
            vec!["= v 2".into(), "= w 3".into()],
        ];
        assert_eq!(said, expected.concat());
        assert_eq!(values(&all), b"a\0bcd");
    }
}
