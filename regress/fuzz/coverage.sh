#!/bin/sh
# coverage.sh: lines of the parsers that seeds and unit tests reach, by clang's
# coverage.  NEW=1 counts what "make fuzz" has found as well.  Works in a copy
# below FUZZ_DIR.  Status 1 if a parser is below LEAST (90) per cent.
set -u
: "${FUZZ_DIR:=${TMPDIR:-/tmp}/smtpsd-fuzz}" "${LEAST:=90}"
cd "$(dirname "$0")/../.." || exit 1
copy=$FUZZ_DIR/coverage/src
out=$FUZZ_DIR/coverage/bin
rm -rf "$FUZZ_DIR/coverage"
mkdir -p "$copy" "$out" "$FUZZ_DIR/coverage/raw" || exit 1
copy=$(cd "$copy" && pwd)
out=$(cd "$out" && pwd)
raw=$(cd "$FUZZ_DIR/coverage/raw" && pwd)

# What reads bytes of others.
PARSERS="common/base/link.c common/compat/imsg.c common/mail/address.c
    common/mail/aliastext.c common/mail/base64.c common/mail/command.c
    common/mail/domain.c common/mail/mailbox.c common/mail/table.c common/mail/usersfile.c
    common/mail/verifier.c common/mail/xtext.c smtpsctl/sendhead.c
    smtpsd/auth/json.c smtpsd/auth/jws.c smtpsd/deliver/expand.c
    smtpsd/dovecot/client.c smtpsd/net/data.c smtpsd/net/header.c
    smtpsd/net/line.c smtpsd/net/parameter.c smtpsd/net/proxy.c
    smtpsd/net/session.c smtpsd/net/smtp.c smtpsd/net/smtp_auth.c
    smtpsd/net/smtp_bdat.c smtpsd/net/smtp_data.c smtpsd/net/smtp_header.c
    smtpsd/net/smtp_mail.c smtpsd/parent/conf_action.c
    smtpsd/parent/conf_lex.c smtpsd/parent/conf_listener.c
    smtpsd/parent/conf_parse.c smtpsd/parent/conf_steps.c
    smtpsd/parent/emsa.c smtpsd/parent/oauth.c smtpsd/parent/scram.c
    smtpsd/relay/capability.c smtpsd/relay/reply.c smtpsd/resolver/dns.c"
# Whose unit tests count.
UNITS="common/compat common/proto common/base common/mail smtpsd/auth
    smtpsd/deliver smtpsd/dovecot smtpsd/net smtpsd/parent smtpsd/relay
    smtpsd/resolver smtpsctl"

tar cf - --exclude=.git --exclude='*.[oadt]' --exclude=config.mk \
    --exclude=config.h --exclude=flags.stamp . | tar xf - -C "$copy" || exit 1
cd "$copy" || exit 1
LLVM_PROFILE_FILE=$raw/%p-%m.profraw
export LLVM_PROFILE_FILE
flags="-fprofile-instr-generate -fcoverage-mapping"
units()
{
	${MAKE:-make} CC=clang CFLAGS="$flags" LDFLAGS="$flags" "$@"
}
units stamp >"$FUZZ_DIR/coverage/units.log" 2>&1 || exit 1
for d in common/*/; do
	(cd "$d" && units -j2 all) >>"$FUZZ_DIR/coverage/units.log" 2>&1
done
for d in $UNITS; do
	# Tests that need what is not here may fail: make check says so.
	(cd "$d" && units -k -j2 check) >>"$FUZZ_DIR/coverage/units.log" 2>&1
done
sh regress/fuzz/build.sh coverage "$out" >"$FUZZ_DIR/coverage/build.log" \
    2>&1 || { tail -20 "$FUZZ_DIR/coverage/build.log"; exit 1; }
while read -r t inputs rest; do
	"$out/${t}_fuzz" "regress/fuzz/corpus/$t" 0 >/dev/null 2>&1 </dev/null
	[ -z "${NEW-}" ] || [ -z "$(ls "$FUZZ_DIR/new/$t" 2>/dev/null)" ] ||
	    "$out/${t}_fuzz" "$FUZZ_DIR/new/$t" 0 >/dev/null 2>&1 </dev/null
done <"$out/list"
llvm-profdata merge -o "$FUZZ_DIR/coverage/all" "$raw"/*.profraw || exit 1
set --
for o in "$out"/*_fuzz $(for d in $UNITS; do ls "$d"/*.t; done 2>/dev/null); do
	set -- "$@" -object "$o"
done
shift
first=$1
shift
# shellcheck disable=SC2086
llvm-cov export -format=lcov -instr-profile "$FUZZ_DIR/coverage/all" \
    "$first" "$@" $PARSERS >"$FUZZ_DIR/coverage/lcov" 2>/dev/null
awk -v least="$LEAST" -v top="$copy/" '
/^SF:/	{ file = substr($0, 4); sub(top, "", file) }
/^DA:/	{
	split(substr($0, 4), a, ",")
	key = file SUBSEP a[1]
	if (!(key in hit)) { hit[key] = 0; all[file]++ }
	if (a[2] > 0 && !hit[key]) { hit[key] = 1; got[file]++ }
}
END	{
	for (f in all) {
		p = 100 * got[f] / all[f]
		printf "%-32s %5d lines %5.1f %%%s\n", f, all[f], p,
		    p < least ? "  below" : "" | "sort"
		bad = bad || p < least
		sum += all[f]; covered += got[f]
	}
	close("sort")
	printf "%-32s %5d lines %5.1f %%\n", "all", sum,
	    sum ? 100 * covered / sum : 0
	exit bad || sum == 0
}' "$FUZZ_DIR/coverage/lcov"
