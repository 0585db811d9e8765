#!/bin/sh
#
# From a fresh Debian to a delivered message: installs what smtpsd needs,
# builds it, makes users, a certificate and a mail user with a random
# password, starts smtpsd on loopback, submits a real message over SMTPS with
# AUTH and shows it in the Maildir.  Everything it makes lies below
# $QUICKSTART_DIR (/var/lib/smtpsd-quickstart); a configuration that is
# already on the machine is neither read nor changed.
#
#	sh etc/quickstart.sh		leave smtpsd running, say what to do next
#	sh etc/quickstart.sh --once	stop it again; 0 only if all of it worked

set -eu
umask 022

once=0
case "${1-}" in
"")	;;
--once)	once=1 ;;
*)	echo "usage: sh etc/quickstart.sh [--once]" >&2; exit 2 ;;
esac

src=$(cd "$(dirname "$0")/.." && pwd)
dir=${QUICKSTART_DIR:-/var/lib/smtpsd-quickstart}
user=smtpsdemo
daemon=

say()	{ printf '==> %s\n' "$*"; }
die()	{ printf 'quickstart: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || die "must run as root (it makes users and installs packages)"

stop_daemon()
{
	[ -n "$daemon" ] || return 0
	kill "$daemon" 2>/dev/null || :
	wait "$daemon" 2>/dev/null || :
	daemon=
}

install_packages()
{
	command -v apt-get >/dev/null || die "needs apt-get; on another system see README, Installation"
	want="gcc make pkg-config libtls-dev libssl-dev libevent-dev libbsd-dev
	    libsqlite3-dev libunbound-dev libpam0g-dev libcrypt-dev libjansson-dev
	    libidn2-dev openssl ca-certificates python3"
	missing=
	for p in $want; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
		    grep -q 'ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	say "installing:$missing"
	apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    --no-install-recommends $missing >/dev/null
}

make_users()
{
	for u in _smtpsd _smtpsp _smtpsq; do
		getent passwd "$u" >/dev/null || useradd -r -M -d /nonexistent \
		    -s /usr/sbin/nologin "$u"
	done
	getent passwd "$user" >/dev/null || useradd -m -s /usr/sbin/nologin "$user"
	home=$(getent passwd "$user" | cut -d: -f6)
}

free_port()
{
	python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

make_files()
{
	mkdir -p "$dir"
	chmod 755 "$dir"
	[ -f "$dir/key.pem" ] || (umask 077; openssl req -x509 -newkey rsa:2048 \
	    -nodes -days 365 -subj /CN=localhost \
	    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
	    -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null)
	port=$(free_port)
	password=$(openssl rand -hex 12)
	cat > "$dir/smtpsd.conf" <<-EOF
	hostname localhost

	pki localhost cert "$dir/cert.pem"
	pki localhost key "$dir/key.pem"

	table users file "$dir/users"
	table domains { localhost }

	queue directory "$dir/spool"
	control socket "$dir/smtpsd.sock"

	listen on 127.0.0.1 smtps port $port auth <users>

	action "local" maildir "~/Maildir"

	match from auth for domain <domains> action "local"
	EOF
	: > "$dir/users.empty"
	[ -f "$dir/users" ] || (umask 077; : > "$dir/users")
	rm -f "$dir/users.empty"
	if grep -q "^$user:" "$dir/users"; then verb=passwd; else verb=add; fi
	printf '%s\n' "$password" |
	    "$dir/sbin/smtpsctl" -s "$dir/smtpsd.sock" user "$verb" -t "$dir/users" "$user" ||
	    die "cannot $verb the mail user"
}

start()
{
	if [ -S "$dir/smtpsd.sock" ] &&
	    "$dir/sbin/smtpsctl" -s "$dir/smtpsd.sock" stop 2>/dev/null; then
		say "stopped the smtpsd of an earlier quickstart"
		sleep 1
	fi
	"$dir/sbin/smtpsd" -n -f "$dir/smtpsd.conf" || die "the configuration is refused"
	"$dir/sbin/smtpsd" -d -f "$dir/smtpsd.conf" >"$dir/log" 2>&1 &
	daemon=$!
	n=0
	until grep -q 'ready' "$dir/log"; do
		n=$((n + 1))
		kill -0 "$daemon" 2>/dev/null && [ $n -lt 100 ] || {
			cat "$dir/log" >&2
			daemon=
			die "smtpsd did not start"
		}
		sleep 0.1
	done
}

# Sends over SMTPS with AUTH, and keeps the session open for show sessions.
submit()
{
	mark=quickstart-$(openssl rand -hex 8)
	QS_PASSWORD=$password python3 - "$dir" "$port" "$user" "$mark" <<'EOF'
import os, smtplib, ssl, subprocess, sys
d, port, user, mark = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
tls = ssl.create_default_context(cafile=d + "/cert.pem")
with smtplib.SMTP_SSL("localhost", port, context=tls, timeout=20) as s:
    s.login(user, os.environ["QS_PASSWORD"])
    me = user + "@localhost"
    s.sendmail(me, [me], "From: %s\r\nTo: %s\r\nSubject: %s\r\n\r\n"
               "Hello from smtpsd.\r\n" % (me, me, mark))
    out = subprocess.run([d + "/sbin/smtpsctl", "-s", d + "/smtpsd.sock",
                          "show", "sessions"], stdout=subprocess.PIPE,
                         check=True).stdout.decode()
    print(out, end="")
    if user not in out:
        sys.exit("the live session is not in smtpsctl show sessions")
EOF
}

delivered()
{
	n=0
	until file=$(grep -rls "$mark" "$home/Maildir/new" 2>/dev/null) && [ -n "$file" ]; do
		n=$((n + 1))
		[ $n -lt 100 ] || { tail -n 20 "$dir/log" >&2; die "the message did not arrive"; }
		sleep 0.1
	done
	say "delivered: $file"
	cat "$file"
}

trap 'stop_daemon' EXIT
trap 'exit 1' HUP INT TERM

install_packages
say "building"
make -C "$src" >/dev/null || die "the build failed"
mkdir -p "$dir"
make -C "$src" install PREFIX="$dir" SYSCONFDIR="$dir/etc" >"$dir/install.log" 2>&1 ||
    { cat "$dir/install.log" >&2; die "the installation failed"; }
make_users
say "making a certificate and the mail user $user"
make_files
say "starting smtpsd on 127.0.0.1 port $port"
start
say "submitting a message over SMTPS with AUTH; smtpsctl show sessions says meanwhile:"
submit || die "the submission failed; see $dir/log"
delivered

if [ $once -eq 1 ]; then
	"$dir/sbin/smtpsctl" -s "$dir/smtpsd.sock" stop || die "smtpsctl stop failed"
	n=0
	while kill -0 "$daemon" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 100 ] || die "smtpsd does not stop"
		sleep 0.1
	done
	daemon=
	say "all of it worked; smtpsd is stopped again"
	exit 0
fi

pid=$daemon
daemon=
cat <<EOF

smtpsd runs as process $pid with the configuration $dir/smtpsd.conf.

  mail client   SMTPS, localhost port $port, user $user, password $password
  look          $dir/sbin/smtpsctl -s $dir/smtpsd.sock show sessions
  log           $dir/log
  stop          $dir/sbin/smtpsctl -s $dir/smtpsd.sock stop
  remove        rm -r $dir; userdel -r $user

Next: README, Installation, to set it up for real.
EOF
