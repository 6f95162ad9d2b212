#!/bin/sh
# A line on this port is Ctrl-C at `cargo xtask run`: it asks PID 1 to power off, as BusyBox's poweroff does.
read -r line < /dev/vport0p2 || exit 0
kill -USR2 1
