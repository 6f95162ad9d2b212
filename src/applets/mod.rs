//! Small helpers of PID 1 that are the same binary and run without its privileges, each as a unit of its own.

pub mod logd;
