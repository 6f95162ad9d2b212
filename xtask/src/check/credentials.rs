//! `LoadCredential=`, `ImportCredential=` and `SetCredential=` (systemd.exec(5), "Credentials"; facts from
//! load-fragment.c and exec-credential.c).

use super::draft::{Cx, Draft};
use crate::{
    diag::Diagnostic,
    model::{Credential, CredentialSource as Source},
    read::Assignment,
    values::credential,
};

type Done = Result<(), Diagnostic>;

/// `LoadCredential=`: one more, in place of an earlier one of its name, or none.
pub fn load(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let is_loaded = |source: &Source| matches!(source, Source::Path(_) | Source::Stored(_));
    if a.value.is_empty() {
        d.exec().credentials.retain(|one| !is_loaded(&one.source));
        return Ok(());
    }
    let (name, from) = credential::load(&cx.specifiers.expand(&a.value)?)?;
    let source = match from {
        Some(path) if path.starts_with('/') => Source::Path(path),
        Some(stored) => Source::Stored(stored),
        None => Source::Stored(name.clone()),
    };
    d.exec().credentials.retain(|one| one.name != name || !is_loaded(&one.source));
    d.exec().credentials.push(Credential { name, source });
    Ok(())
}

/// `ImportCredential=`: more of them, or none.
pub fn import(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if a.value.is_empty() {
        let imported = |source: &Source| matches!(source, Source::Beginning(_) | Source::Import(_));
        d.exec().credentials.retain(|one| !imported(&one.source));
        return Ok(());
    }
    let (stem, several, name) = credential::import(&cx.specifiers.expand(&a.value)?)?;
    let source = if several { Source::Beginning(stem) } else { Source::Import(stem) };
    d.exec().credentials.push(Credential { name, source });
    Ok(())
}

/// `SetCredential=`: one more, in place of an earlier one of its name, or none.
pub fn set(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let is_value = |source: &Source| matches!(source, Source::Value(_));
    if a.value.is_empty() {
        d.exec().credentials.retain(|one| !is_value(&one.source));
        return Ok(());
    }
    let (name, value) = credential::set(&a.value, &cx.specifiers)?;
    d.exec().credentials.retain(|one| one.name != name || !is_value(&one.source));
    d.exec().credentials.push(Credential { name, source: Source::Value(value) });
    Ok(())
}
