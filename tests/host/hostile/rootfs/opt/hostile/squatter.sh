# The reach of a dynamic user; then a thousand orphans that end at once, and one that does not.
sh /opt/hostile/reach.sh SQUATTER
cp /bin/true "$STATE_DIRECTORY/tool"
chmod u+s "$STATE_DIRECTORY/tool" 2> /dev/null && echo "SQUATTER CAN make a SUID program"
touch /etc/mine 2> /dev/null && echo "SQUATTER CAN write to /etc"
i=0
while [ $i -lt 1000 ]; do
    (sleep 2 &)
    i=$((i + 1))
done
setsid sh -c 'trap "" TERM; while sleep 1; do :; done' &
sleep 3
: > "$STATE_DIRECTORY/ready"
exec sleep 1000
