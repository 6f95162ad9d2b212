#!/bin/sh
# What udhcpc calls with what the server said: sets the address, the route and the name servers.
case $1 in
deconfig)
    ip link set "$interface" up
    ip addr flush dev "$interface"
    ;;
bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    for gateway in $router; do
        ip route replace default via "$gateway" dev "$interface"
    done
    for server in $dns; do
        echo "nameserver $server"
    done > /run/resolv.conf
    ;;
esac
