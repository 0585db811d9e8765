/*
 * Connections of a destination: how many there are, how that grows and falls,
 * and who gives one up when there are too many in all.
 */
#include "destination_fake.h"

static void
test_grows(void)
{
	add("mx", "grows.example", 40);
	tap_ok(nall == 2, "a domain begins with two: %u", nall);
	add("mx", "grows.example", 1);
	tap_ok(nall == 2, "and no more until they are ready");
	all_ready();
	add("mx", "grows.example", 1);
	tap_ok(ngiven == 2 && nall == 4, "two more when both take mail: %u",
	    nall);
	all_ready();
	add("mx", "grows.example", 1);
	tap_ok(nall == 6, "two more: %u", nall);
	all_ready();
	add("mx", "grows.example", 1);
	all_ready();
	add("mx", "grows.example", 1);
	tap_ok(nall == 8 && ngiven == 8, "but eight without a word of the "
	    "configuration: %u", nall);
	add("mx", "other.example", 1);
	tap_ok(nall == 9, "another domain has its own, one for one delivery");
	clear();
}

static void
test_limits(void)
{
	unsigned int i;

	add("mx20", "limits.example", 200);
	for (i = 0; i < 30; i++) {
		all_ready();
		add("mx20", "limits.example", 1);
	}
	tap_ok(nall == 20, "as many as the action says: %u", nall);
	clear();
	add("mx1", "limits.example", 10);
	all_ready();
	add("mx1", "limits.example", 1);
	tap_ok(nall == 1, "even one: %u", nall);
	clear();
	add("mx999", "limits.example", 300);
	for (i = 0; i < 100; i++) {
		all_ready();
		add("mx999", "limits.example", 1);
	}
	tap_ok(nall == 64, "never more than 64: %u", nall);
	clear();
	add("host", "a.example", 40);
	tap_ok(nall == 8, "a host is not a stranger: all at once: %u", nall);
	clear();
	add("host", "a.example", 3);
	tap_ok(nall == 3, "but no more than deliveries: %u", nall);
	clear();
}

static void
test_of_all(void)
{
	char domain[32];
	unsigned int i;

	for (i = 0; i < 200; i++) {
		snprintf(domain, sizeof(domain), "d%u.example", i);
		add("mx", domain, 2);
	}
	tap_ok(nall == 250 && destination_count_clients() == 250,
	    "250 for all destinations: %u", nall);
	clear();
	tap_ok(destination_count_clients() == 0 &&
	    destination_count_waiting() == 0, "none is left, nothing waits");
}

static unsigned int
count_of(const struct destination *dest)
{
	unsigned int i, n = 0;

	for (i = 0; i < nall; i++)
		n += all[i]->destination == dest;
	return n;
}

/* The connection of the delivery with this number. */
static struct client *
client_of(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < nall; i++)
		if (all[i]->destination == deliveries[n].destination)
			return all[i];
	return NULL;
}

/* Those that were told to go do. */
static void
retired_end(void)
{
	unsigned int i;

	for (i = nall; i > 0; i--)
		if (i <= nall && all[i - 1]->is_retired)
			end(i - 1, "", NULL);
}

