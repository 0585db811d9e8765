# A program folder: PROG, OBJS, PROG_LIBS, TESTS, TEST_OBJS and TOP.  Each
# test NAME_test is NAME_test.o with TEST_OBJS and the libraries; SOME_OBJS are
# in those tests only that have a rule of their own.

include $(TOP)/common/compat/common.mk

COMMON_LIBS = $(TOP)/common/mail/libmail.a $(TOP)/common/proto/libproto.a \
	$(TOP)/common/base/libbase.a $(TOP)/common/proto/libproto.a \
	$(TOP)/common/compat/libcompat.a

all: $(PROG)

$(PROG): $(OBJS) $(COMMON_LIBS)
	$(CC) $(ALL_LDFLAGS) -o $@ $(OBJS) $(COMMON_LIBS) $(PROG_LIBS) \
	    $(LIBS_EVENT) $(LIBS_BSD)

$(OBJS) $(TESTS:=.o): $(STAMP)
no-shared $(TEST_OBJS) $(SOME_OBJS): $(STAMP)
no-tests $(TESTS:=.t): $(TEST_OBJS) $(COMMON_LIBS)

.o.t:
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(TEST_OBJS) $(COMMON_LIBS) \
	    $(PROG_LIBS) $(LIBS_EVENT) $(LIBS_BSD)

check: $(TESTS:=.t)
	@sh $(TOP)/common/compat/runtests.sh $(TESTS:=.t)

clean:
	rm -f $(PROG) *.o *.d *.t

.PHONY: all check clean

# One list: BSD make takes a blank at either end for a file without a name.
ALL_OBJS = $(OBJS) $(TEST_OBJS) $(SOME_OBJS) $(TESTS:=.o)
-include $(ALL_OBJS:.o=.d)
