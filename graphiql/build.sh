#!/bin/sh
# Builds GraphiQL into graphql_api/static/graphiql, where it is not newer than its sources already.
# Without a build the service still runs: its page then loads GraphiQL from a CDN. Hence only CI takes a failure for one.
set -u
cd "$(dirname "$0")" || exit 1

page=../graphql_api/static/graphiql/index.html
installed=node_modules/.package-lock.json

# Directories count too: their time changes when a file in them goes away.
if [ -f "$page" ] && [ -z "$(find package.json package-lock.json vite.config.js index.html src public examples -newer "$page")" ]; then
    exit 0
fi

if [ -f "$page" ]; then
    instead="the GraphiQL that was built before stays"
else
    instead="GraphiQL will be loaded from a CDN and needs internet"
fi

if ! command -v npm >/dev/null; then
    echo "npm not found: $instead (install Node.js 20 or newer to build it in)"
    exit 0
fi

install() {
    [ -f "$installed" ] && [ -z "$(find package-lock.json -newer "$installed")" ] || npm ci --include=dev --loglevel=error
}

echo "building GraphiQL into graphql_api/static/graphiql"
if ! log=$({ install && npm run --silent build; } 2>&1); then
    printf '%s\n' "$log" "the build failed: $instead"
    [ -z "${CI:-}" ]
fi
