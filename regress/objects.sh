#!/bin/sh
# No program links another's objects: what the Makefiles name lies in the
# program's own folder or is a library of common/, and the debug information
# of the linked programs names no source of another program.  Run after make.

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
n=0
bad=0

result() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		bad=1
	fi
}

# sources PROGRAM: the folders whose sources were compiled into it.
sources() {
	objdump --dwarf=info "$1" 2>/dev/null |
	    sed -n 's/.*DW_AT_comp_dir *: *(.*): *//p' | sort -u
}

for dir in smtpsd/parent smtpsd/net smtpsd/auth smtpsd/policy smtpsd/queue \
    smtpsd/relay smtpsd/resolver smtpsd/deliver \
    smtpsd/control smtpsd/login smtpsd/dovecot smtpsctl; do
	prog=$(sed -n 's/^PROG *= *//p' "$dir/Makefile")
	# The value of OBJS and TEST_OBJS with its continuation lines.
	objs=$(awk '/^(OBJS|TEST_OBJS) *=/ { on = 1 }
	    on { print; if ($0 !~ /\\$/) on = 0 }' "$dir/Makefile" |
	    tr ' \t\\' '\n\n\n' | grep '\.[oa]$')
	foreign=$(printf '%s\n' "$objs" | grep /)
	[ -z "$foreign" ]
	result $? "$dir: objects are its own $foreign"

	# Includes of another program's headers.
	foreign=$(grep -n '^#include "' "$dir"/*.c "$dir"/*.h 2>/dev/null |
	    grep -E '"(\.\./|smtpsd/|smtpsctl/)')
	[ -z "$foreign" ]
	result $? "$dir: includes no other program's headers $foreign"

	if [ ! -x "$dir/$prog" ]; then
		result 1 "$dir/$prog is built"
		continue
	fi
	if ! command -v objdump > /dev/null; then
		continue
	fi
	foreign=$(sources "$dir/$prog" | grep "^$top/" |
	    grep -v -e "^$top/$dir\$" -e "^$top/common/")
	own=$(sources "$dir/$prog" | grep -c "^$top/$dir\$")
	[ -z "$foreign" ] && [ "$own" -gt 0 ]
	result $? "$dir/$prog: linked from its own folder and common $foreign"
done
echo "1..$n"
exit $bad
