divert(-1)
dnl
dnl FEATURE(`rollcall', `domains', `milter', `lmtp', `shared', `map'): mail for lists goes to rollcall.
dnl
dnl	domains	of lists, with blanks between
dnl	milter	where rollcall-milter listens; unix:/run/rollcall/milter.sock if not given
dnl	lmtp	where rollcall-expander listens; unix:/run/rollcall/lmtp.sock if not given
dnl	shared	domains that have people as well, with blanks between
dnl	map	where rollcall-milter says what is a list there; unix:/run/rollcall/socketmap.sock if not given
dnl
dnl The listeners are written as sendmail writes those of filters: unix:/path or inet:port@host.
dnl MAILER(`rollcall') must follow. What may be defined before: ROLLCALL_MILTER_FLAGS,
dnl ROLLCALL_MILTER_TIMES, ROLLCALL_MAP_TIME, ROLLCALL_DAEMON_OPTIONS, ROLLCALL_DAEMON_FILTERS, and what the
dnl mailer has.
dnl README.md explains all of it.
dnl
divert(0)
VERSIONID(`rollcall.m4: lists from a directory')
divert(-1)

ifelse(len(X`'_ARG_`'_ARG4_), `1', `errprint(`*** ERROR: FEATURE(`rollcall') needs the domains of lists
')')
define(`_ROLLCALL_MILTER_', ifelse(len(X`'_ARG2_), `1', ``unix:/run/rollcall/milter.sock'', `_ARG2_'))
define(`_ROLLCALL_MAP_', ifelse(len(X`'_ARG5_), `1', ``unix:/run/rollcall/socketmap.sock'', `_ARG5_'))
define(`_ROLLCALL_LMTP_', ifelse(len(X`'_ARG3_), `1', ``unix:/run/rollcall/lmtp.sock'', `_ARG3_'))
_DEFIFNOT(`ROLLCALL_MILTER_FLAGS', `T')
_DEFIFNOT(`ROLLCALL_MILTER_TIMES', `C:10s;S:10s;R:30s;E:5m')
_DEFIFNOT(`ROLLCALL_MAP_TIME', `10s')
_DEFIFNOT(`ROLLCALL_DAEMON_OPTIONS', `Addr=127.0.0.1, Port=10026')
_DEFIFNOT(`ROLLCALL_DAEMON_FILTERS', `')

dnl The host that rule set 0 names for the mailer, and the arguments of its [IPC].
define(`_ROLLCALL_REST_', `substr(_ROLLCALL_LMTP_, 5)')
define(`_ROLLCALL_AT_', `index(_ROLLCALL_REST_, `@')')
ifelse(index(_ROLLCALL_LMTP_, `unix:'), `0',
	`define(`_ROLLCALL_HOST_', `rollcall')
	define(`_ROLLCALL_ARGS_', `FILE '_ROLLCALL_REST_)',
index(_ROLLCALL_LMTP_, `inet:')eval(_ROLLCALL_AT_ > 0), `01',
	`define(`_ROLLCALL_HOST_', `['substr(_ROLLCALL_REST_, eval(_ROLLCALL_AT_ + 1))`]')
	define(`_ROLLCALL_ARGS_', `TCP $h 'substr(_ROLLCALL_REST_, 0, _ROLLCALL_AT_))',
`errprint(`*** ERROR: FEATURE(`rollcall'): '_ROLLCALL_LMTP_` is neither unix:/path nor inet:port@host
')')

dnl The filter, behind those that are named so far.
INPUT_MAIL_FILTER(`rollcall', `S=_ROLLCALL_MILTER_, F=ROLLCALL_MILTER_FLAGS, T=ROLLCALL_MILTER_TIMES')

dnl Mail to lists is taken from everywhere; who may post is for the filter to say.
ifelse(len(X`'_ARG_), `1', `', `RELAY_DOMAIN(_ARG_)')

LOCAL_CONFIG
# domains of lists
C{Rollcall}_ARG_
ifelse(len(X`'_ARG4_), `1', `', `# domains that have people as well, and who knows which addresses there are lists
C{RollcallShared}_ARG4_
Krecipient socket -q -T<TMPF> -d`'ROLLCALL_MAP_TIME _ROLLCALL_MAP_
')dnl

# where posts come back: not our filter; no AUTH and STARTTLS, no look-up of each recipient's host
O DaemonPortOptions=Name=rollcall, ROLLCALL_DAEMON_OPTIONS, InputMailFilters=ROLLCALL_DAEMON_FILTERS, M=ACS

LOCAL_RULE_0
# lists, whether or not the name server knows their domain
R$* < @ $={Rollcall} > $*	$#rollcall $@ _ROLLCALL_HOST_ $: $1 < @ $2 > $3
R$* < @ $={Rollcall} . > $*	$#rollcall $@ _ROLLCALL_HOST_ $: $1 < @ $2 . > $3
# receipts of batches
R$* < @ $+ .rollcall.invalid > $*	$#rollcall $@ _ROLLCALL_HOST_ $: $1 < @ $2 .rollcall.invalid > $3
R$* < @ $+ .rollcall.invalid . > $*	$#rollcall $@ _ROLLCALL_HOST_ $: $1 < @ $2 .rollcall.invalid . > $3
ifelse(len(X`'_ARG4_), `1', `', `# in a shared domain recipients that the map knows; those of which nobody can say have to wait
R$* < @ $={RollcallShared} > $*	$: < $&{addr_type} > $1 < @ $2 > $3
R$* < @ $={RollcallShared} . > $*	$: < $&{addr_type} > $1 < @ $2 . > $3
R< e s > $*	$: $1
R< $* > $* < @ $={RollcallShared} > $*	$: < $(recipient $2 @ $3 $: $) > $2 < @ $3 > $4
R< $* > $* < @ $={RollcallShared} . > $*	$: < $(recipient $2 @ $3 $: $) > $2 < @ $3 . > $4
R< $* <TMPF> > $*	$#error $@ 4.3.0 $: "451 It is not known now whether this is a list; try again later"
R< > $*	$: $1
R< list > $*	$#rollcall $@ _ROLLCALL_HOST_ $: $1
')dnl
divert(-1)
