#!/bin/sh
# list.sh [TARGET...]: the lines of the file "targets", one for each target,
# comments gone: NAME INPUTS SOURCES.
cd "$(dirname "$0")" || exit 1
awk -v want=" $* " '
function flush(	words) {
	split(line, words)
	if (words[1] != "" && (want ~ /^ *$/ || index(want, " " words[1] " ")))
		print line
	line = ""
}
/^#/	{ next }
/^[ \t]/ { line = line " " $0; next }
	{ flush(); line = $0 }
END	{ flush() }' targets | tr -s ' \t' '  '
