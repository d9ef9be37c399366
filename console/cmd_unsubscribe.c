/*
 * rollcallctl unsubscribe TOKEN | --cgi: a member leaves by the link in a post (RFC 8058). With --cgi it is
 * what a web server calls (RFC 3875): the form that a member's provider sends is carried out, and whoever
 * opens the link in a browser is asked first, since programs look at links as well.
 */
#include "base/mem.h"
#include "console/ctl.h"
#include "mail/form.h"
#include "mail/leaving.h"
#include "policies/preferences.h"
#include "sources/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_FORM = 8192 };

/* Who leaves what, as a link says; allocated. */
struct leave {
	char *list, *member;
};

/* CTL_YES; CTL_NO: it is none of ours; or CTL_FAILED with a complaint. */
static int
read_token(const struct site *s, const char *token, struct leave *l, struct complaint *why)
{
	struct keys *keys = site_keys(s, why);
	bool ours;

	if (keys == NULL)
		return CTL_FAILED;
	ours = leaving_read(keys, token, strlen(token), &l->list, &l->member);
	keys_close(&keys);
	return ours ? CTL_YES : CTL_NO;
}

static void
free_leave(struct leave *l)
{
	free(l->list);
	free(l->member);
}

/* Carries it out. As read_token(). */
static int
carry_out(const struct site *s, const struct leave *l, struct complaint *why)
{
	return preferences_add(s, l->list, l->member, PREFER_NO_MAIL, why) < 0 ? CTL_FAILED : CTL_YES;
}

/* ---- on the command line ---- */

static int
by_token(const struct ctl *c, const struct site *s)
{
	struct leave l = { 0 };
	struct complaint why;
	int status = read_token(s, c->argv[0], &l, &why);

	if (status == CTL_YES)
		status = carry_out(s, &l, &why);
	if (status == CTL_NO) {
		status = ctl_fail(CTL_NO, "this is no token of ours: it is damaged, forged, or made with a "
		                          "key that is gone");
	} else if (status == CTL_FAILED) {
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	} else if (c->json) {
		struct js *j = js_object();

		js_set_text(j, "list", l.list);
		js_set_text(j, "member", l.member);
		ctl_print(&j);
	} else {
		ctl_say("%s gets no posts of %s any more", l.member, l.list);
		(void)fputc('\n', stdout);
	}
	free_leave(&l);
	return status;
}

/* ---- for a web server ---- */

struct page {
	const char *status;
	const char *more;                 /* fields, with their line ends */
	const char *text;                 /* for people */
	bool asks;                        /* there is a button */
};

static const struct page page_ask = { "200 OK", "", "Do you want no more posts of this list?", true },
	page_done = { "200 OK", "", "You get no more posts of this list.", false },
	page_unknown = { "404 Not Found", "", "This link is not valid, or not any more.", false },
	page_no_form = { "400 Bad Request", "", "This is not how a list is left.", false },
	page_method = { "405 Method Not Allowed", "Allow: GET, HEAD, POST\r\n",
	                "This is not how a list is left.", false },
	page_failed = { "503 Service Unavailable", "Retry-After: 300\r\n",
	                "This cannot be done now. Please come again later.", false };

/* An address may hold what has a meaning in HTML. */
static void
print_escaped(const char *text)
{
	for (; *text != '\0'; text++)
		if (strchr("&<>\"'", *text) != NULL)
			(void)printf("&#%d;", *text);
		else
			(void)fputc(*text, stdout);
}

/* No cookies, nothing from elsewhere, and nothing to be kept: the link is all there is. */
static void
print_page(const struct page *p, const char *list, bool head)
{
	(void)printf("Status: %s\r\nContent-Type: text/html; charset=utf-8\r\n"
	             "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
	             "Content-Security-Policy: default-src 'none'; form-action 'self'\r\n"
	             "X-Frame-Options: DENY\r\n%s\r\n", p->status, p->more);
	if (head)
		return;
	(void)printf("<!DOCTYPE html>\n<html lang=\"en\"><title>Mailing list</title>\n<p>");
	if (list != NULL)
		print_escaped(list);
	(void)printf("</p>\n<p>%s</p>\n", p->text);
	if (p->asks)
		(void)printf("<form method=\"post\">"
		             "<input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">"
		             "<button>Leave</button></form>\n");
	(void)printf("</html>\n");
}

static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL ? "" : value;
}

/* Whether the request says what RFC 8058 section 3.2 wants of it. */
static bool
is_one_click(void)
{
	int64_t length;
	char body[LONGEST_FORM];

	return text_number(variable("CONTENT_LENGTH"), &length) && length > 0 && length <= LONGEST_FORM &&
	       fread(body, 1, (size_t)length, stdin) == (size_t)length &&
	       form_says(variable("CONTENT_TYPE"), body, (size_t)length, "List-Unsubscribe", "One-Click");
}

/* What becomes of the request for a link that is good. */
static const struct page *
answer(const struct site *s, const struct leave *l, struct complaint *why)
{
	const char *method = variable("REQUEST_METHOD");

	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return &page_ask;
	if (strcmp(method, "POST") != 0)
		return &page_method;
	if (!is_one_click())
		return &page_no_form;
	if (carry_out(s, l, why) != CTL_YES)
		return &page_failed;
	(void)ctl_fail(CTL_YES, "%s has left %s", l->member, l->list);     /* for the server's log */
	return &page_done;
}

/* The token is behind the program's name in the path, or behind the question mark. */
static int
by_web(const struct ctl *c, const struct site *s)
{
	const char *path = variable("PATH_INFO");
	const char *token = *path == '/' && path[1] != '\0' ? path + 1 : variable("QUERY_STRING");
	const struct page *p = &page_failed;
	struct leave l = { 0 };
	struct complaint why;
	int status = read_token(s, token, &l, &why);

	(void)c;
	if (status == CTL_YES)
		p = answer(s, &l, &why);
	else if (status == CTL_NO)
		p = &page_unknown;
	if (p == &page_failed)
		(void)ctl_fail(CTL_FAILED, "%s", why.text);
	print_page(p, l.list, strcmp(variable("REQUEST_METHOD"), "HEAD") == 0);
	free_leave(&l);
	return CTL_YES;                   /* the answer says the rest */
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool web = ctl_option(&c, "--cgi");
	int status = ctl_on_site(&c, web ? 0 : 1, web ? by_web : by_token);

	/* A web server makes 500 of no answer at all, and providers do not come again after that. */
	if (web && status == CTL_CONFIG)
		print_page(&page_failed, NULL, false);
	return status;
}

const struct command command_unsubscribe = {
	"unsubscribe", "TOKEN | --cgi", "a member leaves by the link in a post", run,
};
