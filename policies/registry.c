/* The policies, in the order of the manual. A new one is a row here. */
#include "policies/policy.h"

#include <stddef.h>

const struct policy *const policies[] = {
	&policy_posters,
	&policy_reject,
	&policy_authenticated,
	&policy_require_tls,
	&policy_rdns,
	&policy_dkim,
	&policy_dmarc,
	&policy_max_size,
	&policy_own_size,
	&policy_max_recipients,
	&policy_implicit_dest,
	&policy_header_match,
	&policy_required_fields,
	&policy_content_type,
	&policy_auto_submitted,
	&policy_loop,
	&policy_rate,
	&policy_program,
	&policy_service,
	&policy_moderated,
	&policy_storm,
	&policy_fail,
	NULL,
};
