# rollcall. `make help` says what there is to make.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
CC         ?= cc
BUILD      ?= build
SANITIZE   ?=
V          ?= 0

BASE = base32 bytes child cipher clock complaint config control daemon digest dns file hash json \
       keyring keys ldif log map mem metric monitor net notify pattern pool process programs \
       resolver set setting stream text tls
MAIL = address automatic date dmarc dsn encoded footer form header held_notice leaving list \
       mailboxes member_list mime notice own_text phrase poster receipt reply results returned \
       signatures stamp subject sympa_config syntax tags template trace verdict verp xtext
SOURCES = cache described fail file ldap ldap_addresses ldap_attributes ldap_climb ldap_inquiry ldap_conn \
          ldap_covers ldap_deref ldap_dn ldap_dynamic ldap_each ldap_find ldap_found ldap_lists \
          ldap_logins ldap_member ldap_names ldap_or ldap_owners ldap_paged ldap_people \
          ldap_person ldap_place ldap_posting ldap_presets ldap_query ldap_range ldap_read ldap_refer \
          ldap_refs ldap_server ldap_standing ldap_state ldap_stream ldap_url ldap_wait ldap_walk nested people \
          person program registry source sql sql_pool sql_postgresql sql_sqlite table table_cdb \
          table_lmdb union union_people
POLICIES = admit authenticated auto_submitted bulkhead chain content_type destinations dkim dmarc \
           drain fail from_policy header_match implicit_dest inquiry loop max_recipients max_size \
           metrics moderated modifiers moments own_size policy_service posters posters_judge \
           preferences program question rate rdns registry reject require_tls required_fields senders \
           site site_find stamps standing storm style style_rows subject suspects treatment \
           verified
QUEUES = distribution entry progress queue schedule spool spool_deaths spool_entry spool_hold \
         spool_list spool_progress spool_receipt spool_scan spool_spare spool_write tally
MILTER = ask ending hooks lookup main message metrics pacemaker query recipients service session \
         settings socketmap
EXPANDER = access heading judge let_go list_fields main pace pulse recipients service settings work \
           intake/content \
           intake/lmtp_data intake/lmtp_server intake/lmtp_session modify revise treat \
           fanout/backlog fanout/chosen fanout/doubts fanout/echoes fanout/ending fanout/expand fanout/farm \
           fanout/handing fanout/inject fanout/lane fanout/later fanout/learnt fanout/order fanout/paces \
           fanout/pacing fanout/personal fanout/post fanout/prepare fanout/refused fanout/report \
           fanout/roster fanout/sending fanout/settle fanout/sift fanout/smtp_client \
           fanout/smtp_open fanout/throttle \
           fanout/turns fanout/wire bounces/handover bounces/suspicion metrics moderation/moderate \
           moderation/notices
CONSOLE = cmd_compare cmd_config cmd_daemons cmd_drain cmd_explain cmd_import cmd_key cmd_lists \
          cmd_lookup cmd_members cmd_metrics cmd_moderate cmd_pace cmd_preferences cmd_preview \
          cmd_queue cmd_release cmd_source cmd_stop cmd_storm cmd_trace cmd_unsubscribe comparison \
          daemons history import_ldif import_mailman import_sympa listing main manual recall \
          sympa_ldap sympa_levels sympa_print transactions

# Who gets a post: rollcallctl tells as well.
PREPARE = chosen order prepare roster sift

# What a post looks like.
COMPOSE = heading list_fields modify revise treat

LIBRARY = $(BASE:%=base/%) $(MAIL:%=mail/%) $(SOURCES:%=sources/%) $(POLICIES:%=policies/%) \
          $(QUEUES:%=queues/%)

WARNINGS = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
           -Wformat=2 -Wvla -Wpointer-arith -Wundef -Wcast-align
