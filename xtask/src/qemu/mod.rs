//! Boards that are virtual machines in QEMU.

pub mod apt;
