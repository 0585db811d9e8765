# A library folder: LIB (libbase.a), OBJS, TESTS, TOP, and LINK_LIBS, which
# its tests need besides itself.

include $(TOP)/common/compat/common.mk

all: $(LIB)

$(LIB): $(OBJS)
	rm -f $@
	ar rcs $@ $(OBJS)

$(OBJS) $(TESTS:=.o): $(STAMP)
no-tests $(TESTS:=.t): $(LIB) $(LINK_LIBS)

.o.t:
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(LIB) $(LINK_LIBS) $(PROG_LIBS) \
	    $(LIBS_EVENT) $(LIBS_BSD)

check: $(TESTS:=.t)
	@sh $(TOP)/common/compat/runtests.sh $(TESTS:=.t)

clean:
	rm -f $(LIB) *.o *.d *.t

.PHONY: all check clean

# One list: BSD make takes a blank at either end for a file without a name.
ALL_OBJS = $(OBJS) $(TESTS:=.o)
-include $(ALL_OBJS:.o=.d)
