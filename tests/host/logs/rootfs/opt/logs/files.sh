# Where lines go besides the ring: files, another machine, a reader who is slow.
cd /var/log/tomte || exit 1
# Another service has said more than may be written a day.
echo "FILES $(ls | tr '\n' ' ')"
echo "LARGEST $(stat -c %s * | sort -n | tail -1)"
tomte logs -u tomte-logd.service | grep "Disk quota exceeded"

# Another logd has the day before it.
tomte restart tomte-logd
echo "a new day begins"
sleep 0.2
# What an older file that goes makes room for is taken, too.
for turn in 1 2 3; do
    dd if=/dev/zero of=/var/log/fill$turn bs=1k 2> /dev/null
    for n in $(seq 100); do echo "<7>the partition is full, and this line is rather long for nothing: $n"; done
    sleep 0.2
done
rm /var/log/fill*
echo "there is room again"
sleep 0.2
echo "IN THE RING $(tomte logs -u files --json | grep -c 'the partition is full')"
echo "AGAIN $(cat messages* | grep -c 'there is room again')"
tomte logs -u tomte-logd.service | grep -m 1 "No space left"
tomte logs -r -o short-monotonic | tac > /tmp/back
tomte logs -o short-monotonic | head -n $(wc -l < /tmp/back) | cmp - /tmp/back && [ $(wc -l < /tmp/back) -gt 50000 ] && echo "BACK AS FORTH"
# All files are of this boot, those too that became too large; then some are of others, of which one has lost its beginning.
echo "BOOTS $(tomte logs --list-boots --json | tr , '\n' | grep -c index)"
tomte logs -b -1
echo "BEFORE $?"
mkdir /tmp/of-this-boot
mv messages.? /tmp/of-this-boot
echo "MARKED $(tomte logs -t tomte-logd -ocat | grep -c "^Boot $(tr -d - < /proc/sys/kernel/random/boot_id)$")"
mark="tomte-logd: Boot 0123456789abcdef0123456789abcde"
echo "2026-01-01T00:00:00Z ${mark}3" > messages.1
printf '%s\n' '2020-01-01T00:00:07Z c: d' '2020-01-01T00:00:09Z e: f' > messages.2
printf '%s\n' "2020-01-01T00:00:00Z ${mark}2" '2020-01-01T00:00:01Z a: b' > messages.3
printf '%s\n' "2019-01-01T00:00:00Z ${mark}1" > messages.4
echo "BEFORE $(tomte logs -b -1 | cut -c 22- | tr '\n' ' ')"
tomte logs --list-boots | tr -s ' ' | sed -n 's/^-1/BOOT/p'
echo "BOOT $(tomte logs --list-boots --json | cut -d , -f 1-4)"
rm messages.3 messages.4
echo "BEFORE $(tomte logs -b -1 | cut -c 22- | tr '\n' ' ')"
rm messages.?
mv /tmp/of-this-boot/* .
tomte logs -b -1 -u files 2> /dev/null
echo "PICKY $?"
echo "SINCE $(tomte logs -S '2020-01-01 12:00' -u files | grep -c 'there is room again')"

# Of what goes by datagrams the last lines of a flood may be missing, but not the first ones.
sed -n 's/^<\([0-9]*\)>\(1 .*Z tomte talk [0-9]* - - broken\)$/PRI\1 \2/p' /tmp/remote

# The pipe holds 64K, the ring 8M.
mkfifo /tmp/slow
tomte logs -f -u files -n 1 > /tmp/slow &
reader=$!
exec 3< /tmp/slow
read -r first <&3
yes "<7>$(head -c 100 /dev/zero | tr '\0' y)" | head -n 120000
sleep 0.3
echo "the flood is over"
(sleep 5; kill $reader) 2> /dev/null &
grep -m 1 "were overwritten before they could be read" <&3
exec 3<&-
kill $! $reader 2> /dev/null
exit 0
