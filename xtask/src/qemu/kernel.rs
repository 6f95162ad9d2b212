//! From Debian's vmlinuz to what QEMU boots fastest. On x86_64 that is the ELF inside of a bzImage: QEMU enters it
//! through PVH, and no decompressor has to run emulated. Everything else is booted as it is.
//!
//! Offsets are those of the kernel's Documentation/arch/x86/boot.rst.

use std::io::Read;

use anyhow::{Context, Result, bail};

/// Signature of the setup header, and where it is.
const HEADER: (usize, &[u8]) = (0x202, b"HdrS");
const PROTOCOL_AT: usize = 0x206;
/// The first boot protocol with a payload offset.
const PROTOCOL_MIN: u16 = 0x0208;
const SETUP_SECTORS_AT: usize = 0x1f1;
const PAYLOAD_OFFSET_AT: usize = 0x248;
const PAYLOAD_LENGTH_AT: usize = 0x24c;
const SECTOR: usize = 512;

const XZ: &[u8] = b"\xfd7zXZ\0";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const ELF: &[u8] = b"\x7fELF";

/// What to give QEMU for `image`.
pub fn bootable(image: Vec<u8>) -> Result<Vec<u8>> {
    if image.get(HEADER.0..HEADER.0 + HEADER.1.len()) != Some(HEADER.1) {
        return Ok(image);
    }
    let vmlinux = decompressed(payload(&image).context("the bzImage's setup header is damaged")?)?;
    if !vmlinux.starts_with(ELF) {
        bail!("the bzImage does not hold an ELF kernel");
    }
    Ok(vmlinux)
}

fn payload(image: &[u8]) -> Option<&[u8]> {
    let u32_at = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    let protocol = u16::from_le_bytes(image.get(PROTOCOL_AT..PROTOCOL_AT + 2)?.try_into().ok()?);
    if protocol < PROTOCOL_MIN {
        return None;
    }
    let sectors = match *image.get(SETUP_SECTORS_AT)? {
        0 => 4,
        count => usize::from(count),
    };
    let begin = (sectors + 1) * SECTOR + u32_at(PAYLOAD_OFFSET_AT)?;
    image.get(begin..begin.checked_add(u32_at(PAYLOAD_LENGTH_AT)?)?)
}

/// Decompresses what a kernel package compresses with: xz or zstd, told apart by their magic numbers.
pub fn decompressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    if bytes.starts_with(XZ) {
        lzma_rust2::XzReader::new(bytes, false).read_to_end(&mut plain).context("damaged xz data")?;
    } else if bytes.starts_with(ZSTD) {
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(bytes).context("damaged zstd data")?;
        decoder.read_to_end(&mut plain).context("damaged zstd data")?;
    } else {
        bail!("compressed with something else than xz or zstd ({:02x?})", bytes.get(..4).unwrap_or(bytes));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bzimage_is_booted_as_it_is() {
        assert_eq!(bootable(b"MZ arm64".to_vec()).unwrap(), b"MZ arm64");
    }

    #[test]
    fn a_bzimage_without_a_payload_is_refused() {
        let mut image = vec![0; 0x300];
        image[HEADER.0..HEADER.0 + 4].copy_from_slice(HEADER.1);
        assert!(bootable(image).unwrap_err().to_string().contains("setup header"));
    }

    #[test]
    fn an_unknown_compression_is_named_by_its_first_bytes() {
        assert!(decompressed(b"BZh9 and so on").unwrap_err().to_string().contains("42, 5a"));
    }
}
