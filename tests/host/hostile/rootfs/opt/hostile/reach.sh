# Reaches for what is PID 1's. Every line that begins with "$1 CAN" is a hole.
exec 3>&1
try() {
    what=$1
    shift
    if timeout 5 "$@" > /dev/null 2>&1; then echo "$who CAN $what"; else echo "$who cannot $what"; fi
}
who=$1
try "read PID 1's environment" cat /proc/1/environ
try "read PID 1's memory map" cat /proc/1/maps
try "list PID 1's descriptors" ls /proc/1/fd
try "enter PID 1's root" ls /proc/1/root/
try "kill PID 1" kill -KILL 1
try "shut down" kill -USR2 1
try "write to /run" touch /run/mine
try "write to /run/tomte" touch /run/tomte/mine
try "remove the control socket" rm -f /run/tomte/control
try "learn what narrows others" /sbin/tomte posture
try "run a unit" /sbin/tomte run -- /bin/true
try "replace PID 1's program" /sbin/tomte reexec
try "stop a service" /sbin/tomte stop rogue
try "leave its cgroup" sh -c 'echo $$ > /sys/fs/cgroup/cgroup.procs'
try "move PID 1" sh -c "echo 1 > /sys/fs/cgroup\$(sed -n s/^0:://p /proc/self/cgroup)/cgroup.procs"
try "make a cgroup" mkdir "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/mine"
try "read the console" sh -c 'head -c 1 <&3'
try "open the console" sh -c ': < /dev/console'
try "change the kernel's settings" sh -c 'echo x > /proc/sys/kernel/core_pattern'
try "press the magic key" sh -c 'echo h > /proc/sysrq-trigger'
try "be spared by the memory killer" sh -c 'echo -1000 > /proc/self/oom_score_adj'
try "have PID 1 killed for memory" sh -c 'echo 1000 > /proc/1/oom_score_adj'
try "write to /sys" sh -c 'echo x > /sys/kernel/uevent_helper || echo 1 > /sys/kernel/profiling'
try "trace PID 1" perl -e 'exit(syscall(101, 16, 1, 0, 0) < 0)'
try "stop PID 1" kill -STOP 1
try "mount" mount -t tmpfs none /mnt
try "see somebody else's state" sh -c 'ls -A /var/lib/private | grep -v squatter'
echo "$who is told: $(/sbin/tomte stop rogue 2>&1 | head -n 1)"
echo "$who has descriptors: $(ls /proc/self/fd | tr '\n' ' ')"
