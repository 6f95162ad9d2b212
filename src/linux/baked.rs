//! The table that the program carries. Included by the binary only (`#[path]` in main.rs): tests have no linker script.
//!
//! The linker script leaves the last segment for it, which holds a length of zero; `cargo xtask build` puts a table there
//! when the program is made (`xtask/src/build/carry.rs`). So one program serves every board of its kind.

#![expect(unsafe_code, reason = "how long it is stands in front of it, where no compiler sees it")]

use core::slice;

unsafe extern "C" {
    /// The length in four bytes, little-endian, and the table: see tomte.ld.
    safe static BAKED: [u8; 4];
}

/// The table, or nothing if none was put there.
pub(crate) fn table() -> &'static [u8] {
    let length = u32::from_le_bytes(BAKED) as usize;
    let begin = (&raw const BAKED).cast::<u8>().wrapping_add(size_of_val(&BAKED));
    // SAFETY: whoever wrote this length has written as many bytes after it, in the same segment, which nobody changes.
    unsafe { slice::from_raw_parts(begin, length) }
}
