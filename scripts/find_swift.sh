#!/usr/bin/env bash
# Prints the path of a swift of at least version 6.3, or says on one line what is missing.
set -u
candidates=("${SWIFT:-}" "$(command -v swift)" "$HOME/.local/share/swiftly/bin/swift"
  /opt/swift*/usr/bin/swift /usr/local/swift*/usr/bin/swift)
found=""
for swift in "${candidates[@]}"; do
  [ -x "$swift" ] || continue
  version=$("$swift" --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
  if [ "$(printf '%s\n' 6.3 "$version" | sort -V | head -n 1)" = 6.3 ]; then
    echo "$swift"
    exit 0
  fi
  found="$found; $swift is ${version:-of no known version}"
done
echo "Swift 6.3 or newer is needed (https://www.swift.org/install/linux). Looked for it in \$SWIFT, PATH," \
  "\$HOME/.local/share/swiftly/bin, /opt/swift*/usr/bin and /usr/local/swift*/usr/bin$found" >&2
exit 1