/* Connections to thousands of destinations, a few of them busy for long. */
static void
test_share(void)
{
	char domain[32];
	unsigned int i, first;

	for (i = 0; i < 250; i++) {
		snprintf(domain, sizeof(domain), "s%u.example", i);
		add("mx", domain, 1);
		now_ms++;
	}
	all_ready();
	destination_turn();
	tap_ok(nall == 250 && ngiven == 250, "all connections are in use");
	add("mx", "s250.example", 1);
	tap_ok(nretired == 0 && nall == 250, "who is sending goes on");
	all_sent();
	now_ms += 60000;
	for (i = 250; i < 260; i++) {
		snprintf(domain, sizeof(domain), "s%u.example", i);
		add("mx", domain, 1);
	}
	tap_ok(nretired == 10 && all[0]->is_retired && all[9]->is_retired,
	    "idle ones go for those that wait, the oldest first: %u",
	    nretired);
	end(1, "", NULL);
	first = ndeliveries - 11;
	tap_ok(nall == 250 && client_of(first) != NULL &&
	    client_of(first + 2) == NULL, "who waited longest is the first");
	retired_end();
	for (i = 0; i < 10; i++)
		if (client_of(first + 1 + i) == NULL)
			break;
	tap_ok(nall == 250 && i == 10 && nretired == 10, "then the others");
	clear();

	/* one of many connections, and many more than there is room for */
	for (i = 0; i < 4; i++) {
		snprintf(domain, sizeof(domain), "b%u.example", i);
		add("mx999", domain, 200);
		for (first = 0; first < 70; first++) {
			all_ready();
			add("mx999", domain, 1);
		}
	}
	tap_ok(nall == 200, "four busy ones do not take all: %u", nall);
	for (i = 0; i < 50; i++) {
		snprintf(domain, sizeof(domain), "f%u.example", i);
		add("mx", domain, 2);
	}
	tap_ok(nall == 250, "fifty others have one each: %u", nall);
	tap_ok(!destination_is_wanted(all[0]->destination), "that is all");
	add("mx", "f51.example", 2);
	tap_ok(destination_is_wanted(all[0]->destination) &&
	    !destination_is_wanted(all[249]->destination),
	    "one more: who has several gives one up, nobody else");
	first = count_of(all[0]->destination);
	tap_ok(destination_gives_up(all[0]->destination) &&
	    !destination_gives_up(all[1]->destination), "and not two");
	end(0, "", NULL);
	tap_ok(nall == 250 && count_of(all[0]->destination) == first - 1 &&
	    client_of(ndeliveries - 1) != NULL, "it is the other's");
	clear();
}

static void
test_falls(void)
{
	unsigned int before, i;

	add("mx", "falls.example", 100);
	all_ready();
	add("mx", "falls.example", 1);
	all_ready();
	add("mx", "falls.example", 1);		/* six may be, and are */
	before = nall;
	end(nall - 1, "4.3.2", "too many connections");
	tap_ok(ndone == 0, "one of several is refused: nothing fails");
	add("mx", "falls.example", 1);
	tap_ok(nall == before - 1, "no other one instead: %u", nall);
	now_ms += 9000;
	add("mx", "falls.example", 1);
	tap_ok(nall == before - 1, "not for ten seconds");
	now_ms += 2000;
	add("mx", "falls.example", 1);
	tap_ok(nall == before - 1, "nor then: half as many may be now");
	/* that they end in order is no reason for less */
	for (i = 0; i < 10; i++)
		end(0, "", NULL);
	tap_ok(before == 6 && nall == 3, "three instead of six: %u", nall);
	clear();

	/* 421 to each MAIL */
	add("mx20", "full.example", 100);
	for (i = 0; i < 20; i++) {
		all_ready();
		all_sent();
		end(0, "4.4.2", "too many connections");
	}
	tap_ok(nall <= 2, "ready, and no mail taken: fewer: %u", nall);
	clear();
	add("mx20", "often.example", 100);
	for (i = 0; i < 20; i++) {
		all_ready();
		destination_turn();
		end(0, "4.4.2", "too many messages");
	}
	tap_ok(nall == 20, "but not when some was: %u", nall);
	clear();
}

/* A connection may have several sockets while it tries several addresses. */
static void
test_sockets(void)
{
	unsigned int i;

	add("tcp", "", 40);
	tap_ok(nall == 4, "a host with two addresses: half of eight at first: "
	    "%u", nall);
	tap_ok(destination_has_room(all[0]->destination), "room for more "
	    "attempts");
	for (i = 0; i < 4; i++)
		all[i]->nsockets = 2;
	tap_ok(!destination_has_room(all[0]->destination), "eight sockets: "
	    "no room");
	all[0]->nsockets = 1;
	all[0]->is_ready = 1;
	destination_client_ready(all[0]->destination, all[0]);
	destination_turn();
	tap_ok(nall == 5, "one has one, so there is one more: %u", nall);
	for (i = 0; i < 5; i++)
		all[i]->nsockets = 1;
	add("tcp", "", 1);
	tap_ok(nall == 8, "all of them, when one is ready: %u", nall);
	clear();
	add("tcp1", "", 2);
	tap_ok(nall == 1 && !destination_has_room(all[0]->destination),
	    "one connection is one socket");
	clear();
	targets.count = 1;
	add("tcp", "", 40);
	tap_ok(nall == 8, "a single address is not raced for: %u", nall);
	clear();
	targets.count = 2;
	tap_ok(targets.refs == 1, "each count of the targets was given back");
}

int
main(void)
{
	test_grows();
	test_limits();
	test_of_all();
	test_share();
	test_falls();
	test_sockets();
	return tap_done();
}
