//! Kernel modules in the order they have to be loaded, from what the modules themselves say (`depends=` in .modinfo):
//! Debian's packages carry no modules.dep, depmod makes it at installation.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

/// A module, uncompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// As the kernel writes it: with `_` only.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Where modules are.
pub trait Kept {
    /// The kernel's list of those that are part of it: paths, one a line.
    fn builtin(&self) -> Result<String>;

    /// The module `name`, uncompressed; `None` if there is no such one.
    fn module(&self, name: &str) -> Result<Option<Vec<u8>>>;
}

/// What a file of the package is called when it has been taken apart: modules by their names, whatever their files are
/// called.
pub fn file_name(path: &str) -> Option<String> {
    match module_name(path) {
        Some(name) if path.ends_with(".xz") => Some(format!("{name}.ko.xz")),
        _ => path.rsplit('/').next().map(str::to_owned),
    }
}

/// `wanted` and everything they depend on, dependencies first, each once. What is built into the kernel is left out.
pub fn in_order(kept: &dyn Kept, wanted: &[String]) -> Result<Vec<Module>> {
    let builtin = kept.builtin()?.lines().filter_map(module_name).collect();
    let mut search = Search { kept, builtin, loaded: Vec::new() };
    for name in wanted {
        search.add(name, &mut Vec::new())?;
    }
    Ok(search.loaded)
}

struct Search<'k> {
    kept: &'k dyn Kept,
    builtin: Vec<String>,
    loaded: Vec<Module>,
}

impl Search<'_> {
    fn add(&mut self, name: &str, above: &mut Vec<String>) -> Result<()> {
        let name = name.replace('-', "_");
        if self.builtin.contains(&name) || self.loaded.iter().any(|module| module.name == name) {
            return Ok(());
        }
        if above.contains(&name) {
            bail!("the kernel's modules depend on each other in a circle: {} -> {name}", above.join(" -> "));
        }
        let Some(bytes) = self.kept.module(&name).with_context(|| format!("module {name}"))? else {
            bail!(
                "the kernel has no module {name}{}",
                above.last().map(|by| format!(", which {by} needs")).unwrap_or_default()
            );
        };
        above.push(name.clone());
        for dependency in dependencies(&bytes).with_context(|| format!("module {name}"))? {
            self.add(&dependency, above)?;
        }
        above.pop();
        self.loaded.push(Module { name, bytes });
        Ok(())
    }
}

/// What depmod(8) would write about `modules`, each a file's name and the module's bytes: modules.dep and modules.alias.
pub fn lists(modules: &[(String, Vec<u8>)]) -> Result<(String, String)> {
    let (mut dependencies, mut aliases) = (String::new(), String::new());
    let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, bytes) in modules {
        let name = module_name(file).with_context(|| format!("{file} is no module"))?;
        let mut all: Vec<String> = Vec::new();
        for one in self::dependencies(bytes).with_context(|| format!("module {name}"))? {
            let one = one.replace('-', "_");
            let there = modules.iter().find(|(file, _)| module_name(file).as_ref() == Some(&one));
            need(&mut all, there.map(|(file, _)| file), needs.get(&one));
        }
        dependencies
            .push_str(&format!("{file}:{}\n", all.iter().map(|file| format!(" {file}")).collect::<String>()));
        needs.insert(name.clone(), all);
        for alias in fields(bytes, "alias=")? {
            aliases.push_str(&format!("alias {alias} {name}\n"));
        }
    }
    Ok((dependencies, aliases))
}

/// Adds the file `one` and what it needs itself to what a module needs. All of that stands there, not only the next ones, and
/// the last is loaded first.
fn need(all: &mut Vec<String>, one: Option<&String>, below: Option<&Vec<String>>) {
    let more: Vec<String> = one.into_iter().chain(below.into_iter().flatten()).cloned().collect();
    all.retain(|other| !more.contains(other));
    all.extend(more);
}

/// The values of `key` in .modinfo.
fn fields(module: &[u8], key: &str) -> Result<Vec<String>> {
    let file = object::File::parse(module)?;
    let section = file.section_by_name(".modinfo").context("it has no .modinfo")?;
    let fields = section.data()?.split(|byte| *byte == 0);
    let values =
        fields.filter_map(|field| Some(std::str::from_utf8(field).ok()?.strip_prefix(key)?.to_owned()));
    Ok(values.collect())
}

/// `kernel/drivers/net/virtio-net.ko` → `virtio_net`, compressed or not.
fn module_name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    Some(file.strip_suffix(".xz").unwrap_or(file).strip_suffix(".ko")?.replace('-', "_"))
}

/// The names in `depends=` of a module.
fn dependencies(module: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(module)?;
    let section = file.section_by_name(".modinfo").context("it has no .modinfo")?;
    Ok(depends_in(section.data()?))
}

fn depends_in(modinfo: &[u8]) -> Vec<String> {
    modinfo
        .split(|byte| *byte == 0)
        .filter_map(|field| std::str::from_utf8(field).ok()?.strip_prefix("depends="))
        .flat_map(|names| names.split(','))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_modinfo() {
        assert_eq!(
            depends_in(b"license=GPL\0depends=failover,virtio_ring\0\0name=x\0"),
            ["failover", "virtio_ring"]
        );
        assert!(depends_in(b"depends=\0").is_empty());
    }

    /// A package without modules.
    struct Nothing;

    impl Kept for Nothing {
        fn builtin(&self) -> Result<String> {
            Ok("kernel/a/virtio-pci.ko\n".into())
        }

        fn module(&self, _: &str) -> Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }

    #[test]
    fn a_built_in_module_needs_no_loading_and_an_unknown_one_is_an_error() {
        assert_eq!(in_order(&Nothing, &["virtio_pci".into()]).unwrap(), []);
        assert!(in_order(&Nothing, &["zram".into()]).unwrap_err().to_string().contains("no module zram"));
    }

    #[test]
    fn what_several_modules_need_is_loaded_before_all_of_them() {
        let (core, host) = ("usbcore.ko".to_owned(), "xhci-hcd.ko".to_owned());
        let (of_core, of_host) =
            (vec!["usb-common.ko".to_owned()], vec![core.clone(), "usb-common.ko".into()]);
        for order in [[(&core, &of_core), (&host, &of_host)], [(&host, &of_host), (&core, &of_core)]] {
            let mut all = Vec::new();
            order.into_iter().for_each(|(one, below)| need(&mut all, Some(one), Some(below)));
            assert_eq!(all, ["xhci-hcd.ko", "usbcore.ko", "usb-common.ko"]);
        }
    }

    #[test]
    fn a_module_is_kept_by_its_name() {
        assert_eq!(file_name("./m/virtio-net.ko.xz").as_deref(), Some("virtio_net.ko.xz"));
        assert_eq!(file_name("./m/modules.builtin").as_deref(), Some("modules.builtin"));
    }
}
