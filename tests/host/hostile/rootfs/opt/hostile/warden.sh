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
grep -qs '^State:.[^XZ]' "/proc/$(cat /run/rogue.pid)/status" && echo "WARDEN rogue's process LIVES"
[ -e /sys/fs/cgroup/system.slice/rogue.service ] && echo "WARDEN rogue's cgroup STAYS"
echo "WARDEN zombies: $(grep -l '^State:.Z' /proc/[0-9]*/status 2> /dev/null | wc -l)"
echo "WARDEN hears again: $($tomte status squatter | sed -n '/^ *Active: /{s///;s/ since.*//;p}')"
# Whoever may write to a terminal may also stop it (TCXONC, TCOOFF): PID 1 goes on without its messages.
gag() { setpriv --reuid=65534 --clear-groups perl -e "ioctl(STDOUT, 0x540A, $1)"; }
gag 0
timeout 5 $tomte start quiet && timeout 5 $tomte list-units > /dev/null
answered=$?
gag 1
echo "WARDEN gagged the console, PID 1 answered: $answered"
