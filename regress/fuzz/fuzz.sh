#!/bin/sh
# fuzz.sh [TARGET...]: builds the fuzz targets and runs each for FUZZ_SECONDS
# (60).  What it makes is in FUZZ_DIR (/tmp/smtpsd-fuzz) and never beside the
# sources: new/TARGET has inputs that reach new code, crash/TARGET-* those that
# broke a promise.  Status 1 if there are any.
set -u
: "${FUZZ_SECONDS:=60}" "${FUZZ_DIR:=${TMPDIR:-/tmp}/smtpsd-fuzz}"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$FUZZ_DIR/new" "$FUZZ_DIR/crash" "$FUZZ_DIR/log" || exit 1
FUZZ_DIR=$(cd "$FUZZ_DIR" && pwd)
sh "$here/build.sh" "${FUZZ_ENGINE-auto}" "$FUZZ_DIR/bin" "$@" \
    >"$FUZZ_DIR/log/build" 2>&1 || {
	tail -20 "$FUZZ_DIR/log/build"
	exit 1
}
engine=$(cat "$FUZZ_DIR/bin/engine")
cd "$FUZZ_DIR" || exit 1
bad=0

# run NAME: leaves its log, and inputs in crash/
run()
{
	t=$1
	seeds=$here/corpus/$t
	dict=$here/dict/$t.dict
	mkdir -p "new/$t"
	if [ "$engine" = libfuzzer ]; then
		set -- -max_total_time="$FUZZ_SECONDS" -timeout=20 \
		    -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 \
		    -artifact_prefix="$FUZZ_DIR/crash/$t-"
		[ ! -f "$dict" ] || set -- "$@" -dict="$dict"
		"bin/${t}_fuzz" "$@" "new/$t" "$seeds"
	else
		FUZZ_CRASH=$FUZZ_DIR/crash/$t-input FUZZ_DICT=$dict \
		    FUZZ_SECONDS=$FUZZ_SECONDS \
		    "bin/${t}_fuzz" "$seeds" 0 "$(date +%s)"
	fi
}

while read -r t inputs rest; do
	if run "$t" >"log/$t" 2>&1 </dev/null; then
		echo "ok $t: $(sed -n 's/^stat::number_of_executed_units: *\([0-9]*\)/\1 inputs/p
		    /inputs from/p' "log/$t")"
	else
		grep -E 'ERROR|SUMMARY|runtime error|_fuzz.*\.c:[0-9]*:' \
		    "log/$t" | head -5
		echo "FAILED $t: see $FUZZ_DIR/log/$t and crash/$t-*"
		bad=1
	fi
done <bin/list
exit $bad
