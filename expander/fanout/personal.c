/* Copies for one member. */
#include "expander/fanout/personal.h"

#include "base/mem.h"
#include "expander/fanout/post.h"
#include "mail/address.h"
#include "mail/footer.h"
#include "mail/header.h"
#include "mail/leaving.h"
#include "mail/template.h"

#include <stdlib.h>
#include <string.h>

/* The fields by which a member leaves, whose address is spelled like this. */
static void
add_leaving(const struct personal *p, const char *member, struct bytes *add)
{
	struct complaint unused;
	struct address a;

	if (p->envelope->inject_each == NULL || address_parse(&a, member, strlen(member), &unused) < 0)
		return;
	leaving_fill(p->envelope->inject_each, p->keys, p->list, a.canonical, add);
	address_free(&a);
}

/* The same with the texts around the body, as they are for this member. False where there are none. */
static bool
frame_body(const struct personal *p, const char *member, const char *message, size_t header,
           struct framing *frame)
{
	const struct envelope *e = p->envelope;
	char *above = template_fill(e->inject_above, message, header, member);
	char *below = template_fill(e->inject_below, message, header, member);
	char *boundary = mem_format("=_rollcall_%s", p->id);
	const struct footer f = { above, below, boundary, e->eight_bit };
	bool framed = (above != NULL || below != NULL) && footer_frame(&f, message, header, frame);

	free(boundary);
	free(above);
	free(below);
	return framed;
}

void
personal_rewrite(const struct personal *p, const char *member, const char *message, size_t length,
                 struct bytes *head, size_t *body_at, char **after)
{
	struct envelope mine = *p->envelope;
	struct bytes add = { 0 };
	struct framing frame;
	bool framed = frame_body(p, member, message, header_length(message, length), &frame);

	bytes_add_text(&add, mine.inject_add);
	add_leaving(p, member, &add);
	if (framed) {
		bytes_add_text(&add, bytes_text(&frame.add));
		mine.inject_remove = (struct text_list){ 0 };
		text_list_add_all(&mine.inject_remove, &p->envelope->inject_remove);
		text_list_add_all(&mine.inject_remove, &frame.remove);
		mine.inject_before_body = frame.before.data;
	}
	mine.inject_add = add.data;
	post_rewrite(&mine, message, length, head, body_at);
	*after = framed ? bytes_take(&frame.after)
	         : mine.inject_after_body == NULL ? NULL : mem_text(mine.inject_after_body);
	if (framed) {
		text_list_free(&mine.inject_remove);
		framing_free(&frame);
	}
	bytes_free(&add);
}
