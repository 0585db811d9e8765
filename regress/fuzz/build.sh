#!/bin/sh
# build.sh ENGINE DIRECTORY [TARGET...]: builds fuzz targets (all those of the
# file "targets") as DIRECTORY/TARGET_fuzz.  An ENGINE is
#	libfuzzer	clang's own fuzzer
#	driver		driver.c, with any compiler
#	auto		libfuzzer if this clang has it, else driver
#	afl		AFL++: needs afl-clang-fast
#	coverage	driver.c and clang's coverage, without sanitizers
# CC names the compiler.  Which engine it was is in DIRECTORY/engine.
set -u
cd "$(dirname "$0")/../.." || exit 1
engine=${1-auto}
out=${2:?usage: build.sh engine directory [target...]}
shift 2
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)

can_libfuzzer()
{
	echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long
	    n) { return d != 0 && n > 9; }' >"$out/try.c"
	${CC:-clang} -fsanitize=fuzzer "$out/try.c" -o "$out/try" 2>/dev/null
	set -- $?
	rm -f "$out/try.c" "$out/try"
	return "$1"
}

if [ "$engine" = auto ]; then
	engine=driver
	if can_libfuzzer; then
		engine=libfuzzer
	fi
fi
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer"
driver=regress/fuzz/driver.c
link=
case $engine in
driver)
	: "${CC:=clang}"
	command -v "$CC" >/dev/null || CC=cc
	;;
libfuzzer)
	: "${CC:=clang}"
	sanitize="$sanitize -fsanitize=fuzzer-no-link"
	link=-fsanitize=fuzzer
	driver=
	;;
afl)
	: "${CC:=afl-clang-fast}"
	# Leaks are looked for at the end, of which AFL++ sees nothing.
	AFL_USE_ASAN=1
	export AFL_USE_ASAN
	;;
coverage)
	: "${CC:=clang}"
	sanitize="-fprofile-instr-generate -fcoverage-mapping"
	;;
*)
	echo "build.sh: no engine $engine" >&2
	exit 2
	;;
esac
[ -f common/compat/config.mk ] || CC=$CC sh common/compat/configure || exit 1
TOP=.
config=$(sed -n 's/^CONFIG_CFLAGS = //p' common/compat/config.mk |
    sed "s|\$(TOP)|$TOP|g")
libs_all=$(sed -n 's|^LIBS_CRYPTO = ||p; s|^LIBS_BSD = ||p' \
    common/compat/config.mk | tr '\n' ' ')
flags="-std=c17 -D_GNU_SOURCE -O1 -g $sanitize -Wall -Wextra -Wshadow
    -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wformat=2
    -Werror -Icommon $config -Iregress/fuzz '-DPREFIX=\"/usr/local\"'
    '-DSYSCONFDIR=\"/etc/smtpsd\"'"
# shellcheck disable=SC2086,SC2116
flags=$(echo $flags ${CFLAGS-})
# shellcheck disable=SC2086,SC2116
sanitize=$(echo $sanitize)

# target NAME SOURCES...: the rules for one, objects shared with the others
target()
{
	name=$1
	shift
	objs=
	libs=
	dirs=
	for src in "regress/fuzz/${name}_fuzz.c" "$@" $driver; do
		case $src in
		-l*)	libs="$libs $src"
			continue ;;
		common/*|regress/fuzz/*) ;;
		*)	dir=-I$(dirname "$src")
			case " $dirs " in *" $dir "*) ;; *) dirs="$dirs $dir" ;; esac ;;
		esac
	done
	for src in "regress/fuzz/${name}_fuzz.c" "$@" $driver; do
		case $src in
		-l*)	continue ;;
		regress/fuzz/driver.c) own= obj=driver ;;
		regress/fuzz/*)	own=$dirs obj=$(basename "$src" .c) ;;
		*)	own= obj=$(echo "${src%.c}" | tr / _) ;;
		esac
		objs="$objs $out/$obj.o"
		grep -q "^$out/$obj.o:" "$out/rules.mk" ||
		    printf '%s: %s\n\t@%s %s %s -MMD -MP -c -o %s %s\n' \
		    "$out/$obj.o" "$src" "$CC" "$flags" "$own" \
		    "$out/$obj.o" "$src" >>"$out/rules.mk"
	done
	printf '%s:%s\n\t@%s %s %s -o %s%s%s %s\n' "$out/${name}_fuzz" "$objs" \
	    "$CC" "$sanitize" "$link" "$out/${name}_fuzz" "$objs" "$libs" \
	    "$libs_all" | tr -s ' ' >>"$out/rules.mk"
	all="$all $out/${name}_fuzz"
}

all=
echo "$engine" >"$out/engine"
printf 'all: first\n' >"$out/rules.mk"
sh regress/fuzz/list.sh "$@" >"$out/list" || exit 1
while read -r name inputs sources; do
	# shellcheck disable=SC2086
	target "$name" $sources
done <"$out/list"
printf 'first:%s\n.PHONY: all first\n' "$all" >>"$out/rules.mk"
for d in "$out"/*.d; do
	[ ! -f "$d" ] || printf -- '-include %s\n' "$d" >>"$out/rules.mk"
done
exec "${MAKE:-make}" -f "$out/rules.mk" -k -j"${FUZZ_JOBS:-2}" all
