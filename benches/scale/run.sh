#!/bin/sh
# Loads a registry at two sizes into a PostgreSQL of its own, and prints what everything takes at both.
#
#   benches/scale/run.sh DIRECTORY [LARGE [SMALL]]
#
# The sizes are in percent of 10 million blobs, 1 million tags and 100,000 repositories: 100 and 1. DIRECTORY must not
# exist and is removed at the end; at 100 it needs 14 GiB, and loading takes ten minutes on two cores. As root, the
# server runs as the user postgres. BIN is where its programs are, PORT where it listens.
set -eu

directory=${1:?"usage: benches/scale/run.sh DIRECTORY [LARGE [SMALL]]"}
large=${2:-100}
small=${3:-1}
bin=${BIN:-/usr/lib/postgresql/15/bin}
port=${PORT:-5871}
here=$(cd "$(dirname "$0")" && pwd)

as_postgres() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

query() {
    psql -q -h 127.0.0.1 -p "$port" -U postgres "$@"
}

# Loading may lose everything, for it can be done again. Measuring is durable, as in production.
start() {
    as_postgres "$bin/pg_ctl" -D "$directory/data" -w -l "$directory/log" -o "$1" start >/dev/null
}

stop() {
    as_postgres "$bin/pg_ctl" -D "$directory/data" -w -m fast stop >/dev/null
}

clean_up() {
    stop || true
    rm -rf "$directory"
}

fill() {
    query -c "CREATE DATABASE $1"
    "$scale" migrate "postgres://postgres@127.0.0.1:$port/$1"
    for step in bare load dress; do
        query -v percent="$2" -f "$here/$step.sql" "$1"
    done
}

cd "$here/../.."
cargo build -p metadata-postgres --example scale
scale=${CARGO_TARGET_DIR:-target}/debug/examples/scale

mkdir "$directory"
if [ "$(id -u)" = 0 ]; then chown postgres "$directory"; fi
trap clean_up EXIT
as_postgres "$bin/initdb" -D "$directory/data" -A trust -U postgres --locale=C --encoding=UTF8 >/dev/null
cat >>"$directory/data/postgresql.conf" <<SETTINGS
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$directory'
shared_buffers = 1GB
work_mem = 64MB
maintenance_work_mem = 1GB
max_parallel_maintenance_workers = 1
max_wal_size = 512MB
checkpoint_timeout = 15min
wal_compression = lz4
shared_preload_libraries = 'pg_stat_statements'
SETTINGS

start "-c fsync=off -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off"
fill small "$small"
fill large "$large"
stop
start ""
for side in small large; do
    query -f "$here/sizes.sql" $side
done
url=postgres://postgres@127.0.0.1:$port
"$scale" measure "$url/small" "$small" "$url/large" "$large"
query -f "$here/upkeep.sql" large
