#!/bin/sh
# Write the secrets of `docker compose up` into .env beside docker-compose.yml: each setting that env.example leaves empty gets a
# value of its own. What .env says already stays, so it may be run again, after an update for instance.
set -eu
cd "$(dirname "$0")/../.."
touch .env
chmod 600 .env # before anything is in it
[ -z "$(tail -c 1 .env)" ] || echo >> .env # a last line without its end
sed -n 's/^\([A-Z_]*\)=$/\1/p' deploy/compose/env.example | while read -r name; do
    if grep -Eq "^[[:space:]]*(export[[:space:]]+)?$name[[:space:]]*[=:][[:space:]]*(\"[^\"]|'[^']|[^[:space:]#\"'])" .env; then
        echo ".env has $name"
    else
        echo "$name=$(od -An -v -tx1 -N 32 /dev/urandom | tr -d ' \n')" >> .env
        echo ".env has $name now"
    fi
done
