#!/bin/sh
# A small service: says who it is and what it was given, then beats. As app.py of the host board, for images without
# Python.
trap 'exit 0' TERM
echo "$(id) pid=$$"
for pair in "runtime $RUNTIME_DIRECTORY" "state $STATE_DIRECTORY" "cache $CACHE_DIRECTORY" "logs $LOGS_DIRECTORY"; do
    kind=${pair%% *}
    for path in $(echo "${pair#* }" | sed 's/:/ /g'); do
        echo "$kind directory $path $(stat -L -c 'mode=%a owner=%u:%g' "$path")"
        [ "$kind" = state ] && heartbeat=$path/heartbeat
    done
done
beat=0
if [ -n "$heartbeat" ] && [ -e "$heartbeat" ]; then
    beat=$(cat "$heartbeat")
    echo "heartbeat goes on after $beat"
fi
while :; do
    beat=$((beat + 1))
    echo "heartbeat $beat"
    [ -n "$heartbeat" ] && echo "$beat" > "$heartbeat"
    sleep 5 &
    wait $!
done
