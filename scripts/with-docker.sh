#!/usr/bin/env bash
# Runs a command beside a Docker engine of its own, which holds one image: this machine's redis-server with the libraries
# it needs. For machines where no engine runs and no image can be pulled. As root, with dockerd and redis-server there.
#   scripts/with-docker.sh node scripts/test.ts --project redis-live
set -euo pipefail

dir=$(mktemp -d "${TMPDIR:-/tmp}/troupe-docker-XXXXXX")
export DOCKER_HOST=unix://$dir/docker.sock
export TROUPE_REDIS=docker
export TROUPE_REDIS_IMAGE=troupe-redis:local
# Its image cannot be pulled here; everything it would clean up ends with the engine.
export TESTCONTAINERS_RYUK_DISABLED=true

engine=
end() {
  if [ -n "$engine" ] && kill -TERM "$engine" 2>/dev/null; then
    for _ in $(seq 100); do kill -0 "$engine" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$engine" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap end EXIT

dockerd --host "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" \
  >"$dir/log" 2>&1 &
engine=$!
for _ in $(seq 1200); do
  docker version >/dev/null 2>&1 && break
  kill -0 "$engine" 2>/dev/null || { cat "$dir/log"; exit 1; }
  sleep 0.1
done

server=$(command -v redis-server)
libraries=$(ldd "$server" | grep -o '/[^ ]*')
# shellcheck disable=SC2086  # one argument a library
tar --create --dereference --absolute-names "$server" $libraries |
  docker import --change "ENV PATH=$(dirname "$server")" --change 'WORKDIR /data' --change 'CMD ["redis-server"]' \
    - "$TROUPE_REDIS_IMAGE" >/dev/null

"$@"
