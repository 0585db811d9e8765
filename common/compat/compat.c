/*
 * Holds the library together where the system needs nothing from us: an
 * archive may not be empty.
 */
#include "compat/config.h"

extern const int	compat_is_linked;
const int		compat_is_linked = 1;
