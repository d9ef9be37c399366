/* TLS, and the login. */
#include "expander/access.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The first line of a file that others cannot read. */
static int
read_password(const char *path, char **password, struct complaint *why)
{
	struct bytes text = { 0 };
	struct stat st;
	int rc = file_read(AT_FDCWD, path, 4096, &text, why);

	if (rc == 0)
		rc = complain(why, "there is no file %s", path);
	else if (rc > 0 && (stat(path, &st) < 0 || (st.st_mode & 07) != 0))
		rc = complain(why, "%s: others may read it", path);
	if (rc > 0) {
		*password = mem_copy(bytes_text(&text), strcspn(bytes_text(&text), "\r\n"));
		if (**password == '\0')
			rc = complain(why, "%s: there is no password in its first line", path);
	}
	bytes_wipe(&text);
	return rc < 0 ? complain_within(why, "outbound.auth-password-file") : 0;
}

int
access_open(struct access *a, const struct outbound_settings *o, struct complaint *why)
{
	a->mode = (enum tls_mode)o->tls;
	a->name = o->tls_name;
	a->user = o->auth_user;
	if (a->mode != TLS_NEVER) {
		a->tls = tls_client_open(a->mode == TLS_REQUIRED, o->tls_ca, why);
		if (a->tls == NULL)
			return complain_within(why, "outbound.tls-ca");
	}
	if (a->user == NULL)
		return 0;
	if (a->mode != TLS_REQUIRED)
		return complain(why, "outbound.auth-user: a password goes to nobody unproven: "
		                     "tls must be required");
	if (o->auth_password_file == NULL)
		return complain(why, "outbound.auth-user needs auth-password-file");
	return read_password(o->auth_password_file, &a->password, why);
}

void
access_close(struct access *a)
{
	tls_client_close(&a->tls);
	if (a->password != NULL)
		explicit_bzero(a->password, strlen(a->password));
	free(a->password);
	*a = (struct access){ 0 };
}
