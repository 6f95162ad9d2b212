# Commands of a service write and end, each for itself, while logd cannot read.
logd=$(tomte show -P MainPID tomte-logd)
kill -STOP $logd
tomte start kinds
kill -CONT $logd
for try in $(seq 50); do
    said=$(tomte logs -u kinds | sed -n 's/^.* tomte \([a-z]*\)\[[0-9]*\]: \([a-z ]*\)$/\1 \2/p' | tr '\n' ' ')
    case $said in *gone*) break ;; esac
    sleep 0.1
done
echo "SAID $said"
