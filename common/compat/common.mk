# Flags and rules for every folder; included by lib.mk and prog.mk.  Plain
# POSIX make plus include, for GNU make and BSD make.

include $(TOP)/common/compat/config.mk

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc/smtpsd
LIBEXECDIR = $(PREFIX)/libexec/smtpsd

WARNINGS = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wpointer-arith -Wformat=2 -Werror
SAN_FLAGS_1 = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -g -DSANITIZED
FORTIFY_ = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -O2 -g $(WARNINGS) $(FORTIFY_$(SAN)) \
	-fstack-protector-strong $(HARDENING) -fPIE $(SAN_FLAGS_$(SAN)) \
	-I$(TOP)/common $(CONFIG_CFLAGS) \
	-DPREFIX=\"$(PREFIX)\" -DLIBEXECDIR=\"$(LIBEXECDIR)\" \
	-DSYSCONFDIR=\"$(SYSCONFDIR)\" $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(SAN_FLAGS_$(SAN)) $(LDFLAGS)
# Changes when the compiler or the flags do; see the top Makefile.
STAMP = $(TOP)/common/compat/flags.stamp

.SUFFIXES:
.SUFFIXES: .c .o .t
.c.o:
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
