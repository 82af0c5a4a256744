#!/bin/sh
# House rule: the man pages are clean mdoc, and they and the completions have exactly the options of --help.
set -u
top=${top_srcdir:-.}
program=${REBORE:?is to name the program}
status=0
command -v mandoc >/dev/null || { echo "mandoc is missing"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "$*"
	status=1
}

# "-l", "--local-host", "LOCAL_PORT", "REBORE_SERVER"...: what the help of a command has
words_of_help()
{
	"$program" "$1" --help >"$work/help" || { echo "$1 --help failed" >&2; exit 1; }
	sed -n '/^Options/,/^Exit status/p' "$work/help" | sed -n \
		-e 's/^  \(-.\), \(--[a-z-]*\).*/\1 \2/p' \
		-e 's/^      \(--[a-z-]*\).*/\1/p' \
		-e 's/^  \([A-Z][A-Z_]*\) .*/\1/p' \
		-e 's/^ *or \(REBORE_[A-Z_]*\), \(BORE_[A-Z_]*\)$/\1 \2/p' | tr ' ' '\n'
}

# Print the lines of one section of a page
section()
{
	awk -v name="$2" '/^\.S[hs] /{ inside = substr($0, 5) == name } inside' "$top/man/$1"
}

# The same of a page
words_of_page()
{
	section "$1" OPTIONS | sed -n 's/^\.It //p' | tr ' ' '\n' | awk '
		$0 == "," || $0 == "Ns" || $0 == "Op" { next }
		after == "Fl" { print "-" $0 }
		after == "Ar" && /^[A-Z_]+$/ { print }
		{ after = $0 }'
	section "$1" ENVIRONMENT | sed -n 's/^\.It Ev //p' | tr -d ' ' | tr ',' '\n' | grep 'BORE_'
}

# Every option has its item, and every item its option
compare()
{
	words_of_help "$1" | sort >"$work/program"
	words_of_page "$2" | sort >"$work/page"
	[ "$(wc -l <"$work/program")" -gt 10 ] || fail "$1 --help: no options found"
	for word in $(comm -23 "$work/program" "$work/page"); do
		fail "man/$2 does not document $word of $1 --help"
	done
	for word in $(comm -13 "$work/program" "$work/page"); do
		fail "man/$2 documents $word, which is not in $1 --help"
	done
}

# Names of options in the part of a completion that is for one command: between "# local" and "# end of local"
words_of_completion()
{
	sed -n "/# $1\$/,/# end of $1\$/p" "$top/contrib/completion/$2" | grep -o -e '--[a-z][a-z-]*' | sort -u
}

compare_completion()
{
	words_of_completion "$1" "$2" >"$work/completion"
	words_of_help "$1" | grep -e '^--' | sort >"$work/program"
	if ! diff "$work/program" "$work/completion" >"$work/difference"; then
		fail "contrib/completion/$2: not the options of $1 --help:"
		cat "$work/difference"
	fi
}

for page in "$top"/man/*.[1-9]; do
	mandoc -T lint -W warning "$page" || status=1
done
compare local rebore.1
compare server rebore-server.8
for file in rebore.bash _rebore; do
	compare_completion local "$file"
	compare_completion server "$file"
done
exit $status
