/*
 * Collects a configuration transaction and puts it in force as a whole.
 * Sessions of the old one live on: they hold references to their listeners.
 *
 * TLS contexts are made here, from certificates without keys: keyless.c
 * gets the signatures.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/log.h"
#include "proto/boot.h"
#include "conf.h"
#include "listener.h"
#include "tls_io.h"

/* In the library, but in no header of it. */
void	tls_config_use_fake_private_key(struct tls_config *);

/* libtls's own choice offers static RSA, which needs the key itself. */
#define CIPHERS		"ECDHE+AESGCM:ECDHE+CHACHA20"
#define LISTENERS_MAX	64
#define PKIS_MAX	256

struct pki {
	TAILQ_ENTRY(pki)	 entry;
	uint32_t		 id;
	int			 is_complete;
	struct blob		 chain;
};

struct pending {
	struct parent_net_listener	 info;
	int				 fd;
};

static TAILQ_HEAD(pkis, pki)	 pkis = TAILQ_HEAD_INITIALIZER(pkis);
static struct pending		 pending[LISTENERS_MAX];
static size_t			 npending, npkis;
static struct parent_net_conf	 next_limits, limits;
static int			 have_limits;
static struct listener		*current[LISTENERS_MAX];
static size_t			 ncurrent;

static void
conf_clear(void)
{
	struct pki	*p;
	size_t		 i;

	while ((p = TAILQ_FIRST(&pkis)) != NULL) {
		TAILQ_REMOVE(&pkis, p, entry);
		blob_free(&p->chain);
		free(p);
	}
	for (i = 0; i < npending; i++)
		if (pending[i].fd != -1)
			close(pending[i].fd);
	npending = npkis = 0;
	have_limits = 0;
}

void
conf_begin(void)
{
	conf_clear();
}

void
on_parent_conf(struct link *link, struct link_in *in)
{
	(void)link;
	memcpy(&next_limits, in->data, sizeof(next_limits));
	have_limits = 1;
}

static struct pki *
pki_find(uint32_t id)
{
	struct pki	*p;

	TAILQ_FOREACH(p, &pkis, entry)
		if (p->id == id)
			return p;
	return NULL;
}

void
on_parent_pki(struct link *link, struct link_in *in)
{
	struct conf_piece	 piece;
	struct pki		*p;
	int			 n;

	memcpy(&piece, in->data, sizeof(piece));
	if ((p = pki_find(piece.id)) == NULL) {
		if (npkis == PKIS_MAX) {
			link_fault(link, "too many certificates");
			return;
		}
		if ((p = calloc(1, sizeof(*p))) == NULL)
			fatal("calloc");
		p->id = piece.id;
		npkis++;
		TAILQ_INSERT_TAIL(&pkis, p, entry);
	}
	n = blob_add(&p->chain, piece.total, piece.offset,
	    (const char *)in->data + sizeof(piece), in->size - sizeof(piece));
	if (n == -1)
		link_fault(link, "certificate out of order");
	else
		p->is_complete = n;
}

void
on_parent_listener(struct link *link, struct link_in *in)
{
	struct pending	*p;
	int		 flags;

	if (npending == LISTENERS_MAX) {
		link_fault(link, "too many listeners");
		return;
	}
	p = &pending[npending];
	memcpy(&p->info, in->data, sizeof(p->info));
	if (p->info.npki > LISTENER_PKI_MAX || p->info.kind < LISTENER_SMTPS ||
	    p->info.kind > LISTENER_SMTP) {
		link_fault(link, "malformed listener");
		return;
	}
	if ((flags = fcntl(in->fd, F_GETFL)) == -1 ||
	    fcntl(in->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		fatal("listener: fcntl");
	p->fd = in->fd;
	in->fd = -1;
	npending++;
}

static struct tls *
conf_tls(const struct parent_net_listener *info)
{
	struct tls_config	*config;
	struct tls		*server = NULL;
	struct pki		*p;
	uint32_t		 i;
	int			 n;

	if ((config = tls_config_new()) == NULL)
		return NULL;
	tls_config_use_fake_private_key(config);
	if (tls_config_set_protocols(config,
	    TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3) == -1 ||
	    tls_config_set_ciphers(config, CIPHERS) == -1)
		goto failed;
	for (i = 0; i < info->npki; i++) {
		if ((p = pki_find(info->pki[i])) == NULL || !p->is_complete) {
			log_warnx("listener %u: certificate %u is missing",
			    info->id, info->pki[i]);
			goto out;
		}
		n = i == 0 ? tls_config_set_keypair_mem(config,
		    (const uint8_t *)p->chain.data, p->chain.size, NULL, 0) :
		    tls_config_add_keypair_mem(config,
		    (const uint8_t *)p->chain.data, p->chain.size, NULL, 0);
		if (n == -1)
			goto failed;
	}
	if ((server = tls_server()) == NULL)
		goto out;
	if (tio_configure(server, config) == 0)
		goto out;
	log_warnx("listener %u: %s", info->id, log_vis(tls_error(server)));
	tls_free(server);
	server = NULL;
	goto out;
failed:
	log_warnx("listener %u: %s", info->id,
	    log_vis(tls_config_error(config)));
out:
	tls_config_free(config);
	return server;
}

/* All of them or none. */
static int
conf_build(struct listener **built)
{
	struct tls	*server;
	size_t		 i;

	for (i = 0; i < npending; i++) {
		server = NULL;
		if (pending[i].info.npki > 0 &&
		    (server = conf_tls(&pending[i].info)) == NULL)
			goto failed;
		if (server == NULL && pending[i].info.kind != LISTENER_SMTP) {
			log_warnx("listener %u: no certificate",
			    pending[i].info.id);
			goto failed;
		}
		built[i] = listener_new(&pending[i].info, pending[i].fd,
		    server);
		pending[i].fd = -1;
		if (built[i] == NULL) {
			tls_free(server);
			goto failed;
		}
	}
	return 0;
failed:
	while (i-- > 0)
		listener_unref(built[i]);
	return -1;
}

void
conf_retire(void)
{
	while (ncurrent > 0) {
		listener_retire(current[--ncurrent]);
		listener_unref(current[ncurrent]);
	}
}

int
conf_end(void)
{
	struct listener	*built[LISTENERS_MAX];
	size_t		 i, n = npending;

	if (!have_limits || conf_build(built) == -1) {
		conf_clear();
		return -1;
	}
	conf_retire();
	for (i = 0; i < n; i++) {
		current[i] = built[i];
		listener_start(current[i]);
	}
	ncurrent = n;
	limits = next_limits;
	conf_clear();
	return 0;
}

const struct parent_net_conf *
conf_limits(void)
{
	return &limits;
}