HARDEN   = -fstack-protector-strong -fstack-clash-protection -fPIE -D_FORTIFY_SOURCE=2
ifneq ($(filter x86_64 i%86,$(shell uname -m)),)
HARDEN  += -fcf-protection
endif
LINKHARD = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
ifneq ($(SANITIZE),)
HARDEN   = -fPIE -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LINKHARD = -pie -fsanitize=$(SANITIZE)
endif
CFLAGS   ?= -O2 -g
# Nothing of what is built says where: the same source gives the same bytes.
ALLCFLAGS = -ffile-prefix-map=$(CURDIR)=. -std=c17 -D_GNU_SOURCE -I. -pthread $(WARNINGS) $(HARDEN) $(CFLAGS) \
            -DROLLCALL_CONFIG='"$(SYSCONFDIR)/rollcall/rollcall.yaml"'
LIBS      = -lldap -llber -ljansson -lyaml -lidn2 -lunistring -lssl -lcrypto -lpcre2-8 -lsystemd \
            -lsqlite3 -lpq -llmdb -lcdb -lunbound -lopendkim -lpsl -lgmime-3.0 -lgobject-2.0 -lglib-2.0

PROGRAMS = $(BUILD)/rollcall-milter $(BUILD)/rollcall-expander $(BUILD)/rollcallctl
MANUALS  = docs/man/rollcall-milter.8 docs/man/rollcall-expander.8 docs/man/rollcall-postfix.8 \
           docs/man/rollcallctl.8 $(MADE)
# These hold rows of the program's.
MADE     = $(BUILD)/rollcall.yaml.5 $(BUILD)/rollcall-policies.7

# `make V=1` shows whole commands.
ifeq ($(V),1)
say =
else
say = @printf '%-5s %s\n' '$1' '$(patsubst $(BUILD)/%,%,$@)';
endif

all: $(PROGRAMS) $(MADE)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALLCFLAGS) -MMD -MP -c -o $@ $<

# The one file that knows GMime (make layers).
GMIME := $(patsubst -I%,-isystem%,$(shell pkg-config --cflags gmime-3.0 2>/dev/null))
$(BUILD)/mail/mime.o: ALLCFLAGS += $(GMIME)

$(BUILD)/librollcall.a: $(LIBRARY:%=$(BUILD)/%.o)
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

LINK = $(call say,LINK)$(CC) $(ALLCFLAGS) $(LINKHARD) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(BUILD)/rollcall-milter: $(MILTER:%=$(BUILD)/milter/%.o) $(BUILD)/librollcall.a
	$(LINK) -lmilter $(LIBS)

$(BUILD)/rollcall-expander: $(EXPANDER:%=$(BUILD)/expander/%.o) $(BUILD)/librollcall.a
	$(LINK) $(LIBS)

$(BUILD)/rollcallctl: $(CONSOLE:%=$(BUILD)/console/%.o) $(BUILD)/milter/message.o \
                      $(BUILD)/milter/settings.o $(BUILD)/expander/settings.o $(BUILD)/expander/pace.o \
                      $(COMPOSE:%=$(BUILD)/expander/%.o) $(BUILD)/expander/fanout/post.o \
                      $(BUILD)/expander/fanout/paces.o $(BUILD)/expander/fanout/personal.o \
                      $(PREPARE:%=$(BUILD)/expander/fanout/%.o) $(BUILD)/librollcall.a
	$(LINK) $(LIBS)

# The settings come from the program itself.
$(BUILD)/rollcall.yaml.5: ROWS = --manual
$(BUILD)/rollcall-policies.7: ROWS = --manual-checks
$(MADE): $(BUILD)/%: docs/man/%.in $(BUILD)/rollcallctl
	$(call say,MAN)$(BUILD)/rollcallctl config $(ROWS) > $@.settings && \
	sed -e '/^@SETTINGS@$$/{r $@.settings' -e 'd;}' $< > $@ && rm $@.settings

-include $(shell find $(BUILD) -path '$(BUILD)/servers*' -prune -o -type f -name '*.d' -print 2>/dev/null)

# Places are written into what is installed: $(call place,file,to,mode).
SBIN  = $(PREFIX)/sbin
SHARE = $(PREFIX)/share
DOC   = $(SHARE)/doc/rollcall
place = sed -e 's|@SBINDIR@|$(SBIN)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
            -e 's|^parts=.*|parts=$(SHARE)/rollcall|' $(1) >$(DESTDIR)$(2) && chmod $(3) $(DESTDIR)$(2)

