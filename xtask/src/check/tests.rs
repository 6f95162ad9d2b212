//! What is made of whole unit files: defaults, implications, refusals; tests/configs; the golden command lines.
