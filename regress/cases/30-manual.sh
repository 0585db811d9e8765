#!/bin/sh
# The manual pages are clean mdoc.  That a page refers to one which is not
# installed on the machine that tests is no fault of the page.

set -u
n=0
fail=0
for page in smtpsd/parent/smtpsd.8 smtpsd/parent/smtpsd.conf.5 \
    smtpsctl/smtpsctl.8; do
	n=$((n + 1))
	out=$(mandoc -Tlint -Wstyle "$page" | grep -v 'referenced manual not found')
	if [ -s "$page" ] && [ -z "$out" ]; then
		echo "ok $n - $page"
	else
		echo "$out" | sed 's/^/# /'
		echo "not ok $n - $page"
		fail=1
	fi
done
echo "1..$n"
exit $fail