install: all
	install -d $(addprefix $(DESTDIR),$(SBIN) $(SHARE)/rollcall $(SHARE)/man/man5 $(SHARE)/man/man7 $(SHARE)/man/man8 \
	    $(SHARE)/rollcall/sendmail-cf/feature $(SHARE)/rollcall/sendmail-cf/mailer \
	    $(DOC)/docs $(DOC)/examples $(DOC)/postfix \
	    $(addprefix $(PREFIX)/lib/,systemd/system sysusers.d tmpfiles.d))
	install -m 755 $(PROGRAMS) $(DESTDIR)$(SBIN)
	$(call place,postfix/rollcall-postfix,$(SBIN)/rollcall-postfix,755)
	install -m 755 packaging/rollcall-recall $(DESTDIR)$(SBIN)
	install -m 644 postfix/reading.sh postfix/main.cf.part postfix/master.cf.part $(DESTDIR)$(SHARE)/rollcall
	install -m 644 $(filter %.5,$(MANUALS)) $(DESTDIR)$(SHARE)/man/man5
	install -m 644 $(filter %.7,$(MANUALS)) $(DESTDIR)$(SHARE)/man/man7
	install -m 644 $(filter %.8,$(MANUALS)) $(DESTDIR)$(SHARE)/man/man8
	install -m 644 README.md NEWS LICENSE $(DESTDIR)$(DOC)
	install -m 644 docs/*.md $(DESTDIR)$(DOC)/docs
	install -m 644 examples/* $(DESTDIR)$(DOC)/examples
	install -m 644 postfix/README.md $(DESTDIR)$(DOC)/postfix
	$(call place,packaging/systemd/rollcall-milter.service,$(PREFIX)/lib/systemd/system/rollcall-milter.service,644)
	$(call place,packaging/systemd/rollcall-expander.service,$(PREFIX)/lib/systemd/system/rollcall-expander.service,644)
	$(call place,packaging/sysusers.d/rollcall.conf,$(PREFIX)/lib/sysusers.d/rollcall.conf,644)
	$(call place,packaging/tmpfiles.d/rollcall.conf,$(PREFIX)/lib/tmpfiles.d/rollcall.conf,644)
	install -m 644 sendmail-cf/README.md sendmail-cf/example.mc $(DESTDIR)$(SHARE)/rollcall/sendmail-cf
	install -m 644 sendmail-cf/feature/* $(DESTDIR)$(SHARE)/rollcall/sendmail-cf/feature
	install -m 644 sendmail-cf/mailer/* $(DESTDIR)$(SHARE)/rollcall/sendmail-cf/mailer

clean:
	rm -rf build build-asan build-tsan build-fuzz

# ---- tests ----

UNIT = address base config dsn footer header inquiry intake json keys ldap ldif leaving let_go list member_list \
       metric milter modify net own_text pace people policies post program progress receipt report \
       resolver results returned roster senders setting site socketmap sources spare spool sql stamp \
       style subject sympa_config syntax table template union verdict verp wire
TESTS = $(UNIT:%=$(BUILD)/tests/test_%) $(BUILD)/tests/contract_ldap
FUZZ = address config content deref distribution entry filter header heading leaving mailboxes \
       member_list phrase progress query report results stamp sympa syntax url verp wire

$(BUILD)/tests/test_spool $(BUILD)/tests/test_spare: $(BUILD)/tests/unit/queue_contract.o \
                                                     $(BUILD)/tests/unit/queue_memory.o
$(BUILD)/tests/test_intake: $(BUILD)/expander/intake/content.o $(BUILD)/expander/heading.o \
                            $(BUILD)/expander/list_fields.o
$(BUILD)/tests/test_let_go: $(BUILD)/expander/let_go.o
$(BUILD)/tests/test_modify: $(COMPOSE:%=$(BUILD)/expander/%.o)
$(BUILD)/tests/test_style: $(COMPOSE:%=$(BUILD)/expander/%.o)
$(BUILD)/tests/test_post: $(BUILD)/expander/fanout/post.o $(BUILD)/expander/fanout/personal.o \
                          $(BUILD)/expander/fanout/settle.o $(BUILD)/expander/metrics.o \
                          $(BUILD)/expander/fanout/learnt.o $(BUILD)/tests/unit/queue_contract.o \
                          $(BUILD)/tests/unit/queue_memory.o
$(BUILD)/tests/test_pace: $(BUILD)/expander/pace.o $(BUILD)/expander/fanout/paces.o \
                          $(BUILD)/expander/fanout/throttle.o $(BUILD)/expander/fanout/echoes.o \
                          $(BUILD)/expander/fanout/farm.o $(BUILD)/expander/fanout/learnt.o
$(BUILD)/tests/test_roster: $(PREPARE:%=$(BUILD)/expander/fanout/%.o)
$(BUILD)/tests/test_report: $(BUILD)/expander/fanout/report.o $(BUILD)/expander/fanout/refused.o $(BUILD)/tests/unit/queue_contract.o \
                            $(BUILD)/tests/unit/queue_memory.o
$(BUILD)/tests/test_site: $(BUILD)/milter/settings.o $(BUILD)/expander/settings.o $(BUILD)/expander/pace.o
$(BUILD)/tests/test_milter $(BUILD)/tests/test_socketmap: \
    $(patsubst %,$(BUILD)/milter/%.o,$(filter-out hooks main,$(MILTER)))
$(patsubst %,$(BUILD)/tests/test_%,program sources sql table union): $(BUILD)/tests/unit/source_contract.o
$(BUILD)/tests/test_wire: $(BUILD)/expander/fanout/wire.o $(BUILD)/expander/pulse.o

$(BUILD)/tests/contract_ldap: $(BUILD)/tests/unit/contract_ldap.o \
                              $(BUILD)/tests/unit/source_contract.o $(BUILD)/librollcall.a
	$(LINK) -lcmocka $(LIBS)

$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/librollcall.a
	$(LINK) -lcmocka $(LIBS)

# Preloaded into daemons whatever these were built with.
$(BUILD)/testbed/%.so: testbed/%.c
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -std=c17 -D_GNU_SOURCE -O2 -pthread $(WARNINGS) -fPIC -shared -o $@ $< -ldl

PYTHON = /usr/bin/python3
JOBS   = 4
# Tests wait more than they work: several files at once.
PYTEST = BUILD=$(BUILD) $(PYTHON) -m pytest -q -n $(JOBS) --dist loadfile

tests-install:
	@testbed/install test

layers:
	@tests/layers.sh

# The fuzzers are compiled as well, lest they know less than the formats do.
unit: $(TESTS) $(FUZZ:%=$(BUILD)/tests/fuzz/fuzz_%.o)
	@tests/unit.sh $(UNIT:%=$(BUILD)/tests/test_%)

system: all $(TESTS) $(BUILD)/testbed/faults.so $(BUILD)/testbed/unpacked.so $(BUILD)/tests/crash_expander
	@$(PYTEST) tests/system $(ONLY)

check: tests-install
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory layers unit system

SANITIZED = $(MAKE) --no-print-directory CFLAGS='-O1 -g'

asan: tests-install
	@$(SANITIZED) BUILD=build-asan SANITIZE=address,undefined unit system

tsan: tests-install
	@$(SANITIZED) BUILD=build-tsan SANITIZE=thread unit system

# The expander, and what makes it kill itself at a step.
$(BUILD)/tests/crash_expander: $(EXPANDER:%=$(BUILD)/expander/%.o) $(BUILD)/tests/crash/stop.o $(BUILD)/librollcall.a
	$(LINK) $(LIBS)

RUNS ?= 5
crash: all $(BUILD)/tests/crash_expander
	@testbed/install test
	@BUILD=$(BUILD) $(PYTHON) tests/crash/crash.py --runs $(RUNS) $(if $(KINDS),--kinds $(KINDS)) \
	    $(if $(MTA),--mta $(MTA)) $(if $(MEMBERS),--members $(MEMBERS))

# ---- demonstration and measurements ----

demo:
	@testbed/install demo
	@$(MAKE) --no-print-directory -s all
	@$(PYTHON) demo/run.py $(MTA)

demo-stop:
	@$(PYTHON) demo/run.py stop

BENCH = ldap_reader mail_load map_load null_milter sink source_reader

$(BENCH:%=$(BUILD)/bench/%): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/bench/common.o \
                                               $(BUILD)/librollcall.a
	$(LINK) -lmilter $(LIBS)

$(BUILD)/bench/slow_sync.so: bench/slow_sync.c
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALLCFLAGS) -fPIC -shared -o $@ $< -ldl

bench:
	@testbed/install bench
	@$(MAKE) --no-print-directory -s all $(BENCH:%=$(BUILD)/bench/%) $(BUILD)/bench/slow_sync.so
	@BUILD=$(BUILD) $(PYTHON) bench/bench.py $(if $(ROWS),--rows $(ROWS))

POSTS = 50000

soak:
	@testbed/install bench
	@$(MAKE) --no-print-directory -s all $(BENCH:%=$(BUILD)/bench/%)
	@BUILD=$(BUILD) $(PYTHON) bench/soak.py --posts $(POSTS)

# ---- tools for whoever changes something ----

# One file at a time: clang-tidy 14 takes a va_list of the second one for uninitialized.
tidy:
	@clang-tidy --version >/dev/null
	@printf '%s\n' $(LIBRARY:%=%.c) $(MILTER:%=milter/%.c) $(EXPANDER:%=expander/%.c) \
	    $(CONSOLE:%=console/%.c) | xargs -P "$$(nproc)" -I FILE \
	    clang-tidy --quiet FILE -- $(filter-out -Werror,$(ALLCFLAGS)) $(GMIME) 2>/dev/null

FUZZ_SECONDS ?= 30
FUZZERS = $(FUZZ:%=$(BUILD)/fuzz_%)

$(FUZZERS): $(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/expander/intake/content.o \
                             $(COMPOSE:%=$(BUILD)/expander/%.o) \
                             $(BUILD)/expander/fanout/post.o $(BUILD)/expander/fanout/personal.o \
                             $(BUILD)/expander/fanout/wire.o \
                             $(BUILD)/expander/pulse.o $(BUILD)/milter/query.o \
                             $(BUILD)/milter/settings.o $(BUILD)/expander/settings.o $(BUILD)/expander/pace.o \
                             $(BUILD)/librollcall.a
	$(LINK) -fsanitize=fuzzer $(LIBS)

fuzzers: $(FUZZERS)
	@:

fuzz:
	@$(MAKE) --no-print-directory CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' BUILD=build-fuzz \
	    SANITIZE=address,undefined fuzzers
	@for f in $(FUZZ); do tests/fuzz/run $$f $(FUZZ_SECONDS) || exit 1; done

help:
	@echo 'make            the programs, in build/'
	@echo 'make install    to $$(DESTDIR)$$(PREFIX); PREFIX is /usr/local, SYSCONFDIR /etc'
	@echo 'make demo       a whole private site that shows what rollcall does; as root; make demo-stop ends it.'
	@echo '                With MTA=sendmail it is not Postfix that it is inside of'
	@echo 'make check      all tests; as root. Parts of it: layers, unit, system ONLY="-k name"; JOBS=4'
	@echo 'make asan tsan  the tests with the address and undefined, with the thread sanitizer'
	@echo 'make crash      kills what takes part in a fan-out; RUNS=5 of each kind, KINDS=expander,step,mta some of'
	@echo '                them, MTA=postfix, MEMBERS=20000 of the list'
	@echo 'make bench      the measurements; ROWS=1,5 some of them'
	@echo 'make soak       a long run under mixed load; POSTS=50000'
	@echo 'make tidy fuzz  clang-tidy; the fuzzers, FUZZ_SECONDS=30 each'
	@echo 'Settings: CC, CFLAGS, LDFLAGS, BUILD, V=1'

.PHONY: all install clean tests-install layers unit system check asan tsan crash demo demo-stop bench soak tidy fuzz \
        fuzzers help
.SECONDARY:
