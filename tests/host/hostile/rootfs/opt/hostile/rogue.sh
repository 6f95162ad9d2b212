# Moves a process that does not heed TERM into a cgroup below its own.
own=$(sed -n s/^0:://p /proc/self/cgroup)
mkdir -p "/sys/fs/cgroup$own/deep/er" && echo "ROGUE made a cgroup"
trap '' TERM
sleep 1000 &
echo $! > "/sys/fs/cgroup$own/deep/er/cgroup.procs"
trap - TERM
echo $! > /run/rogue.new && mv /run/rogue.new /run/rogue.pid
exec sleep 1000
