// SPDX-License-Identifier: GPL-2.0-only
/* The texts of --help and --version; see help.h. */
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"
#include "help.h"
#include "version.h"

static const char usage[] =
	"usage: lazymem serve --socket PATH --image FILE|NBD-URI [OPTIONS]\n"
	"       lazymem --help | --version\n"
	"\n"
	"Fill the memory of other processes from an image when it is first accessed. A client\n"
	"sends its userfaultfd and a list of its mappings over the socket, in the form that\n"
	"Firecracker's page-fault handlers use; see lazymem(1).\n"
	"\n"
	"  --socket PATH         listen at this path\n"
	"  --socket-mode MODE    permissions of the socket, octal (default: by the umask)\n"
	"  --socket-owner USER[:GROUP]\n"
	"                        owner of the socket: names or numbers\n"
	"  --image IMAGE         a file, a block device, or an NBD URI (nbd://HOST/EXPORT,\n"
	"                        nbd+unix:///EXPORT?socket=PATH)\n"
	"  --window KIB          bring this much for a fault: 4, 8, 16, 32 (default), 64, 128\n"
	"                        or 256\n"
	"  --prefetch WHAT       what is brought unasked: all (default); streams: what faults\n"
	"                        that follow one another will ask for next, and --replay;\n"
	"                        recorded: only --replay; none\n"
	"  --no-prefetch         as --prefetch none: bring nothing but windows of faults\n"
	"  --rate MIB            bring at most this much a second unasked, for all clients\n"
	"                        together\n"
	"  --record FILE         record the order in which pages are asked for\n"
	"  --replay FILE         read ahead in a recorded order first\n"
	"  --track-dirty         watch which pages clients write to, for those who ask\n"
	"  --give-up SECONDS     fail faults that wait this long for a lost source; 0, the\n"
	"                        default, is never\n"
	"  --timeout SECONDS     an NBD server that has a request and sends nothing for this\n"
	"                        time counts as lost (default 30); 0 is never\n"
	"  --on-lost HOW         what a client gets that is not, or no longer, served: poison\n"
	"                        (default) makes its accesses get SIGBUS, kill kills it, drop\n"
	"                        gives zeros\n"
	"  --on-exit HOW         what the first signal (SIGINT, SIGTERM, SIGHUP, SIGQUIT) does\n"
	"                        with memory that is missing, after all faults that wait are\n"
	"                        answered: fill (default) brings it, poison makes accesses get\n"
	"                        SIGBUS, drop makes it zeros. A second signal ends at once\n"
	"  --fill-wait SECONDS   how long an end waits while nothing can be brought (default 5);\n"
	"                        0: for ever\n"
	"  --max-clients N       how many clients are served at once (default 1024); more are\n"
	"                        refused\n"
	"  --keep                have the service manager keep what the next server needs to\n"
	"                        serve on if this one is killed (systemd's fd store)\n"
	"  --json                progress, clients, messages and the summary as JSON lines on\n"
	"                        stdout\n"
	"  --log LEVEL           messages: quiet, error, info (default) or debug\n"
	"  --help, --version     show this text, or the version\n";

static void __attribute__((noreturn)) help_write(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout)) {
		perror("lazymem: cannot write standard output");
		exit(1);
	}
	exit(0);
}

void help_show(void)
{
	help_write(usage);
}

void help_version(void)
{
	help_write("lazymem " LAZYMEM_VERSION "\n");
}
