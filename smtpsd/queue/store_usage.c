/*
 * The queue on disk, users' part: what each has used of its quotas, and when
 * each password was used.  No message depends on it, so it is written without
 * a flush of its own.
 */
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "store_sql.h"

#define DAY		86400

/* Two days are enough for policy; tables of their own since they came later,
 * and an older smtpsd does not mind them. */
int
store_usage_init(struct store *s)
{
	char sql[128];

	if (sqlite3_exec(s->db, "CREATE TABLE IF NOT EXISTS usage ("
	    "user TEXT PRIMARY KEY,"
	    " hour INTEGER NOT NULL, messages INTEGER NOT NULL,"
	    " messages_before INTEGER NOT NULL, recipients INTEGER NOT NULL,"
	    " recipients_before INTEGER NOT NULL,"
	    " day INTEGER NOT NULL, day_messages INTEGER NOT NULL,"
	    " day_messages_before INTEGER NOT NULL,"
	    " day_recipients INTEGER NOT NULL,"
	    " day_recipients_before INTEGER NOT NULL) WITHOUT ROWID",
	    NULL, NULL, NULL) != SQLITE_OK)
		return store_complain(s, "create table usage");
	if (sqlite3_exec(s->db, "CREATE TABLE IF NOT EXISTS login ("
	    "login TEXT PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID",
	    NULL, NULL, NULL) != SQLITE_OK)
		return store_complain(s, "create table login");
	sqlite3_snprintf(sizeof(sql), sql,
	    "DELETE FROM usage WHERE day < %lld",
	    (long long)time(NULL) / DAY - 1);
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_complain(s, sql);
	return 0;
}

static void
bind_window(struct store *s, int column, const struct usage_window *w)
{
	store_bind_id(s, ST_SET_USAGE, column, w->number);
	store_bind_id(s, ST_SET_USAGE, column + 1, w->messages);
	store_bind_id(s, ST_SET_USAGE, column + 2, w->messages_before);
	store_bind_id(s, ST_SET_USAGE, column + 3, w->recipients);
	store_bind_id(s, ST_SET_USAGE, column + 4, w->recipients_before);
}

int
store_set_usage(struct store *s, const struct user_usage *u)
{
	int r;

	store_bind_text(s, ST_SET_USAGE, 1, u->user);
	bind_window(s, 2, &u->hour);
	bind_window(s, 7, &u->day);
	if ((r = store_step(s, ST_SET_USAGE)) == -1)
		store_complain(s, "set usage");
	store_reset(s, ST_SET_USAGE);
	return r == -1 ? -1 : 0;
}

static void
read_window(sqlite3_stmt *st, int column, struct usage_window *w)
{
	w->number = (uint64_t)sqlite3_column_int64(st, column);
	w->messages = (uint32_t)sqlite3_column_int64(st, column + 1);
	w->messages_before = (uint32_t)sqlite3_column_int64(st, column + 2);
	w->recipients = (uint32_t)sqlite3_column_int64(st, column + 3);
	w->recipients_before = (uint32_t)sqlite3_column_int64(st, column + 4);
}

int
store_list_usage(struct store *s, uint64_t day,
    void (*each)(const struct user_usage *, void *), void *arg)
{
	sqlite3_stmt *st = s->st[ST_LIST_USAGE];
	struct user_usage u;
	const char *user;
	int r;

	store_bind_id(s, ST_LIST_USAGE, 1, day);
	while ((r = store_step(s, ST_LIST_USAGE)) == 1) {
		memset(&u, 0, sizeof(u));
		user = (const char *)sqlite3_column_text(st, 0);
		strlcpy(u.user, user != NULL ? user : "", sizeof(u.user));
		read_window(st, 1, &u.hour);
		read_window(st, 6, &u.day);
		each(&u, arg);
	}
	if (r == -1)
		store_complain(s, "list usage");
	store_reset(s, ST_LIST_USAGE);
	return r;
}

int
store_set_login(struct store *s, const char *login, uint64_t used_s)
{
	enum statement st = used_s == 0 ? ST_FORGET_LOGIN : ST_SET_LOGIN;
	int r;

	store_bind_text(s, st, 1, login);
	if (used_s != 0)
		store_bind_id(s, st, 2, used_s);
	if ((r = store_step(s, st)) == -1)
		store_complain(s, "set login");
	store_reset(s, st);
	return r == -1 ? -1 : 0;
}

int
store_list_logins(struct store *s, const char *above, uint32_t limit,
    void (*each)(const struct login_info *, void *), void *arg)
{
	sqlite3_stmt *st = s->st[ST_LIST_LOGINS];
	struct login_info info;
	const char *login;
	int r, n = 0;

	store_bind_text(s, ST_LIST_LOGINS, 1, above);
	store_bind_id(s, ST_LIST_LOGINS, 2, limit);
	while ((r = store_step(s, ST_LIST_LOGINS)) == 1) {
		memset(&info, 0, sizeof(info));
		login = (const char *)sqlite3_column_text(st, 0);
		strlcpy(info.login, login != NULL ? login : "",
		    sizeof(info.login));
		info.used_s = (uint64_t)sqlite3_column_int64(st, 1);
		each(&info, arg);
		n++;
	}
	if (r == -1)
		store_complain(s, "list logins");
	store_reset(s, ST_LIST_LOGINS);
	return r == -1 ? -1 : n;
}
