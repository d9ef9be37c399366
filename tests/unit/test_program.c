/* The source program: what it runs, what it makes of the answers, and every way to go wrong. */
#include "tests/unit/source_contract.h"
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

/* The contract's lists, but for some of the people of staff. */
static const char lists[] =
	"case $1:$2 in\n"
	"find:staff@lists.example.com | find:everybody@lists.example.com)\n"
	"	echo 'address: Staff@lists.example.com'; echo 'name: All of us'\n"
	"	echo 'errors: Errors@Example.com' ;;\n"
	"find:d*@lists.example.com | find:left@lists.example.com | find:right@lists.example.com) ;;\n"
	"find:bottom@lists.example.com | find:selfish@lists.example.com | find:idn@xn--bcher-kva.example) ;;\n"
	"find:*) exit 67 ;;\n"
	"members:staff@*) printf '%s\\n' ann@example.com dev@lists.example.com Everybody@lists.example.com ;;\n"
	"members:dev@*) printf '%s\\n' carl@example.com ann@example.com staff@lists.example.com ;;\n"
	"members:dev-owner@*) echo ann@example.com ;;\n"
	"members:diamond@*) printf '%s\\n' left@lists.example.com right@lists.example.com ;;\n"
	"members:left@*) echo bottom@lists.example.com ;;\n"
	"members:right@*) printf '%s\\n' bottom@lists.example.com ann@example.com ;;\n"
	"members:bottom@*) echo dora@example.com ;;\n"
	"members:selfish@*) echo selfish@lists.example.com ;;\n"
	"owners:staff@*) echo ann@example.com ;;\n"
	"*:gone@*) exit 67 ;;\n"
	"lists:*)\n"
	"	for l in dev dev-owner diamond left right bottom selfish; do\n"
	"		echo \"address: $l@lists.example.com\"\n"
	"	done\n"
	"	printf '%s\\n' 'address: Staff@lists.example.com' 'also: everybody@lists.example.com' 'name: All of us'\n"
	"	printf '%s\\n' 'errors: Errors@Example.com' 'address: idn@xn--bcher-kva.example' end ;;\n"
	"esac\n";
static const char more[] =
	"case $1:$2 in\n"
	"find:staff@lists.example.com) echo 'name: Another name' ;;\n"
	"members:staff@*) printf '%s\\n' Bob@example.com guest@partner.example.net ann@example.com ;;\n"
	"owners:staff@*) ;;\n"
	"lists:*) printf '%s\\n' 'address: staff@lists.example.com' 'name: Another name' end ;;\n"
	"*) exit 67 ;;\n"
	"esac\n";

/* A directory of programs, and a source of it. */
struct programs {
	char *temporary, *dir;
	struct source *source;
};

static void
put(const struct programs *p, const char *name, mode_t mode, const char *body)
{
	char *path = mem_format("%s/%s", p->dir, name), *text = mem_format("#!/bin/sh\n%s", body);

	write_file(path, text);
	assert_int_equal(chmod(path, mode), 0);
	free(text);
	free(path);
}

static struct programs
begin(const char *settings)
{
	struct programs p = { .temporary = make_temp_dir() };
	char *yaml, *any;

	p.dir = mem_format("%s/programs", p.temporary);
	any = mem_format("%s/any", p.dir);
	assert_int_equal(mkdir(p.dir, 0755), 0);
	put(&p, "any", 0755, "");         /* an empty directory would not be opened */
	yaml = mem_format("  kind: program\n  path: %s\n  cache: { yes: 0s, no: 0s, patience: 1m }\n%s",
	                  p.dir, settings);
	p.source = source_from_text(yaml);
	assert_int_equal(unlink(any), 0);
	free(any);
	free(yaml);
	return p;
}

static void
end(struct programs *p)
{
	source_close(&p->source);
	remove_temp_dir(p->temporary);
	free(p->dir);
}

static enum found
ask(const struct programs *p, const char *address, struct complaint *why)
{
	return ask_source(p->source, address, why);
}

static bool
count(void *arg, const struct member *m)
{
	(void)m;
	++*(size_t *)arg;
	return true;
}

