/*
 * What net may not say: each is a fault of its link, and the parameters of
 * MAIL and RCPT that it may.
 */
#include "testpeers.c"

/* Each fault closes net's link; a new one comes with a new id. */
static void
test_faults(void)
{
	static const char	*names[] = {
		"MAIL of another net's session", "RCPT of another net's session",
		"RESET of another net's session", "END of another net's session",
		"MAIL with an old transaction", "RCPT before MAIL",
		"RCPT out of order", "line end in a sender",
		"line end in a recipient", "transaction 0",
		"HEADER of another net's session", "HEADER without an end",
		"HEADER not in normal form", "HEADER with an empty address"
	};
	uint64_t	other = (uint64_t)99 << 32 | 1;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		net_is_down = 0;
		switch (i) {
		case 0: send_mail(other, 1, 2, 0, 0, "x@far.example"); break;
		case 1: send_rcpt(other, 1, 0, "a@far.example"); break;
		case 2: send_session(MSG_NET_POLICY_RESET, other, 1); break;
		case 3: send_session(MSG_NET_POLICY_END, other, 0); break;
		case 4:
			send_mail(S(1), 2, 2, 0, 0, "x@far.example");
			send_mail(S(1), 2, 2, 0, 0, "x@far.example");
			break;
		case 5:
			send_mail(S(1), 1, 2, 0, 0, "x@far.example");
			send_rcpt(S(1), 2, 0, "a@far.example");
			break;
		case 6:
			send_mail(S(1), 1, 2, 0, 0, "x@far.example");
			send_rcpt(S(1), 1, 1, "a@far.example");
			send_rcpt(S(1), 1, 1, "b@far.example");
			break;
		case 7:
			send_mail(S(1), 1, 2, 0, 0, "x\r\n@far.example");
			break;
		case 8:
			send_mail(S(1), 1, 2, 0, 0, "x@far.example");
			send_rcpt(S(1), 1, 0, "a@far.example\r\nx");
			break;
		case 9: send_mail(S(1), 0, 2, 0, 0, "x@far.example"); break;
		case 10: send_header(other, 1, "x@far.example|"); break;
		case 11: send_header(S(1), 1, "x@far.example"); break;
		case 12: send_header(S(1), 1, "x@FAR.example|"); break;
		case 13: send_header(S(1), 1, "x@far.example||"); break;
		}
		settle();
		tap_ok(net_is_down, "fault: %s", names[i]);
		if (!net_is_down)
			link_close(net_far);
		settle();
		net_far = connect_as(PROC_NET, NET);
	}
}

static void
send_mail_dsn(uint64_t session, uint32_t listener, uint32_t flags,
    const char *sender, const char *id)
{
	struct net_policy_mail	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = 1;
	m.listener = listener;
	m.flags = flags;
	strlcpy(m.address, "192.0.2.9", sizeof(m.address));
	strlcpy(m.sender, sender, sizeof(m.sender));
	link_send_tail(net_far, MSG_NET_POLICY_MAIL, &m, sizeof(m), id,
	    strlen(id));
	settle();
}

static void
send_rcpt_dsn(uint64_t session, uint32_t tx, uint32_t notify,
    const char *recipient, const char *original)
{
	struct net_policy_rcpt	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	m.notify = notify;
	strlcpy(m.recipient, recipient, sizeof(m.recipient));
	link_send_tail(net_far, MSG_NET_POLICY_RCPT, &m, sizeof(m), original,
	    strlen(original));
	settle();
}

static void
test_parameters(void)
{
	reset_kept();
	answer_user("alice", 1);
	login(S(60), "u");
	settle();
	send_mail_dsn(S(60), 1, MAIL_FLAGS & ~(uint32_t)MAIL_RET_FULL,
	    "u@example.org", "id+1");
	send_rcpt_dsn(S(60), 1, NOTIFY_SUCCESS | NOTIFY_DELAY,
	    "alice@example.org", "rfc822;x@far.example");
	answer_user("alice", 1);
	tap_ok(nopens == 1 && strcmp(envid, "id+1") == 0 && opens[0].flags ==
	    (MAIL_FLAGS & ~(uint32_t)MAIL_RET_FULL), "ENVID and flags");
	tap_ok(nhanded == 1 && handed[0].notify ==
	    (NOTIFY_SUCCESS | NOTIFY_DELAY) &&
	    strcmp(orcpt, "rfc822;x@far.example") == 0, "NOTIFY and ORCPT");
	reset_kept();
	send_mail_dsn(S(62), 2, MAIL_SMTPUTF8 | MAIL_RET_HDRS,
	    "\303\251@far.example", "id+1");
	send_rcpt_dsn(S(62), 1, NOTIFY_SUCCESS, "alice@example.org",
	    "rfc822;x@far.example");
	tap_ok(nopens == 1 && envid[0] == '\0' && opens[0].flags ==
	    MAIL_SMTPUTF8, "a stranger: no RET and ENVID, whatever net says");
	tap_ok(nhanded == 1 && handed[0].notify == 0 && orcpt[0] == '\0',
	    "no NOTIFY and ORCPT");
}

/* What no client could have said is a fault of net. */
static void
test_parameter_faults(void)
{
	static const struct {
		const char	*name, *sender, *id, *recipient, *original;
		uint32_t	 flags, notify;
	} t[] = {
		{ "ENVID with LF", "x@y", "a\nb", NULL, NULL, 0, 0 },
		{ "both RET", "x@y", "", NULL, NULL, MAIL_RET_FULL |
		    MAIL_RET_HDRS, 0 },
		{ "UTF-8 without SMTPUTF8", "\303\251@y", "", NULL, NULL, 0,
		    0 },
		{ "ORCPT with LF", "x@y", "", "a@y", "rfc822;a\nb", 0, 0 },
		{ "ORCPT without a type", "x@y", "", "a@y", "a", 0, 0 },
		{ "NEVER and SUCCESS", "x@y", "", "a@y", "", 0,
		    NOTIFY_NEVER | NOTIFY_SUCCESS },
		{ "unknown NOTIFY", "x@y", "", "a@y", "", 0, 0x10 },
		{ "RCPT in UTF-8", "x@y", "", "\303\251@y", "", 0, 0 },
	};
	size_t	i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		net_is_down = 0;
		send_mail_dsn(S(61), 2, t[i].flags, t[i].sender, t[i].id);
		if (t[i].recipient != NULL)
			send_rcpt_dsn(S(61), 1, t[i].notify, t[i].recipient,
			    t[i].original);
		tap_ok(net_is_down, "fault: %s", t[i].name);
		if (!net_is_down)
			link_close(net_far);
		settle();
		net_far = connect_as(PROC_NET, NET);
	}
}

int
main(void)
{
	start("fault_test");
	configure();
	test_faults();
	test_parameters();
	test_parameter_faults();
	return tap_done();
}
