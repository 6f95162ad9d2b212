//! What the kernel makes of a spawn, seen from the started programs. Needs root; says so and passes where it is not.
//!
//! Every test works in namespaces of its own thread, with throw-away file systems over /etc, /run, /tmp and /var, so
//! nothing of the host is touched.

mod namespaces {
    mod harness;
    mod process;
}
