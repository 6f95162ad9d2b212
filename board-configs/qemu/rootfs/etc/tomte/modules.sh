#!/bin/sh
# Loads the kernel modules of the image in the order xtask found.
set -e
while read -r module; do
    insmod "/lib/modules/$module"
done < /lib/modules/order
