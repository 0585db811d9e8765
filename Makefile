# smtpsd.  make, make check, make install PREFIX= DESTDIR=, make clean; with
# GNU make and BSD make.  SAN=1 builds with the address and undefined
# behaviour sanitizers; SANDBOX=none (after make clean) without a sandbox, only
# to measure what it costs.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc/smtpsd
SBINDIR = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec/smtpsd
MANDIR = $(PREFIX)/share/man
EXAMPLEDIR = $(PREFIX)/share/examples/smtpsd

# In the order in which they are built; abuse is tests only.
LIBS = common/compat common/proto common/base common/mail
CHILDREN = net auth policy queue relay resolver deliver control login dovecot
PROGS = smtpsd/parent smtpsd/net smtpsd/auth smtpsd/policy smtpsd/queue \
	smtpsd/relay smtpsd/resolver smtpsd/deliver smtpsd/control \
	smtpsd/login smtpsd/dovecot smtpsctl

CONFIG = common/compat/config.mk
STAMP = common/compat/flags.stamp
FLAGS = $(CC) $(CFLAGS) $(LDFLAGS) SAN=$(SAN) $(PREFIX) $(SYSCONFDIR)

all: $(PROGS)

$(CONFIG): common/compat/configure
	CC="$(CC)" CFLAGS="$(CFLAGS)" SANDBOX="$(SANDBOX)" \
	    sh common/compat/configure

# Objects depend on the stamp; it is touched only when the flags change.
stamp: $(CONFIG)
	@echo "$(FLAGS)" | cmp -s - $(STAMP) || echo "$(FLAGS)" > $(STAMP)

common/compat: stamp
	cd $@ && $(MAKE) all
common/proto common/base common/mail: common/compat
	cd $@ && $(MAKE) all
$(PROGS): common/compat common/proto common/base common/mail
	cd $@ && $(MAKE) all

check: all
	@bad=; for d in $(LIBS) $(PROGS) regress/abuse; do \
		(cd $$d && $(MAKE) check) || bad="$$bad $$d"; \
	done; \
	sh regress/objects.sh || bad="$$bad regress/objects.sh"; \
	test -z "$$bad" || { echo "failed:$$bad" >&2; exit 1; }

# Fuzzes each target of regress/fuzz for FUZZ_SECONDS (60); see its README.
fuzz: $(CONFIG)
	FUZZ_SECONDS="$(FUZZ_SECONDS)" FUZZ_DIR="$(FUZZ_DIR)" \
	    sh regress/fuzz/fuzz.sh $(FUZZ_TARGETS)

# What the fuzz corpus and the unit tests reach of the parsers.
coverage: $(CONFIG)
	FUZZ_DIR="$(FUZZ_DIR)" sh regress/fuzz/coverage.sh

install: all
	mkdir -p $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBEXECDIR) \
	    $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(SYSCONFDIR)
	install -m 0755 smtpsd/parent/smtpsd $(DESTDIR)$(SBINDIR)/smtpsd
	install -m 0755 smtpsctl/smtpsctl $(DESTDIR)$(SBINDIR)/smtpsctl
	for p in $(CHILDREN); do \
		install -m 0755 smtpsd/$$p/$$p $(DESTDIR)$(LIBEXECDIR)/$$p \
		    || exit 1; \
	done
	for p in sendmail mailq newaliases; do \
		ln -sf ../../sbin/smtpsctl $(DESTDIR)$(LIBEXECDIR)/$$p \
		    || exit 1; \
	done
	install -m 0644 smtpsctl/sendmail.8 \
	    $(DESTDIR)$(MANDIR)/man8/sendmail.smtpsd.8
	install -m 0644 smtpsd/parent/smtpsd.8 $(DESTDIR)$(MANDIR)/man8/
	install -m 0644 smtpsctl/smtpsctl.8 $(DESTDIR)$(MANDIR)/man8/
	install -m 0644 smtpsd/parent/smtpsd.conf.5 $(DESTDIR)$(MANDIR)/man5/
	mkdir -p $(DESTDIR)$(EXAMPLEDIR)
	install -m 0644 etc/smtpsd.pam $(DESTDIR)$(EXAMPLEDIR)/
	test -e $(DESTDIR)$(SYSCONFDIR)/smtpsd.conf || \
	    install -m 0644 etc/smtpsd.conf \
	    $(DESTDIR)$(SYSCONFDIR)/smtpsd.conf

# The configuration stays: it is the administrator's.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/smtpsd $(DESTDIR)$(SBINDIR)/smtpsctl \
	    $(DESTDIR)$(MANDIR)/man8/smtpsd.8 \
	    $(DESTDIR)$(MANDIR)/man8/smtpsctl.8 \
	    $(DESTDIR)$(MANDIR)/man8/sendmail.smtpsd.8 \
	    $(DESTDIR)$(MANDIR)/man5/smtpsd.conf.5 \
	    $(DESTDIR)$(EXAMPLEDIR)/smtpsd.pam
	for p in $(CHILDREN) sendmail mailq newaliases; do \
		rm -f $(DESTDIR)$(LIBEXECDIR)/$$p; \
	done
	test ! -d $(DESTDIR)$(LIBEXECDIR) || rmdir $(DESTDIR)$(LIBEXECDIR)

clean: $(CONFIG)
	for d in $(LIBS) $(PROGS) regress/abuse; do \
		(cd $$d && $(MAKE) clean) || exit 1; \
	done
	rm -f $(CONFIG) common/compat/config.h $(STAMP)

.PHONY: all stamp check fuzz coverage install uninstall clean $(LIBS) $(PROGS)
