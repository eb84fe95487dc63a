#!/usr/bin/env bash
# swift_tests.sh [options of swift test]: the Swift tests, built beside the library from its own objects: they use what
# modules export and nothing else. Needs the library built.
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091 # written by build_library.sh
. build/link-settings
# shellcheck disable=SC2086 # SWIFT_FLAGS is a list
exec "$(scripts/find_swift.sh)" test -c release --disable-testable-imports ${SWIFT_FLAGS:-} "$@"
