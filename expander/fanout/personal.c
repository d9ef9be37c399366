/* Copies for one member. */
#include "expander/fanout/personal.h"

#include "base/mem.h"
#include "expander/fanout/post.h"
#include "mail/footer.h"
#include "mail/header.h"
#include "mail/template.h"

#include <stdlib.h>
#include <string.h>

/* The envelope with what the texts ask for. Owned are only inject_add and inject_remove of it. */
static struct envelope
envelope_with(const struct envelope *e, const struct framing *f)
{
	struct envelope mine = *e;

	mine.inject_add = mem_format("%s%s", e->inject_add, bytes_text(&f->add));
	mine.inject_remove = (struct text_list){ 0 };
	text_list_add_all(&mine.inject_remove, &e->inject_remove);
	text_list_add_all(&mine.inject_remove, &f->remove);
	mine.inject_before_body = f->before.data;
	return mine;
}

void
personal_rewrite(const struct envelope *e, const char *id, const char *member, const char *message,
                 size_t length, struct bytes *head, size_t *body_at, char **after)
{
	size_t header = header_length(message, length);
	char *above = template_fill(e->inject_above, message, header, member);
	char *below = template_fill(e->inject_below, message, header, member);
	char *boundary = mem_format("=_rollcall_%s", id);
	const struct footer f = { above, below, boundary, e->eight_bit };
	struct framing frame;
	struct envelope mine;

	*after = NULL;
	if (footer_frame(&f, message, header, &frame)) {
		mine = envelope_with(e, &frame);
		post_rewrite(&mine, message, length, head, body_at);
		*after = bytes_take(&frame.after);
		free(mine.inject_add);
		text_list_free(&mine.inject_remove);
		framing_free(&frame);
	} else {
		post_rewrite(e, message, length, head, body_at);
	}
	free(boundary);
	free(above);
	free(below);
}
