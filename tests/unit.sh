#!/bin/sh
# unit.sh PROGRAM...: runs unit test programs; shows the output of those that fail.
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for t in "$@"; do
	if "$t" >"$out" 2>&1; then
		printf '%-16s %s\n' "$(basename "$t")" "$(sed -n 's/.*\[  PASSED  \] \(.*\)/\1/p' "$out" | tail -n 1)"
	else
		cat "$out"
		echo "$(basename "$t") FAILED"
		failed=1
	fi
done
exit $failed
