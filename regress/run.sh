#!/bin/sh
#
# All tests, or those named: sh regress/run.sh [NAME ...]
#
# A NAME is the name of a part (build, units, bmake, asan, sanitized, fuzz), a
# piece of the name of a case in regress/cases (06, tls, ...), or attacks for
# all those in regress/attacks.  As root; installs what is missing.  Ends with "N passed, N failed"; status 0 only if none failed.
# Everything but the first build happens in copies below a temporary
# directory (kept with KEEP=1).

set -u
umask 022
cd "$(dirname "$0")/.." || exit 1
TOP=$(pwd)
LC_ALL=C.UTF-8
PYTHONDONTWRITEBYTECODE=1
export LC_ALL PYTHONDONTWRITEBYTECODE
unset SMTPSD_PREFIX MAKEFLAGS MAKELEVEL

PACKAGES="gcc make bmake clang libtls-dev libssl-dev libevent-dev libbsd-dev
    libsqlite3-dev libunbound-dev libpam0g-dev libcrypt-dev libjansson-dev
    libidn2-dev pkg-config perl
    swaks curl msmtp python3 openssl iproute2 mandoc strace procps
    dovecot-core dovecot-lmtpd nsd ldnsutils
    gsasl mutt s-nail nmap sslscan testssl.sh libio-socket-ssl-perl
    libauthen-sasl-perl
    php-cli git git-email libmailtools-perl
    bsd-mailx libc6-dev-arm64-cross libc6-dev-riscv64-cross
    clamav-daemon clamsmtp valgrind"
CASE_S=400		# seconds that one case may take
JOBS=${JOBS-3}		# cases at a time
# Cases that are also run with the daemon built with SAN=1.
SANITIZED="/10- /13- /16- /18- /24- /30- /31- /35- /36- /40- /41-ext /42- /60-
    /61- /64- /68-forward /70-dot attacks/01- attacks/07-"

passed=0
failed=0
bad=
made=

say()	{ printf '== %s\n' "$*"; }
ok()	{ passed=$((passed + ${2:-1})); printf 'ok %s\n' "$1"; }
notok()	{ failed=$((failed + ${2:-1})); bad="$bad $1"; printf 'FAILED %s\n' "$1"; }

[ "$(id -u)" -eq 0 ] || { echo "run.sh: must run as root" >&2; exit 1; }

T=$(mktemp -d /tmp/smtpsd-run.XXXXXX) || exit 1
chmod 755 "$T"
[ -n "${KEEP-}" ] || trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM

install_packages()
{
	missing=
	command -v dpkg-query >/dev/null || return 0
	for p in $PACKAGES; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
		    grep -q 'ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	# shellcheck disable=SC2086
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install \
	    -y -qq --no-install-recommends $missing; } >"$T/apt.log" 2>&1 || {
		tail -20 "$T/apt.log"
		echo "run.sh: cannot install$missing" >&2
		exit 1
	}
}

# A copy of the sources without what a build leaves: copy NAME
copy()
{
	mkdir -p "$T/$1" && tar cf - --exclude=.git --exclude='*.[oadt]' \
	    --exclude=common/compat/config.mk --exclude=common/compat/config.h \
	    --exclude=flags.stamp -C "$TOP" . | tar xf - -C "$T/$1" || exit 1
	for p in net auth policy queue relay resolver deliver control login \
	    dovecot; do
		rm -f "$T/$1/smtpsd/$p/$p"
	done
	rm -f "$T/$1/smtpsd/parent/smtpsd" "$T/$1/smtpsctl/smtpsctl"
}

# step NAME COMMAND...: one test that passes if the command does
step()
{
	name=$1
	shift
	if "$@" >"$T/$name.log" 2>&1; then
		ok "$name"
	else
		tail -40 "$T/$name.log"
		notok "$name"
		return 1
	fi
}

# units NAME COMMAND...: what runtests.sh printed is added up
units()
{
	name=$1
	shift
	"$@" >"$T/$name.log" 2>&1
	rc=$?
	n=$(sed -n 's/^ok [^ ]*: \([0-9][0-9]*\)$/\1/p' "$T/$name.log" |
	    awk '{ n += $1 } END { print n + 0 }')
	f=$(grep -c '^FAILED ' "$T/$name.log")
	if [ $rc -eq 0 ] && [ "$f" -eq 0 ] && [ "$n" -gt 0 ]; then
		ok "$name ($n)" "$n"
	else
		grep -E '^(not ok|FAILED|#)|[Ee]rror|ERROR|runtime error' \
		    "$T/$name.log" | head -60
		tail -5 "$T/$name.log"
		passed=$((passed + n))
		notok "$name" "$((f > 0 ? f : 1))"
	fi
}

# The targets of regress/fuzz/targets, each with the seeds and as many inputs as
# are named there.
fuzz()
{
	copy fuzz
	dir=$T/fuzz/regress/fuzz
	step fuzz-build sh "$dir/build.sh" driver "$T/fuzzers" || return
	while read -r t inputs rest; do
		FUZZ_DICT=$dir/dict/$t.dict
		FUZZ_CRASH=$T/crash-$t
		export FUZZ_DICT FUZZ_CRASH
		step "fuzz-$t" timeout 120 "$T/fuzzers/${t}_fuzz" \
		    "$dir/corpus/$t" "$inputs" || od -c "$T/crash-$t" | head -40
	done <"$T/fuzzers/list"
	unset FUZZ_DICT FUZZ_CRASH
	# Of another engine with other objects, which "make fuzz" needs.
	step fuzz-libfuzzer sh "$dir/build.sh" libfuzzer "$T/libfuzzer"
}

