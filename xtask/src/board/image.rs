//! `[image]`, `[flash]` and `[serial]` of board.toml: what a board boots from, and how that gets there.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    read::{Source, Text},
    values::size,
};

/// What the board's image is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Image {
    /// The kind of partition table.
    pub partition_table: TableKind,
    /// The partitions, in the order in which they lie on the disk.
    #[serde(default)]
    pub partition: Vec<Partition>,
    /// The kernel's command line; `${root}` in it is the root partition.
    #[serde(default)]
    pub command_line: String,
    /// The kernel: a path from the folder of this board.toml on.
    pub kernel: Option<Spanned<String>>,
    /// What the kernel is called on the boot partition.
    pub kernel_name: Option<String>,
    /// Files for the boot partition, and folders whose content goes there: paths from the folder of this board.toml on.
    #[serde(default)]
    pub boot_files: Vec<Spanned<String>>,
    /// Files that the board does not boot without.
    #[serde(default)]
    pub needs: Vec<Needed>,
    /// Files of the boot partition whose text is here.
    #[serde(default)]
    pub text: Vec<TextFile>,
}

/// A kind of partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// GUID partition table.
    Gpt,
    /// The PC's old one: at most four partitions here.
    Mbr,
}

/// A partition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Partition {
    /// Its name: the label of its file system, and of the partition where the table has names.
    pub name: String,
    /// What it holds.
    #[serde(default)]
    pub holds: Holds,
    /// The file system.
    #[serde(rename = "type")]
    pub file_system: FileSystem,
    /// How large it is. Without this, what it holds takes, with a little to spare.
    pub size: Option<Bytes>,
    /// The raw content: a file of the boot files, by its name.
    pub file: Option<String>,
    /// The type in the table, where it is not the usual one: a GUID, or a number such as 0x0c.
    pub type_id: Option<String>,
    /// Marked as the one to boot from.
    #[serde(default)]
    pub bootable: bool,
}

/// What a partition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Holds {
    /// What the boot loader reads.
    Boot,
    /// The root file system.
    Root,
    /// What the root file system would have below this path, which is mounted there. Without slashes at its ends.
    Below(String),
    /// An empty file system, or a raw file.
    #[default]
    Nothing,
}

impl TryFrom<String> for Holds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "boot" => Ok(Self::Boot),
            "root" => Ok(Self::Root),
            "nothing" => Ok(Self::Nothing),
            path if path.starts_with('/') && path.len() > 1 => {
                Ok(Self::Below(path.trim_matches('/').to_owned()))
            }
            _ => Err(format!("{text:?} is not boot, root, nothing, or a path such as /var")),
        }
    }
}

/// A file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSystem {
    Vfat,
    Squashfs,
    Ext4,
    /// None.
    Raw,
}

/// A number of bytes such as "64M".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes(pub u64);

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = text.len();
        let source = Arc::new(Source::new("board.toml", text));
        size::bytes(&Text::of(&source, 0..length)).map(Self).map_err(|problem| problem.message)
    }
}

/// A file that the boot partition has to have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Needed {
    /// Its path there.
    pub file: String,
    /// What it is, and where to get it.
    pub what: String,
}

/// A text file of the boot partition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TextFile {
    /// Its path there.
    pub path: String,
    /// `${command-line}`, `${root}` and `${kernel}` are replaced.
    pub text: String,
}

/// How an image gets onto the board.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flash {
    /// What a person does so that the board's storage is a block device of this machine.
    pub how: String,
}

/// The board's serial console, as this machine sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Serial {
    /// Such as /dev/ttyUSB0.
    pub device: Option<String>,
    /// Bits a second.
    #[serde(default = "usual_speed")]
    pub speed: u32,
}

const fn usual_speed() -> u32 {
    115_200
}
