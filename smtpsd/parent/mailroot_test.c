/* Root directory and rest of a mailbox path. */
#include "base/tap.h"
#include "mailroot.h"

int
main(void)
{
	static const struct {
		const char	*path, *home, *root, *rest;	/* NULL: refused */
	} cases[] = {
		{ "~/Maildir", "/home/a", "/home/a", "Maildir" },
		{ "~/Mail/in/", "/home/a", "/home/a", "Mail/in" },
		{ "~/%{dest.user}", "/home/a", "/home/a", "%{dest.user}" },
		{ "/v/m/%{dest.domain}/%{dest.user}", "/", "/v/m",
		    "%{dest.domain}/%{dest.user}" },
		{ "/v/m/x-%{dest.user}/y", "/", "/v/m", "x-%{dest.user}/y" },
		{ "/v//%{dest.user}", "/", "/v", "%{dest.user}" },
		{ "/var/mail/box", "/", "/var/mail", "box" },
		{ "~/", "/home/a", NULL, NULL },
		{ "~", "/home/a", NULL, NULL },
		{ "~/Maildir", "/", NULL, NULL },
		{ "~/Maildir", "", NULL, NULL },
		{ "~/../b", "/home/a", NULL, NULL },
		{ "/v/../etc/%{dest.user}", "/", NULL, NULL },
		{ "/%{dest.user}", "/", NULL, NULL },
		{ "/box", "/", NULL, NULL },
		{ "/", "/", NULL, NULL },
		{ "Maildir", "/home/a", NULL, NULL },
		{ "", "/home/a", NULL, NULL },
	};
	static const struct {
		const char	*path;
		int		 is;
	} homes[] = {
		{ "/home/a", 1 }, { "/var/www", 1 }, { "/binder", 1 },
		{ "/usr/local/a", 1 }, { "//home", 1 },
		{ "", 0 }, { "/", 0 }, { "//", 0 }, { "home/a", 0 },
		{ "/nonexistent", 0 }, { "/nonexistent/a", 0 },
		{ "/dev/null", 0 }, { "/usr/sbin", 0 }, { "/bin", 0 },
	};
	char	 root[64], rest[64];
	size_t	 i;
	int	 n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = mailroot_split(cases[i].path, cases[i].home, root,
		    sizeof(root), rest, sizeof(rest));
		if (cases[i].root == NULL) {
			tap_ok(n == -1, "\"%s\" is refused", cases[i].path);
			continue;
		}
		tap_ok(n == 0, "\"%s\" is taken", cases[i].path);
		tap_is_str(root, cases[i].root, "its root");
		tap_is_str(rest, cases[i].rest, "its rest");
	}
	tap_ok(mailroot_split("~/Maildir", "/home/alice", root, 5, rest,
	    sizeof(rest)) == -1, "root does not fit");
	tap_ok(mailroot_split("~/Maildir", "/home/alice", root, sizeof(root),
	    rest, 5) == -1, "rest does not fit");
	for (i = 0; i < sizeof(homes) / sizeof(homes[0]); i++)
		tap_ok(mailroot_is_home(homes[i].path) == homes[i].is,
		    "home \"%s\"", homes[i].path);
	tap_ok(mailroot_is_below("/home/alice/mbox", "/home/alice") &&
	    mailroot_is_below("/home/alice/a/b", "/home/alice/"), "below");
	tap_ok(!mailroot_is_below("/home/alicia/mbox", "/home/alice") &&
	    !mailroot_is_below("/home/alice", "/home/alice") &&
	    !mailroot_is_below("/etc/alice", "/etc") &&
	    !mailroot_is_below("~/mbox", "/home/alice"), "not below");
	return tap_done();
}
