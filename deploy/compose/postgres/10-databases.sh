#!/bin/sh
# A database per service, owned by a login of its own that can enter no other. Migrations run as that login; at runtime it acts
# as <service>_app, which row-level security binds.
set -eu
for service in feedback metrics campaigns notifications; do
    name=$(echo "$service" | tr '[:lower:]' '[:upper:]')
    # the password by its name: a command line is for all to see
    psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        -v service="$service" -v app="${service}_app" -v variable="${name}_DATABASE_PASSWORD" <<'SQL'
\getenv password :variable
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE ROLE :"app" NOLOGIN;
GRANT :"app" TO :"service";
CREATE DATABASE :"service" OWNER :"service";
REVOKE CONNECT ON DATABASE :"service" FROM PUBLIC;
SQL
done
