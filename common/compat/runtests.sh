#!/bin/sh
# Runs unit tests that print TAP: one line for each, all of it on failure.
# runtests.sh NAME.t ...

bad=0
dir=$(basename "$(pwd)")
for t in "$@"; do
	out=$("./$t" 2>&1)
	rc=$?
	n=$(printf '%s\n' "$out" | grep -c '^ok ')
	plan=$(printf '%s\n' "$out" | sed -n 's/^1\.\.//p')
	if [ $rc -eq 0 ] && [ "$n" = "$plan" ]; then
		echo "ok $dir/${t%.t}: $n"
	else
		printf '%s\n' "$out"
		echo "FAILED $dir/${t%.t}: status $rc, $n of ${plan:-?} ok"
		bad=1
	fi
done
exit $bad
