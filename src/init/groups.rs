//! Which processes belong to which unit: a cgroup each where there is cgroup2, else what the kernel still remembers.
