/*
 * rollcallctl import: lists of another program as a file of the source "file". What that cannot say is
 * noted on standard error.
 */
#include "base/mem.h"
#include "console/ctl.h"
#include "console/import.h"
#include "mail/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 1 << 30 };

static const struct import_kind *const kinds[] = { &import_mailman,      &import_iredmail,     &import_mgrp,
	                                           &import_sympa,        &import_sympa_groups,
	                                           &import_sympa_config, NULL };

/* ---- what kinds call ---- */

void
import_note(struct import *im, size_t line, bool lost, const char *format, ...)
{
	struct bytes text = { 0 }, clean = { 0 };
	va_list args;
	char *made;

	im->lost += lost;
	va_start(args, format);
	if (vasprintf(&made, format, args) < 0)
		made = mem_text(format);
	va_end(args);
	if (line > 0)
		bytes_format(&text, "%s:%zu: %s", im->file, line, made);
	else
		bytes_format(&text, "%s: %s", im->file, made);
	bytes_add_printable(&clean, bytes_text(&text), "");
	(void)fprintf(stderr, "%s%s\n", bytes_text(&clean), lost ? " (left out)" : "");
	bytes_free(&clean);
	bytes_free(&text);
	free(made);
}

struct imported *
import_list(struct import *im, size_t line, const char *address, struct complaint *why)
{
	struct imported *l;
	struct address a;

	if (address_parse(&a, address, strlen(address), why) < 0) {
		(void)(line > 0 ? complain_within(why, "%s:%zu", im->file, line)
		                : complain_within(why, "%s", im->file));
		return NULL;
	}
	l = map_peek(im->lists, a.canonical, strlen(a.canonical));
	if (l == NULL) {
		l = mem_new(sizeof(*l));
		l->address = mem_text(a.canonical);
		l->seen = set_open();
		(void)map_put(im->lists, l->address, strlen(l->address), l);
	}
	address_free(&a);
	return l;
}

static void
add_person(struct import *im, struct imported *l, struct text_list *people, char letter, size_t line,
           const char *text)
{
	struct complaint why;
	struct address a;
	char *key;

	if (address_parse(&a, text, strlen(text), &why) < 0) {
		import_note(im, line, true, "%s: %s", l->address, why.text);
		return;
	}
	key = mem_format("%c%s", letter, a.canonical);
	if (set_add(l->seen, key, strlen(key)))
		text_list_add(people, a.spelling, strlen(a.spelling));
	free(key);
	address_free(&a);
}

void
import_member(struct import *im, struct imported *l, size_t line, const char *address)
{
	add_person(im, l, &l->members, 'm', line, address);
}

void
import_owner(struct import *im, struct imported *l, size_t line, const char *address)
{
	add_person(im, l, &l->owners, 'o', line, address);
}

void
import_alternate(struct import *im, struct imported *l, size_t line, const char *address)
{
	add_person(im, l, &l->alternates, 'a', line, address);
}

void
import_set(char **field, const char *text)
{
	if (*field == NULL && text != NULL && *text != '\0')
		*field = mem_text(text);
}

void
import_setting(struct imported *l, const char *name, const char *value)
{
	char *text = mem_format("%s: %s", name, value);

	text_list_add(&l->settings, text, strlen(text));
	free(text);
}

/* ---- what becomes of it ---- */

static void
set_texts(struct js *j, const char *key, const struct text_list *texts)
{
	struct js *array;

	if (texts->count == 0)
		return;
	array = js_array();
	for (size_t i = 0; i < texts->count; i++)
		js_append(array, js_string(texts->items[i]));
	js_set(j, key, array);
}

static void
add_list(void *arg, void *value)
{
	const struct imported *l = value;
	struct js *j;

	if (!l->known)
		return;
	j = js_object();
	js_set_text(j, "address", l->address);
	set_texts(j, "alternates", &l->alternates);
	js_set_text(j, "name", l->name);
	js_set_text(j, "errors", l->errors);
	set_texts(j, "members", &l->members);
	set_texts(j, "owners", &l->owners);
	set_texts(j, "settings", &l->settings);
	js_append(arg, j);
}

static int
print_lists(const struct import *im)
{
	struct js *lists, *j;

	if (im->text.length > 0) {
		(void)fputs(bytes_text(&im->text), stdout);
	} else {
		lists = js_array();
		j = js_object();
		map_each(im->lists, add_list, lists);
		js_set(j, "lists", lists);
		ctl_print(&j);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return ctl_fail(CTL_FAILED, "cannot write the lists down");
	return im->lost > 0 ? CTL_NO : CTL_YES;
}

static void
close_import(struct import *im)
{
	struct imported *l;

	while ((l = map_remove_oldest(im->lists)) != NULL) {
		free(l->address);
		free(l->name);
		free(l->errors);
		text_list_free(&l->alternates);
		text_list_free(&l->members);
		text_list_free(&l->owners);
		text_list_free(&l->settings);
		set_close(&l->seen);
		free(l);
	}
	map_close(&im->lists);
	bytes_free(&im->text);
}

static int
read_file(struct import *im, const struct import_kind *kind, const char *file, struct complaint *why)
{
	struct bytes text = { 0 };
	int rc = ctl_file(file, LARGEST_FILE, &text, why);

	im->file = file;
	if (rc == 0)
		rc = kind->read(im, bytes_text(&text), text.length, why);
	bytes_free(&text);
	return rc;
}

static int
run(const struct ctl *c)
{
	struct import im = { .file = "" };
	const struct import_kind *kind = NULL;
	struct complaint why, unused;
	int rc = 0, status;

	for (size_t i = 0; c->argc > 1 && kinds[i] != NULL; i++)
		if (strcmp(kinds[i]->name, c->argv[0]) == 0)
			kind = kinds[i];
	if (kind == NULL) {
		for (size_t i = 0; kinds[i] != NULL; i++)
			(void)fprintf(stderr, "  %-12s %s\n", kinds[i]->name, kinds[i]->summary);
		return CTL_USAGE;
	}
	im.lists = map_open();
	for (int i = 1; i < c->argc && rc == 0; i++)
		rc = read_file(&im, kind, c->argv[i], &why);
	if (rc == 0)
		rc = kind->end(&im, &why);
	else
		(void)kind->end(&im, &unused);
	status = rc < 0 ? ctl_fail(CTL_FAILED, "%s", why.text) : print_lists(&im);
	close_import(&im);
	return status;
}

const struct command command_import = {
	"import", "KIND FILE ...", "lists of another program, for a source file", run,
};
