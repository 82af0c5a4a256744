#!/bin/sh
# House rule: what the completions of the shells know of the options comes from the table of options. With the argument
# "write", the files are written anew; run it in the build folder then, as top_srcdir=.. ../tests/check_completions.sh write
top=${top_srcdir:-.}
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
status=0

for file in rebore.bash _rebore; do
	kept=$top/contrib/completion/$file
	tests/completions "$file" >"$work/table" || exit 99
	# In place of what stands between the marks
	awk -v table="$work/table" '/^# From the table of options/ { print; while ((getline line <table) > 0) print line; skip = 1 }
		/^# End of the table/ { skip = 0 } !skip' "$kept" | awk '!(/^# From the table/ && seen++)' >"$work/$file"
	cmp -s "$work/$file" "$kept" && continue
	if [ "$1" = write ]; then
		cat "$work/$file" >"$kept"
	else
		echo "contrib/completion/$file: not what the table of options gives; tests/check_completions.sh write"
		diff "$kept" "$work/$file"
		status=1
	fi
done
exit $status
