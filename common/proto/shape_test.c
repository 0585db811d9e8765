/*
 * The table of shapes: in order, within the limits of a message, strings
 * inside the fixed part.
 */
#include <stdint.h>

#include "base/tap.h"
#include "proto/shape.h"

static int
strings_are_inside(const struct link_shape *s)
{
	int	i;

	for (i = 0; i < LINK_STRINGS_MAX && s->strings[i].size != 0; i++)
		if ((uint32_t)s->strings[i].offset + s->strings[i].size >
		    s->size_min)
			return 0;
	return 1;
}

int
main(void)
{
	const struct link_shape	*s;
	size_t			 i, n;

	s = proto_shapes(&n);
	for (i = 0; i < n; i++) {
		tap_ok(i == 0 || s[i - 1].type < s[i].type, "%s in order",
		    s[i].name);
		tap_ok(s[i].size_min <= s[i].size_max &&
		    s[i].size_max <= LINK_PAYLOAD_MAX, "%s fits", s[i].name);
		tap_ok(strings_are_inside(&s[i]), "%s strings", s[i].name);
		tap_ok(proto_shape(s[i].type) == &s[i], "%s found", s[i].name);
	}
	tap_ok(proto_shape(0) == NULL, "no type 0");
	tap_ok(proto_shape(0xffffffffU) == NULL, "no type -1");
	return tap_done();
}
