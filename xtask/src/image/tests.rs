//! Images of boards, looked into.

use std::{
    fs::{self, File},
    io::{BufReader, Read as _},
    os::unix::fs::FileExt as _,
};

use backhand::FilesystemReader;

use super::*;
use crate::{board::image::TableKind, test::cards::stand_ins};

/// A board that boots from a disk, with its boot files, in a folder of its own.
struct Desk {
    folder: tempfile::TempDir,
    board: Board,
}

impl Desk {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("desk");
        fs::create_dir_all(dir.join("boot/overlays")).unwrap();
        fs::create_dir_all(dir.join("rootfs/etc")).unwrap();
        fs::write(dir.join("rootfs/etc/motd"), "hello\n").unwrap();
        for (name, text) in [("start.elf", "firmware"), ("overlays/x.dtbo", "tree"), ("u-boot.bin", "loader")]
        {
            fs::write(dir.join("boot").join(name), text).unwrap();
        }
        fs::write(dir.join("Image"), "the kernel").unwrap();
        let text = format!("arch = \"aarch64\"\ntarget = \"t\"\n{toml}");
        fs::write(dir.join("board.toml"), text).unwrap();
        let board = Board::load(&format!("{}/", dir.display())).unwrap();
        Self { folder, board }
    }

    /// The image, made in a folder called `out`, with a root file system that busybox stands for.
    fn image(&self, out: &str) -> Result<PathBuf> {
        let root = self.folder.path().join("root");
        for dir in ["bin", "sbin", "etc", "var/lib"] {
            fs::create_dir_all(root.join(dir))?;
        }
        fs::write(root.join("bin/busybox"), "busybox")?;
        fs::write(root.join("var/lib/state"), "kept")?;
        fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n")?;
        fs::write(root.join("tomte"), "tomte")?;
        let built = Built::ready(&root.join("tomte"))?;
        let args = Args {
            board: String::new(),
            rootfs: Some(root.clone()),
            out: Some(self.folder.path().join(out)),
            given: Given::default(),
            words: Vec::new(),
        };
        match make(&self.board, &built, &args)? {
            Made::Disk { image, .. } => Ok(image),
            Made::Loaded(_) => panic!("a disk"),
        }
    }
}

const IMAGE: &str = r#"
[image]
partition-table = "gpt"
command-line = "console=ttyS0 root=${root} ro"
kernel = "Image"
kernel-name = "kernel8.img"
boot-files = ["boot"]
needs = [{ file = "start.elf", what = "the firmware" }]
[[image.text]]
path = "cmdline.txt"
text = "${command-line}\n"
[[image.partition]]
name = "loader"
type = "raw"
file = "u-boot.bin"
size = "1M"
[[image.partition]]
name = "boot"
type = "vfat"
holds = "boot"
size = "32M"
bootable = true
[[image.partition]]
name = "root"
type = "squashfs"
holds = "root"
[[image.partition]]
name = "data"
type = "ext4"
holds = "/var"
size = "16M"
"#;

/// The content of partition `number` of `image`.
fn partition(image: &Path, kind: TableKind, number: u32) -> Vec<u8> {
    let (start, length) = disk::place(image, kind, number).unwrap();
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    File::open(image).unwrap().read_exact_at(&mut bytes, start).unwrap();
    bytes
}

#[test]
fn a_disk_holds_loader_boot_files_root_and_data_and_two_are_alike() {
    let desk = Desk::new(IMAGE);
    let image = desk.image("one").unwrap();
    assert!(fs::read(&image).unwrap() == fs::read(desk.image("two").unwrap()).unwrap(), "two are alike");
    assert!(partition(&image, TableKind::Gpt, 1).starts_with(b"loader\0"));

    let volume = fatfs::FileSystem::new(
        std::io::Cursor::new(partition(&image, TableKind::Gpt, 2)),
        fatfs::FsOptions::new(),
    )
    .unwrap();
    let read = |path: &str| {
        let mut text = String::new();
        volume.root_dir().open_file(path).map(|mut file| file.read_to_string(&mut text).unwrap()).ok()?;
        Some(text)
    };
    assert_eq!(read("kernel8.img").as_deref(), Some("the kernel"));
    assert_eq!(read("overlays/x.dtbo").as_deref(), Some("tree"));
    assert_eq!(read("u-boot.bin"), None, "it has a partition of its own");
    let guid = gpt::GptConfig::new().open(&image).unwrap().partitions()[&3].part_guid;
    assert_eq!(read("cmdline.txt"), Some(format!("console=ttyS0 root=PARTUUID={guid} ro\n")));

    let root = FilesystemReader::from_reader(BufReader::new(std::io::Cursor::new(partition(
        &image,
        TableKind::Gpt,
        3,
    ))))
    .unwrap();
    let paths: Vec<String> = root.files().map(|node| node.fullpath.display().to_string()).collect();
    for path in ["/sbin/init", "/bin/tomte", "/sbin/poweroff", "/etc/motd", "/bin/busybox", "/var"] {
        assert!(paths.iter().any(|found| found == path), "{path} is not among {paths:?}");
    }
    assert!(!paths.iter().any(|path| path.starts_with("/var/")), "that is on a partition of its own");

    let data = desk.folder.path().join("data");
    fs::write(&data, partition(&image, TableKind::Gpt, 4)).unwrap();
    let said = std::process::Command::new(ext4::program("debugfs").unwrap())
        .args(["-R", "cat /lib/state"])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "kept");
}

