# rollcall. `make help` says what there is to make.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
CC         ?= cc
BUILD      ?= build
SANITIZE   ?=

BASE = bytes clock complaint config control daemon digest file hash json log map mem monitor net \
       pool set setting stream text
MAIL = address automatic date dsn header list phrase reply syntax trace verdict
SOURCES = cache fail file ldap ldap_conn ldap_deref ldap_find ldap_presets ldap_query ldap_read \
          ldap_walk registry source
POLICIES = admit chain posters registry site
QUEUES = distribution entry progress queue schedule spool spool_entry spool_list spool_scan \
         spool_write
MILTER = ask hooks main pacemaker service session settings
EXPANDER = main recipients service settings work intake/content intake/heading intake/lmtp_data \
           intake/lmtp_server intake/lmtp_session fanout/expand fanout/inject fanout/post \
           fanout/report fanout/smtp_client bounces/handover
CONSOLE = cmd_config cmd_daemons cmd_lookup cmd_members cmd_queue main

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
ALLCFLAGS = -std=c17 -D_GNU_SOURCE -I. -pthread $(WARNINGS) $(HARDEN) $(CFLAGS) \
            -DROLLCALL_CONFIG='"$(SYSCONFDIR)/rollcall/rollcall.yaml"'
LIBS      = -lldap -llber -ljansson -lyaml -lidn2 -lunistring -lcrypto

PROGRAMS = $(BUILD)/rollcall-milter $(BUILD)/rollcall-expander $(BUILD)/rollcallctl

all: $(PROGRAMS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/librollcall.a: $(LIBRARY:%=$(BUILD)/%.o)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/rollcall-milter: $(MILTER:%=$(BUILD)/milter/%.o) $(BUILD)/librollcall.a
	$(CC) $(ALLCFLAGS) $(LINKHARD) $(LDFLAGS) -o $@ $^ -lmilter $(LIBS)

$(BUILD)/rollcall-expander: $(EXPANDER:%=$(BUILD)/expander/%.o) $(BUILD)/librollcall.a
	$(CC) $(ALLCFLAGS) $(LINKHARD) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/rollcallctl: $(CONSOLE:%=$(BUILD)/console/%.o) $(BUILD)/milter/settings.o \
                      $(BUILD)/expander/settings.o $(BUILD)/librollcall.a
	$(CC) $(ALLCFLAGS) $(LINKHARD) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(shell find $(BUILD) -path $(BUILD)/servers -prune -o -type f -name '*.d' -print 2>/dev/null)

clean:
	rm -rf $(BUILD) build-asan build-tsan

.PHONY: all clean

# ---- tests ----

UNIT = address base config dsn header intake json ldap list milter net post progress setting site sources \
       spool syntax

$(BUILD)/tests/test_spool: $(BUILD)/tests/unit/queue_contract.o $(BUILD)/tests/unit/queue_memory.o

$(BUILD)/tests/test_intake: $(BUILD)/expander/intake/content.o $(BUILD)/expander/intake/heading.o
$(BUILD)/tests/test_post: $(BUILD)/expander/fanout/post.o $(BUILD)/tests/unit/queue_contract.o \
                          $(BUILD)/tests/unit/queue_memory.o
$(BUILD)/tests/test_site: $(BUILD)/milter/settings.o $(BUILD)/expander/settings.o
$(BUILD)/tests/test_milter: $(patsubst %,$(BUILD)/milter/%.o,$(filter-out hooks main,$(MILTER)))
$(BUILD)/tests/test_sources: $(BUILD)/tests/unit/source_contract.o
$(BUILD)/tests/contract_ldap: $(BUILD)/tests/unit/contract_ldap.o $(BUILD)/tests/unit/source_contract.o \
                              $(BUILD)/librollcall.a
	$(CC) $(ALLCFLAGS) $(LINKHARD) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/librollcall.a
	$(CC) $(ALLCFLAGS) $(LINKHARD) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)

unit: $(UNIT:%=$(BUILD)/tests/test_%)
	@failed=0; for t in $(UNIT:%=$(BUILD)/tests/test_%); do echo "== $$t"; $$t || failed=1; done; exit $$failed

.PHONY: unit
.SECONDARY:
