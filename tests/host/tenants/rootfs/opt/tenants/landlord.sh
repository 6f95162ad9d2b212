# Runs as root beside the tenants and says what it sees, a line each.
tomte=/proc/1/exe
uid_of() { $tomte status --json "$1" | sed 's/.*"uid":\([0-9]*\).*/\1/'; }
ipc_of() { ipcs -m -s -q | grep -c "[[:space:]]$1[[:space:]]"; }
processes_of() { grep -l "^Uid:.*[[:space:]]$1[[:space:]]" /proc/[0-9]*/status 2> /dev/null | wc -l; }
while ! [ -e /var/lib/private/first/ready ] || ! [ -e /var/lib/private/second/ready ]; do sleep 0.05; done
first=$(uid_of first)
second=$(uid_of second)
echo "LANDLORD first=$first second=$second"
echo "LANDLORD processes of first: $(processes_of "$first")"
echo "LANDLORD IPC of first: $(ipc_of "$first")"
echo "LANDLORD runtime owner: $(stat -c %u:%a /run/first)"
$tomte stop first
echo "LANDLORD stopped: $?"
echo "LANDLORD state: $($tomte status first | sed -n '/^ *Active: /{s///;s/ since.*//;p}')"
[ -e /run/first ] || echo "LANDLORD runtime directory is gone"
echo "LANDLORD state owner: $(stat -c %u:%a /var/lib/private/first) boundary $(stat -c %u:%a /var/lib/private)"
echo "LANDLORD state link: $(readlink /var/lib/first)"
echo "LANDLORD processes left: $(processes_of "$first")"
echo "LANDLORD IPC left: $(ipc_of "$first")"
echo "LANDLORD files left: $(find /run /tmp /var/tmp /dev/shm -user "$first" 2> /dev/null | wc -l)"
echo "LANDLORD second runs: $(processes_of "$second")"
mkdir /var/lib/private/third && chown "$first:$first" /var/lib/private/third
$tomte start third
echo "LANDLORD started: $?"
until grep -q done /var/lib/private/third/looked 2> /dev/null; do sleep 0.05; done
echo "LANDLORD third=$(uid_of third)"
