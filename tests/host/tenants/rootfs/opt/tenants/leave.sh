# Leaves something in every place that a service can write to, and a process that gets away from its parent.
for place in "$STATE_DIRECTORY" "$RUNTIME_DIRECTORY" /tmp /var/tmp /dev/shm; do
    echo "$USER" > "$place/left-by-$(id -u)"
done
ipcmk -M 4096 -p 0666 > /dev/null && ipcmk -S 1 -p 0666 > /dev/null && ipcmk -Q -p 0666 > /dev/null
uid=$(id -u)
perl /opt/tenants/kernel.pl leave "$uid" | sed "s/^/LEAVER $USER /"
# A process of a process that is gone, which holds a name that is in no file system, and descriptors of every place.
(setsid sh -c 'setsid perl /opt/tenants/kernel.pl hold "$0" "$@" &' "$uid" "$STATE_DIRECTORY" "$RUNTIME_DIRECTORY" /tmp /dev/shm &)
(setsid sleep 1000 &)
# Neighbours: processes of users of the same range.
tried=0
while [ $tried = 0 ]; do
    for neighbour in /proc/[0-9]*; do
        other=$(stat -c %u "$neighbour" 2> /dev/null) || continue
        [ "$other" -ge 61184 ] && [ "$other" -le 65519 ] && [ "$other" != "$uid" ] || continue
        tried=1
        pid=${neighbour#/proc/}
        cat "$neighbour/environ" > /dev/null 2>&1 && echo "LEAVER $USER CAN read a neighbour's environment"
        ls "$neighbour/fd" > /dev/null 2>&1 && echo "LEAVER $USER CAN see a neighbour's descriptors"
        kill -0 "$pid" 2> /dev/null && echo "LEAVER $USER CAN signal a neighbour"
        perl /opt/tenants/kernel.pl smuggle "$other" "$STATE_DIRECTORY" "$RUNTIME_DIRECTORY"
        perl -e 'exit(syscall(101, 16, $ARGV[0] + 0, 0, 0) < 0)' "$pid" && echo "LEAVER $USER CAN trace a neighbour"
    done
    sleep 0.05
done
echo "LEAVER $USER tried its neighbours"
: > "$STATE_DIRECTORY/ready"
exec sleep 1000
