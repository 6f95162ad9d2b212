# Looks for anything of this number that it did not bring itself.
uid=$(id -u)
echo "THIRD uid=$uid"
find /run /tmp /var /dev /home -user "$uid" ! -path "/var/lib/private/third*" ! -path "/var/lib/third*" ! -type c \
    2> /dev/null | sed "s/^/THIRD finds /"
ls "/var/lib/private" | sed "s/^/THIRD sees /"
ipcs -m -s -q | grep -q "$USER\|$uid" && echo "THIRD finds IPC objects"
perl /opt/tenants/kernel.pl look "$uid" | sed "s/^/THIRD finds /"
for process in /proc/[0-9]*; do
    [ "$(stat -c %u "$process" 2> /dev/null)" = "$uid" ] || continue
    [ "$(sed -n s/^0:://p "$process/cgroup" 2> /dev/null)" = "$(sed -n s/^0:://p /proc/self/cgroup)" ] || echo "THIRD finds $process"
done
echo "THIRD is done"
echo done > "$STATE_DIRECTORY/looked"
exec sleep 1000
