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
#include "mail/table.h"
#include "proto/boot.h"
#include "conf.h"
#include "listener.h"
#include "tls_io.h"

/* In the library, but in no header of it. */
void	tls_config_use_fake_private_key(struct tls_config *);

/* libtls's own choice offers static RSA, which needs the key itself. */
#define CIPHERS		"ECDHE+AESGCM:ECDHE+CHACHA20"
#define LISTENERS_MAX	64
#define PIECES_MAX	(2 * 256 + 2 * LISTENERS_MAX)

struct piece {
	TAILQ_ENTRY(piece)	 entry;
	uint32_t		 kind;		/* PIECE_* */
	uint32_t		 id;
	int			 is_complete;
	struct blob		 blob;
};

struct pending {
	struct parent_net_listener	 info;
	uint32_t			 mechanisms;
	int				 fd;
};

static TAILQ_HEAD(, piece)	 pieces = TAILQ_HEAD_INITIALIZER(pieces);
static struct pending		 pending[LISTENERS_MAX];
static size_t			 npending, npieces;
static struct parent_net_conf	 next_limits, limits;
static int			 have_limits;
static struct listener		*current[LISTENERS_MAX];
static size_t			 ncurrent;

static void
conf_clear(void)
{
	struct piece	*p;
	size_t		 i;

	while ((p = TAILQ_FIRST(&pieces)) != NULL) {
		TAILQ_REMOVE(&pieces, p, entry);
		blob_free(&p->blob);
		free(p);
	}
	for (i = 0; i < npending; i++)
		if (pending[i].fd != -1)
			close(pending[i].fd);
	npending = npieces = 0;
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

static struct piece *
piece_find(uint32_t kind, uint32_t id)
{
	struct piece	*p;

	TAILQ_FOREACH(p, &pieces, entry)
		if (p->kind == kind && p->id == id)
			return p;
	return NULL;
}

void
on_parent_pki(struct link *link, struct link_in *in)
{
	struct conf_piece	 piece;
	struct piece		*p;
	int			 n;

	memcpy(&piece, in->data, sizeof(piece));
	if ((p = piece_find(piece.kind, piece.id)) == NULL) {
		if (npieces == PIECES_MAX) {
			link_fault(link, "too many certificates");
			return;
		}
		if ((p = calloc(1, sizeof(*p))) == NULL)
			fatal("calloc");
		p->kind = piece.kind;
		p->id = piece.id;
		npieces++;
		TAILQ_INSERT_TAIL(&pieces, p, entry);
	}
	n = blob_add(&p->blob, piece.total, piece.offset,
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
	memset(p, 0, sizeof(*p));
	memcpy(&p->info, in->data, sizeof(p->info));
	if (p->info.npki > LISTENER_PKI_MAX || p->info.kind < LISTENER_SMTPS ||
	    p->info.kind > LISTENER_LOCAL ||
	    (p->info.flags & ~(uint32_t)LISTENER_FLAGS) != 0) {
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

void
on_parent_mechanisms(struct link *link, struct link_in *in)
{
	struct parent_net_mechanisms	 m;
	size_t				 i;

	(void)link;
	memcpy(&m, in->data, sizeof(m));
	for (i = 0; i < npending; i++)
		if (pending[i].info.id == m.listener)
			pending[i].mechanisms = m.mechanisms;
	for (i = 0; i < ncurrent; i++)
		if (listener_info(current[i])->id == m.listener)
			listener_set_mechanisms(current[i], m.mechanisms);
}

/* A whole piece, or NULL and a line in the log. */
static const struct blob *
piece_get(const struct parent_net_listener *info, uint32_t kind, uint32_t id)
{
	const struct piece	*p = piece_find(kind, id);

	if (p != NULL && p->is_complete)
		return &p->blob;
	log_warnx("listener %u: piece %u of kind %u is missing", info->id, id,
	    kind);
	return NULL;
}

static int
conf_keypair(struct tls_config *config, const struct parent_net_listener *info,
    uint32_t i)
{
	const struct blob	*chain, *ocsp = NULL;
	const uint8_t		*staple = NULL;
	size_t			 size = 0;

	if ((chain = piece_get(info, PIECE_CHAIN, info->pki[i])) == NULL)
		return -1;
	if (piece_find(PIECE_OCSP, info->pki[i]) != NULL) {
		if ((ocsp = piece_get(info, PIECE_OCSP, info->pki[i])) == NULL)
			return -1;
		staple = (const uint8_t *)ocsp->data;
		size = ocsp->size;
	}
	return i == 0 ? tls_config_set_keypair_ocsp_mem(config,
	    (const uint8_t *)chain->data, chain->size, NULL, 0, staple, size) :
	    tls_config_add_keypair_ocsp_mem(config,
	    (const uint8_t *)chain->data, chain->size, NULL, 0, staple, size);
}

static int
conf_verify(struct tls_config *config, const struct parent_net_listener *info)
{
	const struct blob	*ca;

	if ((info->flags & LISTENER_VERIFY) == 0)
		return 0;
	if (info->flags & LISTENER_VERIFY_MUST)
		tls_config_verify_client(config);
	else
		tls_config_verify_client_optional(config);
	if (info->ca == 0) {
		/* Whoever it is: only the fingerprint is used. */
		tls_config_insecure_noverifycert(config);
		return 0;
	}
	if ((ca = piece_get(info, PIECE_CA, info->ca)) == NULL)
		return -1;
	return tls_config_set_ca_mem(config, (const uint8_t *)ca->data,
	    ca->size);
}

static uint32_t
conf_protocols(uint32_t tls)
{
	return (tls & LISTENER_TLS12 ? TLS_PROTOCOL_TLSv1_2 : 0) |
	    (tls & LISTENER_TLS13 ? TLS_PROTOCOL_TLSv1_3 : 0);
}

static struct tls *
conf_tls(const struct parent_net_listener *info)
{
	struct tls_config	*config;
	struct tls		*server = NULL;
	uint32_t		 i;
	const char		*why;

	if ((config = tls_config_new()) == NULL)
		return NULL;
	tls_config_use_fake_private_key(config);
	if (tls_config_set_protocols(config, conf_protocols(info->tls)) == -1 ||
	    tls_config_set_ciphers(config, info->ciphers[0] != '\0' ?
	    info->ciphers : CIPHERS) == -1 || conf_verify(config, info) == -1)
		goto failed;
	for (i = 0; i < info->npki; i++)
		if (conf_keypair(config, info, i) == -1)
			goto failed;
	if ((server = tls_server()) == NULL)
		goto out;
	if (tio_configure(server, config) == 0)
		goto out;
	log_warnx("listener %u: %s", info->id, log_vis(tls_error(server)));
	tls_free(server);
	server = NULL;
	goto out;
failed:
	if ((why = tls_config_error(config)) != NULL)
		log_warnx("listener %u: %s", info->id, log_vis(why));
out:
	tls_config_free(config);
	return server;
}

static struct table *
conf_nets(const struct parent_net_listener *info)
{
	const struct blob	*text;
	struct table		*nets;
	char			 err[256];

	if ((text = piece_get(info, PIECE_NETS, info->nets)) == NULL)
		return NULL;
	if ((nets = table_parse(text->data, text->size, err, sizeof(err))) ==
	    NULL)
		log_warnx("listener %u: %s", info->id, log_vis(err));
	return nets;
}

static struct listener *
conf_listener(struct pending *p)
{
	const uint32_t	 proxies = LISTENER_PROXY_V1 | LISTENER_PROXY_V2;
	struct tls	*server = NULL;
	struct table	*nets = NULL;
	int		 fd;

	if (p->info.npki > 0 && (server = conf_tls(&p->info)) == NULL)
		return NULL;
	if (server == NULL && (p->info.kind == LISTENER_SMTPS ||
	    p->info.kind == LISTENER_SUBMISSION)) {
		log_warnx("listener %u: no certificate", p->info.id);
		return NULL;
	}
	if ((p->info.flags & proxies) != 0 &&
	    (nets = conf_nets(&p->info)) == NULL) {
		tls_free(server);
		return NULL;
	}
	fd = p->fd;
	p->fd = -1;
	return listener_new(&p->info, fd, server, nets);
}

/* All of them or none. */
static int
conf_build(struct listener **built)
{
	size_t	i;

	for (i = 0; i < npending; i++) {
		if ((built[i] = conf_listener(&pending[i])) == NULL)
			goto failed;
		listener_set_mechanisms(built[i], pending[i].mechanisms);
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
