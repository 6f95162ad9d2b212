//! Link arguments of the target binary.
//!
//! The binary has its own `_start`, no libc and no dynamic linker. On the host triple `cc` drives the linker (build
//! scripts and proc macros share that triple, so its configuration must stay as it is); on the musl triples rust-lld
//! is called directly. What it makes carries no table, which `table::open` refuses and PID 1 reports: `cargo xtask build
//! BOARD` puts one there.

use std::{env, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let through_cc = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|target_env| target_env == "gnu");
    if through_cc {
        for arg in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
            println!("cargo:rustc-link-arg-bins={arg}");
        }
    }
    let prefix = if through_cc { "-Wl," } else { "" };
    for arg in ["--build-id=none", "--no-eh-frame-hdr", "-zmax-page-size=4096", "-znorelro"] {
        println!("cargo:rustc-link-arg-bins={prefix}{arg}");
    }

    let script =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("src/linux/tomte.ld");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rustc-link-arg-bins={prefix}-T{}", script.display());
}
