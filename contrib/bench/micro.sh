#!/bin/sh
# Prints how many instructions hot functions take, each by a call, with what they call.
#
# Usage: micro.sh PROGRAM [BASE]
#
# PROGRAM is micro, built. BASE: what an earlier run printed; then each line says by how many per cent it has changed.
# Figures of one compiler and one libc compare, whatever else the machine does; system calls count for nothing.
set -eu

program=$1
base=${2-/dev/null}
few=200
many=1200
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# Instructions in function $2 and below while case $1 calls it $3 times (and, before that, for what is set up)
collected()
{
	valgrind --tool=callgrind --callgrind-out-file="$out" --toggle-collect="$2" "$program" "$1" "$3" 2>&1 |
		sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

command -v valgrind >/dev/null || {
	echo "bench-micro needs valgrind" >&2
	exit 1
}
"$program" | while read -r name function; do
	# The difference leaves out what the case does once
	less=$(collected "$name" "$function" $few)
	more=$(collected "$name" "$function" $many)
	awk -v name="$name" -v less="$less" -v more="$more" -v calls=$((many - few)) '
		$1 == name { old = $2 }
		END {
			new = (more - less) / calls
			printf "%-20s %8.1f", name, new
			if (old > 0)
				printf "  %+6.1f %%", (new - old) / old * 100
			printf "\n"
		}' "$base"
done
