/*
 * A milter that answers every RCPT and does nothing: what the protocol costs by itself. All other
 * steps it leaves out, or does not answer where they cannot be left out.
 */
#include "bench/common.h"

#include <libmilter/mfapi.h>
#include <sys/stat.h>

static sfsistat
negotiate(SMFICTX *context, unsigned long actions, unsigned long steps, unsigned long unused2,
          unsigned long unused3, unsigned long *want_actions, unsigned long *want_steps,
          unsigned long *want2, unsigned long *want3)
{
	(void)context, (void)actions, (void)unused2, (void)unused3;
	*want_actions = *want2 = *want3 = 0;
	*want_steps = steps & (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NR_MAIL | SMFIP_NODATA |
	                       SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN);
	return SMFIS_CONTINUE;
}

static sfsistat
take_words(SMFICTX *context, char **words)
{
	(void)context, (void)words;
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	static char name[] = "null";
	struct smfiDesc milter = { .xxfi_name = name,
		                   .xxfi_version = SMFI_VERSION,
		                   .xxfi_negotiate = negotiate,
		                   .xxfi_envfrom = take_words,
		                   .xxfi_envrcpt = take_words };

	if (argc != 2)
		die("usage: null_milter unix:/path");
	(void)umask(0);                   /* for the MTA's user */
	if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(milter) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS)
		die("cannot listen at %s", argv[1]);
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
