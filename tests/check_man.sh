#!/bin/sh
# House rule: the man pages are clean mdoc and name no folder but those configured, whatis(1) finds them, and they and the
# completions have exactly the options of --help.
set -u
top=${top_srcdir:-.}
program=${REBORE:?is to name the program}
# Pages are made beside the program, those that name no folder are sources
made=${program%/*}/man
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
	awk -v name="$2" '/^\.S[hs] /{ inside = substr($0, 5) == name } inside' "$made/$1"
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

# whatis(1) finds a page by the names in its first section, of which those with a space count for nothing
check_names()
{
	page=${1##*/}
	awk '/^\.S[hs] /{ inside = $2 == "NAME" } inside' "$1" | grep -q -x -e "\.Nm ${page%.*}\( ,\)\{0,1\}" ||
		fail "$1: its first section does not have the name ${page%.*}"
	! command -v lexgrog >/dev/null || lexgrog "$1" | grep -q -e "\"${page%.*} - " || fail "$1: man-db finds no name"
}

# What configure and make were told, such as the folder of the program, is in the pages
check_folders()
{
	grep -n -e '/usr/local' -e '/etc/rebore' "$top"/man/*.in && fail "man: name these by @bindir@ and @confdir@"
	grep -n -e '@[a-z]*@' "$made"/*.[1-9] && fail "$made: not filled in"
}

for page in "$made/rebore.1" "$made/rebore-server.8" "$top/man/rebore-protocol.7"; do
	mandoc -T lint -W warning "$page" || status=1
	check_names "$page"
done
check_folders
compare local rebore.1
compare server rebore-server.8
for file in rebore.bash _rebore; do
	compare_completion local "$file"
	compare_completion server "$file"
done
exit $status
