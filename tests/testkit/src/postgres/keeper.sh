# Keeps one PostgreSQL server: $1 its binaries, $2 a directory of ours, $3 the port on loopback, $4 further
# options of the server.
# Takes orders on standard input, answers each with one line, and ends everything when the input ends.
umask 077
answer() { if "$@"; then echo ok; else echo failed; fi; }
start() { "$binaries/pg_ctl" -D "$home/data" -s -w -t 60 -l "$home/log" -o "$options" start </dev/null >>"$home/log" 2>&1; }
crash() { "$binaries/pg_ctl" -D "$home/data" -s -w -t 60 -m immediate stop </dev/null >>"$home/log" 2>&1; }
create() { "$binaries/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C --no-sync </dev/null >>"$home/log" 2>&1; }
backends() {
    "$binaries/psql" -h 127.0.0.1 -p "$port" -U postgres -d postgres -At \
        -c "select pid from pg_stat_activity where datname = '$1'" </dev/null 2>>"$home/log"
}
# The server ends all backends when one is killed, so that the later ones may be gone before their turn.
slay() {
    killed=
    for pid in $(backends "$1"); do
        kill -9 "$pid" 2>>"$home/log" && killed=yes
    done
    [ -n "$killed" ]
}

binaries=$1 home=$2 port=$3 further=$4
options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$home $further"
# An answer that nobody reads any more must not end the keeper before it has cleaned up.
trap '' HUP INT TERM PIPE
answer eval 'create && start'
while read -r order argument; do
    case $order in
        start) answer start ;;
        crash) answer crash ;;
        kill) answer slay "$argument" ;;
        *) echo "unknown order $order" ;;
    esac
done
crash
cd / && rm -rf "$home"
