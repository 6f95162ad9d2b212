#!/bin/sh
# A root file system that cannot be written, without a console of its own, entered with no stream open.
mkdir /mnt
mount -t tmpfs -o mode=0755 root /mnt
cp -a /bin /etc /init /lib /opt /root /sbin /usr /var /www /mnt
mkdir -p /mnt/proc /mnt/sys /mnt/dev /mnt/run /mnt/tmp /mnt/data
mount -t tmpfs -o remount,ro root /mnt
exec busybox switch_root /mnt /init <&- >&- 2>&-
