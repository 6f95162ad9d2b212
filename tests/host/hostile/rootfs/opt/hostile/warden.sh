# Sees that PID 1 is well, ends the others and looks what is left of them.
tomte=/sbin/tomte
while ! [ -e /run/rogue.pid ] || ! [ -e /var/lib/private/squatter/ready ]; do sleep 0.1; done
uid=$(stat -c %u /var/lib/private/squatter)
/opt/hostile/hammer
echo "WARDEN hammered: $?"
cgroup=$(sed -n s/^0:://p "/proc/$(cat /run/rogue.pid)/cgroup")
echo "WARDEN rogue hides in: $cgroup"
$tomte stop squatter
echo "WARDEN squatter stopped: $?"
echo "WARDEN squatter has left: $(grep -l "^Uid:.*[[:space:]]$uid[[:space:]]" /proc/[0-9]*/status 2> /dev/null | wc -l)"
$tomte stop rogue
echo "WARDEN rogue stopped: $?"
kill -0 "$(cat /run/rogue.pid)" 2> /dev/null && echo "WARDEN rogue's process LIVES"
[ -e /sys/fs/cgroup/system.slice/rogue.service ] && echo "WARDEN rogue's cgroup STAYS"
echo "WARDEN zombies: $(grep -l '^State:.Z' /proc/[0-9]*/status 2> /dev/null | wc -l)"
echo "WARDEN hears again: $($tomte status squatter | sed -n 's/^ *Active: //p')"
