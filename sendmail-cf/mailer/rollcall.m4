PUSHDIVERT(-1)
dnl
dnl MAILER(`rollcall'): LMTP to rollcall-expander, where FEATURE(`rollcall') says it listens.
dnl
dnl What may be defined before: ROLLCALL_MAILER_FLAGS, further flags; ROLLCALL_MAILER_MAXRCPTS,
dnl ROLLCALL_MAILER_MAXMSGS and ROLLCALL_MAILER_QGRP, as sendmail's own mailers have them.
dnl
ifdef(`_ROLLCALL_ARGS_', `', `errprint(`*** ERROR: MAILER(`rollcall') needs FEATURE(`rollcall')
')')
_DEFIFNOT(`_DEF_ROLLCALL_MAILER_FLAGS', `zmXuh80')
_DEFIFNOT(`ROLLCALL_MAILER_FLAGS', `')
_DEFIFNOT(`ROLLCALL_MAILER_MAXRCPTS', `1000')
define(`_ROLLCALL_QGRP', `ifelse(defn(`ROLLCALL_MAILER_QGRP'), `', `', ` Q=ROLLCALL_MAILER_QGRP,')')
POPDIVERT

#########################################
###   rollcall Mailer specification   ###
#########################################

VERSIONID(`rollcall.m4: LMTP to the expander')

# addresses of the envelope get a host if they have none, and are not masqueraded
SEnvRollcall
R$* < @ $* > $*		$@ $1 < @ $2 > $3
R$+			$@ $1 < @ $j >

# those of the header stay as they are
SHdrRollcall
R$*			$@ $1

Mrollcall,	P=[IPC], F=_MODMF_(CONCAT(_DEF_ROLLCALL_MAILER_FLAGS, ROLLCALL_MAILER_FLAGS), `ROLLCALL'),
		S=EnvRollcall/HdrRollcall, R=EnvRollcall/HdrRollcall, E=\r\n, L=0,
		_OPTINS(`ROLLCALL_MAILER_MAXMSGS', `m=', `, ')r=ROLLCALL_MAILER_MAXRCPTS, T=DNS/RFC822/SMTP,_ROLLCALL_QGRP
		A=_ROLLCALL_ARGS_
