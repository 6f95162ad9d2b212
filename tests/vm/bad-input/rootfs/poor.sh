#!/bin/sh
# What a kernel without devtmpfs, sysfs and cgroup2 comes to: all that is in /dev is what the image brings, and /sys is empty.
mount -t tmpfs -o mode=0755 dev /dev
mknod /dev/console c 5 1
mknod /dev/null c 1 3
mount -t tmpfs -o ro sys /sys
exec /init
