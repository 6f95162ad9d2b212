# Says when the node has the owner and the mode that the board says.
exec > /dev/console
until [ "$(stat -c '%u:%g %a' "$1")" = "$2" ]; do sleep 0.1; done
echo "PLUGGED IN: $1 OF $2, DRIVERS $(ls /sys/module | grep -c -x -e virtio_blk -e ftdi_sio)"
