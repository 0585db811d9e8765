/*
 * JSON from outside: one object, of bounded depth, no name twice.  For jws.c
 * and token.c only.
 */
#ifndef AUTH_JSON_H
#define AUTH_JSON_H

#include <stddef.h>

#include <jansson.h>

#define JSON_DEPTH_MAX	8

/* NULL: not an object, too deep or not JSON.  Free it with json_decref(). */
json_t	*json_object_read(const char *text, size_t size);

#endif
