// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether an NBD server's identity is checked (nbds://); see source_nbd.h.
 *
 * libnbd before 1.18.5, and 1.20 before 1.20.2 (CVE-2024-7383), checks a certificate only if
 * it finds a ca-cert.pem of its own, and only for TCP, where there is a host name. Otherwise
 * it takes any server, and does not say so. So the same files are looked for here, and a
 * server that libnbd would not check is refused. The user may say in the URI that any server
 * will do: tls-verify-peer=0.
 *
 * The files are looked for at each connection, since libnbd does so too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "source_nbd.h"

#define VALUE	4096

/* The value of one hex digit, or -1. */
static int nbd_uri_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? at - digits : -1;
}

/* Decode %XX. Too long a value is cut: it is then no file's name. */
static void nbd_uri_decode(const char *from, const char *end, char value[VALUE])
{
	size_t n = 0;

	while (from < end && n < VALUE - 1) {
		if (*from == '%' && end - from > 2 && nbd_uri_digit(from[1]) >= 0 &&
		    nbd_uri_digit(from[2]) >= 0) {
			value[n++] = nbd_uri_digit(from[1]) << 4 | nbd_uri_digit(from[2]);
			from += 3;
		} else {
			value[n++] = *from++;
		}
	}
	value[n] = '\0';
}

/* A parameter of the URI, as libnbd reads it: the last one counts. "" if there is none. */
static void nbd_uri_parameter(const char *uri, const char *name, char value[VALUE])
{
	const char *at = strchr(uri, '?'), *stop = strchrnul(uri, '#');
	size_t length = strlen(name);

	value[0] = '\0';
	while (at && at < stop && *at) {
		const char *end = strchr(++at, '&') ?: strchr(at, ';') ?: stop;

		if (end > stop)
			end = stop;
		if (!strncmp(at, name, length) && at[length] == '=' && at + length < end)
			nbd_uri_decode(at + length + 1, end, value);
		at = end;
	}
}

static bool nbd_tls_is_off(const char *value)
{
	return !strcmp(value, "0") || !strcmp(value, "false") || !strcmp(value, "no") ||
	       !strcmp(value, "off");
}

/* Whether libnbd checks all servers by itself. */
static bool nbd_tls_is_mended(void)
{
	struct nbd_handle *handle = nbd_create();
	unsigned int major = 0, minor = 0, micro = 0;

	if (handle)
		sscanf(nbd_get_version(handle) ?: "", "%u.%u.%u", &major, &minor, &micro);
	nbd_close(handle);
	if (major != 1 || minor > 20)
		return major > 1 || minor > 20;
	return (minor == 18 && micro >= 5) || (minor == 20 && micro >= 2);
}

/* Leaves the path in @file if there is one to read. */
static bool nbd_tls_has_authority(const char *folder, const char *below, char file[VALUE])
{
	int n = snprintf(file, VALUE, "%s%s/ca-cert.pem", folder, below);

	return n < VALUE && !access(file, R_OK);
}

/* Where libnbd looks. @file: the last place, even if it is not there. */
static bool nbd_tls_find_authority(const char *certificates, char file[VALUE])
{
	const char *home = getenv("HOME");

	if (certificates[0])
		return nbd_tls_has_authority(certificates, "", file);
	if (!geteuid() || !home)
		return nbd_tls_has_authority("/etc/pki/libnbd", "", file);
	return nbd_tls_has_authority(home, "/.pki/libnbd", file) ||
	       nbd_tls_has_authority(home, "/.config/pki/libnbd", file);
}

/* By a certificate. Fills in @text, and returns false if it is a refusal. */
static bool nbd_tls_judge_certificate(const char *uri, char text[LAZYMEM_WHY])
{
	bool named = !strncmp(uri, "nbds://", 7), mended = nbd_tls_is_mended(), found;
	char certificates[VALUE], file[VALUE];

	nbd_uri_parameter(uri, "tls-certificates", certificates);
	found = nbd_tls_find_authority(certificates, file);
	if (!found && (certificates[0] || !mended)) {
		snprintf(text, LAZYMEM_WHY, "TLS: cannot check the server's certificate without %.100s: name its folder in the URI with tls-certificates=FOLDER, or accept any server with tls-verify-peer=0",
			 file);
		return false;
	}
	if (!named && !mended) {
		snprintf(text, LAZYMEM_WHY, "TLS: this libnbd cannot check a server's certificate without a host name: use a shared key (tls-psk-file=FILE), or accept any server with tls-verify-peer=0");
		return false;
	}
	snprintf(text, LAZYMEM_WHY, "TLS: the server's certificate is checked against %.150s, %s",
		 found ? file : "the system's authorities",
		 named ? "and for its host name" : "for no host name");
	return true;
}

bool nbd_tls_judge(const char *uri, char text[LAZYMEM_WHY])
{
	char key[VALUE], verify[VALUE];

	text[0] = '\0';
	if (strncmp(uri, "nbds", 4))
		return true;
	nbd_uri_parameter(uri, "tls-psk-file", key);
	nbd_uri_parameter(uri, "tls-verify-peer", verify);
	if (key[0])
		snprintf(text, LAZYMEM_WHY, "TLS: server and client share a key of %.150s", key);
	else if (nbd_tls_is_off(verify))
		snprintf(text, LAZYMEM_WHY, "TLS: any server is accepted, as the URI says tls-verify-peer=0");
	else
		return nbd_tls_judge_certificate(uri, text);
	return true;
}

bool nbd_tls_prepare(struct nbd *nbd)
{
	const char *uri = nbd->source.image->where;
	char text[LAZYMEM_WHY], verify[VALUE];

	if (!nbd_tls_judge(uri, text)) {
		snprintf(nbd->source.why, sizeof(nbd->source.why), "%s", text);
		return false;
	}
	nbd_uri_parameter(uri, "tls-verify-peer", verify);
	/* The user has typed the URI, so it may name files. */
	if (!nbd_set_uri_allow_local_file(nbd->handle, true) &&
	    !nbd_set_tls_verify_peer(nbd->handle, !nbd_tls_is_off(verify)))
		return true;
	source_nbd_keep_why(nbd);
	return false;
}
