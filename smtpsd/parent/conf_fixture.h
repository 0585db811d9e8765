/*
 * Files for the tests of the configuration: a directory of their own with
 * keys, certificates, users and tables.  Only for *_test.c.
 */
#ifndef PARENT_CONF_FIXTURE_H
#define PARENT_CONF_FIXTURE_H

/* Makes the directory, goes there and fills it.  Exits on failure. */
void	fixture_make(void);
void	fixture_remove(void);
void	fixture_write(const char *path, unsigned int mode, const char *text);

#endif
