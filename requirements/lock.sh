#!/bin/sh
# Resolve everything once (requirements/dev.lock), then cut each group's file out of that one resolution.
# No file names a package registry: a machine installs from whichever it is set up for.
set -eu
cd "$(dirname "$0")/.."
compile() {
    "${UV:-uv}" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-annotate --group build "$@"
}
compile --group dev --upgrade --output-file requirements/dev.lock
for group in data train test; do
    rm -f "requirements/$group.lock"
    compile --group "$group" --constraints requirements/dev.lock --output-file "requirements/$group.lock"
done
rm -f requirements.lock
compile --constraints requirements/dev.lock --output-file requirements.lock
