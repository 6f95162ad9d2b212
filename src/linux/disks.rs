//! What lies on disks besides mounts, let go at the end: swap, loop devices, device-mapper's. For the last child only.

use rustix::{
    fs::{Access, Mode, OFlags, access, open},
    io::Errno,
};

use super::{AsFd, boot::read_file, mountinfo::unescape, path::PathBuffer, raw, tree::each_entry};

/// All of /proc/swaps that is looked at.
const SWAPS_BYTES_MAX: usize = 4096;
/// DM_NAME_LEN.
const NAME_BYTES_MAX: usize = 128;

/// Lets go of what nobody uses any more. Answers whether there was anything: something else may be free now.
pub fn release_unused() -> bool {
    let mut released = false;
    let mut swaps = [0; SWAPS_BYTES_MAX];
    let swaps = read_file(c"/proc/swaps", &mut swaps).unwrap_or_default();
    for line in swaps.split(|byte| *byte == b'\n').skip(1) {
        let mut path = [0; 256];
        let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if let Some(path) = unescape(name, &mut path).filter(|path| !path.is_empty()) {
            released |= raw::mount::swap_off(path).is_ok();
        }
    }
    let Ok(devices) =
        open(c"/sys/block", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    else {
        return released;
    };
    let _ = each_entry(devices.as_fd(), &mut |name| {
        let name = name.to_str().unwrap_or_default();
        if name.starts_with("loop") {
            released |= detach_loop(name).is_ok();
        } else if name.starts_with("dm-") {
            released |= remove_mapped(name).is_ok();
        }
        Ok(())
    });
    released
}

/// EBUSY while somebody uses it: the kernel would let go of it at the last close, and say that it has.
fn detach_loop(name: &str) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    access(buffer.join(&["/sys/block/", name, "/loop/backing_file"])?, Access::EXISTS)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::EXCL; // fails while it is mounted
    let device = open(buffer.join(&["/dev/", name])?, flags, Mode::empty())?;
    raw::disks::clear_loop(device.as_fd())
}

fn remove_mapped(name: &str) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    let mut mapped = [0; NAME_BYTES_MAX];
    let mapped = read_file(buffer.join(&["/sys/block/", name, "/dm/name"])?, &mut mapped)?.trim_ascii_end();
    let device = open(c"/dev/mapper/control", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    raw::disks::remove_mapped(device.as_fd(), mapped)
}
