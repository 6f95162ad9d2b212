#!/bin/sh
# QEMU's user network: the guest is 10.0.2.15, the gateway 10.0.2.2.
set -e
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
