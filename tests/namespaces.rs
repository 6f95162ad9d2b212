//! What the kernel makes of a spawn, seen from the started programs. Needs root; says so and passes where it is not.
//!
//! Every test works in namespaces of its own thread, with throw-away file systems over /etc, /run, /tmp, /home and
//! /var, so nothing of the host is touched.

mod namespaces {
    mod cleaning;
    mod closed;
    mod credentials;
    mod directories;
    mod exhausted;
    mod fallbacks;
    mod harness;
    mod identity;
    mod isolation;
    mod privileges;
    mod process;
    mod sandbox;
    mod steps;
    mod views;
    mod walls;
}