static enum found
walk(const struct programs *p, const struct occasion *occasion, struct walk_report *report,
     struct complaint *why)
{
	struct list *l = list_new(mem_text("staff@l.x"), NULL, mem_text("staff@l.x"), NULL);
	struct deadline by = deadline_in(60000);
	size_t calls = 0;
	enum found found;

	if (occasion != NULL)
		found = source_each_recipient(p->source, l, occasion, by, count, &calls, report, why);
	else
		found = source_each_member(p->source, l, PEOPLE_MEMBERS, by, count, &calls, report, why);
	assert_int_equal(report->members, calls);
	list_drop(&l);
	return found;
}

static void
several_programs_keep_the_contract(void **state)
{
	struct programs p = begin("");

	(void)state;
	put(&p, "10-lists", 0755, lists);
	put(&p, "20-more", 0755, more);
	source_contract("program", p.source, LACKS_STYLE);
	end(&p);
}

static bool
note_list(void *arg, const struct list *l, const struct text_list *also)
{
	bytes_format(arg, "%s+%zu=%s|", l->address, also->count, l->name == NULL ? "" : l->name);
	return also->count < 3;
}

static void
listing(void **state)
{
	static const struct {
		const char *one, *two, *want;     /* bodies; what comes of it, or the end of why nothing */
	} cases[] = {
		{ "echo end", "echo end", "" },
		{ "printf 'address: a@l.x\\nalso: b@l.x\\nalso: B@L.x\\nalso: a@l.x\\nalso: c@l.y\\naddress: d@l.y\\nend\\n'",
		  "printf 'address: A@l.x\\nname: A\\naddress: e@l.y\\nalso: e@l.x\\nend\\n'", "a@l.x+1=A|e@l.y+1=|" },
		/* Programs that were not made for it. */
		{ "echo end", "exit 67", "it does not say which lists there are" },
		{ "exit 0", "echo end", "it does not say which lists there are: there is no \"end\"" },
		{ "echo end", "echo address: a@l.x", "there is no \"end\"" },
		{ "echo end; exit 75", "echo end", "it ended with status 75" },
		{ "echo end; echo address: a@l.x", "echo end", "there is something behind \"end\"" },
		{ "echo a@l.x; echo end", "echo end", "\"a@l.x\" is none of" },
		{ "echo name: x; echo end", "echo end", "\"name: x\" is none of" },
		{ "echo also: b@l.x; echo end", "echo end", "\"also: b@l.x\" is none of" },
		{ "echo address: a; echo end", "echo end", "address: \"a\" is no mailbox address" },
		{ "echo address: a@x; echo also: b; echo end", "echo end", "also: \"b\" is no mailbox address" },
		{ "echo address: a@x; echo errors: b; echo end", "echo end", "errors: \"b\" is no mailbox address" },
		{ "printf 'address: a@l.x\\nalso: b@l.x\\nalso: c@l.x\\nalso: d@l.x\\nend\\n'", "echo end", "stopped" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct programs p = begin("");
		struct bytes all = { 0 };
		struct complaint why;

		put(&p, "10", 0755, cases[i].one);
		put(&p, "20", 0755, cases[i].two);
		if (source_each_list(p.source, "l.x", deadline_in(60000), note_list, &all, &why) == FOUND_YES)
			same_text(cases[i].one, bytes_text(&all), cases[i].want);
		else if (*cases[i].want == '\0' || strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].one, why.text);
		bytes_free(&all);
		end(&p);
	}
}

/* The directory may hold other things, too. */
static void
which_files_are_programs(void **state)
{
	struct programs p = begin("");
	struct complaint why;
	char *dir = mem_format("%s/subdirectory", p.dir);

	(void)state;
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "there is no executable in "));
	put(&p, "README", 0644, "exit 75\n");
	put(&p, ".hidden", 0755, "exit 75\n");
	put(&p, "10-old~", 0755, "exit 75\n");
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	put(&p, "10-yes", 0755, "exit 0\n");
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_YES);
	put(&p, "10-yes", 0755, "exit 67\n");
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_NO);
	put(&p, "20-unsure", 0755, "exit 75\n");
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	put(&p, "10-yes", 0755, "exit 0\n");
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "/20-unsure find staff@l.x: it ended with status 75"));
	free(dir);
	end(&p);
}