# An installed smtpsd for the cases, in a prefix of its own.
installed()
{
	[ -z "$made" ] || return 0
	made=yes
	say "installing for the cases"
	copy daemon
	step install make -j2 -C "$T/daemon" install PREFIX="$T/prefix" \
	    SYSCONFDIR="$T/prefix/etc" || return 1
	SMTPSD_PREFIX=$T/prefix
	export SMTPSD_PREFIX
}

# run_case FILE: what it prints goes to a log of its own, how it ended beside.
run_case()
{
	name=$(basename "$1")
	case $1 in
	*.py)	interpreter=python3 ;;
	*.pl)	interpreter=perl ;;
	*)	interpreter=sh ;;
	esac
	start=$(date +%s)
	timeout -k 10 "$CASE_S" $interpreter "$1" >"$T/$name.log" 2>&1 \
	    </dev/null
	echo "$? $(($(date +%s) - start))" >"$T/$name.end"
}

# TAP of one case is added up.
count_case()
{
	name=$(basename "$1")
	read -r rc took <"$T/$name.end" || { rc=lost took=?; }
	n=$(grep -c '^ok ' "$T/$name.log")
	f=$(grep -c '^not ok ' "$T/$name.log")
	plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$T/$name.log" | tail -1)
	if [ "$rc" = 0 ] && [ "$f" -eq 0 ] && [ "${plan:-x}" = "$n" ]; then
		ok "$kind$name ($n, ${took}s)" "$n"
		grep '# SKIP' "$T/$name.log"
		return
	fi
	grep -vE '^ok ' "$T/$name.log" | head -80
	[ "$rc" != 124 ] || echo "(ended after $CASE_S seconds)"
	passed=$((passed + n))
	notok "$kind$name (status $rc, $n of ${plan:-?}, ${took}s)" \
	    "$((f > 0 ? f : 1))"
}

# cases KIND FILE...: they wait more than they compute, so JOBS run at a time;
# those that say "# alone" afterwards, singly.
cases()
{
	kind=$1
	shift
	# The test users, before many want to make them.
	python3 regress/lib/smtpsdtest.py
	together=
	alone=
	for c in "$@"; do
		if head -20 "$c" | grep -q '^# alone'; then
			alone="$alone $c"
		else
			together="$together $c"
		fi
	done
	rm -f "$T/turns"
	mkfifo "$T/turns" && exec 8<>"$T/turns" || exit 1
	i=0
	while [ $i -lt "$JOBS" ]; do
		echo turn >&8
		i=$((i + 1))
	done
	for c in $together; do
		read -r _ <&8
		{ run_case "$c" 8>&-; echo turn >&8; } &
	done
	wait
	exec 8>&-
	for c in $together; do
		count_case "$c"
	done
	for c in $alone; do
		run_case "$c"
		count_case "$c"
	done
}

# named WORD NAME...: does the word hold one of the names, or is there none?
named()
{
	word=$1
	shift
	[ $# -gt 0 ] || return 0
	for n in "$@"; do
		case $word in
		*"$n"*)	return 0 ;;
		esac
	done
	return 1
}

# wanted PART: is it asked for?
wanted()
{
	# shellcheck disable=SC2086
	named "$1" $names
}

# chosen NAME...: the files of the cases that these are
chosen()
{
	for c in regress/cases/*.sh regress/cases/*.pl regress/cases/*.py \
	    regress/attacks/*.py; do
		[ -f "$c" ] && named "${c#regress/}" "$@" && echo "$c"
	done
}

names=$*
install_packages

if wanted build || wanted units; then
	say "build: GNU make, gcc"
	CC=gcc step build make -j2 CC=gcc
fi
if wanted units; then
	units units make -j2 CC=gcc check
fi
if wanted bmake; then
	say "build and unit tests: BSD make, clang"
	copy bmake
	step bmake-build sh -c "cd '$T/bmake' && CC=clang bmake -j2 CC=clang" &&
	    units bmake-units sh -c "cd '$T/bmake' && bmake -j2 CC=clang check"
	step bmake-clean sh -c "cd '$T/bmake' && bmake clean &&
	    test -z \"\$(find . -name '*.o' -o -name '*.a' -o -name '*.t')\""
fi
if wanted asan; then
	say "unit tests under AddressSanitizer and UBSan"
	copy asan
	ASAN_OPTIONS=detect_leaks=0 units asan-units \
	    make -j2 -C "$T/asan" CC=gcc SAN=1 PREFIX="$T/sanitized" \
	    SYSCONFDIR="$T/sanitized/etc" check
fi
if wanted fuzz; then
	say "fuzz targets"
	fuzz
fi
if wanted sanitized; then
	say "cases with AddressSanitizer and UBSan in every process"
	[ -d "$T/asan" ] || copy asan
	if step sanitized-install make -j2 -C "$T/asan" CC=gcc SAN=1 \
	    PREFIX="$T/sanitized" SYSCONFDIR="$T/sanitized/etc" install; then
		# shellcheck disable=SC2086
		set -- $(chosen $SANITIZED)
		SMTPSD_PREFIX=$T/sanitized
		export SMTPSD_PREFIX
		cases sanitized/ "$@"
	fi
fi
# shellcheck disable=SC2046,SC2086
set -- $(chosen $names)
[ $# -eq 0 ] || { installed && cases "" "$@"; }

[ -z "$bad" ] || printf 'not passed:%s\n' "$bad"
if [ $((passed + failed)) -eq 0 ]; then
	echo "run.sh: no test of that name"
	failed=1
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
