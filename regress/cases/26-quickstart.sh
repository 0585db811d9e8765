#!/bin/sh
# alone: it installs packages and makes users
# The README's first command, from a clean copy of the sources, in a
# directory of its own.

set -u
dir=$(mktemp -d /tmp/smtpsd-quickstart.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir "$dir/src"
tar cf - --exclude=.git --exclude='*.[oadt]' --exclude=config.mk \
    --exclude=config.h --exclude=flags.stamp . | tar xf - -C "$dir/src"
echo 1..2
if QUICKSTART_DIR=$dir/q sh "$dir/src/etc/quickstart.sh" --once >"$dir/log" 2>&1
then
	echo "ok 1 - quickstart --once"
else
	sed 's/^/# /' "$dir/log"
	echo "not ok 1 - quickstart --once"
	exit 1
fi
if grep -q 'smtpsdemo.*idle' "$dir/log" && grep -q '^==> delivered' "$dir/log"; then
	echo "ok 2 - the session and the message were shown"
else
	sed 's/^/# /' "$dir/log"
	echo "not ok 2 - the session and the message were shown"
	exit 1
fi