static void
programs_that_others_can_change_are_not_run(void **state)
{
	struct programs p = begin("");
	struct complaint why;
	char *path = mem_format("%s/10-yes", p.dir), *link = mem_format("%s/20-link", p.dir);

	(void)state;
	put(&p, "10-yes", 0755, "exit 0\n");
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_YES);
	assert_int_equal(chmod(path, 0775), 0);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "/10-yes can be changed by others"));
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(chmod(p.dir, 0757), 0);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "/programs can be changed by others"));
	assert_int_equal(chmod(p.dir, 0755), 0);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "belongs to a user who is neither root nor that of the daemons"));
	/* Unless that is the daemons' user, whom root only becomes. */
	programs_trust("nobody");
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_YES);
	programs_trust(NULL);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_int_equal(chown(path, 0, 0), 0);
	/* One that is gone is missed. */
	assert_int_equal(symlink("/nonexistent/program", link), 0);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "cannot look at "));
	free(path);
	free(link);
	end(&p);
}

static void
a_directory_that_is_not_there(void **state)
{
	struct programs p = begin("");
	struct complaint why;

	(void)state;
	assert_int_equal(rmdir(p.dir), 0);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "corp: cannot open "));
	end(&p);
}

/* A check of the configuration looks at it; a daemon is started all the same. */
static void
an_empty_directory_is_a_mistake(void **state)
{
	struct programs p = begin("");
	char *text = mem_format("corp: { kind: program, path: %s }\n", p.dir);
	struct complaint why;
	struct node *root = config_parse("test", text, strlen(text), &why);
	struct source *s;

	(void)state;
	assert_non_null(root);
	assert_null(source_from_config(root->children[0], true, NULL, &why));
	assert_non_null(strstr(why.text, "test:1:7: there is no executable in "));
	s = source_from_config(root->children[0], false, NULL, &why);
	assert_non_null(s);
	source_close(&s);
	config_free(&root);
	free(text);
	end(&p);
}

/* Whatever a program does wrong, in the middle of members or of a description. */
static void
what_goes_wrong_is_unsure(void **state)
{
	static const struct {
		const char *what, *body, *want;
	} cases[] = {
		{ "unsure", "exit 75", "members staff@l.x: it ended with status 75" },
		{ "some other status", "echo a@x; echo 'oh no' >&2; exit 3", "it ended with status 3: oh no" },
		{ "no list, and members of it", "echo a@x; exit 67",
		  "it prints something, and ends with status 67: no such list" },
		{ "killed", "echo a@x; kill -9 $$", "it was ended by signal 9" },
		{ "signals are as by default", "kill -TERM $$; kill -PIPE $$", "it was ended by signal 15" },
		{ "no SIGPIPE that is ignored", "kill -PIPE $$", "it was ended by signal 13" },
		{ "a line that was cut off", "printf 'a@x\\nb@x.or'", "its output ends within a line" },
		{ "no address", "echo a@x; echo nobody", "\"nobody\" is no mailbox address" },
		{ "a program", "echo '|/bin/sh@x'; echo '\"|/bin/sh\"'", "is no mailbox address" },
		{ "an empty line", "echo a@x; echo; echo b@x", "is no mailbox address" },
		{ "CR", "printf 'a@x\\r\\n'", "" },
		{ "NUL", "printf 'a@x\\000\\n'", "" },
		{ "a long line", "printf '%5000s\\n' x; sleep 1000", "a line of more than 4096 bytes" },
		{ "a long line without an end", "printf '%5000s' x; sleep 1000", "a line of more than 4096 bytes" },
		{ "much", "yes ann@example.com", "it prints more than it may" },
		{ "too late", "echo a@x; sleep 1000", "it has not ended in time" },
		{ "too late, with its output closed", "echo a@x; exec >&-; sleep 1000", "it has not ended in time" },
		{ "its children hold the output", "sleep 1000 & echo a@x", "it has not ended in time" },
		{ "memory", "head -c 40000000 /dev/zero | tail -c 39999999 >/dev/null || exit 1; echo a@x",
		  "it ended with status 1: tail: memory exhausted" },
		{ "talkative", "head -c 1000000 /dev/zero | tr '\\000' x >&2; exit 1",
		  "it ended with status 1: xxxx" },
	};
	struct programs p = begin("  timeout: 1s\n  output: 100k\n  memory: 30M\n");
	struct complaint why;
	struct walk_report report;

	(void)state;
	put(&p, "20-no", 0755, "exit 67\n");
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put(&p, "10-wrong", 0755, cases[i].body);
		why.text[0] = '\0';
		if (walk(&p, NULL, &report, &why) != FOUND_UNSURE || strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].what, why.text);
		if (strstr(why.text, "/10-wrong members staff@l.x: ") == NULL)
			fail_msg("%s: %s", cases[i].what, why.text);
	}
	(void)signal(SIGPIPE, SIG_DFL);
	end(&p);
}