#[test]
fn what_a_board_does_not_boot_without_is_told_in_one_error() {
    let desk = Desk::new(&IMAGE.replace("boot-files = [\"boot\"]", "").replace("kernel = \"Image\"", ""));
    let error = format!("{:#}", desk.image("out").unwrap_err());
    assert!(
        error.contains("kernel8.img: the kernel") && error.contains("start.elf: the firmware"),
        "{error}"
    );
    assert!(error.contains("--boot PATH"), "{error}");
}

#[test]
fn what_does_not_fit_is_told_with_the_partition() {
    let desk = Desk::new(&IMAGE.replace("holds = \"root\"", "holds = \"root\"\nsize = \"1K\""));
    let error = format!("{:#}", desk.image("out").unwrap_err());
    assert!(error.contains("the partition root of board desk"), "{error}");
}

#[test]
fn tomte_goes_into_a_root_that_somebody_else_makes_and_follows_its_links_there() {
    let desk = Desk::new(&format!("{IMAGE}[[group]]\nname = \"web\"\ngid = 900\n"));
    let root = desk.folder.path().join("target");
    for dir in ["usr/sbin", "usr/bin", "etc"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    for (to, link) in [("usr/sbin", "sbin"), ("usr/bin", "bin"), ("../bin/busybox", "usr/sbin/init")] {
        std::os::unix::fs::symlink(to, root.join(link)).unwrap();
    }
    fs::write(root.join("usr/bin/busybox"), "busybox").unwrap();
    fs::write(root.join("etc/group"), "root:x:0:\n").unwrap();
    let binary = desk.folder.path().join("binary");
    fs::write(&binary, "tomte").unwrap();
    for _ in 0..2 {
        install::put(&desk.board, &binary, &root).unwrap();
        assert_eq!(fs::read_to_string(root.join("usr/sbin/init")).unwrap(), "tomte");
    }
    assert_eq!(
        fs::read_to_string(root.join("usr/bin/busybox")).unwrap(),
        "busybox",
        "not written through the link"
    );
    assert_eq!(fs::read_link(root.join("usr/sbin/poweroff")).unwrap(), Path::new("/usr/sbin/init"));
    assert_eq!(fs::read_to_string(root.join("etc/group")).unwrap(), "root:x:0:\nweb:x:900:\n");
    assert_eq!(fs::read_to_string(root.join("etc/motd")).unwrap(), "hello\n");
}

/// Makes the image of the repository's board `name` with files that stand in for the loader's and the kernel.
fn with_stand_ins(name: &str, folder: &Path) -> (Board, PathBuf) {
    let board = Board::load(name).unwrap();
    let root = folder.join("root");
    fs::create_dir_all(root.join("var/lib")).unwrap();
    fs::write(folder.join("tomte"), "tomte").unwrap();
    let args = Args {
        board: name.to_owned(),
        rootfs: Some(root),
        out: Some(folder.join("out")),
        given: stand_ins(&board, folder).unwrap(),
        words: vec!["tomte.log=console".into()],
    };
    let built = Built::ready(&folder.join("tomte")).unwrap();
    let Made::Disk { image, qemu: None } = make(&board, &built, &args).unwrap() else { panic!("a disk") };
    (board, image)
}

#[test]
fn images_of_the_boards_on_the_desk_hold_what_their_loaders_read() {
    for name in ["raspberrypi4-64", "beaglebone-black", "visionfive2", "milkv-duo"] {
        let folder = tempfile::tempdir().unwrap();
        let (board, file) = with_stand_ins(name, folder.path());
        let image = board.config.image.as_ref().unwrap();
        let number = image.partition.iter().position(|partition| partition.holds == Holds::Boot).unwrap() + 1;
        let bytes = partition(&file, image.partition_table, u32::try_from(number).unwrap());
        let volume = fatfs::FileSystem::new(std::io::Cursor::new(bytes), fatfs::FsOptions::new()).unwrap();
        let read = |path: &str| {
            let mut text = String::new();
            let file = volume.root_dir().open_file(path);
            file.unwrap_or_else(|error| panic!("{name}: {path}: {error}")).read_to_string(&mut text).unwrap();
            text
        };
        let raw: Vec<&str> =
            image.partition.iter().filter_map(|partition| partition.file.as_deref()).collect();
        for needed in image.needs.iter().filter(|needed| !raw.contains(&needed.file.as_str())) {
            assert_eq!(read(&needed.file), needed.file, "{name}");
        }
        let root = root_of(&board, image).unwrap();
        for text in image.text.iter().filter(|text| text.text.contains("${command-line}")) {
            let words = read(&text.path);
            assert!(words.contains(&format!("root={root}")), "{name}: {words}");
            assert!(words.contains("tomte.log=console") && !words.contains("${root}"), "{name}: {words}");
        }
        image.kernel_name.iter().for_each(|kernel| assert_eq!(read(kernel), "the kernel"));
    }
}
