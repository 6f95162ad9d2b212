//! A table into a program that was built without one: the linker script leaves the last segment for it, which holds its
//! length and then itself (`src/linux/baked.rs`). Every table costs a copy of the program, not a build.
//!
//! Section headers go, too: nobody reads them on a target, and the compiler's libraries bring them by the hundred.

use anyhow::{Context, Result, bail, ensure};

/// What an ELF file begins with; its class and byte order come after that.
const MAGIC: &[u8] = b"\x7fELF";
const PT_LOAD: u64 = 1;
/// Readable, and no more than that.
const PF_R: u64 = 4;
/// What the linker script leaves: a length of zero.
const LENGTH: usize = 4;

/// Where fields are in a file of one class: the ELF header's, then a program header's. One that has two lengths is as
/// long as an address.
struct Class {
    address: usize,
    program_headers: usize,
    section_headers: usize,
    program_header_count: usize,
    /// The number of section headers, and of the one with their names.
    section_header_counts: usize,
    program_header: usize,
    flags: usize,
    offset: usize,
    file_size: usize,
    memory_size: usize,
}

const ELF32: Class = Class {
    address: 4,
    program_headers: 28,
    section_headers: 32,
    program_header_count: 44,
    section_header_counts: 48,
    program_header: 32,
    flags: 24,
    offset: 4,
    file_size: 16,
    memory_size: 20,
};
const ELF64: Class = Class {
    address: 8,
    program_headers: 32,
    section_headers: 40,
    program_header_count: 56,
    section_header_counts: 60,
    program_header: 56,
    flags: 4,
    offset: 8,
    file_size: 32,
    memory_size: 40,
};

/// `program`, an ELF file of the target binary, with `table` in it.
///
/// # Errors
/// If the program is not laid out as the linker script says, or carries a table already.
pub fn carry(mut program: Vec<u8>, table: &[u8]) -> Result<Vec<u8>> {
    let class = match program.get(..6) {
        Some([magic @ .., 1, 1]) if magic == MAGIC => ELF32,
        Some([magic @ .., 2, 1]) if magic == MAGIC => ELF64,
        _ => bail!("it is no little-endian ELF file"),
    };
    let (header, offset) =
        class.place(&program).context("its program headers are not as tomte.ld has them")?;
    let end = offset + LENGTH;
    ensure!(program.get(offset..end) == Some(&[0; LENGTH]), "it carries a table already");
    let length = u32::try_from(table.len()).context("a table of four gigabytes")?;
    program.truncate(offset);
    program.extend(length.to_le_bytes());
    program.extend(table);
    for size in [class.file_size, class.memory_size] {
        put(&mut program, header + size, class.address, (LENGTH + table.len()) as u64)?;
    }
    put(&mut program, class.section_headers, class.address, 0)?;
    put(&mut program, class.section_header_counts, 4, 0)?;
    Ok(program)
}

impl Class {
    /// Where the program header of the table's segment is in the file, and where that segment begins: it is read-only, as
    /// long as a length, and nothing is loaded from behind it.
    fn place(&self, program: &[u8]) -> Option<(usize, usize)> {
        let begin = at(program, self.program_headers, self.address)?;
        let count = at(program, self.program_header_count, 2)?;
        let mut last = (0, 0);
        for index in 0..count {
            let header = begin + index * self.program_header;
            let offset = at(program, header + self.offset, self.address)?;
            if at(program, header, 4)? == PT_LOAD as usize && offset >= last.1 {
                last = (header, offset);
            }
        }
        let is = |field: usize, width: usize, value: usize| at(program, last.0 + field, width) == Some(value);
        let laid_out = is(self.flags, 4, PF_R as usize)
            && is(self.file_size, self.address, LENGTH)
            && is(self.memory_size, self.address, LENGTH);
        laid_out.then_some(last)
    }
}

/// The number of `width` bytes at `place`.
fn at(bytes: &[u8], place: usize, width: usize) -> Option<usize> {
    let field = bytes.get(place..place.checked_add(width)?)?;
    usize::try_from(field.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))).ok()
}

fn put(bytes: &mut [u8], place: usize, width: usize, value: u64) -> Result<()> {
    let field = bytes.get_mut(place..place + width).context("it is shorter than its headers")?;
    field.copy_from_slice(&value.to_le_bytes()[..width]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use object::{Object as _, ObjectSegment as _};

    use super::*;

    /// Where program headers begin: behind the ELF header.
    const HEADERS: usize = 64;

    /// A file with two segments, of code and of a length, and what a linker leaves behind them.
    fn program(class: &Class, flags: u64) -> Vec<u8> {
        let code = HEADERS + 2 * class.program_header;
        let mut bytes = vec![0; code];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', (class.address / 4) as u8, 1]);
        bytes.extend(b"code");
        let table = bytes.len();
        bytes.extend([0; LENGTH]);
        bytes.extend(b"names of sections");
        let mut set = |place, width, value| put(&mut bytes, place, width, value).unwrap();
        set(class.program_headers, class.address, HEADERS as u64);
        set(class.program_header_count, 2, 2);
        set(class.section_headers, class.address, table as u64 + 4);
        set(class.section_header_counts, 2, 7);
        for (index, offset, flags) in [(0, code, 5), (1, table, flags)] {
            let header = HEADERS + index * class.program_header;
            set(header, 4, PT_LOAD);
            set(header + class.flags, 4, flags);
            set(header + class.offset, class.address, offset as u64);
            set(header + class.file_size, class.address, 4);
            set(header + class.memory_size, class.address, 4);
        }
        bytes
    }

    #[test]
    fn the_table_is_the_last_of_the_file_and_its_segment_as_long_as_it() {
        for class in [ELF32, ELF64] {
            let carried = carry(program(&class, PF_R), b"the table").unwrap();
            assert!(carried.ends_with(b"code\x09\0\0\0the table"));
            assert_eq!(at(&carried, class.section_headers, class.address), Some(0));
            assert_eq!(at(&carried, class.section_header_counts, 4), Some(0));
            let header = HEADERS + class.program_header;
            for size in [class.file_size, class.memory_size] {
                assert_eq!(at(&carried, header + size, class.address), Some(LENGTH + b"the table".len()));
            }
        }
    }

    #[test]
    fn a_program_of_another_layout_or_with_a_table_is_refused() {
        let refusal = |program| carry(program, b"the table").unwrap_err().to_string();
        assert!(refusal(program(&ELF64, 6)).contains("tomte.ld"));
        assert!(refusal(b"#!/bin/sh".to_vec()).contains("no little-endian ELF"));
        let carried = carry(program(&ELF32, PF_R), b"").unwrap();
        assert_eq!(carry(carried.clone(), b"").unwrap(), carried, "nothing is carried yet");
        let carried = carry(carried, b"a table").unwrap();
        assert!(refusal(carried).contains("tomte.ld"));
    }

    #[test]
    fn what_reads_elf_files_agrees_about_the_fields() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let file = object::File::parse(&*own).unwrap();
        let offset = file.segments().map(|segment| segment.file_range().0).max().unwrap();
        let begin = at(&own, ELF64.program_headers, 8).unwrap();
        let count = at(&own, ELF64.program_header_count, 2).unwrap();
        let headers = (0..count).map(|index| begin + index * ELF64.program_header);
        let loaded = headers.filter(|header| at(&own, *header, 4) == Some(PT_LOAD as usize));
        assert_eq!(
            loaded.filter_map(|header| at(&own, header + ELF64.offset, 8)).max(),
            Some(offset as usize)
        );
    }
}
