#!/bin/sh
# A systemctl whose units are processes of one made-up machine: start, stop, restart and is-active, for units of Byway.
# What the units of deploy/systemd give a service, this gives it too: its settings, its folder, its credentials.
set -eu
action=$1
shift

start() {
    role=$1
    mkdir -p -m 700 "$STATE/$role"
    set -- PATH="$PATH" STATE_DIRECTORY="$STATE/$role" BYWAY_ANNOUNCE="$RUN/$role.json"
    if [ "$role" = node ]; then
        set -- "$@" BYWAY_SOCKET="$RUN/node.sock"
    fi
    if [ -e "$CREDSTORE/byway-$role.key" ]; then
        mkdir -p -m 700 "$RUN/$role.credentials"
        install -m 400 "$CREDSTORE/byway-$role.key" "$RUN/$role.credentials/$role.key"
        set -- "$@" CREDENTIALS_DIRECTORY="$RUN/$role.credentials"
    fi
    env -i "$@" setsid byway service "$role" --config "$ETC/$role.toml" > "$RUN/$role.log" 2>&1 < /dev/null &
    echo $! > "$RUN/$role.pid"
    # It announces itself once it serves, as it tells systemd that it is ready.
    until [ -e "$RUN/$role.json" ]; do
        kill -0 "$(cat "$RUN/$role.pid")" || { cat "$RUN/$role.log" >&2; exit 1; }
        sleep 0.05
    done
}

stop() {
    [ -e "$RUN/$1.pid" ] || return 0
    kill "$(cat "$RUN/$1.pid")" 2> /dev/null || true
    # Gone, or not yet taken note of by whoever adopted it.
    while grep -q '^State:.[^Z]' "/proc/$(cat "$RUN/$1.pid")/status" 2> /dev/null; do
        sleep 0.05
    done
    rm -f "$RUN/$1.pid" "$RUN/$1.json"
}

for unit in "$@"; do
    role=${unit#byway-}
    role=${role%.service}
    case $action in
        start) start "$role" ;;
        stop) stop "$role" ;;
        restart) stop "$role" && start "$role" ;;
        is-active) [ -e "$RUN/$role.pid" ] && echo active ;;
        *) echo "this systemctl cannot $action" >&2 && exit 1 ;;
    esac
done