static void
descriptions_that_are_wrong(void **state)
{
	static const struct {
		const char *body, *want;
	} cases[] = {
		{ "echo 'adress: a@x'", "\"adress: a@x\" is none of \"address: …\"" },
		{ "echo 'address:a@x'", "is none of" },
		{ "printf 'name\\033: x\\n'", "\"name\\x1b: x\" is none of" },
		{ "echo 'address: nobody'", "address: \"nobody\" is no mailbox address" },
		{ "echo 'errors: |/bin/sh'", "errors: \"|/bin/sh\" is no mailbox address" },
		{ "echo 'address: a@x'; echo 'address: b@x'", "this is the list b@x, and another program says it is a@x" },
	};
	struct programs p = begin("");
	struct complaint why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put(&p, "10-wrong", 0755, cases[i].body);
		assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
		if (strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].body, why.text);
	}
	put(&p, "10-wrong", 0755, "echo 'address: a@x'");
	put(&p, "20-wrong", 0755, "echo 'address: A@X'");
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_YES);
	end(&p);
}

static void
a_program_that_cannot_be_run(void **state)
{
	struct programs p = begin("");
	struct complaint why;
	char *path = mem_format("%s/10-wrong", p.dir);

	(void)state;
	write_file(path, "#!/nonexistent/interpreter\n");
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "cannot run "));
	write_file(path, "exit 0\n");     /* no shell stands in for what is no program */
	assert_int_equal(ask(&p, "staff@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "Exec format error"));
	free(path);
	end(&p);
}

/* What it started in the background ends with it. */
static void
nothing_outlives_it(void **state)
{
	struct programs p = begin("");
	struct complaint why;
	struct walk_report report;
	struct bytes pid = { 0 };
	char *path = mem_format("%s/pid", p.dir), *body, *status;

	(void)state;
	body = mem_format("sleep 1000 >/dev/null 2>&1 & echo $! >%s\necho a@x\n", path);
	put(&p, "10-left", 0755, body);
	assert_int_equal(walk(&p, NULL, &report, &why), FOUND_YES);
	assert_int_equal(report.members, 1);
	assert_int_equal(file_read(AT_FDCWD, path, 100, &pid, &why), 1);
	pid.data[--pid.length] = '\0';
	status = mem_format("/proc/%s/cmdline", pid.data);
	for (struct deadline by = deadline_in(20000); !deadline_passed(by); (void)usleep(10000)) {
		struct bytes words = { 0 };
		bool runs = file_read(AT_FDCWD, status, 1000, &words, &why) == 1 && words.length > 0;

		bytes_free(&words);
		if (!runs)
			goto out;
	}
	fail_msg("process %s lives", pid.data);
out:
	bytes_free(&pid);
	free(status);
	free(body);
	free(path);
	end(&p);
}

/* Arguments and environment, with nothing of ours in it, and nothing that a shell has touched. */
static void
what_a_program_is_given(void **state)
{
	static const struct occasion occasion = { .sender = "Ann+\"$(x)\"@example.com", .queue_id = "4Xy7",
		                                  .message_id = "<1@x>", .size = 1234 };
	struct programs p = begin("");
	struct complaint why;
	struct walk_report report;
	struct bytes got = { 0 };
	char *path = mem_format("%s/given", p.dir), *body, *want;

	(void)state;
	body = mem_format("{ for a; do echo \"[$a]\"; done; pwd; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= "
	                  "-e ^OLDPWD= | sort; } >%s; exit 67\n", path);
	put(&p, "10-look", 0755, body);
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	assert_int_equal(walk(&p, &occasion, &report, &why), FOUND_NO);
	assert_int_equal(file_read(AT_FDCWD, path, 10000, &got, &why), 1);
	same_text("given", got.data,
	          "[members]\n[staff@l.x]\n/\nLC_ALL=C.UTF-8\n"
	          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	          "ROLLCALL_ADDRESS=staff@l.x\nROLLCALL_MESSAGE_ID=<1@x>\nROLLCALL_QUESTION=members\n"
	          "ROLLCALL_QUEUE_ID=4Xy7\nROLLCALL_SENDER=Ann+\"$(x)\"@example.com\nROLLCALL_SIZE=1234\n"
	          "ROLLCALL_SOURCE=corp\n");
	bytes_clear(&got);
	assert_int_equal(ask(&p, "\"`id`;$(x) *\"@l.x", &why), FOUND_NO);
	assert_int_equal(file_read(AT_FDCWD, path, 10000, &got, &why), 1);
	want = mem_format("[find]\n[\"`id`;$(x) *\"@l.x]\n/\n");
	assert_memory_equal(got.data, want, strlen(want));
	assert_null(strstr(got.data, "ROLLCALL_SENDER"));
	bytes_free(&got);
	free(want);
	free(body);
	free(path);
	end(&p);
}

/* Without `nested` what is printed is who gets it. */
static void
members_that_are_no_lists(void **state)
{
	struct programs p = begin("  nested: no\n");
	struct complaint why;
	struct walk_report report;

	(void)state;
	put(&p, "10-lists", 0755, "case $1 in find) exit 75 ;; esac; echo staff@l.x; echo dev@l.x\n");
	assert_int_equal(walk(&p, NULL, &report, &why), FOUND_YES);
	assert_int_equal(report.members, 2);
	assert_int_equal(report.groups, 1);
	end(&p);
}

/* Each list has another one: there is an end. */
static void
lists_within_lists_have_an_end(void **state)
{
	struct programs p = begin("");
	struct complaint why;
	struct walk_report report;

	(void)state;
	put(&p, "10-lists", 0755, "n=${2%%@*}; [ $n != staff ] || n=0; case $1 in members) echo $((n + 1))@l.x ;; esac\n");
	assert_int_equal(walk(&p, NULL, &report, &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "501@l.x: lists within lists, more than 500 deep"));
	/* One that was found, and has no members a moment later. */
	put(&p, "10-lists", 0755, "case $*  in *dev*) [ $1 = find ] || exit 67 ;; m*) echo dev@l.x ;; esac\n");
	assert_int_equal(walk(&p, NULL, &report, &why), FOUND_UNSURE);
	same_text("why", why.text, "dev@l.x was there, and is gone");
	end(&p);
}

static void *
ask_often(void *arg)
{
	const struct programs *p = arg;
	struct complaint why;
	struct walk_report report;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(ask(p, "staff@l.x", &why), FOUND_YES);
		assert_int_equal(walk(p, NULL, &report, &why), FOUND_YES);
		assert_int_equal(report.members, 2);
	}
	return NULL;
}

static void
several_may_ask_at_once(void **state)
{
	struct programs p = begin("");

	(void)state;
	put(&p, "10-lists", 0755, "case $1 in members) echo ann@x; echo bob@x ;; esac\n");
	in_four_threads(ask_often, &p);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_programs_keep_the_contract),
		cmocka_unit_test(listing),
		cmocka_unit_test(which_files_are_programs),
		cmocka_unit_test(programs_that_others_can_change_are_not_run),
		cmocka_unit_test(a_directory_that_is_not_there),
		cmocka_unit_test(an_empty_directory_is_a_mistake),
		cmocka_unit_test(what_goes_wrong_is_unsure),
		cmocka_unit_test(descriptions_that_are_wrong),
		cmocka_unit_test(a_program_that_cannot_be_run),
		cmocka_unit_test(nothing_outlives_it),
		cmocka_unit_test(what_a_program_is_given),
		cmocka_unit_test(members_that_are_no_lists),
		cmocka_unit_test(lists_within_lists_have_an_end),
		cmocka_unit_test(several_may_ask_at_once),
	};

	return RUN(tests);
}
